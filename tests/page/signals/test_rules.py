"""Goal: which signal goes next, which contradict what is held, how fast they may come, when silence
is told: rules by tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from page.signals.making import row

from execbot.model.enums import Side
from execbot.page.signals.choosing import ENTRIES_MAX, next_of
from execbot.page.signals.contradictions import Standing, contradiction
from execbot.page.signals.pace import OnceAMinute, Pace
from execbot.page.signals.silence import is_silent
from execbot.page.signals.tradingview import Stance

LONG, SHORT, FLAT = Stance.LONG, Stance.SHORT, Stance.FLAT
BUYING, SELLING = frozenset({Side.BUY}), frozenset({Side.SELL})


@pytest.mark.parametrize(
    ("signals", "busy", "entries", "number"),
    [
        ([("AAPL", "buy"), ("MSFT", "buy")], (), 0, 1),
        ([("AAPL", "buy"), ("MSFT", "sell")], (), 0, 2),  # exits first
        ([("AAPL", "buy"), ("AAPL", "sell")], (), 0, 1),  # of one symbol in their order
        ([("AAPL", "buy"), ("AAPL", "sell")], ("AAPL",), 1, None),
        ([("AAPL", "sell"), ("MSFT", "buy")], ("AAPL",), 0, 2),
        ([("BTC/USD", "sell"), ("MSFT", "buy")], ("BTCUSD",), 0, 2),
        ([("AAPL", "buy"), ("MSFT", "buy")], (), ENTRIES_MAX, None),
        ([("AAPL", "buy"), ("MSFT", "sell_short"), ("TSLA", "sell")], (), ENTRIES_MAX, 3),
        ([], (), 0, None),
    ],
)
def test_exits_go_first_and_a_symbol_keeps_its_order(
    signals: list[tuple[str, str]], busy: tuple[str, ...], entries: int, number: int | None
) -> None:
    rows = [row(n, symbol, side) for n, (symbol, side) in enumerate(signals, start=1)]
    found = next_of(rows, busy, entries)
    assert (None if found is None else found.number) == number


@pytest.mark.parametrize(
    ("previous", "ours", "contradicts"),
    [
        (None, Standing(Decimal(5)), False),
        (FLAT, Standing(), False),
        (FLAT, Standing(Decimal(5)), True),  # an exit was missed
        (FLAT, Standing(Decimal(5), is_closing=True), False),
        (LONG, Standing(Decimal(5)), False),
        (LONG, Standing(), True),  # an entry was missed
        (LONG, Standing(entering=BUYING), False),
        (LONG, Standing(entering=SELLING), True),
        (LONG, Standing(Decimal(-5)), True),
        (LONG, Standing(Decimal(-5), entering=BUYING), True),
        (SHORT, Standing(Decimal(-5)), False),
        (SHORT, Standing(entering=SELLING), False),
        (SHORT, Standing(), True),
    ],
)
def test_a_strategy_that_stood_otherwise_contradicts(
    previous: Stance | None, ours: Standing, contradicts: bool
) -> None:
    assert bool(contradiction(previous, ours)) is contradicts


def test_the_pace_lets_twice_a_second_through_at_once_and_then_as_many_as_come_in() -> None:
    now = [100.0]
    pace = Pace(10, lambda: now[0])
    assert [pace.take() for _ in range(20)] == [0] * 20
    assert pace.take() == 1
    now[0] += 0.5
    assert [pace.take() for _ in range(6)] == [0, 0, 0, 0, 0, 1]
    now[0] += 1000
    assert [pace.take() for _ in range(21)].count(0) == 20


def test_the_same_trouble_is_told_at_once_and_then_once_a_minute_with_its_count() -> None:
    now = [0.0]
    told = OnceAMinute(lambda: now[0])
    assert [told.count() for _ in range(3)] == [1, 0, 0]
    now[0] = 60.0
    assert [told.count(), told.count()] == [3, 0]


@pytest.mark.parametrize(("hours", "silent"), [(1.9, False), (2, True), (50, True)])
def test_silence_is_so_many_hours_without_a_signal(hours: float, silent: bool) -> None:
    last = datetime(2026, 11, 20, tzinfo=UTC)
    assert is_silent(last, last + timedelta(hours=hours), 2) is silent
