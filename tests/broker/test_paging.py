"""Goal: lists of any length come whole and once. Method: a list that pages as Alpaca does.

The model server keeps its bounds exclusive, sorts equal times in any order it likes, and cuts pages
in the middle of equal times.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execbot.broker import paging
from execbot.broker.errors import BadReply
from execbot.model.times import iso, parse_time

START = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
Row = Mapping[str, Any]


def time_of(row: Row) -> datetime:
    at = parse_time(row["submitted_at"])
    assert at is not None
    return at


def wire_time(ticks: int) -> str:
    """Nanoseconds on the wire: two orders may differ below what a datetime holds."""
    moment = START + timedelta(microseconds=ticks // 3)
    return iso(moment)[:-1] + f"{(ticks % 3) * 300:03d}Z"


class OrderServer:
    """GET /v2/orders over a fixed set of orders."""

    def __init__(self, ticks: list[int], page_max: int) -> None:
        rows = [{"id": f"o{n}", "submitted_at": wire_time(t)} for n, t in enumerate(ticks)]
        random.Random(len(ticks)).shuffle(rows)
        self.rows = sorted(rows, key=lambda row: row["submitted_at"], reverse=True)
        self.page_max = page_max
        self.asked = 0

    def fetch(self, query: dict[str, str]) -> list[Row]:
        self.asked += 1
        assert query["direction"] == "desc"
        rows: list[Row] = list(self.rows)
        if "before_order_id" in query:
            assert "after" not in query and "until" not in query
            ids = [row["id"] for row in rows]
            rows = rows[ids.index(query["before_order_id"]) + 1 :]
        if "until" in query:
            rows = [row for row in rows if row["submitted_at"] < ns(query["until"])]
        if "after" in query:
            rows = [row for row in rows if row["submitted_at"] > ns(query["after"])]
        return rows[: min(int(query["limit"]), self.page_max)]


def ns(text: str) -> str:
    """Alpaca compares in nanoseconds; ours are asked in microseconds."""
    return text.removesuffix("Z") + "000Z"


@settings(deadline=None, max_examples=150)
@given(
    ticks=st.lists(st.integers(0, 40), max_size=120),
    page=st.integers(2, 25),
    after=st.none() | st.integers(0, 12),
)
def test_every_order_comes_exactly_once_whatever_times_are_equal(
    ticks: list[int], page: int, after: int | None
) -> None:
    server = OrderServer(ticks, page)
    query = {"status": "all"}
    if after is not None:
        query["after"] = iso(START + timedelta(microseconds=after))
    found = with_page(page, lambda: paging.all_orders(server.fetch, query, limit=None))
    ids = [row["id"] for row in found]
    assert len(ids) == len(set(ids))
    expected = [
        row["id"]
        for row in server.rows
        if after is None or row["submitted_at"] > ns(query["after"])
    ]
    # Within the microsecond of `after` itself more may come; never less.
    extra = set(ids) - set(expected)
    assert set(expected) <= set(ids)
    assert all(
        time_of(row) == parse_time(query["after"]) for row in server.rows if row["id"] in extra
    )


def with_page(size: int, run: Any) -> Any:
    """Run with a page size of `size`, so that a hundred orders are many pages."""
    kept = paging.ORDERS_PAGE
    paging.ORDERS_PAGE = size
    try:
        return run()
    finally:
        paging.ORDERS_PAGE = kept


def test_thousands_of_orders_of_one_and_the_same_moment() -> None:
    server = OrderServer([7] * 1700, 500)
    found = paging.all_orders(server.fetch, {"status": "all"}, limit=None)
    assert len({row["id"] for row in found}) == 1700


@pytest.mark.parametrize("limit", [1, 2, 499, 500, 501, 777, 5000])
def test_limit_gives_the_newest(limit: int) -> None:
    server = OrderServer(list(range(0, 3 * 1200, 3)), 500)
    found = paging.all_orders(server.fetch, {"status": "all"}, limit=limit)
    assert [row["id"] for row in found] == [row["id"] for row in server.rows[:limit]]


def test_a_short_list_costs_one_request() -> None:
    server = OrderServer(list(range(30)), 500)
    assert len(paging.all_orders(server.fetch, {"status": "open"}, limit=None)) == 30
    assert server.asked == 1


def test_a_server_that_repeats_itself_is_an_error_not_a_shorter_list() -> None:
    page = [{"id": f"o{n}", "submitted_at": wire_time(0)} for n in range(500)]
    with pytest.raises(BadReply) as caught:
        paging.all_orders(lambda query: page, {"status": "all"}, limit=None)
    assert caught.value.kind == "broker.paging_stuck"


@settings(deadline=None, max_examples=40)
@given(count=st.integers(0, 430))
def test_every_activity_comes_exactly_once(count: int) -> None:
    rows = [{"id": f"{number:05d}::x"} for number in range(count)]

    def fetch(query: dict[str, str]) -> list[Row]:
        assert query["direction"] == "asc"
        after = query.get("page_token", "")
        return [row for row in rows if row["id"] > after][: int(query["page_size"])]

    assert paging.all_activities(fetch, {"activity_types": "FILL"}) == rows


def test_activities_that_never_end_are_an_error() -> None:
    page = [{"id": f"{number}"} for number in range(100)]
    with pytest.raises(BadReply):
        paging.all_activities(lambda query: page, {})


def test_bars_whose_token_never_changes_are_an_error() -> None:
    reply = {"bars": {"SPY": [{"o": 1}]}, "next_page_token": "again"}
    with pytest.raises(BadReply):
        paging.all_bars(lambda query: reply, "SPY", {}, limit=None)
