"""Where the past is cut into files: at each end of a month, and within a busy one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from msgspec import Struct

ORDERS_A_FILE = 400
"""All of a file is moved in one transaction, for which other writers wait: `watch` too, which takes
a journal that is locked for two seconds for one that fails. To read an order of a file, all of it
is unpacked."""


class Cut(Struct, frozen=True):
    """Orders from before the New York day `before` go into the file of this month."""

    before: date
    month: str


def month_of(day: date) -> date:
    """Its first day."""
    return day.replace(day=1)


def cuts(orders: Mapping[date, int], before: date, most: int = ORDERS_A_FILE) -> list[Cut]:
    """Oldest first, from how many orders are of each day. Only whole months before that of `before`
    are cut off; empty where there is none."""
    end = month_of(before)
    days = sorted(day for day in orders if day < end)
    found: list[Cut] = []
    count = 0
    for place, day in enumerate(days):
        following = days[place + 1] if place + 1 < len(days) else end
        count += orders[day]
        is_last = month_of(following) != month_of(day)
        if is_last or count + orders.get(following, 0) > most:
            cut = min(_next_month(day), end) if is_last else day + timedelta(days=1)
            found.append(Cut(cut, f"{day:%Y-%m}"))
            count = 0
    return found


def _next_month(day: date) -> date:
    return month_of(month_of(day) + timedelta(days=32))
