"""What is refused of an order in a contract, in Alpaca's words.

Options are closed here, not opened: an order that would open a position is refused unless the
control plane places it, as a program elsewhere would have done.
"""

from __future__ import annotations

from execbot.sim.engine.order import OrderClass, OrderType, TimeInForce
from execbot.sim.engine.orders.rules import Case, forbidden, unprocessable
from execbot.sim.types import TradingSession

NOT_ALLOWED = "account not authorized to trade options"


def check_kind(case: Case) -> None:
    """Whole contracts, by simple orders of the regular session."""
    ticket = case.ticket
    if ticket.order_class is not OrderClass.SIMPLE:
        raise unprocessable("complex orders not supported for options trading")
    if ticket.type is OrderType.TRAILING_STOP:
        raise unprocessable("invalid order type for options trading")
    if ticket.tif not in (TimeInForce.DAY, TimeInForce.GTC):
        raise unprocessable("order_time_in_force provided not supported for options trading")
    if ticket.notional is not None:
        raise unprocessable("notional orders are not supported for options trading")
    if ticket.is_fractional:
        raise unprocessable("qty must be integer for options trading")
    if ticket.extended_hours:
        raise unprocessable("extended hours is not supported for options trading")


def check_hours(case: Case) -> None:
    regular = case.core.hours.session(case.core.now) is TradingSession.REGULAR
    if case.ticket.type is OrderType.MARKET and not regular:
        raise unprocessable("options market orders are only allowed during market hours")


def check_opening(case: Case) -> None:
    if case.intent.endswith("_to_open"):
        raise forbidden(NOT_ALLOWED)
