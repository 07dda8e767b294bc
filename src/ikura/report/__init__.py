"""The report: one page of HTML about a study."""

from ikura.report.write import write_report

__all__ = ["write_report"]
