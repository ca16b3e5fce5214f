"""``report.html``: the results of a benchmark on one page that needs no network."""

from regkit.report.benchmark_page.page import write_report as write_report
