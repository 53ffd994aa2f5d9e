"""The most that a working multi-leg order may still lose. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal

from execbot.journal.records import OrderRecord
from execbot.model.options.legs import Leg
from execbot.model.order import Order
from execbot.risk.options.facts import legs_in_order
from execbot.risk.options.worth import worth_of


def risk_of_spread(order: Order) -> Decimal | None:
    """Of an order as the broker lists it, in USD; None where it has no price, or no end."""
    return _risk(legs_in_order(order), order)


def risk_of_record(record: OrderRecord) -> Decimal | None:
    """Of an order as it was recorded."""
    return _risk(legs_of_record(record), record.order)


def legs_of_record(record: OrderRecord) -> tuple[Leg, ...]:
    """The legs of a multi-leg order of ours; empty where its request is not known."""
    wire = json.loads(record.request_json or "{}")
    if not record.order.is_spread:
        return ()
    return tuple(Leg.from_wire(row) for row in wire.get("legs") or ())


def _risk(legs: Sequence[Leg], order: Order) -> Decimal | None:
    """Of an order at market the premium is not known: then each leg counts alone."""
    units, net = order.leaves_qty, order.limit_price
    if not legs or not units or net is None:
        return None
    found = worth_of(tuple(legs), units, net)
    return None if found.at_risk is None else max(found.at_risk, found.premium, Decimal(0))
