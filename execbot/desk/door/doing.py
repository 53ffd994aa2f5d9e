"""What the watch does with a request: the very functions that the command would have called."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
from msgspec.structs import replace

from execbot.desk import cancelling, changing, closing, placing
from execbot.desk.account import Desk, looser_limits
from execbot.desk.door.ahead import Ahead
from execbot.desk.door.lanes import Work
from execbot.desk.door.messages import (
    ActOn,
    Answer,
    Cancel,
    Close,
    Declined,
    Failed,
    Knock,
    Replace,
    Request,
    Submit,
    Wanted,
)
from execbot.desk.door.relayed import carried
from execbot.desk.door.wire import to_bytes, to_line
from execbot.desk.opening.journal_need import PATIENCE_SECONDS, Need
from execbot.desk.opening.outcomes import carrying_out
from execbot.desk.signals.acted import Acted
from execbot.desk.signals.acting import act_on_signal
from execbot.journal.errors import JournalError
from execbot.journal.journal import Journal
from execbot.oms.errors import HandedBack
from execbot.oms.send.hand_over import By, HandOver, carrying, refuse_revoked

log = logging.getLogger("execbot.watch")

FACTS_AGE_MAX = 1
"""Seconds. What was asked of the account for one request serves the next one for so long."""


NEED_OF: dict[type, Need] = {Close: Need.EXIT, Cancel: Need.BRAKE}
"""How long the journal is waited for; Need.JOURNAL where nothing is said."""


def do(desk: Desk, wanted: Wanted) -> Any:
    """Carry it out; raises what the desk's function raises."""
    match wanted:
        case Submit():
            draft = placing.prepare(
                desk,
                wanted.request,
                wanted.wishes,
                flags=wanted.flags,
                tif_is_given=wanted.tif_is_given,
                keeps_rules=wanted.keeps_rules,
                risk=wanted.risk,
            )
            draft = placing.with_exits(desk, draft)
            return placing.place(desk, draft, wait_seconds=wanted.wait_seconds)
        case Close():
            return closing.close(
                desk,
                wanted.symbol,
                closing.Part(wanted.qty, wanted.percentage),
                reason=wanted.reason,
                client_order_id=wanted.client_order_id,
                wait_seconds=wanted.wait_seconds,
            )
        case Cancel():
            return cancelling.cancel(desk, wanted.word, wait_seconds=wanted.wait_seconds)
        case Replace():
            return changing.replace(desk, wanted.word, wanted.change)
        case ActOn():
            signal = wanted.signal
            if wanted.made_now:
                signal = msgspec.structs.replace(signal, created_at=desk.now())
            return Acted(*act_on_signal(desk, signal, naked=wanted.naked))
        case Knock():
            return None


def workbench(desk: Desk, facts: Ahead) -> Callable[[], Work]:
    """Makes the work of one thread: on the connections of the watch, with a journal of its own, as
    if it were another process."""
    risk = desk.settings.trading.risk
    risk = msgspec.structs.replace(
        risk, facts_max_age_seconds=min(risk.facts_max_age_seconds, FACTS_AGE_MAX)
    )
    trading = msgspec.structs.replace(desk.settings.trading, risk=risk)
    settings = msgspec.structs.replace(desk.settings, trading=trading)
    facts.serve(replace(desk, settings=settings), float(risk.facts_max_age_seconds))

    def make() -> Work:
        journals: dict[Need, Journal] = {}

        def work(request: Request) -> bytes | None:
            need = NEED_OF.get(type(request.wanted), Need.JOURNAL)
            try:
                if need not in journals:
                    patience = PATIENCE_SECONDS[need]
                    journals[need] = Journal.open(desk.journal.path, busy_timeout_seconds=patience)
            except JournalError as error:
                log.warning("door: %s", error)
                return to_line(Declined("journal"))
            worker = replace(
                desk, settings=settings, journal=journals[need], need=need, _closers=[]
            )
            # Its last times and its thread are shared by all of them.
            worker.__dict__["alerter"] = desk.alerter
            return _answered(worker, request, facts)

        return work

    return make


def _answered(desk: Desk, request: Request, facts: Ahead) -> bytes | None:
    """The line that answers; None where it was handed back."""
    has_begun = False
    log.info("door: %s: %s", request.name, type(request.wanted).__name__.lower())
    try:
        with carrying(HandOver(request.name, By.WATCH)), carrying_out(desk) as deeds:
            try:
                refuse_revoked(desk.journal)
                desk.begun = facts.take(desk, request.wanted)
                desk.risk.reader.begin_with(facts.kept)
                result = do(desk, request.wanted)
            finally:
                has_begun = deeds.has_begun
                facts.kept = desk.risk.reader.kept or facts.kept
    except HandedBack:
        return None
    except JournalError as error:
        if not has_begun:
            # Nothing was done: the command knows better ways when the journal fails.
            return to_line(Declined("journal"))
        return _failed(desk, error)
    except Exception as error:
        if not hasattr(error, "kind"):
            log.exception("door: %s failed", request.name)
        return _failed(desk, error)
    return to_line(Answer(msgspec.Raw(to_bytes(result)), _notices(desk)))


def _failed(desk: Desk, error: Exception) -> bytes:
    return to_line(Failed(carried(error), _notices(desk)))


def _notices(desk: Desk) -> tuple[str, ...]:
    with suppress(JournalError):
        return looser_limits(desk.mode, desk.settings, desk.journal)
    return ()
