"""From the facts of an order to its confirmation. Pure: the same facts give the same figures.

    made = confirmation_of(facts, previous)

A version is written only where it says something else than the one before (`says_the_same`).
"""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from msgspec.structs import replace

from execbot.journal.confirmation import (
    Arrival,
    Confirmation,
    LaterPrice,
    Missed,
    OrderKind,
    QuoteSeen,
    Times,
)
from execbot.journal.records import OrderRecord
from execbot.model.enums import OrderStatus
from execbot.model.numbers import ZERO
from execbot.quality.arrival import arrival_of, doubt_of, kind_of
from execbot.quality.checks import findings_of, unverified_of, verdict_of
from execbot.quality.facts import LATER_SECONDS, Facts
from execbot.quality.looks import ended_early, looks_left
from execbot.quality.position import position_change
from execbot.quality.slippage import BASIS_POINTS, SHOWN, cost_of, rounded_usd, slippage_bps

PRICE_STEP = Decimal("0.000000001")


def confirmation_of(facts: Facts, previous: Confirmation | None = None) -> Confirmation:
    """`previous` is the version in force, if any."""
    record, order = facts.record, facts.record.order
    kind, arrival, paid = kind_of(facts), arrival_of(facts), facts.price
    risk, each = facts.risk_per_share, facts.multiplier
    filled = facts.filled_qty
    cost = cost_of(order.side, filled, arrival.price, paid, multiplier=each, risk_per_share=risk)
    expected = cost_of(
        order.side,
        filled,
        facts.signal.expected_price,
        paid,
        multiplier=each,
        risk_per_share=risk,
    )
    position = position_change(facts) if filled else None
    findings = findings_of(facts, kind, arrival, cost, position)
    unverified = unverified_of(facts, position) if filled and not findings else ()
    quoted, effective, ratio = spreads(facts, kind, arrival)
    return Confirmation(
        client_order_id=record.client_order_id,
        version=1 if previous is None else previous.version + 1,
        made_at=facts.now,
        verdict=verdict_of(findings, unverified),
        order_id=order.id,
        symbol=order.symbol,
        side=order.side,
        order_type=str(order.type),
        kind=kind,
        filled_qty=filled,
        times=times_of(facts),
        asset_class=order.asset_class,
        origin=str(record.origin),
        role=None if record.role is None else str(record.role),
        strategy_id=record.strategy_id,
        signal_id=record.signal_id,
        qty=order.qty,
        notional=order.notional,
        price=None if paid is None else paid.quantize(PRICE_STEP, ROUND_HALF_EVEN).normalize() + 0,
        filled_usd=rounded_usd(facts.value * each),
        arrival=arrival,
        cost=cost,
        expected_price=facts.signal.expected_price,
        expected=expected,
        risk_per_share=risk,
        at_fill=facts.looked.at_fill,
        quoted_spread_bps=quoted,
        effective_spread_bps=effective,
        effective_over_quoted=ratio,
        later=later_prices(facts),
        position=position,
        findings=findings,
        why_unverified=unverified,
        missed=missed_of(facts, arrival),
        is_complete=not looks_left(facts) and "position_not_read" not in unverified,
    )


def says_the_same(one: Confirmation, other: Confirmation) -> bool:
    """But for when they were made."""
    return replace(one, version=0, made_at=other.made_at) == replace(other, version=0)


# --- times ---------------------------------------------------------------------------------------


def times_of(facts: Facts) -> Times:
    record, order = facts.record, facts.record.order
    return Times(
        signal_created=facts.signal.created_at,
        signal_received=facts.signal.received_at,
        intent=record.intent_at,
        sent=record.sent_at,
        # A leg goes with its parent, and the broker submits it when it wakes it, hours later.
        acknowledged=order.submitted_at if record.parent_id is None else None,
        first_fill=facts.first_fill,
        last_fill=facts.last_fill,
        done=done_at(record),
    )


def done_at(record: OrderRecord) -> datetime | None:
    """When the order ended, by the broker; None while it works."""
    order = record.order
    if not order.is_terminal:
        return None
    ends = [order.canceled_at, order.expired_at, order.failed_at]
    if order.status is OrderStatus.FILLED:
        ends.insert(0, order.filled_at)
    return next((at for at in ends if at is not None), order.updated_at)


# --- spread --------------------------------------------------------------------------------------


def spreads(
    facts: Facts, kind: OrderKind, arrival: Arrival
) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """Quoted and effective spread in bps of the middle, and the second over the first.

    Of marketable orders against the quote on arrival, as SEC Rule 605 has it; of others the quote
    of the moment when they became executable would be needed, and is not known.
    """
    quote, paid = arrival.quote, facts.price
    if kind is not OrderKind.MARKETABLE or arrival.price is None or quote is None or paid is None:
        return None, None, None
    mid, sign = arrival.price, facts.record.order.side.sign
    width = quote.ask - quote.bid
    effective = 2 * (paid - mid) * sign
    ratio = (effective / width).quantize(SHOWN, ROUND_HALF_EVEN) if width > 0 else None
    return _bps(width, mid), _bps(effective, mid), ratio


def _bps(amount: Decimal, of: Decimal) -> Decimal:
    return (amount / of * BASIS_POINTS).quantize(SHOWN, ROUND_HALF_EVEN)


# --- the market afterwards -----------------------------------------------------------------------


def later_prices(facts: Facts) -> tuple[LaterPrice, ...]:
    """Only those that were looked up; positive where the price went on in our direction."""
    if facts.price is None:
        return ()
    return tuple(
        _later(facts, seconds, facts.looked.later[seconds])
        for seconds in LATER_SECONDS
        if seconds in facts.looked.later
    )


def _later(facts: Facts, seconds: int, quote: QuoteSeen) -> LaterPrice:
    doubt = doubt_of(quote)
    if doubt:
        return LaterPrice(seconds, why=doubt, quote=quote)
    moved = slippage_bps(facts.record.order.side, facts.price, quote.mid)
    return LaterPrice(seconds, quote.mid, moved, quote=quote)


# --- what did not fill ---------------------------------------------------------------------------


def missed_qty(facts: Facts, arrival: Arrival) -> Decimal:
    """What an entry of ours wanted and did not get; 0 while it works, and of exits."""
    record, order = facts.record, facts.record.order
    if not ended_early(record):
        return ZERO
    if order.qty is not None:
        return max(order.qty - record.progress.chain_qty - facts.filled_qty, ZERO)
    if order.notional is None or arrival.price is None:
        return ZERO
    left = order.notional - facts.value * facts.multiplier
    return max(left / arrival.price / facts.multiplier, ZERO).quantize(PRICE_STEP, ROUND_HALF_EVEN)


def missed_of(facts: Facts, arrival: Arrival) -> Missed | None:
    qty, ended = missed_qty(facts, arrival), done_at(facts.record)
    if not qty or ended is None:
        return None
    quote = facts.looked.ended
    why = arrival.unmeasured or _doubt_of_end(facts)
    if why or quote is None or arrival.price is None:
        return Missed(qty, ended, why=why, quote=quote)
    side = facts.record.order.side
    cost = cost_of(side, qty, arrival.price, quote.mid, multiplier=facts.multiplier)
    if cost is None:
        return Missed(qty, ended, why="no_quote", quote=quote)
    return Missed(qty, ended, quote.mid, cost.bps, cost.usd, quote=quote)


def _doubt_of_end(facts: Facts) -> str:
    if facts.looked.ended is None:
        return "not_looked_up" if facts.has_quotes else "no_quote"
    return doubt_of(facts.looked.ended)
