"""From a signal to a safe order.

    executor = Executor(oms, risk)
    result = executor.execute_signal(signal)            # never raises for what a signal can cause
    result = await executor.execute_signal_async(signal)

One signal acts once, ever: it is claimed in the journal before anything else, and its order's
client_order_id follows from its id, so a process that died in between can be followed by another
without a second order. Results are values; a failure that nobody awaits is still in the journal, in
`failures`, and told to `on_failure`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from execbot.alerts import Alerter
from execbot.broker.errors import BrokerError
from execbot.exits.levels import LevelError
from execbot.journal.care.restored import restored_of
from execbot.journal.errors import JournalError
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord, Origin, Role
from execbot.model.enums import FAILED, REOPENABLE, ErrorCategory, Outcome
from execbot.model.flags import flags_of
from execbot.model.order import OrderRequest
from execbot.model.order_ids import client_order_id_of
from execbot.model.signal import Signal
from execbot.model.symbols import symbol_key
from execbot.oms.errors import (
    HandedBack,
    NeedsWatch,
    NotPossible,
    OmsError,
    Refused,
)
from execbot.oms.place.entry_risk import entry_risk, risk_of
from execbot.oms.place.given import given_before
from execbot.oms.place.placed import Provenance
from execbot.oms.place.placer import Placer, Protect
from execbot.oms.place.risk_gate import RiskGate
from execbot.oms.place.sized import size_code
from execbot.oms.results import Aside
from execbot.oms.send.closing_tries import last_try
from execbot.oms.send.waiting import (
    RATE_LIMITED,
    RATE_WAIT,
    through_rate_limit,
    waits_for_rate_limit,
)
from execbot.oms.service import OrderManagementSystem
from execbot.oms.signals.claims import CLAIMED, OPEN, UNFINISHED_SECONDS, SignalClaims
from execbot.oms.signals.close import SignalCloses
from execbot.oms.signals.entry import SignalEntries
from execbot.oms.signals.entry_turns import EntryTurns, OnLeave
from execbot.oms.signals.result import (
    REPEATED,
    Preview,
    SignalResult,
    exits_of,
    failed,
    sent,
    skipped,
    unsized,
)
from execbot.oms.signals.rules import Skip, skip_restored, skip_unread
from execbot.oms.signals.spreads import SignalSpreads
from execbot.risk.sizing import Sized, SizeRefused

if TYPE_CHECKING:
    from concurrent.futures import Future

    from execbot.oms.signals.turns import Worker

FAILURES_KEPT = 1000


class SignalTaken(OmsError):
    """Another process was faster with this signal; nothing of ours was written."""

    kind = REPEATED


class SignalEntry(Struct, eq=False):
    """A signal on its way to an order; `is_durable` once it was written with the intent. The order
    is on its way inside `aside`."""

    signal: Signal
    sized: Sized | None = None
    is_durable: bool = False
    aside: Aside = nullcontext

    def keep_size(self, sized: Sized) -> None:
        """For the audit: also of an entry that then fails."""
        self.sized = sized


class Executor:
    """Acts on signals for one account. Safe to call from several threads.

    Entries are decided one at a time (`entry_turns`), and the signals of one symbol carried out one
    at a time; a closing signal waits for no other symbol, so an entry that sleeps out a rate limit
    does not hold it up.
    """

    def __init__(
        self,
        oms: OrderManagementSystem,
        risk: RiskGate,
        *,
        alerter: Alerter | None = None,
        on_failure: Callable[[SignalResult], None] | None = None,
        protect: Protect = lambda symbol, record: None,
        is_watched: Callable[[], bool] = lambda: True,
        naked: bool = False,
    ) -> None:
        """`is_watched`: whether a `watch` runs, which places the stops that cannot go along with an
        entry; without one such an entry is refused unless `naked`."""
        self.oms = oms
        self.risk = risk
        self.placer = Placer(oms, risk, alerter=alerter, protect=protect)
        self.failures: deque[SignalResult] = deque(maxlen=FAILURES_KEPT)
        self.entries = SignalEntries(self.placer, is_watched)
        self._flags = flags_of(naked=naked)
        self._claims = SignalClaims(oms)
        self._closes = SignalCloses(self.placer, alerter)
        self._spreads = SignalSpreads(self.placer, is_watched)
        self._on_failure = on_failure
        self._lock = threading.Lock()
        self._entry_turns = EntryTurns()
        self._symbol_turns: dict[str, threading.RLock] = {}
        self._worker: Worker[Signal, SignalResult] | None = None

    # --- the three ways in -----------------------------------------------------------------

    def execute_signal(self, signal: Signal, on_leave: OnLeave | None = None) -> SignalResult:
        """Act on one signal and say what became of it. `on_leave` is told when the order of an
        entry is about to leave: the next may be decided from then on.

        Whatever the broker, the checks or the market do is in the result. Raises JournalError,
        without which nothing can be decided safely, and HandedBack where the process that handed
        the signal over carries it out itself.
        """
        # The symbol first: an entry that waits for its turn then holds nothing that others hold.
        with self._turn_of(signal.symbol):
            if signal.side.opens:
                with self._entry_turns.taken(on_leave) as turn:
                    result = self._execute(SignalEntry(signal, aside=turn.given_up))
            else:
                result = self._execute(SignalEntry(signal))
        if result.is_failure:
            self.failures.append(result)
            if self._on_failure is not None:
                self._on_failure(result)
        return result

    def made_elsewhere(self, signal: Signal) -> SignalResult:
        """What another process has made of a signal whose order stands; written down where that
        process no longer could."""
        record = self._claims.order_of(signal)
        assert record is not None, signal.id
        known = self.oms.journal.signal(signal.id)
        if record.status in FAILED:
            error = NotPossible(record.note or f"the order was {record.status}", record=record)
            result = failed(signal, error, error.kind, record)
        else:
            result = self._carried_on(signal, record)
        if known is None or known.outcome == CLAIMED:
            self._finish(result, SignalEntry(signal, is_durable=True))
        return result

    def order_of(self, signal: Signal) -> OrderRecord | None:
        """The order that stands for this signal, whichever process made it."""
        return self._claims.order_of(signal)

    def skip(self, signal: Signal, skip: Skip, *, may_come_again: bool = False) -> SignalResult:
        """Write down that it is not acted on, for a reason that the caller has found.
        `may_come_again`: for one that passes, so the signal is not used up."""
        if self._claims.is_taken(signal):
            return self._repeated(signal)
        result = skipped(signal, skip)
        self._finish(result, SignalEntry(signal), is_open=may_come_again)
        return result

    def expect(self, symbols: Iterable[str]) -> None:
        """Say in which symbols entries come next, so that one question serves them all."""
        with self._entry_turns.taken():
            self.risk.reader.expect(symbols)

    def preview(self, signal: Signal) -> Preview:
        """What `execute_signal` would do now: nothing is written, nothing is sent.

        Raises BrokerError when the facts cannot be read, LevelError where an exit makes no sense.
        """
        if self._claims.is_taken(signal):
            before = self._repeated(signal)
            return Preview(Skip(REPEATED, before.message), exits=before.exits, risk=before.risk)
        skip = self._skip_unread(signal, self.oms.now())
        if signal.legs and skip is None:
            return self._spreads.preview(signal, self._flags)
        if skip is not None or not signal.side.opens:
            return Preview(skip)
        return self._preview_entry(signal)

    def _preview_entry(self, signal: Signal) -> Preview:
        found = self.entries.decide(signal, self._flags)
        if isinstance(found, Skip):
            return Preview(found)
        if isinstance(found, SizeRefused):
            return Preview(Skip(size_code(found), found.message))
        priced, checked = found.priced, found.checked
        addition = self.placer.addition(priced.request, checked)
        exits = exits_of(priced, priced.request, self.oms.now())
        plan = priced.plan if addition is None else addition.plan
        risk = entry_risk(checked, plan, self.risk.settings, price=priced.price)
        return Preview(None, priced.request, found.sized, checked, addition, exits, risk)

    def fire(self, signal: Signal) -> Future[SignalResult]:
        """Hand a signal to the worker threads and return at once; exits overtake entries.

        Canceling the future takes back a signal that was not begun yet.
        """
        from execbot.oms.signals.turns import Worker

        with self._lock:
            if self._worker is None:
                self._worker = Worker(self.execute_signal)
            worker = self._worker
        return worker.put(signal.symbol, not signal.side.opens, signal)

    async def execute_signal_async(self, signal: Signal) -> SignalResult:
        """Like `execute_signal`, without blocking the event loop.

        When the awaiting task is canceled, the signal is still carried out and recorded.
        """
        import asyncio

        return await asyncio.shield(asyncio.wrap_future(self.fire(signal)))

    def close(self, timeout_seconds: float | None = None) -> None:
        """Finish what was handed over, then stop the worker threads."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.close(timeout_seconds)

    def _turn_of(self, symbol: str) -> threading.RLock:
        with self._lock:
            return self._symbol_turns.setdefault(symbol_key(symbol), threading.RLock())

    # --- one signal ------------------------------------------------------------------------

    def _execute(self, entry: SignalEntry) -> SignalResult:
        signal, journal = entry.signal, self.oms.journal
        if self._claims.is_taken(signal):
            return self._repeated(signal)
        try:
            result = self._patiently(lambda: self._decide(entry, self.oms.now()), signal)
        except SignalTaken:
            return self._repeated(signal)
        except HandedBack:
            raise  # what becomes of it is written by whoever carries it out now
        except Refused as refused:
            result = failed(signal, refused, refused.kind, refused.record)
        except OmsError as error:
            result = failed(signal, error, error.kind, error.record)
        except LevelError as error:
            result = failed(signal, error, error.kind, None)
        except BrokerError as error:
            record = journal.order_by_client_id(error.client_order_id or "")
            result = failed(signal, error, error.kind, record)
        except JournalError:
            raise
        except Exception as error:
            # A bug must not swallow a signal: it becomes a failure that is recorded and told.
            result = failed(signal, error, "internal", None)
        if result.code != REPEATED:
            self._finish(result, entry)
        return result

    def _repeated(self, signal: Signal) -> SignalResult:
        known = self.oms.journal.signal(signal.id)
        before = known.outcome if known is not None else CLAIMED
        record = None
        if known is not None and known.client_order_id:
            record = self.oms.journal.order_by_client_id(known.client_order_id)
        message = f"signal {signal.id} was handled before: {before}"
        if before == CLAIMED:
            message = (
                f"another process has taken signal {signal.id} just now; if that has ended, the "
                f"signal can be given again after {UNFINISHED_SECONDS} s"
            )
        found = SignalResult(signal, Outcome.NOT_SENT, REPEATED, message, record)
        if record is None or signal.legs or not signal.side.opens:
            return found
        placed, now = given_before(self.oms.journal, record), self.oms.now()
        exits = exits_of(placed.entry, record.order, now)
        risk = risk_of(placed, placed.plan, self.risk.settings)
        return replace(found, exits=exits, risk=risk)

    def _carried_on(self, signal: Signal, record: OrderRecord) -> SignalResult:
        """What became of its order, as the process that gave it would have said."""
        limits = self.risk.settings if signal.side.opens and not signal.legs else None
        return sent(signal, self.placer.carried_on(record), self.oms.now(), limits)

    def _patiently(self, decide: Callable[[], SignalResult], signal: Signal) -> SignalResult:
        """An entry whose facts cannot be read for the rate limit waits it out; those behind it wait
        with it. What then became of its order is for others."""
        return through_rate_limit(
            decide,
            may_wait=lambda error: signal.side.opens and not error.client_order_id,
            timer=self.oms.timer,
            seconds=float(self.oms.settings.timeout_seconds),
        )

    def _decide(self, entry: SignalEntry, now: datetime) -> SignalResult:
        signal = entry.signal
        skip = self._skip_unread(signal, now)
        if skip is not None and self._made_before(signal) is None:
            if not signal.side.opens and not signal.legs and self._closes.was_cut_short(signal):
                raise self._closes.too_late(signal, skip.message)
            return skipped(signal, skip)
        if signal.legs:
            return self._enter_spread(entry)
        return self._enter(entry) if signal.side.opens else self._leave(signal)

    def _enter_spread(self, entry: SignalEntry) -> SignalResult:
        """A structure as one order, as `submit --leg` sends it; one that only closes, too."""
        signal = entry.signal
        resumed = self._claims.settled_order_of(signal)
        if resumed is not None:
            return self._carried_on(signal, replace(resumed, already=True))
        found = self._spreads.place(
            signal,
            self._flags,
            lambda request, journal: self._make_durable(entry, request, journal),
        )
        if isinstance(found, Skip):
            return skipped(signal, found)
        if found.record.already:
            return self._repeated(signal)
        return sent(signal, found, self.oms.now())

    def _made_before(self, signal: Signal) -> OrderRecord | None:
        """The order of a signal whose process died with it: no rule unmakes it."""
        is_one_order = signal.side.opens or signal.legs
        return self._claims.settled_order_of(signal) if is_one_order else self._closes.known(signal)

    def _skip_unread(self, signal: Signal, now: datetime) -> Skip | None:
        """What can be decided without asking the broker."""
        settings = self.risk.settings
        return skip_unread(signal, now, settings) or skip_restored(
            signal, restored_of(self.oms.journal), settings
        )

    def _finish(self, result: SignalResult, entry: SignalEntry, *, is_open: bool = False) -> None:
        """The result, its reason and what led to it, durable in one transaction."""
        signal, journal, now = result.signal, self.oms.journal, self.oms.now()
        name = result.record.client_order_id if result.record else None
        facts = {"signal": signal.to_dict(), "message": result.message, "notes": result.notes}
        with journal.transaction(recoverable=True):
            journal.claim_signal(signal.id, signal.symbol, signal.to_dict(), now)
            journal.finish_signal(
                signal.id,
                OPEN if is_open or self._may_come_again(result) else result.outcome.value,
                now,
                reason=result.message or None,
                client_order_id=name,
            )
            if entry.sized is not None and not entry.is_durable:
                self.entries.audit(name or signal.id, entry.sized)
            for subject in {signal.id, name} - {None}:
                rule = result.code or "signal"
                journal.audit("signal", str(subject), rule, facts, result.outcome.value, now)

    # --- opening ---------------------------------------------------------------------------

    def _enter(self, entry: SignalEntry) -> SignalResult:
        signal, now = entry.signal, self.oms.now()
        resumed = self._claims.settled_order_of(signal)
        if resumed is not None:
            return self._carried_on(signal, replace(resumed, already=True))
        found = self.entries.decide(signal, self._flags, on_size=entry.keep_size)
        if isinstance(found, Skip):
            return skipped(signal, found)
        if isinstance(found, SizeRefused):
            self.entries.audit_refusal(signal, found)
            return unsized(signal, found)
        priced, checked = found.priced, found.checked
        checked.on_pass = lambda journal: self._make_durable(entry, priced.request, journal)
        checked.aside = entry.aside
        checked.waits_for = RATE_WAIT if waits_for_rate_limit(self.oms.journal) else ""
        placed = self.placer.place(
            priced,
            Provenance(Origin.SIGNAL, signal.id, None, Role.ENTRY, signal.expected_price),
            checked=checked,
            flags=self._flags,
            adjust=True,
            resize=lambda old: self._resized(entry, old),
        )
        if placed.record.already:
            return self._repeated(signal)
        return sent(signal, placed, now, self.risk.settings)

    def _make_durable(self, entry: SignalEntry, request: OrderRequest, journal: Journal) -> None:
        """Claim and size, written with the intent as its plan is: all of it or nothing."""
        if not self._claims.claim(entry.signal, journal):
            raise SignalTaken(f"signal {entry.signal.id} was handled before")
        if entry.sized is not None:
            self.entries.audit(request.client_order_id, entry.sized)
        entry.is_durable = True

    def _resized(self, entry: SignalEntry, old: OrderRequest) -> OrderRequest | None:
        """Somebody else took part of the room: the same signal on facts read again."""
        sized = self.entries.size_of(
            entry.signal, self.entries.facts(replace(old, qty=None, notional=None))
        )
        if isinstance(sized, SizeRefused):
            return None
        entry.sized = sized
        return replace(old, qty=sized.qty, notional=sized.notional)

    # --- closing ---------------------------------------------------------------------------

    def _leave(self, signal: Signal) -> SignalResult:
        """Close what is held; see `SignalCloses.carry_out`."""
        # The order's id follows from the signal's: it is what makes closing twice impossible.
        with self.oms.journal.transaction(recoverable=True) as journal:
            if not self._claims.claim(signal, journal):
                return self._repeated(signal)
        known = self._closes.known(signal)
        if known is not None:
            return self._carried_on(signal, replace(known, already=True))
        return self._closes.carry_out(signal)

    def _may_come_again(self, result: SignalResult) -> bool:
        """Nothing was sent for it, for a reason that passes: the signal is not used up."""
        if result.code == NeedsWatch.kind:
            return True
        if result.code == RATE_LIMITED and result.record is None:
            return True
        passes = result.category in (ErrorCategory.RETRYABLE, ErrorCategory.WAITING)
        if result.signal.side.opens or not result.is_failure or not passes:
            return False
        found = last_try(self.oms.journal, client_order_id_of(result.signal.id))
        return found is None or found.status in REOPENABLE
