"""How the account's positions are protected: the one answer that every command shows."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from execbot.broker.errors import BrokerError
from execbot.desk.account import Desk
from execbot.exits.protection import Protection, Surroundings, protections
from execbot.model.account import Position
from execbot.oms.sync.options.pending_events import pending_events
from execbot.watch.lock import holder_of

__all__ = ["Protection", "missing", "positions_now", "protection_of", "surroundings"]


def protection_of(desk: Desk, held: Sequence[Position] | None = None) -> list[Protection]:
    """Every position of the account by symbol, by the journal as it is: `freshen` first.

    `held` is the broker's list where it was read already.
    """
    known = _asked(desk) if held is None else held
    if not known and not desk.journal.positions():
        return []
    around = surroundings(desk)
    if known is not None:
        around = replace(around, pending=pending_events(desk.journal, known, around.now))
    return protections(desk.journal, known or (), around)


def missing(desk: Desk, held: Sequence[Position] | None = None) -> list[Protection]:
    """The positions without the protection that was promised to them."""
    return [found for found in protection_of(desk, held) if found.missing]


def positions_now(desk: Desk) -> Sequence[Position]:
    """The broker's list; empty where it does not answer: then the fills alone say what is held."""
    return _asked(desk) or ()


def _asked(desk: Desk) -> Sequence[Position] | None:
    try:
        return desk.client.get_positions()
    except BrokerError:
        return None


def surroundings(desk: Desk) -> Surroundings:
    now = desk.now()
    desk.hours.refresh(desk.client, now)
    is_watched = holder_of(desk.directory) is not None
    return Surroundings(now, desk.hours(now), desk.settings.trading, is_watched)
