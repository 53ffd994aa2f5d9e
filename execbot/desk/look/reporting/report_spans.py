"""Days, weeks and months of a report, for whoever asks for one."""

from execbot.report.span import Span, month_of, week_of

__all__ = ["Span", "month_of", "week_of"]
