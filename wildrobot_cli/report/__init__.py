"""A page of pictures about a run: one file, which opens without a network."""

from wildrobot_cli.report.page import write_report

__all__ = ["write_report"]
