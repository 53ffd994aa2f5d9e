"""What the watch reads of account and symbol before the request that wants it is there.

A command says at its very start that an entry is coming (`early`). On a thread of its own the
watch then asks what a command without a watch asks while its modules load: a round of facts that
notes the journal's place and its own time before its first question. Whoever says so decides
nothing: an entry is judged by the age of these facts when it is judged, and asks for itself where
they are too old, of another symbol, or taken already.

Bounded: only while half of the minute's requests are left, and not more than one reading a second
of which nobody has made use.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from execbot.desk.door.messages import ActOn, Coming, Submit, Wanted
from execbot.desk.door.rules import Reading, is_due, is_usable
from execbot.desk.opening.ahead import begin_round, opens_by_journal
from execbot.journal.journal import Journal
from execbot.model.enums import Side
from execbot.model.symbols import read_symbol
from execbot.model.timer import boot_seconds

if TYPE_CHECKING:
    from datetime import datetime

    from execbot.desk.account import Desk
    from execbot.risk.asking.together import Round
    from execbot.risk.witnesses import AccountFacts

log = logging.getLogger("execbot.watch")

STILL_YOUNG_SHARE = 0.5
"""Of the age that kept facts may have: younger ones will do when the request is there."""


class Ahead:
    """What was last asked of the account, for whichever worker is next, and what was read ahead."""

    def __init__(self, now: Callable[[], float] = boot_seconds) -> None:
        self.kept: AccountFacts | None = None
        self._now = now
        self._ready = threading.Condition()
        self._wanted: Coming | None = None
        self._reading: Reading | None = None
        self._round: Round | None = None
        self._desk: Desk | None = None
        self._age_max = 0.0
        self._has_begun = False

    def serve(self, desk: Desk, age_max: float) -> None:
        """Read ahead from now on, on the connections of this desk. `age_max`: seconds that facts
        may be old when an entry is judged by them; with none nothing is read ahead."""
        looks_first = desk.settings.trading.exits.unprotected_stops_entries
        if desk.asks_beside and not looks_first and age_max > 0:
            self._desk, self._age_max = desk, age_max

    def hear(self, coming: Coming) -> None:
        """Called by the thread of the door; never waits. The last one counts."""
        if self._desk is None:
            return
        with self._ready:
            is_first, self._has_begun = not self._has_begun, True
            self._wanted = coming
            self._ready.notify()
        if is_first:
            threading.Thread(target=self._serve, name="door-ahead", daemon=True).start()

    def take(self, desk: Desk, wanted: Wanted) -> Round | None:
        """The round that was begun for this entry; None where there is none that is young enough.
        An exit takes none: its own reads wait for no rate limit, and these may."""
        with self._ready:
            reading, found = self._reading, self._round
        if reading is None or found is None or not _is_of(desk, wanted, reading.symbol):
            return None
        if not found.has("orders") and not _is_young(desk.now(), self.kept, self._age_max):
            return None  # it has the quote alone
        with self._ready:
            if self._reading is not reading or not is_usable(
                reading, reading.symbol, self._now(), self._age_max
            ):
                return None
            self._reading, self._round = reading.but_taken(), None
        return found

    # --- the thread ------------------------------------------------------------------------

    def _serve(self) -> None:
        journal: Journal | None = None
        while True:
            with self._ready:
                while self._wanted is None:
                    self._ready.wait()
                coming, self._wanted = self._wanted, None
            try:
                assert self._desk is not None
                journal = journal or Journal.open(self._desk.journal.path)
                self._read(replace(self._desk, journal=journal, _closers=[], begun=None), coming)
            except Exception as error:  # nothing rests on it
                log.warning("door: nothing was read ahead: %s", error)

    def _read(self, desk: Desk, coming: Coming) -> None:
        symbol = read_symbol(coming.symbol)
        has_room = desk.client.has_room()
        if symbol is None or not is_due(self._reading, self._now(), has_room=has_room):
            return
        with self._ready:  # one that fails counts too: it is not tried again at once
            reading = self._reading = Reading(symbol, self._now())
            self._round = None
        asks_account = not self._kept_will_do(desk, symbol, coming.side)
        found = begin_round(desk, symbol, coming.side, asks_account=asks_account)
        with self._ready:
            if self._reading is reading:
                self._round = found

    def _kept_will_do(self, desk: Desk, symbol: str, side: Side) -> bool:
        """Whether an entry will go by what is kept: as it is judged by the reader itself later."""
        kept = self.kept
        if side is Side.SELL or kept is None:
            return False
        if not _is_young(desk.now(), kept, self._age_max * STILL_YOUNG_SHARE):
            return False
        return not desk.journal.orders(symbol=symbol, since=kept.read_at, limit=1)


def _is_young(now: datetime, kept: AccountFacts | None, age_max: float) -> bool:
    return kept is not None and 0 <= (now - kept.read_at).total_seconds() < age_max


def _is_of(desk: Desk, wanted: Wanted, symbol: str) -> bool:
    """Whether it is an entry in that symbol, as far as the fills in the journal tell."""
    if isinstance(wanted, Submit):
        request = wanted.request
        is_same = request.symbol == symbol and not request.spread
        return is_same and opens_by_journal(desk, request)
    return isinstance(wanted, ActOn) and wanted.signal.symbol == symbol and wanted.signal.side.opens
