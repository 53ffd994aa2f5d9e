"""Having a position protected: by the `watch` that runs, or by this process where none does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from execbot.broker.errors import BrokerError
from execbot.desk.context import Context
from execbot.desk.following import follow
from execbot.journal.errors import JournalError
from execbot.journal.records import OrderRecord
from execbot.model.errors import ExecbotError
from execbot.model.retrying import Schedule, polled
from execbot.model.timer import Timer
from execbot.oms.errors import OmsError

if TYPE_CHECKING:
    from execbot.exits.rules.view import Coverage
    from execbot.watch.perform import Hands
    from execbot.watch.watcher import Watcher

WAIT_SECONDS = 10.0
"""How long a command waits until the broker holds what was asked for."""

PAUSE = Schedule((0.2,))


def watched_by(desk: Context) -> int | None:
    from execbot.watch.lock import holder_of

    return holder_of(desk.directory)


def protect_again(desk: Context, symbol: str) -> bool:
    """Have what is left of a position protected by its plan; whether every share then is."""
    from execbot.exits.plan.plan import PlanStatus
    from execbot.exits.store import plan_of

    plan = plan_of(desk.journal, symbol)
    if plan is None or plan.status is PlanStatus.SUSPENDED:
        return False
    return carry_out(desk, symbol)[1].uncovered == 0


def carry_out(desk: Context, symbol: str) -> tuple[bool, Coverage]:
    """Have the plan of a symbol carried out: by the `watch` that runs, whose end is waited for, or
    here. Whether one runs, and how the symbol stands then.
    """
    is_watched = watched_by(desk) is not None
    act = _wait_for_watch if is_watched else _do_it_here
    return is_watched, act(desk, symbol)


def _do_it_here(desk: Context, symbol: str) -> Coverage:
    from execbot.watch.protect_once import protect_once

    watcher, hands = build_watcher(desk)
    return protect_once(watcher, hands, symbol, wait_seconds=WAIT_SECONDS)


def _wait_for_watch(desk: Context, symbol: str) -> Coverage:
    """Look until the orders stand as planned, or the time is up."""
    coverage, _ = polled(
        lambda: stands(desk, symbol),
        lambda seen: seen[1],
        wait=PAUSE,
        seconds=WAIT_SECONDS,
        timer=Timer(),
    )
    return coverage


def stands(desk: Context, symbol: str) -> tuple[Coverage, bool]:
    """How the symbol stands by the journal, and whether nothing is left to be done."""
    from execbot.exits.rules.actions import Cancel, Replace, Submit
    from execbot.exits.rules.decide import decide

    watcher, _ = build_watcher(desk)
    watcher.load()
    core = watcher.core
    state = core.symbols.get(symbol)
    if state is None:
        from execbot.exits.rules.view import Coverage

        return Coverage(), True
    view = core.view(state, desk.now())
    decision = decide(view)
    todo = any(isinstance(a, Submit | Cancel | Replace) for a in decision.actions)
    return decision.coverage, not todo and decision.coverage.uncovered == 0


def build_watcher(desk: Context) -> tuple[Watcher, Hands]:
    """The deciding and the doing part, without threads."""
    from decimal import Decimal
    from functools import partial

    from msgspec.structs import replace

    from execbot.exits.level_facts import LevelReader
    from execbot.market.calendar_cache import table_for
    from execbot.oms.service import OrderManagementSystem
    from execbot.watch.market_hours import MarketHours
    from execbot.watch.perform import Hands
    from execbot.watch.watcher import Watcher

    trading = desk.settings.trading
    # A protective order is tried again at once, not after the pause that suits an entry.
    quick = replace(trading.order_management, retry_delay_seconds=Decimal("0.2"))
    oms = OrderManagementSystem(desk.client, desk.journal, settings=quick, now=desk.now)
    hours = MarketHours(partial(table_for, desk.directory.parent))
    hours.refresh(desk.client, desk.now())
    hands = Hands(oms, desk.now, hours=hours, levels=LevelReader(desk.client, trading))
    return Watcher(oms, trading, hours, desk.now), hands


FOLLOW_SECONDS = 3.0
"""How long an addition is followed before the whole is protected from here, without a `watch`."""


@dataclass
class Restorer:
    """The `protect` of a placer: has the whole position covered, by `watch` or from here.

    `symbol` is empty until an addition was under way; `is_protected` says how it ended.
    """

    desk: Context
    symbol: str = ""
    is_protected: bool = False

    def __call__(self, symbol: str, record: OrderRecord | None) -> None:
        self.symbol = symbol
        try:
            waits = record is not None and record.order.is_working
            if record is not None and waits and watched_by(self.desk) is None:
                follow(self.desk, record, FOLLOW_SECONDS)
            self.is_protected = protect_again(self.desk, symbol)
        except (BrokerError, OmsError, JournalError):
            self.is_protected = False

    def tell(self, error: ExecbotError) -> None:
        """Have a refused addition say what became of the exits that were lifted for it."""
        if not self.symbol:
            return
        error.noted = {**error.noted, "addition": {"protected": self.is_protected}}
        if not self.is_protected:
            error.next_step = f"execbot protect {self.symbol}"
