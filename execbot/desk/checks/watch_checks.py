"""Does a `watch` run where something needs one, and does it decide."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from execbot.desk.account import Desk
from execbot.desk.checks.finding import Examination, Finding, Missing, Status
from execbot.desk.door.looking import look_at_door
from execbot.desk.look.order_ends import endings_of
from execbot.desk.look.protection import Protection
from execbot.exits.plan.plan import NO_RULES, ExitPlan
from execbot.exits.protection import is_held_here
from execbot.exits.rules.view import Guarded
from execbot.model.timer import Timer
from execbot.model.times import show_age
from execbot.watch.heartbeat import YOUNG_SECONDS, Heartbeat, heartbeat_of
from execbot.watch.lock import held_seconds, holder_of

KIND = "watch.missing"


def watch(examined: Examination) -> Iterator[Finding]:
    """Whether it runs where it is needed, and its decision loop is alive."""
    holder = None if examined.directory is None else holder_of(examined.directory)
    if holder is None or examined.journal_opens:
        desk, protected = examined.opened(), examined.protection()
        held = {one.symbol for one in protected if is_held_here(desk.journal, one.symbol)}
        needs = [*needs_of(protected, held), *_order_needs(desk)]
    else:  # the journal does not open, which is when it matters most whether somebody protects
        needs = []
    if holder is None:
        yield _not_running(needs)
        return
    assert examined.directory is not None
    beat = heartbeat_of(examined.directory)
    age = None if beat is None else beat.age(examined.now(), Timer().mark())
    examined.figures["heartbeat_seconds"] = None if age is None else int(age)
    yield judged(holder, beat, age, needs, held_seconds=held_seconds(examined.directory))


def door(examined: Examination) -> Iterator[Finding]:
    """Whether commands hand their orders over to a watch."""
    if examined.directory is None:
        raise Missing("needs the account")
    found = look_at_door(examined.needed_setup(), examined.directory)
    if found.is_fine:
        yield Finding("door", Status.OK, found.words)
    else:
        yield Finding("door", Status.WARN, found.words, "Restart `execbot watch`.")


def needs_of(protected: Iterable[Protection], held_here: Collection[str] = ()) -> list[str]:
    """What of these positions nobody but a running `watch` looks after, in words. Pure.

    `held_here` are the symbols whose stop the last `watch` held itself.
    """
    needs = []
    structures = {
        plan.plan_id: plan for one in protected if (plan := one.structure_plan) is not None
    }
    needs += [f"the exits of {', '.join(sorted(p.ratios))}" for p in structures.values()]
    for one in (one for one in protected if one.structure_plan is None):
        if one.state is Guarded.EMULATED or one.symbol in held_here:
            needs.append(f"the stop of {one.symbol} is held here")
        elif one.plan is not None and (moves := _moves(one.plan)):
            needs.append(f"{one.symbol} has {moves}")
    return needs


def _moves(plan: ExitPlan) -> str:
    """What the plan wants done by itself, in words; empty for one that only stands."""
    rules = plan.rules
    named = (
        ("a stop that moves to break-even", rules.breakeven_at_r is not None),
        ("a stop that tightens", rules.tighten_within_pct is not None),
        ("a stop that widens", rules.widen_atr is not None),
        ("a time stop", rules.time_stop_minutes is not None),
        ("an exit before the close", rules.flatten_before_close_minutes is not None),
        ("targets that are measured anew", rules.remeasure),
        ("a trailing stop", plan.stop.trail is not None),
        ("an exit under way", plan.exit is not None),
    )
    if rules == NO_RULES and plan.stop.trail is None and plan.exit is None:
        return ""
    return ", ".join(words for words, is_so in named if is_so)


def _order_needs(desk: Desk) -> list[str]:
    open_orders = desk.journal.orders("open", legs=False)
    clocks = len(endings_of(desk, open_orders))
    if not clocks:
        return []
    return ["an order ends by its clock" if clocks == 1 else f"{clocks} orders end by their clocks"]


def _not_running(needs: list[str]) -> Finding:
    if not needs:
        return Finding("watch", Status.OK, "none runs, and nothing needs one")
    words = f"no `watch` runs, and nobody else looks after this: {'; '.join(needs)}"
    return Finding("watch", Status.FAIL, words, "execbot watch", KIND)


def judged(
    holder: int,
    beat: Heartbeat | None,
    age: float | None,
    needs: list[str],
    held_seconds: float = 0.0,
) -> Finding:
    """What to say of a `watch` that has held the lock for so long. Pure."""
    who = f"process {holder}"
    if beat is None or age is None or beat.pid not in (holder, 0):
        words = f"{who} watches and has written no heartbeat"
        if held_seconds > YOUNG_SECONDS:
            words += f" for {show_age(int(held_seconds))}: it is stuck, or an earlier version"
            step = f"End it and start it again: kill {holder}"
            return Finding("watch", Status.FAIL, words, step, KIND)
        return Finding("watch", Status.WARN, words, "Look again in ten seconds.")
    since = show_age(int(age))
    if age > YOUNG_SECONDS:
        words = f"{who} holds the lock and has decided nothing for {since}: it is stuck"
        step = f"End it and start it again: kill {holder}"
        return Finding("watch", Status.FAIL, words, step, KIND)
    if beat.trouble:
        return Finding("watch", Status.FAIL, f"{who}: {beat.trouble}", "execbot doctor", KIND)
    if not beat.stream_up:
        words = f"{who} decides, and its stream is down: REST is asked instead"
        return Finding("watch", Status.WARN, words, "execbot doctor")
    kept = f", and looks after {len(needs)} things" if len(needs) > 1 else ""
    return Finding("watch", Status.OK, f"{who} decided {since} ago{kept}")
