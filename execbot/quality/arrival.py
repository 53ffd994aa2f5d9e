"""What an execution is measured against, and whether that is honest. Pure.

Entries and exits at market: the middle of the quote that the decision saw, or of the quote of that
moment read afterwards. Stops: their trigger. Targets: their limit. A quote that is old, has one
side or is crossed gives no figure: the order counts as unmeasured.
"""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from execbot.journal.confirmation import Arrival, ArrivalBasis, OrderKind, QuoteSeen
from execbot.journal.records import OrderRecord, Role
from execbot.model.enums import STOP_TYPES, OrderClass, OrderType, Side, TimeInForce
from execbot.model.quote import Quote
from execbot.quality.facts import Facts

ARRIVAL_AGE_MAX = Decimal(15)
"""Seconds. An older quote says little of the market that the decision met: liquid shares are quoted
anew many times a second, on IEX alone every few."""

AGE_STEP = Decimal("0.001")
AUCTIONS = frozenset({TimeInForce.OPG, TimeInForce.CLS})


def seen_at(quote: Quote | None, moment: datetime) -> QuoteSeen:
    """A quote as a witness of a moment; empty where there was none."""
    if quote is None:
        return QuoteSeen()
    age = None
    if quote.at is not None:
        age = Decimal(str((moment - quote.at).total_seconds())).quantize(AGE_STEP, ROUND_HALF_EVEN)
    return QuoteSeen(quote.bid, quote.ask, quote.at, age, quote.feed)


def doubt_of(quote: QuoteSeen | None) -> str:
    """Why a quote gives no price; empty where it does."""
    if quote is None or quote == QuoteSeen():
        return "no_quote"
    if quote.is_one_sided:
        return "one_sided"
    if quote.is_crossed:
        return "crossed"
    if quote.age_seconds is None or quote.age_seconds > ARRIVAL_AGE_MAX:
        return "stale"
    return ""


def arrival_of(facts: Facts) -> Arrival:
    order = facts.record.order
    if order.type in STOP_TYPES:
        return _own_price(ArrivalBasis.TRIGGER, order.stop_price)
    if is_target(facts.record):
        return _own_price(ArrivalBasis.LIMIT, order.limit_price)
    if facts.decided_by is not None:
        return _by_quote(ArrivalBasis.QUOTE, facts.decided_by)
    if not facts.has_quotes:
        return Arrival(unmeasured="no_quote")
    if facts.looked.arrival is None:
        return Arrival(unmeasured="not_looked_up")
    return _by_quote(ArrivalBasis.LOOKED_UP, facts.looked.arrival)


def is_target(record: OrderRecord) -> bool:
    return record.role == Role.TARGET and record.order.type is OrderType.LIMIT


def _own_price(basis: ArrivalBasis, price: Decimal | None) -> Arrival:
    if price is None:
        return Arrival(basis, unmeasured="no_price")
    return Arrival(basis, price)


def _by_quote(basis: ArrivalBasis, quote: QuoteSeen) -> Arrival:
    doubt = doubt_of(quote)
    return Arrival(basis, None if doubt else quote.mid, quote, doubt)


def kind_of(facts: Facts) -> OrderKind:
    """How the order met the market. A limit through the other side of the quote trades at once."""
    order = facts.record.order
    if order.time_in_force in AUCTIONS:
        return OrderKind.AUCTION
    if order.type in STOP_TYPES:
        return OrderKind.STOP
    if order.order_class is OrderClass.MLEG:
        return OrderKind.RESTING  # a leg is written as at market, and waits for its net price
    if order.type is OrderType.MARKET:
        return OrderKind.MARKETABLE
    quote = facts.decided_by or facts.looked.arrival
    if quote is None or doubt_of(quote) or order.limit_price is None:
        return OrderKind.RESTING
    if order.side is Side.BUY:
        return OrderKind.MARKETABLE if order.limit_price >= quote.ask else OrderKind.RESTING
    return OrderKind.MARKETABLE if order.limit_price <= quote.bid else OrderKind.RESTING
