"""Has a position protected: by the `watch` that runs, or by this process where none does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from execbot.desk.account import Desk
from execbot.desk.following import follow
from execbot.journal.records import OrderRecord
from execbot.model.errors import ExecbotError
from execbot.model.retrying import Schedule, polled
from execbot.model.timer import Timer
from execbot.oms.send.hand_over import was_handed_back

if TYPE_CHECKING:
    from collections.abc import Sequence

    from execbot.exits.rules.view import Coverage, Decision
    from execbot.model.account import Position
    from execbot.watch.perform import Performer
    from execbot.watch.watcher import Watcher

WAIT_SECONDS = 10.0
"""How long a command waits until the broker holds what was asked for."""

FAILING_WAIT_SECONDS = 2.0
"""The same where no intent can be written now: the command tries, and tells a person."""

PAUSE = Schedule((0.2,))


def watched_by(desk: Desk) -> int | None:
    """The process of the `watch` that runs. Raises nothing: it is asked after orders were sent."""
    from execbot.watch.lock import holder_of

    return holder_of(desk.directory)


def protect_again(desk: Desk, symbol: str) -> bool:
    """Have what is left of a position protected by its plan; whether every share then is.

    What fails here comes after an order was sent, or failed: it must not take the place of what
    became of that. So nothing is raised for it.
    """
    from execbot.exits.plan.plan import PlanStatus
    from execbot.exits.store import plan_of

    try:
        plan = plan_of(desk.journal, symbol)
        if plan is None or plan.status is PlanStatus.SUSPENDED:
            return False
        act = _wait_for_watch if watched_by(desk) is not None else _do_it_here
        return act(desk, symbol).uncovered == 0
    except (ExecbotError, OSError):
        return False


def carry_out(desk: Desk, symbol: str) -> bool:
    """Have the plan of a symbol carried out: by the `watch` that runs, until the orders stand, or
    here. Whether a `watch` runs.
    """
    is_watched = watched_by(desk) is not None
    act = _wait_for_watch if is_watched else _do_it_here
    act(desk, symbol)
    return is_watched


def _do_it_here(desk: Desk, symbol: str) -> Coverage:
    from execbot.watch.protect_once import protect_once

    watcher, performer = build_watcher(desk)
    writes = desk.journal_trouble is None or desk.journal.keeps_intents
    seconds = WAIT_SECONDS if writes else FAILING_WAIT_SECONDS
    return protect_once(watcher, performer, symbol, wait_seconds=seconds)


def _wait_for_watch(desk: Desk, symbol: str) -> Coverage:
    """Look until the orders stand as planned, or the time is up."""
    look = _Looks(desk, symbol).look
    decision = polled(look, _stands, wait=PAUSE, seconds=WAIT_SECONDS, timer=Timer())
    return _nothing() if decision is None else decision.coverage


def stands(desk: Desk, symbol: str) -> bool:
    """Whether the orders of the symbol stand as its plan says, by the journal."""
    return _stands(_Looks(desk, symbol).look())


class _Looks:
    """Looks at the journal again and again; the broker is asked for its positions once a fill."""

    def __init__(self, desk: Desk, symbol: str) -> None:
        self._desk = desk
        self._symbol = symbol
        self._held: Sequence[Position] = ()
        self._read_at: str | None = None  # the youngest fill when the positions were read

    def look(self) -> Decision | None:
        from execbot.desk.look.protection import positions_now, surroundings
        from execbot.exits.protection import views
        from execbot.exits.rules.decide import decide

        desk = self._desk
        record = desk.journal.position(self._symbol)
        last = record.last_execution_id if record is not None else ""
        if last != self._read_at:
            self._held, self._read_at = positions_now(desk), last
        seen = views(desk.journal, self._held, surroundings(desk))
        return next((decide(view) for view in seen if view.symbol == self._symbol), None)


def _stands(decision: Decision | None) -> bool:
    """Nothing is left to be done, and every share is covered."""
    from execbot.exits.rules.actions import Cancel, Replace, Submit

    if decision is None:
        return True
    todo = any(isinstance(a, Submit | Cancel | Replace) for a in decision.actions)
    return not todo and decision.coverage.uncovered == 0


def _nothing() -> Coverage:
    from execbot.exits.rules.view import Coverage

    return Coverage()


def build_watcher(desk: Desk) -> tuple[Watcher, Performer]:
    """The deciding and the doing part, without threads."""
    from decimal import Decimal

    from msgspec.structs import replace

    from execbot.exits.level_facts import LevelReader
    from execbot.oms.service import OrderManagementSystem
    from execbot.watch.perform import Performer
    from execbot.watch.watcher import Watcher

    trading = desk.settings.trading
    # A protective order is tried again at once, not after the pause that suits an entry.
    quick = replace(trading.order_management, retry_delay_seconds=Decimal("0.2"))
    oms = OrderManagementSystem(desk.client, desk.journal, settings=quick, now=desk.now)
    hours = desk.hours
    hours.refresh(desk.client, desk.now())
    performer = Performer(oms, desk.now, hours=hours, levels=LevelReader(desk.client, trading))
    return Watcher(oms, trading, hours, desk.now), performer


FOLLOW_SECONDS = 3.0
"""How long an addition is followed before the whole is protected from here, without a `watch`."""


class Restorer(Struct, eq=False):
    """The `protect` of a placer: has the whole position covered, by `watch` or from here.

    `symbol` is empty until an addition was under way; `is_protected` says how it ended.
    """

    desk: Desk
    symbol: str = ""
    is_protected: bool = False

    def __call__(self, symbol: str, record: OrderRecord | None) -> None:
        self.symbol = symbol
        if was_handed_back(self.desk.journal):
            return  # whoever sends the addition now protects the whole; `watch` does in any case
        waits = record is not None and record.order.is_working
        if record is not None and waits and watched_by(self.desk) is None:
            follow(self.desk, record, FOLLOW_SECONDS)
        self.is_protected = protect_again(self.desk, symbol)

    def tell(self, error: ExecbotError) -> None:
        """Have a refused addition say what became of the exits that were lifted for it."""
        if not self.symbol:
            return
        error.noted = {**error.noted, "addition": {"protected": self.is_protected}}
        if not self.is_protected:
            error.next_step = f"execbot protect {self.symbol}"
