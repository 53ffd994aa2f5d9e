"""What the exchange's own record says of a random session with options, beside the journal's."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from execbot.desk.options import protecting, structures
from execbot.exits.plan.plan import PlanStatus
from execbot.exits.store import open_plans
from execbot.exits.structures.asked import PLAN_OF_ENTRY
from execbot.exits.structures.plan import structure_plans
from execbot.journal.records import FillState
from execbot.model.times import parse_time
from execbot.oms.sync.reconcile import ReconcileResult
from execbot.watch.core.timers import FULL_READ_SECONDS
from support.sessions.option_witness import CONTRACT_LENGTH
from support.sessions.verdict import TURN_SECONDS, differences, told_once

if TYPE_CHECKING:
    from support.sessions.option_session import OptionSession
    from support.sessions.option_world import OptionWorld

D = Decimal
LOOKS_SECONDS = 10.0
"""A level counts once two looks, five seconds apart, have seen it reached."""

BEGUN_WITHIN = timedelta(minutes=3)
"""A minute after its order has ended a plan stands by itself, once somebody has looked."""

WORKS = frozenset({"new", "accepted", "partially_filled", "pending_new", "pending_cancel"})

HUNDRED = D(100)
MOVING = "FILL,OPEXP,OPEXC,OPASN,OPTRD,OPCSH"

STOPLESS = frozenset(
    {
        "blind",
        "unprotected",
        "stop_lifted",
        "stop_emulated",
        "protection_suspended",
        "stop_blocked",
        "position_turned",
    }
)


@dataclass
class OptionVerdict:
    """What speaks against the session; empty is good."""

    seed: str
    course: str
    problems: list[str] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)
    done: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    rows: set[str] = field(default_factory=set)
    kills: int = 0
    faults: int = 0
    fills: int = 0


def judge_evening(session: OptionSession) -> list[str]:
    """After the contracts of the day have ended, before their rows are there: what differs is
    pending, and nothing is a break."""
    session.calm()
    world = session.world
    world.run(2, 0.5)
    result = world.desk.oms.reconcile()
    world.journal_changed = True
    world.run(FULL_READ_SECONDS + 5, 2.5)
    found = [f"in the evening {b.kind} {b.subject}: {b.ours}, {b.theirs}" for b in result.breaks]
    found += [f"in the evening: {line}" for line in _held(session)]
    if "position_differs" in world.alarm_kinds():
        found += [f"in the evening: {note.text}" for note in world.notes_of("position_differs")]
    return found


def judge(
    session: OptionSession, longest: float, last: ReconcileResult, problems: list[str]
) -> OptionVerdict:
    """Compare with the exchange's own record."""
    world, witness = session.world, session.world.witness
    rows = (
        world.desk.call("GET", f"/v2/account/activities?activity_types={MOVING}&page_size=100")
        or []
    )
    verdict = OptionVerdict(
        session.seed,
        session.course.value,
        list(problems),
        [f"{n.data.get('kind')}: {n.text}" for n in world.notes if n.is_alarm],
        session.trader.done,
        session.trader.refused,
        {row["activity_type"] for row in rows},
        session.kills,
        session.faults,
        sum(row["activity_type"] == "FILL" for row in rows),
    )
    verdict.problems += [f"naked: {line}" for line in witness.naked[:3]]
    verdict.problems += witness.opened_by_closing()
    verdict.problems += _late_stops(session, longest)
    verdict.problems += _missed_levels(session)
    verdict.problems += [f"{b.kind} {b.subject}: {b.ours}, {b.theirs}" for b in last.breaks]
    verdict.problems += differences(world)
    verdict.problems += told_once(world, but=_unheard(session))
    verdict.problems += _at_rest(world)
    verdict.problems += _without_exits(session)
    verdict.problems += _held(session)
    verdict.problems += _money(world, rows)
    return verdict


def _unheard(session: OptionSession) -> Container[str]:
    """While no `watch` ran another process has taken in what became of orders."""
    if session.course != "outage":
        return ()
    return {r.client_order_id for r in session.world.desk.journal.orders("all")}


# --- protection ----------------------------------------------------------------------------------


def _late_stops(session: OptionSession, longest: float) -> list[str]:
    limit = float(session.world.settings.exits.unprotected_alarm_seconds)
    if session.blinded or "cancel_elsewhere" in session.trader.done:
        limit = FULL_READ_SECONDS  # the frame of the end was lost: the full read finds it
    if longest <= limit + TURN_SECONDS or STOPLESS & set(session.world.alarm_kinds()):
        return []
    return [f"a contract without its stop for {longest:.2f} s, not reported"]


def _missed_levels(session: OptionSession) -> list[str]:
    """A level of a structure that was reached, for longer than two looks and the alarm time."""
    limit = LOOKS_SECONDS + float(session.world.settings.exits.unprotected_alarm_seconds)
    kinds = {str(kind) for kind in session.world.alarm_kinds()}
    told = {"blind", "structures_unwatched"} & kinds or any(
        k.startswith("option_exit") for k in kinds
    )
    return [
        f"{name}: its level was reached for {lasted:.1f} s, not acted on and not told"
        for name, lasted in session.world.witness.longest_due.items()
        if lasted > limit + TURN_SECONDS and not told
    ]


def _is_taken(world: OptionWorld, symbol: str, qty: Decimal, covered: Decimal) -> bool:
    """The rest is taken by an order of the trader's own that would close it, and that was told: the
    broker takes no stop for the same contracts."""
    side = "buy" if qty < 0 else "sell"
    taken = sum(
        D(row["qty"]) - D(row["filled_qty"])
        for name, row in world.desk.orders_there().items()
        if row["symbol"] == symbol and row["side"] == side and row["status"] == "new"
        if not name.startswith("execbot-x-")
    )
    return covered + taken >= abs(qty) and "unprotected" in set(world.alarm_kinds())


def _at_rest(world: OptionWorld) -> list[str]:
    """Every contract with a plan has its stop, what closes has something to close, and structures
    in force are held."""
    held, problems = world.witness.contracts, []
    emulated = {"stop_emulated", "stop_blocked"} & set(world.alarm_kinds())
    for plan in open_plans(world.desk.journal):
        if plan.status is not PlanStatus.ACTIVE or len(plan.symbol) <= CONTRACT_LENGTH:
            continue
        qty = held.get(plan.symbol, D(0))
        if not qty:
            problems.append(f"a plan for {plan.symbol}, which is not held")
            continue
        covered = world.witness.covered_of(plan.symbol, qty)
        if covered != abs(qty) and not emulated and not _is_taken(world, plan.symbol, qty, covered):
            problems.append(f"at rest {covered} of {qty} {plan.symbol} covered")
    for order in world.witness.account.live.values():
        if order.position_intent.endswith("_to_close") and order.symbol not in held:
            problems.append(f"{order.client_order_id} closes {order.symbol}, which is not held")
    return problems


def _without_exits(session: OptionSession) -> list[str]:
    """What the exchange has of an order that was given with exits has them in the journal, whoever
    died; and no plan of what is held waits for an order that ended long ago."""
    world = session.world
    there, journal, now = world.desk.orders_there(), world.desk.journal, world.now()
    problems = [
        f"{name} is at the exchange, its exits are in no journal"
        for name in session.trader.with_exits
        if name in there and not journal.audit_of(f"{PLAN_OF_ENTRY}{name}")
    ]
    for plan in structure_plans(journal, now):
        if not {*plan.ratios} & {*world.witness.contracts}:
            continue
        if plan.entry and plan.entry in there and there[plan.entry]["status"] not in WORKS:
            ended = (there[plan.entry][at] for at in ("filled_at", "canceled_at", "expired_at"))
            moments = [moment for at in ended if (moment := parse_time(at)) is not None]
            if moments and now - max(moments) > BEGUN_WITHIN:
                problems.append(f"{plan.plan_id} waits for {plan.entry}, which has ended")
    return problems


# --- what is shown and booked --------------------------------------------------------------------


def _held(session: OptionSession) -> list[str]:
    """`option held` against the exchange's own positions."""
    world, problems = session.world, []
    account = world.process()
    shown = structures.held(account)
    told = {p.symbol: p.qty for one in shown for p in one.positions}
    if told != world.witness.contracts:
        problems.append(f"held is shown as {told}, there {world.witness.contracts}")
    for one in shown:
        for position in one.positions:
            there = world.witness.account.positions.get(position.symbol)
            if there is None:
                continue  # told above
            if position.avg_entry_price is None or abs(
                position.avg_entry_price - there.average
            ) > D("0.0001"):
                problems.append(
                    f"{position.symbol} shown at {position.avg_entry_price}, {there.average} there"
                )
        for plan in protecting.kept(account, [one])[0].plans:
            if plan.units_in(told) is None and not plan.entry:
                problems.append(f"{plan.plan_id} is in force for {dict(plan.ratios)}, held {told}")
    return problems


def _money(world: OptionWorld, rows: list[dict[str, Any]]) -> list[str]:
    """What all trades brought in, by the journal's executions and by the exchange's rows."""
    if len(rows) >= 100:
        return []  # more than a page: the sessions are short, so this is rare
    theirs: dict[str, Decimal] = {}
    for row in rows:
        symbol = row["symbol"]
        theirs[symbol] = theirs.get(symbol, D(0)) + _brought(row)
    problems = []
    ours: dict[str, Decimal] = {}
    for item in world.desk.journal.executions():
        if item.state is not FillState.ADJUSTMENT:
            each = HUNDRED if len(item.symbol) > CONTRACT_LENGTH else D(1)
            brought = -item.signed_qty * item.net_price * each
            ours[item.symbol] = ours.get(item.symbol, D(0)) + brought
    for symbol in sorted({*ours, *theirs}):
        mine, there = ours.get(symbol, D(0)), theirs.get(symbol, D(0))
        if mine != there:
            problems.append(f"{symbol} brought {mine} here, {there} there")
    return problems


def _brought(row: dict[str, Any]) -> Decimal:
    if row["activity_type"] != "FILL":
        return D(row["net_amount"])
    each = HUNDRED if len(row["symbol"]) > CONTRACT_LENGTH else D(1)
    sign = 1 if str(row["side"]).startswith("sell") else -1
    return sign * D(row["qty"]) * D(row["price"]) * each
