"""An intent: the id it goes by, how long it may take, and what is written down of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct

from execbot.broker.errors import BrokerError
from execbot.journal.codec import dumps
from execbot.journal.confirmation import QUOTES_SEEN
from execbot.journal.records import OrderRecord
from execbot.model.enums import OrderClass, OrderType, Side, TimeInForce
from execbot.model.numbers import maybe_decimal, maybe_text, text
from execbot.model.options.legs import Leg
from execbot.model.order import Order, OrderRequest, StopLoss, TakeProfit, kind_of
from execbot.model.order_words import price_format
from execbot.model.quote import Quote
from execbot.model.times import maybe_iso
from execbot.oms.errors import ClientIdReused


class SubmitTimes(Struct, frozen=True):
    """How long things may take.

    `attempts` sends at most, `retry_delay_seconds` the longest first pause between them, all within
    `total_seconds`; what is in doubt is sent again only within `quiet_seconds` of its intent.
    Absent at the broker for `quiet_seconds` after it was last sent, an order was never sent; so a
    request must not be able to leave that late (see `first_send_seconds`).
    """

    attempts: int = 3
    retry_delay_seconds: float = 5.0
    total_seconds: float = 60.0
    quiet_seconds: float = 15.0

    @property
    def first_send_seconds(self) -> float:
        """Later than this after its intent, an order is not sent at all (a suspended laptop).

        The request then takes at most 1.1 times `broker.timeout_seconds` (a tenth is its turn in
        the rate budget), and that is less than three quarters of the quiet time: whatever leaves
        has left before anybody concludes that nothing did.
        """
        return self.quiet_seconds / 4


def intent_details(request: OrderRequest, facts: dict[str, Any]) -> dict[str, Any]:
    """The details kept with an intent: the exact request, who wanted it and why."""
    wire = request.to_wire()
    return {
        **facts,
        "request": wire,
        "request_json": dumps(wire),
        "strategy_id": request.strategy_id,
        "reason": request.reason,
        **lifetime(request),
        **({QUOTES_SEEN: quotes_seen(request.decided_by)} if request.decided_by else {}),
    }


def quotes_seen(quotes: Iterable[Quote]) -> dict[str, Any]:
    """By symbol, for whoever measures executions against them."""
    return {
        quote.symbol: {
            "bid": text(quote.bid),
            "ask": text(quote.ask),
            "feed": quote.feed,
            "quoted_at": maybe_iso(quote.at),
        }
        for quote in quotes
    }


def lifetime(request: OrderRequest) -> dict[str, Any]:
    """How long it may wait by our own word, for the events that keep it."""
    return {
        "cancel_after": maybe_text(request.cancel_after),
        "for_the_day": request.for_the_day,
        **({"clock_by_rule": True} if request.clock_by_rule else {}),
    }


def check_same_order(record: OrderRecord, request: OrderRequest) -> None:
    """Raises ClientIdReused when the id's order is not the one that is asked for: another symbol,
    side, type, size, or another price of its own. Prices of legs move with the market."""
    if record.is_ours and record.request_json:
        wire = json.loads(record.request_json)
        sent = {name: maybe_decimal(wire.get(name)) for name in _OWN_NUMBERS}
        is_same = sent == _own_numbers(request) and legs_of_wire(wire) == request.spread
        if _is_like(record.order, request) and is_same:
            return
    elif is_as_asked(record.order, request):
        return
    raise reused(record)


def is_as_asked(order: Order, request: OrderRequest) -> bool:
    """Whether an order is the one that is asked for, by what the broker shows of it. Pure."""
    asked = _own_numbers(request)
    if request.order_class is OrderClass.OCO and request.take_profit is not None:
        asked["limit_price"] = request.take_profit.limit_price  # the parent is the target
    if request.type is OrderType.TRAILING_STOP:
        del asked["stop_price"]  # the broker's, which follows the market
    return _is_like(order, request) and all(getattr(order, n) == asked[n] for n in asked)


def reused(record: OrderRecord) -> ClientIdReused:
    return ClientIdReused(
        f"client_order_id {record.client_order_id} was used for another order "
        f"({_words(record.order)})",
        record=record,
    )


def legs_of_wire(wire: Mapping[str, Any]) -> tuple[Leg, ...]:
    """The legs of a multi-leg option order, as its request was recorded."""
    if wire.get("order_class") != OrderClass.MLEG:
        return ()
    return tuple(Leg.from_wire(row) for row in wire.get("legs") or ())


_OWN_NUMBERS = ("notional", "limit_price", "stop_price", "trail_price", "trail_percent")


def _own_numbers(request: OrderRequest) -> dict[str, Decimal | None]:
    return {name: getattr(request, name) for name in _OWN_NUMBERS}


def _is_like(order: Order, request: OrderRequest) -> bool:
    return kind_of(request) == kind_of(order) and (
        request.qty is None or order.qty is None or request.qty == order.qty
    )


def _words(order: Order) -> str:
    shown = {"trail_percent": text}
    price = price_format(order)
    prices = (
        f"{name.removesuffix('_price')} {shown.get(name, price)(value)}"
        for name in _OWN_NUMBERS[1:]
        if (value := getattr(order, name)) is not None
    )
    size = order.qty or order.notional
    return " ".join((order.side, str(size), order.symbol, order.type, *prices))


def did_not_arrive(error: BrokerError) -> bool:
    """Keys refused, rate limit, no connection: no order was ever looked at."""
    return error.status in (None, 401, 429) or error.kind.startswith(("auth.", "network."))


def request_of(record: OrderRecord, *, client_order_id: str | None = None) -> OrderRequest:
    """The request as it was recorded, to be sent (again) as it stands."""
    wire = json.loads(record.request_json or "{}")
    order = record.order
    stop, target = wire.get("stop_loss") or {}, wire.get("take_profit") or {}
    stop_price = maybe_decimal(stop.get("stop_price"))
    target_price = maybe_decimal(target.get("limit_price"))
    return OrderRequest(
        symbol=order.symbol,
        side=Side(order.side),
        qty=order.qty,
        notional=order.notional,
        type=OrderType(order.type),
        time_in_force=TimeInForce(order.time_in_force),
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        trail_price=order.trail_price,
        trail_percent=order.trail_percent,
        extended_hours=order.extended_hours,
        order_class=OrderClass(wire.get("order_class") or ""),
        take_profit=None if target_price is None else TakeProfit(target_price),
        stop_loss=(
            None
            if stop_price is None
            else StopLoss(stop_price, maybe_decimal(stop.get("limit_price")))
        ),
        position_intent=wire.get("position_intent"),
        spread=legs_of_wire(wire),
        client_order_id=record.client_order_id if client_order_id is None else client_order_id,
        strategy_id=record.strategy_id,
        reason=record.reason,
        cancel_after=record.cancel_after,
        for_the_day=record.for_the_day,
    )
