"""Running methods on datasets: every case and method is one record, whatever happens to it."""
