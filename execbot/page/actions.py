"""What may be done from the page: by the functions that the commands call, agreed to first.

Every action is asked for twice: the first answer is a review with a ticket, which is good once, for
a minute, for what was reviewed. Both what was agreed to and how it ended stand in the audit, with
the page as the one who wanted it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from msgspec.structs import replace

from execbot.desk import cancelling, closing, halting
from execbot.desk.account import Desk
from execbot.desk.errors import BadRequest, NoPosition
from execbot.desk.exit_plans import move, planned, plans
from execbot.desk.exit_words import levels_asked
from execbot.desk.look.orders import record_of
from execbot.desk.opening.journal_need import PATIENCE_SECONDS, Need
from execbot.desk.opening.outcomes import carrying_out
from execbot.journal.errors import JournalError
from execbot.journal.journal import Journal
from execbot.model.amounts import level_words
from execbot.model.errors import ExecbotError
from execbot.model.numbers import text
from execbot.model.order_words import describe
from execbot.model.printable import harmless_line
from execbot.model.symbols import symbol_key
from execbot.model.timer import boot_seconds
from execbot.page.models import Done, Review, Wanted

T = TypeVar("T")

TICKET_SECONDS = 60.0
TICKETS_MAX = 32
CANCEL_WAIT_SECONDS = 5.0
CLOSE_WAIT_SECONDS = 5.0
AUDIT_KIND = "page_action"
BY = "page"
NO_REASON = "by hand, on the page"

NEEDS: Mapping[str, Need] = {
    "cancel": Need.BRAKE,
    "close": Need.EXIT,
    "halt": Need.BRAKE,
    "resume": Need.JOURNAL,
    "move_stop": Need.JOURNAL,
}
"""As the commands have it."""


class Actions:
    """Carries actions out one at a time, in a thread of its own, with journals of its own, as a
    command would."""

    def __init__(self, desk: Desk, now: Callable[[], float] = boot_seconds) -> None:
        self._origin = desk
        self._now = now
        self._journals: dict[Need, Journal] = {}
        self._tickets: OrderedDict[str, tuple[float, Wanted, str]] = OrderedDict()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="page-actions")
        self._thread.submit(int)  # begun now, it keeps the priority of now

    async def review(self, wanted: Wanted) -> Review:
        """What the action would do. Raises ExecbotError where it cannot be done."""
        words, warnings = await self._in_thread(lambda: self._review(wanted))
        ticket = secrets.token_urlsafe(16)
        self._tickets[ticket] = (self._now() + TICKET_SECONDS, wanted, words)
        while len(self._tickets) > TICKETS_MAX:
            self._tickets.popitem(last=False)
        return Review(ticket=ticket, words=words, warnings=tuple(warnings))

    async def carry_out(self, ticket: str, who: str) -> Done:
        """`who` is the address that agreed. Raises BadRequest for a ticket that is none."""
        until, wanted, words = self._tickets.pop(ticket, (0.0, None, ""))
        if wanted is None or until < self._now():
            raise BadRequest(
                "This confirmation is not valid any more",
                hint=f"It is good once, for {TICKET_SECONDS:.0f} seconds.",
                next_step="Ask for it again.",
                kind="confirm.late",
            )
        return await self._in_thread(lambda: self._do(wanted, words, who))

    def close(self) -> None:
        """An action that is under way ends in its own time."""
        self._thread.shutdown(wait=True)
        for journal in self._journals.values():
            journal.close()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    # --- in the thread ---------------------------------------------------------------------

    def _desk(self, need: Need) -> Desk:
        """Raises JournalError."""
        if need not in self._journals:
            path, patience = self._origin.journal.path, PATIENCE_SECONDS[need]
            self._journals[need] = Journal.open(path, busy_timeout_seconds=patience)
        return replace(self._origin, journal=self._journals[need], need=need, _closers=[])

    def _review(self, wanted: Wanted) -> tuple[str, list[str]]:
        desk = self._desk(Need.LOOK)
        where = f"{desk.mode.value} {desk.account}"
        match wanted.kind:
            case "cancel":
                order = record_of(desk, wanted.subject).order
                return f"Cancel {describe(order)} in {where}", _bare_words(desk, order.symbol)
            case "close":
                held = _held(desk, wanted.subject)
                return f"Close {held} at market in {where}", []
            case "halt":
                return f"Halt new entries in {where}; exits go on", []
            case "resume":
                return f"Allow entries again in {where}", []
            case "move_stop":
                stop = levels_asked(wanted.stop, ()).stop
                words = "none" if stop is None else stop.words
                planned(desk, wanted.subject)
                before = _stop_of(desk, wanted.subject)
                symbol = harmless_line(wanted.subject)
                return f"Move the stop of {symbol} from {before} to {words} in {where}", []

    def _do(self, wanted: Wanted, words: str, who: str) -> Done:
        desk = self._desk(NEEDS[wanted.kind])
        self._note(desk, wanted, f"agreed: {words}", who)
        try:
            with carrying_out(desk):
                said, warnings, outcome = _carry_out(desk, wanted)
            done = Done(ok=True, words=said, outcome=outcome, warnings=tuple(warnings))
        except ExecbotError as error:
            done = failed(error)
        except OSError as error:
            done = Done(ok=False, words=f"{error.strerror or error}", outcome="in_doubt")
        self._note(desk, wanted, f"{'done' if done.ok else 'failed'}: {done.words}", who)
        return done

    def _note(self, desk: Desk, wanted: Wanted, result: str, who: str) -> None:
        """Note in the audit what was wanted and what came of it. A journal that fails does not hold
        up a cancel: the answer itself says what was done."""
        facts = {**wanted.model_dump(), "address": who}
        with suppress(JournalError):
            subject = wanted.subject or "account"
            desk.journal.audit(AUDIT_KIND, subject, BY, facts, harmless_line(result), desk.now())


def _carry_out(desk: Desk, wanted: Wanted) -> tuple[str, list[str], str]:
    """What came of it in words, warnings, outcome."""
    reason = harmless_line(wanted.reason) or NO_REASON
    match wanted.kind:
        case "cancel":
            canceled = cancelling.cancel(desk, wanted.subject, wait_seconds=CANCEL_WAIT_SECONDS)
            order = canceled.record.order
            words = f"{describe(order)}: {order.status.value}"
            return words, list(canceled.warnings), order.outcome.value
        case "close":
            closed = closing.close(
                desk, wanted.subject, reason=reason, wait_seconds=CLOSE_WAIT_SECONDS
            )
            if closed.record is None:
                return f"{closed.symbol}: {closed.note}", list(closed.warnings), "not_sent"
            order = closed.record.order
            words = f"{describe(order)}: {order.status.value}"
            return words, list(closed.warnings), order.outcome.value
        case "halt":
            halted = halting.halt(desk, reason)
            return halted.switch.describe(), list(halted.warnings), ""
        case "resume":
            before = halting.resume(desk, reason)
            return f"Entries go again; it was {before.level.value}", [], ""
        case "move_stop":
            levels = levels_asked(wanted.stop, ())
            moved = move(desk, wanted.subject, levels)
            return f"The stop of {harmless_line(wanted.subject)} is moved", list(moved.warnings), ""


def failed(error: ExecbotError) -> Done:
    """What, why, what next: as the command line says it."""
    outcome = error.after or ("in_doubt" if error.in_doubt else error.outcome)
    return Done(
        ok=False,
        words=harmless_line(error.message),
        why=harmless_line(error.hint),
        next=harmless_line(error.next_step),
        outcome=outcome,
    )


def _held(desk: Desk, symbol: str) -> str:
    wanted = symbol_key(symbol)
    for position in desk.client.get_positions():
        if symbol_key(position.symbol) == wanted:
            return f"{text(position.qty)} {harmless_line(position.symbol)}"
    raise NoPosition(f"There is no position in {harmless_line(symbol)}")


def _stop_of(desk: Desk, symbol: str) -> str:
    """Where it stands now, in words."""
    for view in plans(desk, symbol).views:
        stop = view.to_dict().get("stop")
        price = stop.get("price") if isinstance(stop, Mapping) else stop
        if price is not None:
            return level_words(str(price), symbol)
    return "none"


def _bare_words(desk: Desk, symbol: str) -> list[str]:
    """What canceling an exit leaves."""
    record = desk.journal.position(symbol)
    if record is None or not record.qty:
        return []
    return [f"{harmless_line(symbol)} is held: if this is its stop, nothing protects it any more."]
