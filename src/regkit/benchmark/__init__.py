"""Run methods on datasets: each case and method gives one record, failures included."""
