"""The report: one HTML file that holds everything; start with `page.py`."""

from ordain.evaluation.report.page import render_report, write_report

__all__ = ["render_report", "write_report"]
