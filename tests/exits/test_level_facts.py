"""Goal: the same daily bars give the same number to everybody who asks for a level.

Method: the rules as tables over bars by hand; then a signal, `submit`, `protect` and sizing by the
true range over one exchange, whose bars are counted by hand.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.desk import market
from support.signal_trader import SignalTrader, open_trader

from execbot.config.schema import SizingMethod, StopLossSettings, StopMethod, TradingSettings
from execbot.exits.level_facts import (
    LevelReader,
    average_range,
    bars_needed,
    bars_wanted,
    complete_days,
    days_asked,
    facts_of_days,
)
from execbot.exits.levels import LevelError, LevelFacts, parse_level, stop_price, wilder_atr
from execbot.exits.plan.plan import AdjustRules, ExitPlan, PlanStatus, StopPlan, TargetPlan
from execbot.exits.plan.remeasure import remeasured
from execbot.exits.plan.wishes import Wishes
from execbot.exits.store import plan_by_id, plan_of
from execbot.model.enums import PositionSide
from execbot.model.quote import Bar
from execbot.model.times import new_york
from execbot.oms.place.entry_plans import ExitsAsked
from execbot.oms.place.held_plans import HeldPlanner

D = Decimal
DEFAULTS = TradingSettings()


def bar(day: datetime, low: str = "99", high: str = "101", close: str = "100") -> Bar:
    return Bar("AAPL", day, D(close), D(high), D(low), D(close), D(1))


def new_york_day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=new_york())


def days(count: int, spread: str = "2") -> list[Bar]:
    """Days with one true range, the last of them 2026-11-20."""
    last = new_york_day("2026-11-20")
    half = D(spread) / 2
    return [
        bar(last - timedelta(days=number), str(100 - half), str(100 + half))
        for number in reversed(range(count))
    ]


# --- complete days ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "is_crypto", "complete"),
    [
        ("2026-11-20 19:59:59", False, False),
        ("2026-11-20 20:00:00", False, True),
        ("2026-11-20 12:00:00", False, False),
        ("2026-11-21 09:00:00", False, True),
    ],
)
def test_a_stocks_day_is_over_at_eight_in_the_evening(
    at: str, is_crypto: bool, complete: bool
) -> None:
    """E-PX-4."""
    today = bar(new_york_day("2026-11-20"))
    found = complete_days([today], new_york_day(at), is_crypto=is_crypto)
    assert found == ([today] if complete else [])


@pytest.mark.parametrize(
    ("at", "complete"), [("2026-11-20T23:59:59", False), ("2026-11-21T00:00:00", True)]
)
def test_a_coins_day_is_over_at_midnight_of_utc(at: str, complete: bool) -> None:
    today = bar(datetime(2026, 11, 20, tzinfo=UTC))
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    assert complete_days([today], moment, is_crypto=True) == ([today] if complete else [])


def test_what_cannot_be_a_price_is_no_day() -> None:
    bad = [bar(new_york_day("2026-11-18"), low="0"), bar(new_york_day("2026-11-19"), high="98")]
    good = bar(new_york_day("2026-11-17"))
    assert complete_days([*bad, good], new_york_day("2026-11-20 09:00"), is_crypto=False) == [good]


# --- as many as the rule needs ------------------------------------------------------------------


@given(period=st.integers(1, 500), support=st.integers(1, 500), resistance=st.integers(1, 500))
def test_what_is_read_is_enough_for_every_level(period: int, support: int, resistance: int) -> None:
    trading = replace(
        DEFAULTS,
        stop_loss=StopLossSettings(atr_period=period, support_days=support),
        take_profit=replace(DEFAULTS.take_profit, resistance_days=resistance),
    )
    assert bars_wanted(trading) >= bars_needed(trading)
    known = facts_of_days(trading, days(bars_needed(trading)))
    assert None not in (known.atr, known.lowest_low, known.highest_high)
    few = facts_of_days(trading, days(bars_needed(trading) - 1))
    assert None in (few.atr, few.lowest_low, few.highest_high)


def test_a_level_with_too_few_days_is_unknown_and_says_so() -> None:
    """E-PX-4."""
    few = facts_of_days(DEFAULTS, days(19))
    assert few.lowest_low is None
    with pytest.raises(LevelError, match="not known"):
        stop_price(parse_level("support"), PositionSide.LONG, D(100), few)


@settings(max_examples=50)
@given(more=st.integers(0, 300))
def test_older_bars_do_not_change_the_range(more: int) -> None:
    """However many bars support and resistance ask for, the range is that of the same days."""
    wild = days(71 + more, "40")[:more]
    calm = [replace(b, low=D(99), high=D(101)) for b in days(71)]
    assert average_range(DEFAULTS, [*wild, *calm]) == wilder_atr(calm, 14) == 2


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({}, []),
        ({"method": StopMethod.ATR, "atr_period": 30}, [("stop_loss.atr_period", 31)]),
        ({"method": StopMethod.SUPPORT}, [("stop_loss.support_days", 20)]),
        ({"widen_in_volatility": True}, [("stop_loss.atr_period", 15)]),
    ],
)
def test_only_levels_in_use_ask_for_days(
    changes: dict[str, object], keys: list[tuple[str, int]]
) -> None:
    trading = replace(DEFAULTS, stop_loss=replace(DEFAULTS.stop_loss, **changes))
    assert list(days_asked(trading).items()) == keys
    sized = replace(trading, sizing=replace(trading.sizing, method=SizingMethod.ATR))
    assert "stop_loss.atr_period" in days_asked(sized)


# --- one number for all -------------------------------------------------------------------------


def by_hand(trader: SignalTrader, symbol: str) -> LevelFacts:
    """Counted from what the exchange shows any program, without the client's help."""
    rows = trader.desk.call(
        "GET",
        f"/v2/stocks/bars?symbols={symbol}&timeframe=1Day&start=2026-05-01&limit=10000&feed=iex",
    )["bars"][symbol]
    today = "2026-10-07"
    found = [
        Bar(symbol, None, D(str(r["o"])), D(str(r["h"])), D(str(r["l"])), D(str(r["c"])), D(1))
        for r in rows
        if not r["t"].startswith(today)
    ]
    return LevelFacts(
        atr=wilder_atr(found[-71:], 14),
        lowest_low=min(b.low for b in found[-20:]),
        highest_high=max(b.high for b in found[-20:]),
    )


@pytest.mark.parametrize("word", ["1.5ATR", "support"])
def test_signal_submit_and_protect_put_the_stop_at_the_same_price(
    tmp_path: Path, word: str
) -> None:
    method = StopMethod.ATR if word.endswith("ATR") else StopMethod.SUPPORT
    trader = open_trader(
        tmp_path,
        stop_loss={"method": method, "use_trailing": False},
        take_profit={"partial_exits": ()},
        risk={"max_consecutive_rejections": None, "one_pending_per_symbol": False},
        max_position_size_pct=D(400),
        max_account_exposure_pct=D(400),
    )
    facts = by_hand(trader, "AAPL")
    trader.signal(qty=D(10))
    by_signal = plan_by_id(trader.desk.journal, "plan-s1")
    assert by_signal is not None and by_signal.stop.price is not None
    asked = ExitsAsked(Wishes(parse_level(word)), must_go_along=True)
    prepared = trader.placer.prepare(market("AAPL", "10", client_order_id="e"), asked)
    by_submit = prepared.entry.plan
    assert by_submit is not None
    trader.fill()
    position = trader.desk.client.get_position("AAPL")
    assert position is not None
    entry = D(260)
    planner = HeldPlanner(trader.desk.client, trader.desk.journal, trader.settings, trader.desk.now)
    trader.desk.call("POST", "/sim/price", {"symbol": "AAPL", "price": "300"})
    planner.protect("AAPL", replace(position, avg_entry_price=entry), Wishes(parse_level(word)))
    protected = plan_of(trader.desk.journal, "AAPL")
    assert protected is not None
    for plan in (by_signal, by_submit, protected):
        assert (plan.facts.atr, plan.facts.lowest_low) == (facts.atr, facts.lowest_low)
    assert by_signal.stop.price == by_submit.stop.price
    assert protected.stop.price == stop_price(parse_level(word), PositionSide.LONG, entry, facts)


def test_sizing_by_the_true_range_measures_the_stop_that_is_planned(tmp_path: Path) -> None:
    trader = open_trader(
        tmp_path,
        sizing={"method": SizingMethod.ATR, "risk_per_trade_pct": D("0.1")},
        stop_loss={"method": StopMethod.ATR},
    )
    atr = by_hand(trader, "AAPL").atr
    assert atr is not None
    result = trader.signal()
    assert result.record is not None
    assert result.record.order.qty == int(D(100) / (atr * D("1.5")))


def test_a_coins_levels_lie_on_its_own_grid_for_signals_too(tmp_path: Path) -> None:
    """SHIB costs 0.00002: on the grid of stocks its stop would be above its price."""
    trader = open_trader(tmp_path, stop_loss={"use_trailing": False})
    result = trader.signal("SHIB/USD")
    assert result.record is not None, result.message
    plan = plan_by_id(trader.desk.journal, "plan-s1")
    tick = trader.desk.client.get_asset("SHIB/USD").price_increment
    assert plan is not None and plan.facts.tick == tick


def test_bars_are_read_once_an_hour(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    reader, now = LevelReader(trader.desk.client, trader.settings), trader.desk.now()
    reader.facts("AAPL", now)
    reader.facts("AAPL", now + timedelta(minutes=40))
    assert trader.desk.sent.count("GET /v2/stocks/bars") == 1
    reader.facts("AAPL", now + timedelta(minutes=61))
    assert trader.desk.sent.count("GET /v2/stocks/bars") == 2


def test_bars_of_an_hour_that_is_over_are_forgotten(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    reader, now = LevelReader(trader.desk.client, trader.settings), trader.desk.now()
    for symbol in ("AAPL", "MSFT"):
        reader.days(symbol, now)
    assert set(reader._days) == {"AAPL", "MSFT"}
    reader.days("AAPL", now + timedelta(minutes=61))
    assert set(reader._days) == {"AAPL"}


# --- measured anew ------------------------------------------------------------------------------

T0 = datetime(2026, 11, 20, 15, tzinfo=UTC)


def held(*targets: tuple[str, str], atr: str | None = "2", remeasure: bool = True) -> ExitPlan:
    return ExitPlan(
        plan_id="p",
        symbol="AAPL",
        side=PositionSide.LONG,
        created_at=T0,
        updated_at=T0,
        status=PlanStatus.ACTIVE,
        entry_price=D(100),
        stop=StopPlan(parse_level("97"), D(97), D(97)),
        targets=tuple(TargetPlan(parse_level(s), D(50), D(p)) for s, p in targets),
        rules=AdjustRules(remeasure=remeasure),
        facts=LevelFacts(atr=None if atr is None else D(atr)),
    )


@pytest.mark.parametrize(
    ("atr", "prices"),
    [
        ("2.9", ["106", "104", "105", "108"]),
        ("3", ["109", "106", "105", "108"]),
        ("1", ["103", "102", "105", "108"]),
        ("1.1", ["106", "104", "105", "108"]),
    ],
)
def test_targets_in_r_and_ranges_follow_a_range_that_has_changed_by_half(
    atr: str, prices: list[str]
) -> None:
    plan = held(("2R", "106"), ("2ATR", "104"), ("5%", "105"), ("108", "108"))
    after = remeasured(plan, LevelFacts(atr=D(atr)), T0)
    assert [t.price for t in after.targets] == [D(p) for p in prices]
    assert after.stop == plan.stop
    moved = prices[0] != "106"
    assert (after.version, after.facts.atr) == ((2, D(atr)) if moved else (1, D(2)))


def test_what_has_filled_in_part_or_was_not_asked_for_stays(tmp_path: Path) -> None:
    plan = held(("2R", "106"))
    part = replace(plan, targets=(replace(plan.targets[0], filled_qty=D(1)),))
    assert remeasured(part, LevelFacts(atr=D(4)), T0).targets == part.targets
    assert remeasured(held(("2R", "106"), remeasure=False), LevelFacts(atr=D(4)), T0).version == 1
    assert remeasured(plan, LevelFacts(), T0) == plan


def test_a_range_that_was_not_known_moves_nothing_when_it_is() -> None:
    after = remeasured(held(("2R", "106"), atr=None), LevelFacts(atr=D(9)), T0)
    assert (after.targets[0].price, after.facts.atr) == (D(106), D(9))


def test_there_and_back_again_the_target_stands_where_it_stood() -> None:
    plan = held(("2R", "106"))
    wide = remeasured(plan, LevelFacts(atr=D(4)), T0)
    back = remeasured(wide, LevelFacts(atr=D(2)), T0)
    assert (wide.targets[0].price, back.targets[0].price) == (D(112), D(106))
