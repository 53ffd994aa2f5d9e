"""Keeps facts that hold all day, with their age, in the cache directory: assets, and the broker's
word on the session.

A kept answer saves a request, and never has the last word against an order: before a refusal the
broker is asked anew (`FactsReader.forget`). An asset that could not be traded is not kept at all.
The session is kept for minutes and never beyond the next open or close that the broker itself has
named (docs/market-hours.md). A file that is damaged, or cannot be written, counts as absent.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from threading import RLock

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from execbot.model.account import Asset, Clock
from execbot.model.times import eastern

ASSETS_MAX = 500
"""Symbols that are remembered; the oldest goes first."""

CLOCK_KEPT_MAX = timedelta(minutes=10)
"""How long a close that no calendar knew of stays unknown here at most, should quotes go on."""

FORMAT = 1


class _KeptAsset(Struct, frozen=True):
    asset: Asset
    at: datetime


class _KeptClock(Struct, frozen=True):
    clock: Clock
    at: datetime


class _File(Struct, frozen=True):
    assets: dict[str, _KeptAsset] = {}
    clock: _KeptClock | None = None


class KeptFacts:
    """Of one server. Times are the broker's. Safe for several processes: the last one to write
    wins, and what it did not know of is asked for again. Safe for several threads: one writes at a
    time, so that what one has forgotten no other one writes back."""

    def __init__(self, directory: Path, server: str) -> None:
        name = sha256(server.encode()).hexdigest()[:24]
        self.path = directory / f"facts-{FORMAT}-{name}.json"
        self._read: _File | None = None
        self._guard = RLock()

    def asset(self, symbol: str, now: datetime) -> Asset | None:
        """One that was read on this day of New York."""
        kept = self._file().assets.get(symbol)
        if kept is None or not _is_past(kept.at, now) or not _same_day(kept.at, now):
            return None
        return kept.asset

    def clock(self, now: datetime) -> Clock | None:
        """The broker's word on the session where it must still hold; it has no timestamp."""
        kept = self._file().clock
        if kept is None or not _is_past(kept.at, now) or now - kept.at >= CLOCK_KEPT_MAX:
            return None
        turns_at = kept.clock.next_close if kept.clock.is_open else kept.clock.next_open
        if turns_at is None or now >= turns_at or not _same_day(kept.at, now):
            return None
        return replace(kept.clock, timestamp=None)

    def keep_asset(self, asset: Asset, now: datetime) -> None:
        if not (asset.tradable and asset.status == "active" and asset.symbol):
            return self.forget(asset.symbol)
        with self._guard:
            known = self._anew()
            assets = {name: kept for name, kept in known.assets.items() if name != asset.symbol}
            assets[asset.symbol] = _KeptAsset(replace(asset, raw={}), now)
            newest = dict(list(assets.items())[-ASSETS_MAX:])
            self._write(replace(known, assets=newest))

    def keep_clock(self, clock: Clock, now: datetime) -> None:
        with self._guard:
            self._write(replace(self._anew(), clock=_KeptClock(clock, now)))

    def forget(self, symbol: str) -> None:
        """The asset and the session, after a refusal that may rest on them."""
        with self._guard:
            known = self._anew()
            if symbol in known.assets or known.clock is not None:
                left = {name: kept for name, kept in known.assets.items() if name != symbol}
                self._write(_File(left))

    def _file(self) -> _File:
        known = self._read
        return self._anew() if known is None else known

    def _anew(self) -> _File:
        found = _File()
        with suppress(OSError, msgspec.MsgspecError):
            found = msgspec.json.decode(self.path.read_bytes(), type=_File)
        self._read = found
        return found

    def _write(self, file: _File) -> None:
        self._read = file
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        with suppress(OSError):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as out:
                out.write(msgspec.json.encode(file))
            os.replace(temporary, self.path)


def _is_past(at: datetime, now: datetime) -> bool:
    """A fact kept later than now was kept by another clock: an exchange of one's own may live in
    any day."""
    return at <= now


def _same_day(at: datetime, now: datetime) -> bool:
    return eastern(at).date() == eastern(now).date()
