"""What the orders of one side of a trade cost against their arrival. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct

from execbot.journal.confirmation import Confirmation
from execbot.journal.records import OrderRecord
from execbot.model.numbers import ZERO
from execbot.model.symbols import multiplier_of
from execbot.trades.model import RoundTrip

Orders = Mapping[str, OrderRecord]
Confirmations = Mapping[str, Confirmation]


class SideCost(Struct, frozen=True):
    """What the orders of one side (in or out) cost against their arrival, before fees; positive was
    worse. `usd` and `bps` count the `measured` orders of `orders`; None where there is none."""

    orders: int
    measured: int
    usd: Decimal | None = None
    bps: Decimal | None = None


def cost_of(
    trip: RoundTrip, orders: Orders, confirmations: Confirmations, *, is_entry: bool
) -> SideCost:
    """By the confirmations of its orders; where one has none yet, by the price that its order had
    on arrival. Of an order that did more than this its shares' part."""
    if trip.legs:
        return _cost_of_structure(trip, orders, confirmations, is_entry=is_entry)
    filled: dict[str, Decimal] = {}
    paid: dict[str, Decimal] = {}
    for part in trip.parts:
        if part.opens is is_entry and part.is_trade and part.client_order_id:
            name = part.client_order_id
            filled[name] = filled.get(name, ZERO) + part.qty
            paid[name] = paid.get(name, ZERO) + part.qty * part.price
    usd, base, measured = ZERO, ZERO, 0
    for name, qty in filled.items():
        found = _confirmed(confirmations.get(name), qty)
        if name not in confirmations:
            found = _by_arrival(orders.get(name), qty, paid[name])
        if found is not None:
            measured += 1
            usd, base = usd + found[0], base + found[1]
    if not measured:
        return SideCost(len(filled), 0)
    return SideCost(len(filled), measured, usd, usd / base * 10_000 if base else None)


def _confirmed(found: Confirmation | None, qty: Decimal) -> tuple[Decimal, Decimal] | None:
    """Dollars that it cost, and what it was worth on arrival."""
    if found is None or found.cost is None or not found.filled_qty:
        return None
    share = min(qty / found.filled_qty, Decimal(1))
    return found.cost.usd * share, _arrival_usd(found) * share


def _by_arrival(
    record: OrderRecord | None, qty: Decimal, paid: Decimal
) -> tuple[Decimal, Decimal] | None:
    if record is None or record.arrival_price is None or record.arrival_price <= 0:
        return None
    each, arrived = multiplier_of(record.symbol), qty * record.arrival_price
    return (paid - arrived) * record.order.side.sign * each, arrived * each


def _arrival_usd(found: Confirmation) -> Decimal:
    """What the shares were worth at their arrival: what basis points are taken of."""
    if found.arrival.price is None:
        return found.filled_usd
    return found.arrival.price * found.filled_qty * multiplier_of(found.symbol)


def _cost_of_structure(
    trip: RoundTrip, orders: Orders, confirmations: Confirmations, *, is_entry: bool
) -> SideCost:
    """By the confirmations of its orders of several legs: a leg alone has no price on arrival."""
    names = {
        record.parent_id or record.client_order_id
        for part in trip.parts
        if part.opens is is_entry and (record := orders.get(part.client_order_id)) is not None
    }
    made = [confirmations[name] for name in names if name in confirmations]
    measured = [(one, one.cost) for one in made if one.cost is not None and one.arrival.price]
    if not measured:
        return SideCost(len(names), 0)
    usd = sum((cost.usd for _, cost in measured), ZERO)
    base = sum((abs(_arrival_usd(one)) for one, _ in measured), ZERO)
    return SideCost(len(names), len(measured), usd, usd / base * 10_000 if base else None)
