"""What of an execution differs from what was to be expected, and what could not be verified. Pure.

Each finding says what, and by how much; the verdict follows from them (docs/quality.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from execbot.journal.confirmation import (
    Arrival,
    Cost,
    ExecutionVerdict,
    Finding,
    OrderKind,
    PositionChange,
    QuoteSeen,
)
from execbot.journal.records import FillState
from execbot.model.amounts import money_words
from execbot.model.enums import Side
from execbot.model.numbers import ZERO, text, tick_size
from execbot.model.order_words import price_format
from execbot.model.symbols import is_option
from execbot.quality.arrival import doubt_of
from execbot.quality.facts import Facts
from execbot.quality.slippage import BASIS_POINTS, SHOWN, slippage_bps

SLOW_TIMES = 10
"""A marketable order that takes so many times what is usual is slow."""

SLOW_SECONDS_MIN = Decimal(5)
SLOW_SECONDS_UNKNOWN = Decimal(30)
"""The bound while too few orders have filled to know what is usual."""

MOMENT_AGE_MAX = Decimal(2)
"""Seconds. A quote that is older is not the quote of the moment of a fill."""

PRICE_STEP = Decimal("0.0001")
"""Averages that differ by less are one: Alpaca rounds them."""


def verdict_of(findings: Sequence[Finding], unverified: Sequence[str]) -> ExecutionVerdict:
    if findings:
        return ExecutionVerdict.DIFFERS
    return ExecutionVerdict.UNVERIFIED if unverified else ExecutionVerdict.CONFIRMED


def findings_of(
    facts: Facts,
    kind: OrderKind,
    arrival: Arrival,
    cost: Cost | None,
    position: PositionChange | None,
) -> tuple[Finding, ...]:
    return tuple(
        found
        for found in (
            *_quantities(facts),
            _price(facts),
            _position(position),
            _slippage(facts, arrival, cost),
            _outside(facts),
            _slow(facts, kind),
        )
        if found is not None
    )


def unverified_of(facts: Facts, position: PositionChange | None) -> tuple[str, ...]:
    """Why the rest is not confirmed; nothing of it is an error."""
    reasons = []
    if any(fill.state is FillState.INFERRED for fill in facts.fills):
        reasons.append("fills_not_reported_one_by_one")
    if position is None or position.actual is None:
        reasons.append("position_not_read")
    return tuple(reasons)


# --- quantity and price --------------------------------------------------------------------------


def _quantities(facts: Facts) -> Iterator[Finding]:
    record, filled = facts.record, facts.filled_qty
    progress, asked = record.progress, record.order.qty
    is_inferred = any(fill.state is FillState.INFERRED for fill in facts.fills)
    said, said_at = progress.latest_qty, progress.latest_at
    # A total from before the last execution says nothing of it: its row was read first.
    is_final = said_at is not None and all(fill.at <= said_at for fill in facts.fills)
    if record.order.is_terminal and is_final and not is_inferred and said != filled:
        words = f"the broker says {text(said)} filled, its fills add up to {text(filled)}"
        yield _qty_finding(words, said, filled)
    if asked is not None and filled > asked - progress.chain_qty:
        wanted = asked - progress.chain_qty
        words = f"{text(filled)} filled, {text(wanted)} asked for"
        yield _qty_finding(words, wanted, filled)


def _qty_finding(words: str, expected: Decimal, actual: Decimal) -> Finding:
    return Finding("quantity", words, text(expected), text(actual), actual - expected, "qty")


def _price(facts: Facts) -> Finding | None:
    """The average that the broker shows against that of its fills."""
    progress, paid = facts.record.progress, facts.price
    said = progress.latest_avg_price
    if not facts.record.order.is_terminal or said is None or paid is None:
        return None
    if progress.latest_qty != facts.filled_qty or abs(said - paid) < PRICE_STEP:
        return None
    if any(fill.state is FillState.INFERRED for fill in facts.fills):
        return None
    shown, price = paid.quantize(PRICE_STEP), price_format(facts.record.order)
    words = f"the broker's average is {price(said)}, its fills make {price(shown)}"
    return Finding("price", words, text(said), text(shown), paid.quantize(PRICE_STEP) - said, "USD")


def _position(change: PositionChange | None) -> Finding | None:
    if change is None or change.actual is None or change.actual == change.expected:
        return None
    expected, actual = change.expected, change.actual
    words = f"the position changed by {text(actual)} at the broker, not by {text(expected)}"
    return Finding("position", words, text(expected), text(actual), actual - expected, "qty")


# --- price against the market --------------------------------------------------------------------


def _slippage(facts: Facts, arrival: Arrival, cost: Cost | None) -> Finding | None:
    """Worse than `slippage_alert_pct`, of a contract by more than half a spread besides; 0 turns
    the alert off."""
    room = _half_spread_bps(facts, arrival) if is_option(facts.record.symbol) else ZERO
    limit = facts.alert_pct * 100 + room
    if cost is None or not facts.alert_pct or cost.bps <= limit:
        return None
    half = f" beside half the spread, {text(room / 100)} %" if room else ""
    words = (
        f"{text(cost.bps / 100)} % worse than the price on arrival, {money_words(cost.usd)} USD; "
        f"the alert is set at {text(facts.alert_pct)} %{half}"
    )
    return Finding("slippage", words, text(limit), text(cost.bps), cost.bps - limit, "bps")


def _half_spread_bps(facts: Facts, arrival: Arrival) -> Decimal:
    """From the middle to the far side, which whoever trades a contract at once has to pay: as
    quoted on arrival; where nobody saw a quote, as wide as a contract may be opened."""
    quote, middle = arrival.quote, arrival.price
    if quote is None or not middle:
        return facts.widest_spread_pct / 2 * 100
    return (max(quote.ask - quote.bid, ZERO) / 2 / middle * BASIS_POINTS).quantize(SHOWN)


def _outside(facts: Facts) -> Finding | None:
    """The worst fill was worse than the far side of the quote of its moment.

    Better than the quote is price improvement. Quotes of one exchange alone are not the best of
    the market: from other feeds than SIP a fill may be off by their whole spread.
    """
    quote, worst = facts.looked.at_fill, facts.worst
    if quote is None or worst is None or not _is_of_moment(quote):
        return None
    far = quote.ask if worst.side is Side.BUY else quote.bid
    room = tick_size(far)
    if quote.feed != "sip":
        room = max(room, quote.ask - quote.bid)
    beyond = (worst.net_price - far) * worst.side.sign
    if beyond <= room:
        return None
    by = slippage_bps(worst.side, far, worst.net_price) or ZERO
    price = price_format(facts.record.order)
    words = (
        f"a fill at {price(worst.net_price)} is outside the quote of its moment, "
        f"{price(quote.bid)} to {price(quote.ask)} ({quote.feed})"
    )
    return Finding("outside_quotes", words, text(far), text(worst.net_price), by, "bps")


def _is_of_moment(quote: QuoteSeen) -> bool:
    if doubt_of(quote) or quote.age_seconds is None:
        return False
    return quote.age_seconds <= MOMENT_AGE_MAX


# --- time ----------------------------------------------------------------------------------------


def waited_seconds(facts: Facts) -> Decimal | None:
    """From when it could have filled to its first fill; None where that is not known."""
    first = facts.first_fill
    if first is None or facts.wait_since is None or first < facts.wait_since:
        return None
    return Decimal(str((first - facts.wait_since).total_seconds()))


def _slow(facts: Facts, kind: OrderKind) -> Finding | None:
    """Only of marketable orders can it be said when they should have filled."""
    waited = waited_seconds(facts)
    if kind is not OrderKind.MARKETABLE or waited is None:
        return None
    usual = facts.usual_seconds
    limit = SLOW_SECONDS_UNKNOWN if usual is None else max(SLOW_SECONDS_MIN, SLOW_TIMES * usual)
    if waited <= limit:
        return None
    said = "" if usual is None else f"; such orders took {text(usual)} s lately"
    words = f"the first fill came after {text(waited)} s{said}"
    return Finding("slow", words, text(limit), text(waited), waited - limit, "s")
