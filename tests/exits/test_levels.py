"""Goal: stops and targets stand where the rule says, on the safe side of the grid, or are refused.

Method: tables with numbers worked out by hand, and properties over random entries and levels.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execbot.exits.levels import (
    LevelError,
    LevelFacts,
    LevelKind,
    LevelSpec,
    away_from_round,
    naming,
    parse_level,
    r_multiple,
    stop_price,
    target_price,
    wilder_atr,
)
from execbot.model.enums import PositionSide
from execbot.model.numbers import tick_size
from execbot.model.quote import Bar

D = Decimal
LONG, SHORT = PositionSide.LONG, PositionSide.SHORT


def bar(high: str, low: str, close: str) -> Bar:
    return Bar("X", None, D(close), D(high), D(low), D(close), D(1))


@pytest.mark.parametrize(
    ("word", "kind", "value"),
    [
        ("182.50", LevelKind.PRICE, "182.50"),
        ("2%", LevelKind.PERCENT, "2"),
        ("2R", LevelKind.R_MULTIPLE, "2"),
        ("1.5atr", LevelKind.ATR, "1.5"),
        (".5 %", LevelKind.PERCENT, ".5"),
        ("3usd", LevelKind.OFFSET, "3"),
        ("support", LevelKind.SUPPORT, "0"),
    ],
)
def test_a_level_as_traders_write_it_is_read(word: str, kind: LevelKind, value: str) -> None:
    assert parse_level(word) == LevelSpec(kind, D(value))


@pytest.mark.parametrize("word", ["", "abc", "-2%", "0", "2 %%", "1e5", "nan", "R"])
def test_a_word_that_is_no_level_is_refused(word: str) -> None:
    with pytest.raises(LevelError) as caught:
        parse_level(word)
    assert caught.value.kind == "exits.bad_level"


FACTS = LevelFacts(atr=D("3.2"), lowest_low=D("180.40"), highest_high=D("201.30"))

STOPS = [
    # spec, side, entry, expected: long stops round up, short stops down
    ("2%", LONG, "187.33", "183.59"),  # 183.5834
    ("2%", SHORT, "187.33", "191.07"),  # 191.0766
    ("1.5ATR", LONG, "187.33", "182.53"),  # 187.33 - 4.80
    ("1.5ATR", SHORT, "187.33", "192.13"),
    ("183.007", LONG, "187.33", "183.01"),
    ("3USD", LONG, "187.33", "184.33"),
    ("2%", LONG, "0.5", "0.4900"),
    ("resistance", SHORT, "187.33", "201.50"),  # 201.30 and 0.1 % of it: 201.5013
]


@pytest.mark.parametrize(("word", "side", "entry", "expected"), STOPS)
def test_a_stop_stands_where_its_rule_says(
    word: str, side: PositionSide, entry: str, expected: str
) -> None:
    assert stop_price(parse_level(word), side, D(entry), FACTS) == D(expected)


def test_a_stop_at_support_stands_beyond_it_by_the_offset() -> None:
    # 180.40 less 0.1 % is 180.2196; the next round number, 180, is 0.2196 away: farther than the
    # offset of 0.1804, so it stays, and a long's stop is rounded up.
    assert stop_price(parse_level("support"), LONG, D("187.33"), FACTS) == D("180.22")


def test_a_stop_near_a_round_number_goes_to_its_far_side() -> None:
    facts = LevelFacts(lowest_low=D("180.25"), highest_high=D("190.00"))
    # 180.25 - 0.18025 = 180.06975, within 0.18025 of 180: 180 - 0.18025 = 179.81975
    assert stop_price(parse_level("support"), LONG, D(187), facts) == D("179.82")
    # 190 + 0.19 = 190.19, exactly the offset from 190: it stays
    assert stop_price(parse_level("resistance"), SHORT, D(187), facts) == D("190.19")
    assert away_from_round(D("99.95"), LONG, D("0.10")) == D("99.90")
    assert away_from_round(D("100.05"), SHORT, D("0.10")) == D("100.10")
    assert away_from_round(D("102.40"), LONG, D("0.10")) == D("102.40")


TARGETS = [
    ("2R", LONG, "100.01", "98.00", "104.03"),
    ("2R", SHORT, "100.01", "102.02", "95.99"),
    ("1R", LONG, "10.333", "10.00", "10.66"),  # 10.666 rounds down, nearer
    ("4%", LONG, "99.99", None, "103.98"),  # 103.9896
    ("4%", SHORT, "99.99", None, "96.00"),  # 95.9904 rounds up
    ("3ATR", LONG, "187.33", None, "196.93"),
    ("195.019", LONG, "187.33", None, "195.01"),
    ("resistance", LONG, "187.33", None, "201.09"),  # 201.30 less 0.1 %: 201.0987
    ("support", SHORT, "187.33", None, "180.59"),  # 180.5804 rounds up
]


@pytest.mark.parametrize(("word", "side", "entry", "stop", "expected"), TARGETS)
def test_a_target_stands_where_its_rule_says(
    word: str, side: PositionSide, entry: str, stop: str | None, expected: str
) -> None:
    price = target_price(
        parse_level(word), side, D(entry), stop=D(stop) if stop else None, facts=FACTS
    )
    assert price == D(expected)


REFUSED_STOPS = [
    ("190", LONG, "exits.stop_wrong_side"),
    ("187.33", LONG, "exits.stop_wrong_side"),
    ("180", SHORT, "exits.stop_wrong_side"),
    ("100%", LONG, "exits.bad_level"),
    ("2R", LONG, "exits.stop_in_r"),
    ("resistance", LONG, "exits.wrong_key_level"),
]


@pytest.mark.parametrize(("word", "side", "kind"), REFUSED_STOPS)
def test_a_stop_that_would_stop_no_loss_is_refused(
    word: str, side: PositionSide, kind: str
) -> None:
    with pytest.raises(LevelError) as caught:
        stop_price(parse_level(word), side, D("187.33"), FACTS)
    assert caught.value.kind == kind


def test_levels_that_need_unknown_facts_are_refused() -> None:
    for word in ("2ATR", "support"):
        with pytest.raises(LevelError) as caught:
            stop_price(parse_level(word), LONG, D(100))
        assert caught.value.kind == "exits.level_unknown"
    with pytest.raises(LevelError) as caught:
        target_price(parse_level("2R"), LONG, D(100))
    assert caught.value.kind == "exits.r_without_stop"
    with pytest.raises(LevelError) as caught:
        target_price(parse_level("90"), LONG, D(100))
    assert caught.value.kind == "exits.target_wrong_side"


def test_wilders_average_true_range_by_hand() -> None:
    bars = [
        bar("11", "9", "10"),
        bar("12", "10", "11"),  # range 2
        bar("15", "12", "14"),  # high against the close before: 15 - 11 = 4
        bar("13", "8", "9"),  # low against the close before: 14 - 8 = 6
        bar("10", "9", "10"),  # range 1
    ]
    # Period 3: mean of 2, 4, 6 is 4; then (4 * 2 + 1) / 3 = 3
    assert wilder_atr(bars, 3) == 3
    with pytest.raises(LevelError):
        wilder_atr(bars[:3], 3)


def test_r_is_measured_from_the_first_stop() -> None:
    assert r_multiple(LONG, D(100), D(98), D(103)) == D("1.5")
    assert r_multiple(SHORT, D(100), D(102), D(103)) == D("-1.5")
    assert r_multiple(LONG, D(100), None, D(103)) is None


prices = st.decimals("0.05", "5000", places=4)
percents = st.decimals("0.1", "50", places=1)
sides = st.sampled_from([LONG, SHORT])


@settings(max_examples=300, deadline=None)
@given(entry=prices, percent=percents, multiple=st.decimals("0.5", "5", places=1), side=sides)
def test_stops_and_targets_lie_on_the_grid_and_never_risk_more_than_asked(
    entry: Decimal, percent: Decimal, multiple: Decimal, side: PositionSide
) -> None:
    spec = LevelSpec(LevelKind.PERCENT, percent)
    try:
        stop = stop_price(spec, side, entry)
        target = target_price(LevelSpec(LevelKind.R_MULTIPLE, multiple), side, entry, stop=stop)
    except LevelError:
        return  # too cheap a price for so small a distance, or a short with more than 100 %
    assert stop % tick_size(stop) == 0
    assert target % tick_size(target) == 0
    assert abs(entry - stop) <= entry * percent / 100
    assert abs(target - entry) <= multiple * abs(entry - stop)
    gain = target - entry if side is LONG else entry - target
    loss = entry - stop if side is LONG else stop - entry
    assert gain > 0
    assert loss > 0


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("900", "stop was 900.00 with the price at 100.00"),
        ("2R", "stop was 2R"),
        ("-1USD", "stop -1USD: stop was 101.00 with the price at 100.00"),
    ],
)
def test_error_names_its_level_once(spec: str, says: str) -> None:
    level = LevelSpec(LevelKind.OFFSET, D(-1)) if spec == "-1USD" else parse_level(spec)
    with pytest.raises(LevelError) as caught, naming("stop", level):
        stop_price(level, LONG, D(100))
    assert caught.value.message == says
