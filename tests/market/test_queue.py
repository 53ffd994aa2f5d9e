"""The queue for the open: exits before entries, oldest first, expired never released."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from execbot.market.queue import QueueAction, Queued, decide

NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
LIMIT_HOURS = Decimal(96)


def item(name: str, hours_ago: float, *, is_exit: bool = False, symbol: str = "AAPL") -> Queued:
    return Queued(name, symbol, NOW - timedelta(hours=hours_ago), is_exit)


def test_open_market_releases_exits_first_then_oldest() -> None:
    items = [item("young", 1), item("old", 60), item("exit", 0.5, is_exit=True)]
    decisions = decide(items, NOW, LIMIT_HOURS, lambda _: None)
    assert [d.item.client_order_id for d in decisions] == ["exit", "old", "young"]
    assert {d.action for d in decisions} == {QueueAction.RELEASE}


def test_closed_or_halted_order_is_kept_with_the_reason() -> None:
    items = [item("a", 1), item("b", 1, symbol="MSFT")]
    decisions = decide(items, NOW, LIMIT_HOURS, lambda i: "halted" if i.symbol == "AAPL" else None)
    assert [(d.action, d.reason) for d in decisions] == [
        (QueueAction.KEEP, "halted"),
        (QueueAction.RELEASE, "the market is open"),
    ]


def test_expired_order_is_not_released_at_the_open() -> None:
    (decision,) = decide([item("a", 96)], NOW, LIMIT_HOURS, lambda _: None)
    assert decision.action is QueueAction.EXPIRE


@given(
    st.lists(st.tuples(st.floats(0, 200), st.booleans(), st.booleans()), max_size=30),
)
@settings(max_examples=100, deadline=None)
def test_every_item_gets_exactly_one_decision(rows: list[tuple[float, bool, bool]]) -> None:
    items = [
        Queued(str(n), "HALT" if halted else "X", NOW - timedelta(hours=hours), is_exit)
        for n, (hours, is_exit, halted) in enumerate(rows)
    ]
    decisions = decide(items, NOW, LIMIT_HOURS, lambda i: "halted" if i.symbol == "HALT" else None)
    assert sorted(d.item.client_order_id for d in decisions) == sorted(
        i.client_order_id for i in items
    )
    exits_done = False
    for decision in decisions:
        exits_done = exits_done or not decision.item.is_exit
        assert not (exits_done and decision.item.is_exit)
        if decision.action is QueueAction.RELEASE:
            assert decision.item.symbol != "HALT"
            assert NOW - decision.item.queued_at < timedelta(hours=96)
