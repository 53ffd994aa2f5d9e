"""The time of an exchange of one's own, for a process that starts while it does not answer.

Alpaca keeps the time that we keep. An exchange that replays a day, or runs faster, does not; a
process that cannot ask it would take this machine's day for its own, and report on it. So a running
`watch` leaves the time that it has heard, with the machine's seconds in which that was. Nothing but
the time before the first reply rests on it, and no reply is believed less for it.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from execbot.broker.clock import SPEED_MAX, BrokerClock
from execbot.model.timer import Mark, Timer
from execbot.model.times import iso, parse_time

NAME = "exchange.clock"


def keep_clock(directory: Path, clock: BrokerClock, timer: Timer | None = None) -> None:
    """Leave the time that replies have carried. A full disk keeps the old one, which serves as
    well."""
    if not clock.was_told:
        return
    mark = (timer or Timer()).mark()
    words = {"at": iso(clock.so_far()), "mark": mark.to_json(), "speed": clock.speed}
    with suppress(OSError):
        staged = directory / f"{NAME}.new"
        with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(words, file)
        staged.replace(directory / NAME)


def carry_on(directory: Path, clock: BrokerClock, timer: Timer | None = None) -> None:
    """Set a clock that no reply has set yet, by the time left in this boot of the machine."""
    if clock.was_told:
        return
    here = (timer or Timer()).mark()
    with suppress(OSError, ValueError, TypeError, KeyError):
        words = json.loads((directory / NAME).read_bytes())
        at, mark, speed = parse_time(words["at"]), Mark.from_json(words["mark"]), words["speed"]
        is_of_this_boot = mark is not None and mark.boot != "" and mark.boot == here.boot
        if at is None or mark is None or not is_of_this_boot or not 0 <= speed <= SPEED_MAX:
            return
        clock.carry_on(at, max(here.seconds - mark.seconds, 0.0), float(speed))
