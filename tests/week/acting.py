"""Brings about what the plan of troubles says, at its time, and ends what lasts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError

from week.machine import kill
from week.troubles import OF_COMPANIES, Kind, Trouble

if TYPE_CHECKING:
    from week.play import Week

ORDERS = "/v2/orders"
ANSWER_SECONDS = 3.0
"""How long a lost answer keeps its connection, in seconds of this machine."""


class Acting:
    """`done` is what was brought about, with the moments between which it is to blame for jobs
    that fail."""

    def __init__(self, week: Week, sockets: Path) -> None:
        self._week, self._sockets = week, sockets
        self._ahead = list(week.troubles)
        self.done: list[Trouble] = []
        self._disk_until: datetime | None = None
        self._off_since: datetime | None = None
        self.back_at = datetime.max

    @property
    def power_is_off(self) -> bool:
        return self._off_since is not None

    def next_at(self, now: datetime) -> datetime | None:
        return min((trouble.at for trouble in self._ahead if trouble.at > now), default=None)

    def skip(self, now: datetime) -> None:
        """What was over before the machine was switched on concerns nobody here; what a company
        did meanwhile does."""
        self._ahead = [one for one in self._ahead if one.until >= now or one.kind in OF_COMPANIES]

    def turn(self, now: datetime) -> None:
        self._end_what_is_over(now)
        while self._ahead and self._ahead[0].at <= now and not self.power_is_off:
            trouble = self._ahead.pop(0)
            acted = Trouble(now, trouble.kind, trouble.seconds, trouble.symbol, trouble.other)
            if self._acts(acted):
                self.done.append(acted)
                self._week.tell(f"  {now:%m-%d %H:%M:%S} {acted}")

    def _acts(self, trouble: Trouble) -> bool:
        """False where it could not be brought about."""
        try:
            DOES[trouble.kind](self, trouble)
        except HTTPError as error:
            self._week.tell(f"  {trouble}: not done: {error.read().decode()}")
            return False
        return True

    def _end_what_is_over(self, now: datetime) -> None:
        week = self._week
        if self._disk_until is not None and now >= self._disk_until:
            assert week.disk is not None
            week.disk.make_room()
            self._disk_until = None
        if self._off_since is not None and now >= self.back_at:
            week.off.append((self._off_since, now))
            self._off_since = None
            week.boot(now, self._sockets)

    # --- what is done ----------------------------------------------------------------------------

    def stream_cut(self, trouble: Trouble) -> None:
        self._week.venue.act("streams/cut")
        self._week.venue.act("streams/cut", data=True)

    def stream_muted(self, trouble: Trouble) -> None:
        self._week.venue.fault("stream_muted", count=1, params={"seconds": trouble.seconds})

    def frames_doubled(self, trouble: Trouble) -> None:
        self._week.venue.fault("event_duplicated", count=6)

    def frames_lost(self, trouble: Trouble) -> None:
        self._week.venue.fault("event_missing", count=3)

    def rate_limited(self, trouble: Trouble) -> None:
        """Without headers: a limit that they name would be one of the exchange's minutes."""
        self._week.venue.fault(
            "rate_limited", path="/v2/*", for_seconds=trouble.seconds, params={"headers": False}
        )

    def answers_lost(self, trouble: Trouble) -> None:
        params = {"seconds": ANSWER_SECONDS}  # of this machine, whatever the exchange's clock does
        self._week.venue.fault("reply_lost", method="POST", path=ORDERS, count=2, params=params)

    def watch_killed(self, trouble: Trouble) -> None:
        if self._week.service is not None:
            self._week.service.strike()
        for run in self._week.machine.running:
            if run.entry.is_lasting:
                kill(run.process)

    def disk_full(self, trouble: Trouble) -> None:
        if self._week.disk is not None:
            self._week.disk.fill()
            self._disk_until = trouble.until

    def power_lost(self, trouble: Trouble) -> None:
        self._week.lose_power(trouble.at)
        self._off_since, self.back_at = trouble.at, trouble.until

    def maintenance(self, trouble: Trouble) -> None:
        self._week.venue.act("restart", seconds=trouble.seconds)

    def rename(self, trouble: Trouble) -> None:
        self._week.venue.act("rename", symbol=trouble.symbol, new_symbol=trouble.other)
        assert self._week.strategy is not None
        self._week.strategy.renamed(trouble.symbol, trouble.other)

    def split(self, trouble: Trouble) -> None:
        self._week.venue.act("split", symbol=trouble.symbol, new=2, old=1)

    def withdrawal(self, trouble: Trouble) -> None:
        self._week.venue.act("flow", type="CSW", amount=-6000, row_after=3600)

    def dividend(self, trouble: Trouble) -> None:
        self._week.venue.act("dividend", symbol=trouble.symbol, amount=0.51)


DOES: Mapping[Kind, Callable[[Acting, Trouble], None]] = {
    Kind.STREAM_CUT: Acting.stream_cut,
    Kind.STREAM_MUTED: Acting.stream_muted,
    Kind.FRAMES_DOUBLED: Acting.frames_doubled,
    Kind.FRAMES_LOST: Acting.frames_lost,
    Kind.RATE_LIMITED: Acting.rate_limited,
    Kind.ANSWERS_LOST: Acting.answers_lost,
    Kind.WATCH_KILLED: Acting.watch_killed,
    Kind.DISK_FULL: Acting.disk_full,
    Kind.POWER_LOST: Acting.power_lost,
    Kind.MAINTENANCE: Acting.maintenance,
    Kind.RENAME: Acting.rename,
    Kind.SPLIT: Acting.split,
    Kind.WITHDRAWAL: Acting.withdrawal,
    Kind.DIVIDEND: Acting.dividend,
}
