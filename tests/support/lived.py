"""A journal that has lived for months: orders of every end, legs, chains, plans and signals.

`live` writes the same history for the same seed, so that a journal that was archived can be asked
the same as one that was not (`answers`).
"""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from execbot.broker.port import TradeUpdate
from execbot.journal import Journal
from execbot.journal.packing.form import FORM
from execbot.model.enums import Side
from execbot.model.numbers import text
from execbot.model.order import Order, OrderRequest
from execbot.model.times import day_begins, iso
from execbot.oms.ledger import recording
from execbot.oms.machine.table import Act
from execbot.oms.position_ledger import positions_before
from execbot.oms.send.intent import intent_details
from execbot.oms.sync.intake import apply_update

FIRST = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
DAYS = 100
SYMBOLS = ("AAPL", "MSFT", "KO")
MONTHS = tuple(date(2026, month, 1) for month in (1, 2, 3, 4, 5))


class Wanted(Struct, frozen=True):
    """One order as it was wanted, and what becomes of it."""

    number: int
    symbol: str
    side: Side
    at: datetime
    end: str
    plan_id: str | None = None
    parent_id: str | None = None
    signal_id: str | None = None
    replaces: str | None = None
    replaced_by: str | None = None

    @property
    def name(self) -> str:
        return f"own-{self.number}"

    @property
    def order_id(self) -> str:
        return broker_id(self.number)


def broker_id(number: int) -> str:
    return f"11111111-1111-4111-8111-{number:012d}"


def live(journal: Journal, seed: int, count: int = 60) -> list[Wanted]:
    """Write the history; what was wanted, oldest first. With an odd seed an earlier version has
    packed the first half of it."""
    wanted = _wanted(random.Random(seed), count)
    with journal.transaction():
        if seed % 2:
            journal.meta_delete(FORM)
        for number, one in enumerate(wanted):
            if number == count // 2:
                journal.pack_newly()
            _write(journal, one)
    return wanted


def _wanted(chance: random.Random, count: int) -> list[Wanted]:
    """Buys and sales by turns in each symbol, so that nothing is held now and then."""
    sides = dict.fromkeys(SYMBOLS, Side.BUY)
    found: list[Wanted] = []
    moments = sorted(chance.randrange(DAYS * 86_400) for _ in range(count))
    for number, second in enumerate(moments):
        symbol = chance.choice(SYMBOLS)
        end = chance.choices(("filled", "canceled", "partial", "open"), (83, 12, 3, 2))[0]
        one = Wanted(number, symbol, sides[symbol], FIRST + timedelta(seconds=second), end)
        if end == "filled":
            sides[symbol] = Side.SELL if one.side is Side.BUY else Side.BUY
        before = found[-1] if found else None
        if before is not None and chance.random() < 0.15:
            one = replace(one, parent_id=before.name)
        elif before is not None and before.end == "canceled" and chance.random() < 0.5:
            found[-1] = replace(before, end="replaced", replaced_by=one.order_id)
            one = replace(one, symbol=before.symbol, side=before.side, replaces=before.order_id)
        if chance.random() < 0.3:
            one = replace(one, plan_id=f"plan-{number // 3}")
        if chance.random() < 0.3:
            one = replace(one, signal_id=f"signal-{number}")
        found.append(one)
    return found


def _write(journal: Journal, one: Wanted) -> None:
    request = OrderRequest(one.symbol, one.side, Decimal(10), client_order_id=one.name)
    facts = {
        name: value
        for name in ("plan_id", "parent_id", "signal_id")
        if (value := getattr(one, name)) is not None
    }
    if one.signal_id is not None:
        assert journal.claim_signal(one.signal_id, one.symbol, {"id": one.signal_id}, one.at)
    with recording(journal) as ledger:
        ledger.act(Act.INTENT, one.name, one.at, **intent_details(request, facts))
        ledger.act(Act.SEND, one.name, one.at)
    journal.audit("risk", one.name, "all", {"number": one.number}, "passed", one.at)
    journal.audit("recovery", one.name, "retry", {"category": "retryable"}, "sent", one.at)
    journal.audit("guard", one.symbol, "guarded", {}, "yes", one.at)
    apply_update(journal, frame(one, "new", "new", 1), one.at)
    for number, quantity in enumerate({"filled": (4, 6), "partial": (4,)}.get(one.end, ())):
        filled = 4 + 6 * number
        event, status = ("fill", "filled") if filled == 10 else ("partial_fill",) * 2
        status = "partially_filled" if status == "partial_fill" else status
        moment = frame(one, event, status, 2 + number, fill=quantity, filled=filled)
        apply_update(journal, moment, one.at + timedelta(seconds=2 + number))
    if one.end in ("canceled", "partial", "replaced"):
        status = "replaced" if one.end == "replaced" else "canceled"
        filled = 4 if one.end == "partial" else 0
        apply_update(journal, frame(one, status, status, 5, filled=filled), one.at)
    if one.signal_id is not None:
        journal.finish_signal(one.signal_id, "sent", one.at, client_order_id=one.name)
    if one.plan_id is not None:
        _write_plan(journal, one)


def _write_plan(journal: Journal, one: Wanted) -> None:
    assert one.plan_id is not None
    version = len(journal.plan_history(one.plan_id)) + 1
    for status in ("active", "closed" if one.number % 9 else "active"):
        body = {"plan_id": one.plan_id, "status": status, "version": version}
        journal.save_plan(one.plan_id, one.symbol, status, body, one.at, version=version)
        version += 1


def frame(
    one: Wanted,
    event: str,
    status: str,
    second: int,
    *,
    fill: int = 0,
    filled: int = 0,
    name: str = "",
    previous: str = "",
    price: int | None = None,
) -> TradeUpdate:
    """A frame of the stream, `second` after the order was wanted."""
    at = one.at + timedelta(seconds=second)
    cost = Decimal(price if price is not None else 90 + one.number % 20)
    shown = {
        "id": one.order_id,
        "client_order_id": one.name,
        "symbol": one.symbol,
        "side": one.side.value,
        "type": "market",
        "time_in_force": "day",
        "status": status,
        "qty": "10",
        "filled_qty": str(filled),
        "filled_avg_price": text(cost) if filled else None,
        "submitted_at": iso(one.at),
        "created_at": iso(one.at),
        "updated_at": iso(at),
        "replaces": one.replaces,
        "replaced_by": one.replaced_by if status == "replaced" else None,
    }
    raw: dict[str, Any] = {"event": event, "order": shown}
    if previous:
        raw["previous_execution_id"] = previous
    return TradeUpdate(
        event=event,
        order=Order.from_wire(shown),
        at=at,
        execution_id=(name or f"x{one.number}-{filled}") if fill else None,
        qty=Decimal(fill) if fill else None,
        price=cost if fill else None,
        raw=raw,
    )


# --- what is asked -----------------------------------------------------------------------------

SPANS = [
    (None, None),
    *[(day_begins(day), None) for day in MONTHS],
    *[(None, day_begins(day)) for day in MONTHS],
    *[(day_begins(day), day_begins(day) + timedelta(days=9)) for day in MONTHS],
]


def answers(journal: Journal, wanted: list[Wanted]) -> dict[str, Any]:
    """What the journal says, asked in every way that may concern the past."""
    names = [one.name for one in wanted]
    ids = [one.order_id for one in wanted]
    found: dict[str, Any] = {
        "positions": journal.positions_of(SYMBOLS),
        "first": [journal.first_execution(symbol) for symbol in SYMBOLS],
        "first at": journal.first_execution_at(),
        "traded": [journal.was_traded(symbol) for symbol in (*SYMBOLS, "TSLA")],
        "named": journal.orders_named("own-"),
        "client ids": journal.client_ids_of(ids),
        "alone": sorted(journal.orders_alone(names), key=lambda record: record.client_order_id),
        "of orders": journal.executions_of_orders(names),
        "owners": journal.execution_owners(f"x{one.number}-10" for one in wanted),
        "successors": journal.successors_of(ids),
        "families": sorted(
            r.client_order_id for r in journal.families(journal.orders_alone(names))
        ),
        "seconds": [
            sorted((journal.audit_of(one.name)), key=lambda row: row.seq) for one in wanted
        ],
    }
    for since, until in SPANS:
        key = f"{since} {until}"
        found[f"executions {key}"] = journal.executions(since, until)
        found[f"MSFT {key}"] = journal.fills(since, until, "MSFT")
        found[f"recoveries {key}"] = journal.recoveries(since or FIRST, until)
        found[f"signals {key}"] = journal.signals(since=since)
        if since and until:
            found[f"days {key}"] = journal.orders_of_days(since, until, with_open=True)
        for limit in (None, 3):
            found[f"orders {key} {limit}"] = [
                journal.orders(status, symbol=symbol, since=since, until=until, limit=limit)
                for status in ("closed", "all")
                for symbol in (None, "AAPL")
            ]
    for day in MONTHS:
        found[f"before {day}"] = positions_before(journal, day, SYMBOLS)
    for one in wanted:
        found[one.name] = _story(journal, one)
    return found


class Story(NamedTuple):
    by_name: Any
    by_id: Any
    events: Any
    executions: Any
    legs: Any
    acts: Any
    plan: Any
    signal: Any
    audit: Any


def _story(journal: Journal, one: Wanted) -> Story:
    last = journal.last_act(one.name)
    return Story(
        journal.order_by_client_id(one.name),
        journal.find_order(one.order_id),
        journal.events_of(one.name),
        journal.executions_of(one.name),
        journal.legs_of(one.name),
        (journal.acts_of(one.name, ["send"]), journal.has_act(one.name, "send"), last),
        journal.plan_history(one.plan_id) if one.plan_id else None,
        journal.signal(one.signal_id) if one.signal_id else None,
        journal.last_audit("risk", one.name),
    )
