"""Reading lists that come in pages, so that nothing is lost or doubled.

Alpaca pages orders by submission time with exclusive bounds: of several orders with the same time
at a page's end, the next page would skip the rest. So each page starts a microsecond inside the
last one and what was seen is dropped by id; where a whole page has one and the same time, the page
after it is asked for by id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from execbot.broker.errors import BadReply
from execbot.broker.remedy import Remedy
from execbot.model.times import iso, parse_time

ORDERS_PAGE = 500
ACTIVITIES_PAGE = 100
BARS_PAGE = 10_000
PAGES_MAX = 10_000
"""Five million orders: beyond it the server repeats itself."""

Row = Mapping[str, Any]
FetchPage = Callable[[dict[str, str]], list[Row]]


def all_orders(fetch: FetchPage, query: Mapping[str, str], *, limit: int | None) -> list[Row]:
    """Every matching order, newest first (`limit` newest ones when given).

    `query` holds the filters without paging. Raises BadReply when the server does not move on.
    """
    found: dict[str, Row] = {}
    after = parse_time(query.get("after"))
    window = dict(query)
    for _ in range(PAGES_MAX):
        size = ORDERS_PAGE if limit is None else min(ORDERS_PAGE, max(limit - len(found), 1))
        size = max(size, 2) if found else size
        page = fetch({**window, "limit": str(size), "direction": "desc"})
        known = len(found)
        for row in page:
            if after is None or _submitted(row) is None or _is_after(row, after):
                found.setdefault(str(row.get("id")), row)
        if limit is not None and len(found) >= limit:
            return list(found.values())[:limit]
        if len(page) < size or _reached(page[-1], after):
            return list(found.values())
        window = _next_window(query, window, page, moved=len(found) > known)
    raise _stuck("orders")


def _next_window(
    query: Mapping[str, str], window: Mapping[str, str], page: list[Row], *, moved: bool
) -> dict[str, str]:
    last = page[-1]
    at = _submitted(last)
    until = None if at is None else iso(at + timedelta(microseconds=1))
    if moved and until is not None and until != window.get("until"):
        return {**query, "until": until}
    if window.get("before_order_id") == str(last.get("id")):
        raise _stuck("orders")
    # An id cursor excludes time bounds; `after` is then checked row by row.
    bare = {name: value for name, value in query.items() if name not in ("after", "until")}
    return {**bare, "before_order_id": str(last.get("id"))}


def _submitted(row: Row) -> datetime | None:
    return parse_time(row.get("submitted_at")) or parse_time(row.get("created_at"))


def _is_after(row: Row, after: datetime) -> bool:
    at = _submitted(row)
    # Microseconds are cut, not rounded: equal may still be later by nanoseconds.
    return at is None or at >= after


def _reached(row: Row, after: datetime | None) -> bool:
    at = _submitted(row)
    return after is not None and at is not None and at < after


def all_activities(fetch: FetchPage, query: Mapping[str, str]) -> list[Row]:
    """Every matching account activity, oldest first. Raises BadReply when paging does not end."""
    found: dict[str, Row] = {}
    window = dict(query)
    for _ in range(PAGES_MAX):
        page = fetch({**window, "page_size": str(ACTIVITIES_PAGE), "direction": "asc"})
        known = len(found)
        for row in page:
            found.setdefault(str(row.get("id")), row)
        if len(page) < ACTIVITIES_PAGE:
            return list(found.values())
        if len(found) == known:
            raise _stuck("activities")
        window = {**query, "page_token": str(page[-1].get("id"))}
    raise _stuck("activities")


def all_bars(
    fetch: Callable[[dict[str, str]], Mapping[str, Any]],
    symbol: str,
    query: Mapping[str, str],
    *,
    limit: int | None,
) -> list[Row]:
    """Every bar of one symbol in the order of the query (the first `limit` when given)."""
    rows: list[Row] = []
    window = dict(query)
    for _ in range(PAGES_MAX):
        size = BARS_PAGE if limit is None else min(BARS_PAGE, limit - len(rows))
        reply = fetch({**window, "limit": str(size)})
        bars = reply.get("bars")
        found = bars.get(symbol) if isinstance(bars, Mapping) else None
        rows += [bar for bar in found or () if isinstance(bar, Mapping)]
        token = reply.get("next_page_token")
        if not token or (limit is not None and len(rows) >= limit):
            return rows
        if window.get("page_token") == str(token):
            raise _stuck("bars")
        window["page_token"] = str(token)
    raise _stuck("bars")


def _stuck(what: str) -> BadReply:
    return BadReply(
        kind="broker.paging_stuck",
        message=f"The broker repeats the same page of {what} without end",
        hint="The list would be incomplete, so it is not used.",
        next_step="ask for a shorter time range",
        remedy=Remedy.RETRY,
    )
