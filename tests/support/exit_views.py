"""Building views for the exit rules: plans, orders and positions in a line each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from execbot.exits.levels import parse_level
from execbot.exits.living_orders import SymbolOrder
from execbot.exits.plan.plan import ExitPlan, PlanStatus, StopPlan, TargetPlan
from execbot.exits.rules.actions import Action, Cancel, Submit
from execbot.exits.rules.view import Decision, SymbolMarket, View
from execbot.journal.records import Origin
from execbot.model.enums import OrderClass, OrderStatus, OrderType, PositionSide, Side, TimeInForce
from execbot.model.numbers import ZERO
from execbot.model.order import Order
from support.wishes import Target

D = Decimal
T0 = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def plan(
    stop: str | None = "95",
    *targets: Target,
    side: PositionSide = PositionSide.LONG,
    entry: str | None = "100",
    base: str = "10",
    **fields: Any,
) -> ExitPlan:
    """An active plan of a position from 100; stop and targets are prices."""
    price = D(stop) if stop else None
    return replace(
        ExitPlan(
            plan_id="p1",
            symbol="AAPL",
            side=side,
            created_at=T0,
            updated_at=T0,
            status=PlanStatus.ACTIVE,
            entry_client_order_id="entry-1",
            entry_price=D(entry) if entry else None,
            base_qty=D(base),
            stop=StopPlan(parse_level(stop) if stop else None, price, price),
            targets=tuple(TargetPlan(one.spec, one.shares, D(one.level)) for one in targets),
            opened_at=T0,
        ),
        **fields,
    )


def order(
    name: str,
    kind: OrderType,
    qty: str,
    status: OrderStatus = OrderStatus.NEW,
    *,
    side: Side = Side.SELL,
    filled: str = "0",
    stop: str | None = None,
    limit: str | None = None,
    parent: str | None = None,
    role: str | None = None,
    order_class: OrderClass = OrderClass.NONE,
    origin: str = Origin.EXIT,
    replaces: str | None = None,
) -> SymbolOrder:
    return SymbolOrder(
        Order(
            id=f"id-{name}",
            client_order_id=name,
            symbol="AAPL",
            side=side,
            type=kind,
            time_in_force=TimeInForce.GTC,
            status=status,
            qty=D(qty),
            filled_qty=D(filled),
            stop_price=D(stop) if stop else None,
            limit_price=D(limit) if limit else None,
            order_class=order_class,
            replaces=replaces,
        ),
        parent=parent,
        role=role,
        origin=origin,
        sent_at=T0 - timedelta(seconds=10),
    )


def stop_order(qty: str, price: str = "95", **fields: Any) -> SymbolOrder:
    name = fields.pop("name", "execbot-x-s-1")
    return order(name, OrderType.STOP, qty, stop=price, role="stop", **fields)


def pair(number: int, qty: str, target: str, stop: str = "95", **fields: Any) -> list[SymbolOrder]:
    """An OCO that serves target `number` (from 1): the target and its held stop leg."""
    name = f"execbot-x-t{number}-1"
    return [
        order(
            name,
            OrderType.LIMIT,
            qty,
            limit=target,
            role="target",
            order_class=OrderClass.OCO,
            **fields,
        ),
        order(
            f"leg-{number}",
            OrderType.STOP,
            qty,
            OrderStatus.HELD,
            stop=stop,
            parent=name,
            role="stop",
            order_class=OrderClass.OCO,
        ),
    ]


def entry(
    qty: str, filled: str = "0", status: OrderStatus = OrderStatus.NEW, **fields: Any
) -> SymbolOrder:
    kind = fields.pop("kind", OrderType.LIMIT)
    return order(
        "entry-1",
        kind,
        qty,
        status,
        side=fields.pop("side", Side.BUY),
        filled=filled,
        limit="100",
        role="entry",
        origin=fields.pop("origin", Origin.SUBMIT),
        **fields,
    )


def view(qty: str, the_plan: ExitPlan | None, *orders: SymbolOrder, **fields: Any) -> View:
    price = fields.pop("price", "101")
    market = fields.pop("market", SymbolMarket(D(price), D(price), D(price)))
    return View(
        symbol="AAPL",
        now=fields.pop("now", T0),
        qty=D(qty),
        plan=the_plan,
        orders=tuple(orders),
        avg_entry_price=D("100") if D(qty) != ZERO else None,
        market=market,
        **fields,
    )


# --- what was decided ---


def submits(decision: Decision) -> list[Submit]:
    return [a for a in decision.actions if isinstance(a, Submit)]


def cancels(decision: Decision) -> set[str]:
    return {a.client_order_id for a in decision.actions if isinstance(a, Cancel)}


def kinds(decision: Decision) -> set[type[Action]]:
    return {type(a) for a in decision.actions}
