"""The values that a report is made of, for whoever shows them."""

from execbot.report.costs import CostBy, CostRow, TimeRow
from execbot.report.daily import DailyReport
from execbot.report.period import PeriodReport
from execbot.report.scorecard import Judged, Line
from execbot.risk.fees import FillFee
from execbot.trades.trade import Trade

__all__ = [
    "CostBy",
    "CostRow",
    "DailyReport",
    "FillFee",
    "Judged",
    "Line",
    "PeriodReport",
    "TimeRow",
    "Trade",
]
