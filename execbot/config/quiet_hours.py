"""Hours in which a person sleeps: only critical alerts go out, the rest waits for their end.
Pure."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from msgspec import Struct

from execbot.model.times import new_york

_FORM = re.compile(r"(\d\d?):(\d\d)\s*-\s*(\d\d?):(\d\d)(?:\s+(\S+))?")
WANTED = "hours like 22:00-07:00, with a time zone behind them or New York's"


class QuietHours(Struct, frozen=True):
    """From `begins` until `ends` by the clock of `zone`, over midnight where `ends` is earlier."""

    begins: time
    ends: time
    zone: tzinfo

    def until(self, at: datetime) -> datetime | None:
        """When they end; None outside of them. An hour that summer time leaves out ends with it."""
        here = at.astimezone(self.zone)
        for day in (here.date() - timedelta(days=1), here.date()):
            begins = datetime.combine(day, self.begins, self.zone)
            over = day + timedelta(days=self.ends <= self.begins)
            ends = datetime.combine(over, self.ends, self.zone)
            # Compared as moments: two times of one zone would be compared by their clock alone.
            if begins.timestamp() <= at.timestamp() < ends.timestamp():
                return ends
        return None


def quiet_hours(text: str) -> QuietHours:
    """Read `alerts.quiet_hours`. Raises ValueError with what is wanted."""
    found = _FORM.fullmatch(text.strip())
    try:
        if found is None:
            raise ValueError
        hours = [int(part) for part in found.groups()[:4]]
        zone = ZoneInfo(found[5]) if found[5] else new_york()
        return QuietHours(time(hours[0], hours[1]), time(hours[2], hours[3]), zone)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        raise ValueError(WANTED) from None
