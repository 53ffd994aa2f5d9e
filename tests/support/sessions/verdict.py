"""What the exchange's own record says of a random session, beside the journal's."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from execbot.exits.plan.plan import ExitPlan, PlanStatus
from execbot.exits.plan.plan_json import from_data
from execbot.exits.tags import tag_of
from execbot.model.enums import EventSource
from execbot.watch.core.jobs import Note
from execbot.watch.core.timers import FULL_READ_SECONDS
from support.world import D, World

if TYPE_CHECKING:
    from support.sessions.random_session import Session

TURN_SECONDS = 0.5
"""What the world's one thread may add to the alarm time: a job waits for the one before it, and
for the trader's own actions."""


@dataclass
class Verdict:
    """What the exchange's record says against the session; empty is good."""

    seed: str
    problems: list[str] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)
    longest_uncovered: float = 0.0
    kills: int = 0
    faults: int = 0
    fills: int = 0
    moves: int = 0
    lies: tuple[str, ...] = ()


def judge(session: Session, longest: float) -> Verdict:
    """Compare with the exchange's own record."""
    world = session.world
    alarms = [n for n in world.notes if n.is_alarm]
    verdict = Verdict(
        session.seed,
        alarms=[n.text for n in alarms],
        longest_uncovered=longest,
        kills=session.kills,
        faults=session.faults,
        moves=len(session.moved),
        lies=(*session.lies.drawn, *session.outages.drawn),
    )
    limit = float(world.settings.exits.unprotected_alarm_seconds)
    reported = any(n.data.get("kind") in REPORTED for n in alarms)
    if HIDING & {*session.lies.drawn, *session.outages.drawn}:
        limit = FULL_READ_SECONDS  # a lost frame behind a false list: the full read finds the fill
    if verdict.longest_uncovered > limit + TURN_SECONDS and not reported:
        verdict.problems.append(f"unprotected for {verdict.longest_uncovered:.2f} s, not reported")
    verdict.problems += [f"closed too much: {line}" for line in world.witness.shorts[:3]]
    qty = session.held()
    plan = world.plan()
    unreported = _unreported_bust(session, alarms)
    if qty > 0 and plan is not None and plan.status is PlanStatus.ACTIVE and not unreported:
        covered = world.witness.covered()
        if covered != qty and not _is_blocked(session, alarms):
            verdict.problems.append(f"at rest {covered} of {qty} covered")
        verdict.problems += _stops_elsewhere(session, plan)
    if qty > 0 and plan is None and not _is_told_bare(session, alarms, qty):
        verdict.problems.append(f"{qty} shares and no plan")
    verdict.problems += _fought(session)
    verdict.problems += _closed_twice(session)
    if not unreported:
        verdict.problems += differences(world)
    verdict.problems += told_once(world)
    return verdict


def _is_told_bare(session: Session, alarms: list[Note], qty: Decimal) -> bool:
    """A correction has brought shares after the end; or a plan had ended before they were bought,
    and the last alarm of that names all that have no stop."""
    if any(n.data.get("kind") == "overfill" for n in alarms):
        return True
    told = [n.data["message"] for n in alarms if n.data.get("kind") == "plan_outlived"]
    bare = qty - session.world.witness.covered()
    return bool(told) and told[-1].startswith(f"{bare} ")


def _is_blocked(session: Session, alarms: list[Note]) -> bool:
    """An entry of another program rests, so that the broker takes no stop: told, and watched."""
    live = session.world.witness.account.live.values()
    told = any(n.data.get("kind") == "stop_blocked" for n in alarms)
    return told and not all(map(session.world.witness.closes, live))


def _unreported_bust(session: Session, alarms: list[Note]) -> bool:
    """A bust or correction of which no report has come, and that nothing else proves: it lowers
    nothing here, and is told.

    docs/evidence.md, E-EXE-9, E-EXE-12 and the paragraph below the table.
    """
    if not {"bust", "correct", "unreported"} & session.lies.drawn.keys():
        return False
    told = any(n.data.get("kind") in ("position_differs", "filled_less") for n in alarms)
    return told and any(_is_unprovable(session.world, name) for name in _lesser(session.world))


def _lesser(world: World) -> list[str]:
    """Orders of which the exchange counts less than the journal."""
    there = _fills_there(world)
    return [
        record.client_order_id
        for record in world.desk.journal.orders("all")
        if record.order.filled_qty > there.get(record.order_id, D(0))
    ]


def _is_unprovable(world: World, name: str) -> bool:
    """Totals do not say which execution it was, or the position differs by something else too."""
    journal = world.desk.journal
    record = journal.order_by_client_id(name)
    assert record is not None
    executions = journal.executions_of(name)
    is_chain = record.order.replaces or record.order.replaced_by or record.progress.chain_qty
    is_heard = all(item.is_heard and item.source is not EventSource.ACTIVITY for item in executions)
    prices = {item.net_price for item in executions if item.net_qty}
    return bool(is_chain) or not is_heard or len(prices) > 1 or not record.order.is_terminal


def told_once(world: World, but: Container[str] = ()) -> list[str]:
    """Each change of an order is told once by a run, and the last one of every order by some run.

    Nobody has told what another process wrote and the watch has not looked at yet.
    """
    problems = []
    ends = [*world.starts[1:], len(world.notes)]
    for start, end in zip(world.starts, ends, strict=True):
        orders = [n.data for n in world.notes[start:end] if n.type == "order"]
        ids = [data["event_id"] for data in orders]
        fills = [fill["execution_id"] for data in orders for fill in data["fills"]]
        twice = {name for many in (ids, fills) for name in many if many.count(name) > 1}
        problems += [f"told twice in one run: {name}" for name in sorted(twice)]
    last = {n.data["client_order_id"]: n.data for n in world.notes if n.type == "order"}
    for record in world.desk.journal.orders("all"):
        data = last.get(record.client_order_id)
        stands = (record.status.value, record.order.filled_qty)
        if record.client_order_id in but:
            continue
        if data is None or (data["status"], D(data["filled_qty"])) != stands:
            problems.append(f"{record.client_order_id} is {stands}, told was {data}")
    return problems[:5]


def _stops_elsewhere(session: Session, plan: ExitPlan) -> list[str]:
    """At rest each stop stands where the plan says; that of an entry that waits, where its own."""
    stops = {o.stop_price for o in session.world.witness.armed_stops() if o.type == "stop"}
    if stops - {plan.stop.price}:
        return [f"stops at {stops}, the plan says {plan.stop.price}"]
    return []


def _closed_twice(session: Session) -> list[str]:
    """More was closed under one id, with all its tries, than it was given for."""
    problems = []
    for name, asked in session.closings.items():
        orders = session.world.witness.orders().items()
        tries = [row for own, row in orders if own == name or own.startswith(f"{name}.")]
        closed = sum((D(row["filled_qty"]) for row in tries), D(0))
        if closed > asked:
            problems.append(f"{closed} closed under {name}, asked for were {asked}")
    return problems


def _fought(session: Session) -> list[str]:
    """A stop of the trader's that was changed by us although no plan has ever had its price, and
    the trader had not spoken again."""
    journal = session.world.desk.journal
    planned = {
        from_data(version.body).stop.price
        for name in {r.plan_id for r in journal.orders("all") if r.plan_id}
        for version in journal.plan_history(name)
    }
    undone = any(n.data.get("kind") == "move_undone" for n in session.world.notes)
    problems = []
    for name, at in session.moved.items():
        record = journal.order_by_client_id(name)
        if record is None or record.order.stop_price in planned or undone:
            continue
        after = journal.order_by_broker_id(record.order.replaced_by or "")
        if after is None or tag_of(after.client_order_id) is None:
            continue
        changed = after.intent_at or session.world.now()
        if not any(at < word <= changed for word in session.words):
            problems.append(f"the trader's stop {record.order.stop_price} was changed")
    return problems


HIDING = frozenset({"no_positions", "late_positions", "late_orders", "unknown_orders", "blind"})
"""What can hide a fill whose frame was lost."""

REPORTED = frozenset(
    {
        "blind",
        "unprotected",
        "stop_lifted",
        "stop_emulated",
        "protection_suspended",
        "stop_blocked",
        "overfill",  # a correction after the end: the share that it brings has no plan
    }
)


def differences(world: World) -> list[str]:
    """Journal against exchange: positions, orders, executions."""
    problems = []
    journal = world.desk.journal
    theirs = {s: D(q) for s, q in world.desk.positions_there().items()}
    ours = {p.symbol: p.qty for p in journal.positions()}
    if ours != theirs:
        problems.append(f"positions: ours {ours}, theirs {theirs}")
    for name, row in world.witness.orders().items():
        record = journal.order_by_client_id(name)
        if record is None and row["status"] == "rejected" and row["replaces"]:
            continue  # a move that was refused to the trader elsewhere: it has changed nothing
        if record is None and row["status"] == "replaced" and not _is_named(world, row["id"]):
            continue  # its entry's answer was lost, and it was moved before anybody looked
        if record is None:
            problems.append(f"order {name} is not in the journal")
        elif record.order.is_terminal != (row["status"] in _ENDED):
            problems.append(f"order {name}: {record.status}, there {row['status']}")
    booked = {r.order_id: r.client_order_id for r in journal.orders("all")}
    for order_id, qty in _fills_there(world).items():
        name = booked.get(order_id, "")
        ours = sum((e.net_qty for e in journal.executions_of(name)), D(0))
        if ours != qty:
            problems.append(f"executions of {name or order_id}: {ours}, there {qty}")
    unsettled = journal.unsettled_orders()
    if unsettled:
        problems.append(f"in doubt: {[r.client_order_id for r in unsettled]}")
    return problems


def _is_named(world: World, order_id: str) -> bool:
    """Whether an order that the journal has says that it replaced this one. A stop that goes to
    work names its target, as it does at Alpaca, and what it had replaced before is named by
    nobody."""
    rows = world.witness.orders().items()
    named = [name for name, row in rows if row["replaces"] == order_id]
    return any(world.desk.journal.order_by_client_id(name) is not None for name in named)


def _fills_there(world: World) -> dict[str, Decimal]:
    """Executed quantity by order as it stands at the exchange, corrections and busts in it."""
    return {
        order.id: sum((D(fill[1]) for fill in order.fills), D(0))
        for order in world.witness.executed()
    }


_ENDED = ("filled", "canceled", "expired", "rejected", "replaced")
