"""Every check: facts that pass all of them, spoiled one at a time, fail exactly that one.

Method: one table of (code, intent, facts, limits) that must fail with that code and its category,
and one of near misses that must pass.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support import risk_facts as b
from support.paths import DOCS

from execbot.config.schema import (
    ExitSettings,
    MarketHoursSettings,
    Mode,
    RiskSettings,
    ScaleInSettings,
    TradingSettings,
)
from execbot.market.halts import Halt, PriceBand
from execbot.model.enums import ErrorCategory, OrderClass, OrderStatus, OrderType, Side
from execbot.model.flags import Flag, flags_of
from execbot.risk.checks import CHECKS, Applies, evaluate, table_markdown
from execbot.risk.facts import Counters, Facts, Intent, RecentIntent, intent_key
from execbot.risk.holding_evidence import HoldingRange
from execbot.risk.kill_switch import KillSwitch, Level
from execbot.risk.pending import Purpose

D = Decimal
FATAL, ADJUST, WAIT = ErrorCategory.FATAL, ErrorCategory.ADJUSTABLE, ErrorCategory.WAITING
RETRY = ErrorCategory.RETRYABLE
LIMITS: TradingSettings = b.LIMITS


def limits(**changes: Any) -> TradingSettings:
    return replace(LIMITS, **changes)


def risk(**changes: Any) -> TradingSettings:
    return replace(LIMITS, risk=replace(RiskSettings(), **changes))


def hours(**changes: Any) -> TradingSettings:
    return replace(LIMITS, market_hours=replace(MarketHoursSettings(), **changes))


def test_default_order_on_a_fresh_account_passes_everything() -> None:
    verdict = evaluate(b.intent(), b.facts(), LIMITS)
    assert verdict.passed, verdict.message
    assert len(verdict.results) == len(CHECKS)
    assert {r.code for r in verdict.results if r.applies} > {"max_position_size", "session"}


SCALE = ScaleInSettings(enabled=True, max_steps=2, min_profit_pct=D(1))
LOSER = b.held(avg_entry_price="250")
WINNER = b.held(avg_entry_price="190")
SHORT = {"side": Side.SELL}
HALTED = KillSwitch(Level.HALTED, "test", "trader", b.NOW)
RECENT = RecentIntent("old", b.NOW - timedelta(seconds=9), intent_key(b.request()))
FIVE = [b.held(s, "1", "10") for s in ("A", "B", "C", "D", "E")]

UNSEEN = HoldingRange("AAPL", by_fills=D(10), by_broker=D(0), low=D(10), high=D(10))
BAND = PriceBand("AAPL", D(190), D(210), b.NOW)

Case = tuple[str, ErrorCategory, Intent, Facts, TradingSettings]
FAILING: list[Case] = [
    ("kill_switch", FATAL, b.intent(), b.facts(kill_switch=HALTED), LIMITS),
    ("reduce_only", FATAL, b.intent(),
     b.facts(kill_switch=KillSwitch(Level.REDUCE_ONLY, "x", "trader", b.NOW)), LIMITS),
    ("mode_gate", FATAL, b.intent(), b.facts(mode=Mode.LIVE), LIMITS),
    ("limits_adopted", FATAL, b.intent(),
     b.facts(mode=Mode.LIVE, live_allowed=True, loosened=("max_positions 5 -> 6",)), LIMITS),
    ("account_active", FATAL, b.intent(), b.facts(account=b.account(status="INACTIVE")), LIMITS),
    ("account_active", FATAL, b.intent(symbol="BTC/USD", qty=D("0.1")),
     b.crypto_facts(account=b.account(crypto_status="INACTIVE")), LIMITS),
    ("account_not_blocked", FATAL, b.intent(),
     b.facts(account=b.account(trading_blocked=True)), LIMITS),
    ("account_not_blocked", FATAL, b.intent(),
     b.facts(account=b.account(account_blocked=True)), LIMITS),
    ("account_not_suspended", FATAL, b.intent(),
     b.facts(account=b.account(trade_suspended_by_user=True)), LIMITS),
    ("facts_together", RETRY, b.intent(), b.facts(spread_seconds=20.1), LIMITS),
    ("equity_known", RETRY, b.intent(),
     b.facts(account=b.account(equity="0", long_market_value="0", short_market_value="0")),
     LIMITS),
    ("equity_known", RETRY, b.intent(),
     b.facts(account=b.account(equity="79999", long_market_value="0", short_market_value="0")),
     LIMITS),
    ("position_known", RETRY, b.intent(), b.facts(holding=UNSEEN), LIMITS),
    ("position_known", RETRY, b.intent(), b.facts(changing="FB became AAPL"), LIMITS),
    ("positions_protected", RETRY, b.intent(), b.facts(unprotected=("KO is unprotected",)),
     replace(LIMITS, exits=ExitSettings(unprotected_stops_entries=True))),
    ("intraday_margin", ADJUST, b.intent(),
     b.facts(account=b.account(maintenance_margin="99800")), LIMITS),
    ("day_trading", FATAL, b.intent(qty=D(5)),
     b.facts(account=b.account(equity="24999", last_equity="24999", daytrade_count=3)), LIMITS),
    ("day_trading", FATAL, b.intent(qty=D(5)),
     b.facts(account=b.account(equity="20000", last_equity="20000", pattern_day_trader=True)),
     LIMITS),
    ("day_trading", FATAL, b.intent(),
     b.facts(account=b.account(pattern_day_trader=True, daytrading_buying_power="2000")), LIMITS),
    ("asset_tradable", FATAL, b.intent(), b.facts(asset=b.asset(tradable=False)), LIMITS),
    ("asset_tradable", FATAL, b.intent(), b.facts(asset=b.asset(status="inactive")), LIMITS),
    ("asset_tradable", FATAL, b.intent(), b.facts(asset=None), LIMITS),
    ("symbol_allowed", FATAL, b.intent(), b.facts(), limits(symbols=("MSFT", "SPY"))),
    ("symbol_not_denied", FATAL, b.intent(), b.facts(), limits(denied_symbols=("AAPL",))),
    ("symbol_not_denied", FATAL, b.intent(symbol="BTC/USD", qty=D("0.1")), b.crypto_facts(),
     limits(denied_symbols=("BTCUSD",))),
    ("fractionable", ADJUST, b.intent(qty=D("1.5")),
     b.facts(asset=b.asset(fractionable=False)), LIMITS),
    ("fractionable", ADJUST, b.intent(notional=D(500)),
     b.facts(asset=b.asset(fractionable=False)), LIMITS),
    ("fractionable", ADJUST, b.intent(**SHORT, qty=D("1.5")), b.facts(), LIMITS),
    ("short_is_meant", FATAL, b.intent(**SHORT, flags=flags_of(add=True)), b.facts(), LIMITS),
    ("shortable", FATAL, b.intent(**SHORT), b.facts(asset=b.asset(shortable=False)), LIMITS),
    ("shortable", FATAL, b.intent(**SHORT),
     b.facts(asset=b.asset(borrow_status="hard_to_borrow")), LIMITS),
    ("shortable", FATAL, b.intent(**SHORT),
     b.facts(account=b.account(shorting_enabled=False)), LIMITS),
    ("shortable", FATAL, b.intent(**SHORT), b.facts(), risk(allow_short=False)),
    ("shortable", FATAL, b.intent(**SHORT, qty=D(1)),
     b.facts(account=b.account(equity="1999.99", last_equity="1999.99"),
             quote=b.quote("49.99", "50.01")), LIMITS),
    ("session", WAIT, b.intent(), b.facts(market=b.at("2026-11-21T11:00")), LIMITS),
    ("session", WAIT, b.intent(), b.facts(market=b.at("2026-11-20T08:00")), LIMITS),
    ("session", WAIT, b.intent(), b.facts(market=b.at("2026-11-27T13:30")), LIMITS),
    ("halt", WAIT, b.intent(), b.facts(halt=Halt("AAPL", b.NOW, "LUDP")), LIMITS),
    ("luld_band", ADJUST, b.intent(limit_price=D("210.01")), b.facts(band=BAND), LIMITS),
    ("luld_band", ADJUST, b.intent(**SHORT, limit_price=D("189.99")), b.facts(band=BAND), LIMITS),
    ("luld_band", ADJUST, b.intent(),
     b.facts(band=BAND, quote=b.quote("209.99", "210.01")), LIMITS),
    ("luld_band", ADJUST, b.intent(),
     b.facts(band=BAND, quote=b.quote("210", "210")), LIMITS),
    ("luld_band", ADJUST, b.intent(**SHORT),
     b.facts(band=BAND, quote=b.quote("189.99", "190.01")), LIMITS),
    ("luld_band", ADJUST, b.intent(**SHORT),
     b.facts(band=BAND, quote=b.quote("190", "190")), LIMITS),
    ("entry_window", WAIT, b.intent(), b.facts(market=b.at("2026-11-20T09:34")),
     hours(no_entry_first_minutes=5)),
    ("entry_window", FATAL, b.intent(), b.facts(market=b.at("2026-11-20T15:56")),
     hours(no_entry_last_minutes=5)),
    # E-PX-1: old, without a time, absent, wide, one-sided, crossed.
    ("quote_fresh", FATAL, b.intent(),
     b.facts(quote=b.quote(at=b.NOW - timedelta(seconds=901))), LIMITS),
    ("quote_fresh", FATAL, b.intent(),
     b.facts(now=b.NOW - timedelta(minutes=10), quote=b.quote(at=b.NOW - timedelta(seconds=901))),
     LIMITS),
    ("quote_fresh", FATAL, b.intent(), b.facts(quote=b.quote(at=None)), LIMITS),
    ("quote_fresh", FATAL, b.intent(limit_price=D(200)), b.facts(quote=None), LIMITS),
    ("spread", FATAL, b.intent(), b.facts(quote=b.quote("180", "200")), LIMITS),
    ("spread", FATAL, b.intent(), b.facts(quote=b.quote("0", "200")), LIMITS),
    ("spread", FATAL, b.intent(), b.facts(quote=b.quote("201", "200")), LIMITS),
    ("limit_price_band", ADJUST, b.intent(limit_price=D("240.01")), b.facts(), LIMITS),
    ("limit_price_band", ADJUST, b.intent(**SHORT, limit_price=D("159.99")), b.facts(), LIMITS),
    ("limit_price_band", ADJUST, b.intent(limit_price=D("99.99")), b.facts(),
     risk(limit_price_passive_band_pct=D(50))),
    ("max_order_notional", ADJUST, b.intent(), b.facts(), risk(max_order_notional=D(2000))),
    ("max_order_qty", ADJUST, b.intent(), b.facts(), risk(max_order_qty=D("9.99"))),
    ("max_order_qty", ADJUST, b.intent(notional=D(3000)), b.facts(), risk(max_order_qty=D(10))),
    ("buying_power", ADJUST, b.intent(), b.facts(account=b.account(buying_power="2000")), LIMITS),
    ("buying_power", ADJUST, b.intent(),
     b.facts(account=b.account(buying_power="4000"),
             pending=(b.pending("MSFT", reserved=False),)), LIMITS),
    ("buying_power", ADJUST, b.intent(**SHORT),
     b.facts(account=b.account(buying_power="2060")), LIMITS),
    ("buying_power", ADJUST, b.intent(symbol="BTC/USD", qty=D("0.1")),
     b.crypto_facts(account=b.account(non_marginable_buying_power="5100")), LIMITS),
    ("buying_power", ADJUST, b.intent(symbol="BTC/USD", qty=D("0.1")),
     b.crypto_facts(account=b.account(non_marginable_buying_power="0")), LIMITS),
    ("max_position_size", ADJUST, b.intent(qty=D(50)), b.facts(), LIMITS),
    ("max_position_size", ADJUST, b.intent(notional=D("10000.01")), b.facts(), LIMITS),
    ("max_position_size", ADJUST, b.intent(qty=D(10)),
     b.facts(positions=[b.held(qty="45", avg_entry_price="180")]),
     risk(scale_in=SCALE)),
    ("max_positions", FATAL, b.intent(), b.facts(positions=FIVE), LIMITS),
    ("max_positions", FATAL, b.intent(),
     b.facts(positions=FIVE[:4], pending=(b.pending("MSFT", leaves_qty=D(1)),)), LIMITS),
    ("max_exposure", ADJUST, b.intent(), b.facts(positions=[b.held("MSFT", "100", "485")]), LIMITS),
    ("max_exposure", ADJUST, b.intent(),
     b.facts(positions=[b.held("MSFT", "-100", "485")]), LIMITS),
    ("max_exposure", ADJUST, b.intent(),
     b.facts(pending=(b.pending("MSFT", leaves_qty=D(243)),)), LIMITS),
    ("max_exposure", ADJUST, b.intent(),
     b.facts(pending=(b.pending("MSFT", type=OrderType.MARKET, limit_price=None),)), LIMITS),
    ("one_pending", FATAL, b.intent(), b.facts(pending=(b.pending(leaves_qty=D(1)),)), LIMITS),
    ("one_pending", FATAL, b.intent(),
     b.facts(pending=(b.pending(leaves_qty=D(1), status=OrderStatus.QUEUED),)), LIMITS),
    ("duplicate_position", FATAL, b.intent(), b.facts(positions=[b.held()]), LIMITS),
    ("duplicate_position", FATAL, b.intent(), b.facts(positions=[b.held()]), risk(scale_in=SCALE)),
    ("duplicate_position", FATAL, b.intent(),
     b.facts(positions=[WINNER], counters=Counters(scale_in_steps=2)), risk(scale_in=SCALE)),
    ("opposite_order", FATAL, b.intent(limit_price=D(200)),
     b.facts(pending=(b.pending(side=Side.SELL, limit_price=D(210)),)),
     risk(one_pending_per_symbol=False)),
    ("wash_trade", FATAL, b.intent(),
     b.facts(positions=[WINNER], pending=(b.pending(
         side=Side.SELL, type=OrderType.STOP, limit_price=None, stop_price=D(180),
         purpose=Purpose.EXIT, protective=True),)), risk(scale_in=SCALE)),
    ("wash_trade", FATAL, b.intent(limit_price=D(205)),
     b.facts(positions=[WINNER], pending=(b.pending(
         side=Side.SELL, limit_price=D(205), purpose=Purpose.EXIT, protective=True),)),
     risk(scale_in=SCALE)),
    ("shares_available", ADJUST, b.intent(Purpose.EXIT, **SHORT),
     b.facts(positions=[b.held(qty_available="4")]), LIMITS),
    ("shares_available", FATAL, b.intent(Purpose.EXIT, **SHORT, qty=D(11)),
     b.facts(positions=[b.held()]), LIMITS),
    ("shares_available", FATAL, b.intent(Purpose.EXIT, side=Side.BUY, qty=D(11)),
     b.facts(positions=[b.held(qty="-10")]), LIMITS),
    ("daily_loss", FATAL, b.intent(),
     b.facts(account=b.account(equity="95000", last_equity="100000")), LIMITS),
    ("daily_orders", FATAL, b.intent(), b.facts(counters=Counters(orders_today=200)), LIMITS),
    ("consecutive_losses", FATAL, b.intent(), b.facts(counters=Counters(consecutive_losses=3)),
     risk(max_consecutive_losses=3)),
    ("consecutive_rejections", FATAL, b.intent(),
     b.facts(counters=Counters(consecutive_rejections=10)), LIMITS),
    ("instrument", FATAL, b.intent(symbol="ETH/BTC"), b.facts(), LIMITS),
    ("duplicate_intent", FATAL, b.intent(), b.facts(counters=Counters(recent=(RECENT,))), LIMITS),
]  # fmt: skip


@pytest.mark.parametrize("case", FAILING, ids=lambda case: case[0])
def test_spoiled_fact_fails_exactly_that_check(case: Case) -> None:
    code, category, intent, facts, settings_ = case
    verdict = evaluate(intent, facts, settings_)
    found = {failure.code for failure in verdict.failures}
    assert found == {code}, verdict.message
    failure = next(f for f in verdict.failures if f.code == code)
    assert failure.category is category
    assert failure.limit and failure.seen and failure.message
    assert verdict.kind == f"risk.{code}"


@pytest.mark.parametrize(
    ("code", "intent", "facts", "words"),
    [
        ("duplicate_position", b.intent(), b.facts(positions=[b.held()]),
         "you already hold 10 AAPL (duplicate_position). To add to it: --add."),
        ("one_pending", b.intent(), b.facts(pending=(b.pending(leaves_qty=D(1)),)),
         "(one_pending). To send a second: --also."),
        ("duplicate_intent", b.intent(), b.facts(counters=Counters(recent=(RECENT,))),
         "(duplicate_intent). If it is meant: --allow-duplicate."),
        ("short_is_meant", b.intent(**SHORT, flags=flags_of(add=True)), b.facts(),
         "you hold no AAPL: selling it opens a SHORT (short_is_meant). If that is meant: --short."),
    ],
)  # fmt: skip
def test_a_guard_names_the_flag_that_lifts_it_where_that_may_be_used(
    code: str, intent: Intent, facts: Facts, words: str
) -> None:
    assert words in evaluate(intent, facts, LIMITS).message
    assert "--" not in evaluate(intent, facts, risk(allow_flags=())).message


def test_size_limits_hold_with_every_flag() -> None:
    every = b.intent(qty=D(60), flags=frozenset(Flag))
    found = {f.code for f in evaluate(every, b.facts(positions=[b.held()]), LIMITS).failures}
    assert found == {"max_position_size"}


def test_every_check_has_a_failing_case() -> None:
    elsewhere = {check.code for check in CHECKS if check.code.startswith("option_")}
    covered = {case[0] for case in FAILING} | {"max_exposure", "broker_position_ratio"} | elsewhere
    assert covered == {check.code for check in CHECKS}


PASSING: list[tuple[str, Intent, Facts, TradingSettings]] = [
    ("live with both switches", b.intent(), b.facts(mode=Mode.LIVE, live_allowed=True), LIMITS),
    ("allowed symbol", b.intent(), b.facts(), limits(symbols=("AAPL",))),
    ("loss just below the limit", b.intent(),
     b.facts(account=b.account(equity="95000.01")), LIMITS),
    ("exactly at the position limit", b.intent(notional=D(10000)), b.facts(), LIMITS),
    ("the fifth position", b.intent(), b.facts(positions=FIVE[:4]), LIMITS),
    ("exactly at the band", b.intent(limit_price=D(240)), b.facts(), LIMITS),
    ("resting far below", b.intent(limit_price=D(1)), b.facts(), LIMITS),
    ("a fresh quote and a clock of ours that is fast", b.intent(),
     b.facts(now=b.NOW + timedelta(hours=1)), LIMITS),
    ("wide spread and a limit", b.intent(limit_price=D(190)),
     b.facts(quote=b.quote("150", "200")), LIMITS),
    ("window over", b.intent(), b.facts(counters=Counters(recent=(
        replace(RECENT, at=b.NOW - timedelta(seconds=10)),))), LIMITS),
    ("another order in the window", b.intent(qty=D(11)),
     b.facts(counters=Counters(recent=(RECENT,))), LIMITS),
    ("duplicate allowed", b.intent(flags=flags_of(allow_duplicate=True)),
     b.facts(counters=Counters(recent=(RECENT,))), LIMITS),
    ("added to by hand", b.intent(flags=flags_of(add=True)), b.facts(positions=[LOSER]), LIMITS),
    ("a second order by hand", b.intent(flags=flags_of(also=True)),
     b.facts(pending=(b.pending(leaves_qty=D(1)),)), LIMITS),
    ("a short in the order's own words", b.intent(**SHORT, position_intent="sell_to_open",
     flags=flags_of(add=True)), b.facts(), LIMITS),
    ("the same intent itself", b.intent(client_order_id="old"),
     b.facts(counters=Counters(recent=(RECENT,))), LIMITS),
    ("a limit at the band", b.intent(limit_price=D(210)), b.facts(band=BAND), LIMITS),
    ("a limit that waits below the band", b.intent(limit_price=D(180)), b.facts(band=BAND),
     LIMITS),
    ("a short that waits above the band", b.intent(**SHORT, limit_price=D(215)),
     b.facts(band=BAND), LIMITS),
    ("a market inside the band", b.intent(),
     b.facts(band=BAND, quote=b.quote("209.98", "210")), LIMITS),
    ("a short inside the band", b.intent(**SHORT),
     b.facts(band=BAND, quote=b.quote("190", "190.02")), LIMITS),
    ("a stop waits whatever the band", b.intent(type=OrderType.STOP, stop_price=D(220)),
     b.facts(band=BAND), LIMITS),
    ("bands rest outside the regular session",
     b.intent(limit_price=D(211), extended_hours=True),
     b.facts(band=BAND, market=b.at("2026-11-20T08:00")), hours(trade_premarket=True)),
    ("a winner is added to", b.intent(), b.facts(positions=[WINNER]), risk(scale_in=SCALE)),
    ("OCO exits do not stop scaling in", b.intent(), b.facts(positions=[WINNER], pending=(b.pending(
        side=Side.SELL, order_class=OrderClass.OCO, purpose=Purpose.EXIT, protective=True),)),
     risk(scale_in=SCALE)),
    ("limits that cannot meet", b.intent(limit_price=D(190)),
     b.facts(positions=[WINNER], pending=(b.pending(
         side=Side.SELL, limit_price=D(210), purpose=Purpose.EXIT, protective=True),)),
     risk(scale_in=SCALE)),
    ("exit of the whole", b.intent(Purpose.EXIT, side=Side.SELL), b.facts(positions=[b.held()]),
     LIMITS),
    ("pending exits are no exposure", b.intent(), b.facts(
        positions=FIVE[:4], pending=(b.pending("A", side=Side.SELL, purpose=Purpose.EXIT),)),
     LIMITS),
    ("a legacy server that counts few day trades", b.intent(),
     b.facts(account=b.account(daytrade_count=2, pattern_day_trader=False)), LIMITS),
    ("fraction of a fractionable", b.intent(qty=D("1.123456789")), b.facts(), LIMITS),
    ("crypto fraction", b.intent(symbol="BTC/USD", qty=D("0.1")), b.crypto_facts(), LIMITS),
    ("crypto while stocks are shut", b.intent(symbol="BTC/USD", qty=D("0.1")),
     b.crypto_facts(now=b.et("2026-11-22T03:00"), market=b.crypto_now(b.et("2026-11-22T03:00"))),
     risk(max_quote_age_seconds=D(10**6))),
    ("a fresh account without yesterday", b.intent(),
     b.facts(account=b.account(last_equity=None)), LIMITS),
    ("unknown fields of 2026 are absent", b.intent(),
     b.facts(account=b.account(maintenance_margin=None)), LIMITS),
]  # fmt: skip


@pytest.mark.parametrize("case", PASSING, ids=lambda case: case[0])
def test_near_miss_passes(case: tuple[str, Intent, Facts, TradingSettings]) -> None:
    _, intent, facts, settings_ = case
    verdict = evaluate(intent, facts, settings_)
    assert verdict.passed, verdict.message


def test_a_band_names_its_edge_and_the_price_seen() -> None:
    verdict = evaluate(b.intent(limit_price=D("210.01")), b.facts(band=BAND), LIMITS)
    (failed,) = verdict.failures
    assert (failed.code, failed.limit, failed.seen) == (
        "luld_band", "at most 210.00", "limit 210.01",
    )  # fmt: skip
    market = b.facts(band=BAND, quote=b.quote("189.99", "190.01"))
    (failed,) = evaluate(b.intent(**SHORT), market, LIMITS).failures
    assert (failed.limit, failed.seen) == ("inside 190.00 to 210.00", "bid 189.99, ask 190.01")


def test_broker_ratio_stops_what_a_loose_configuration_would_allow() -> None:
    loose = limits(max_position_size_pct=D(1000), max_account_exposure_pct=D(1000))
    rich = b.account(buying_power="10000000")
    verdict = evaluate(b.intent(qty=D(3005)), b.facts(account=rich), loose)
    assert {"broker_position_ratio"} <= {f.code for f in verdict.failures}


def test_all_failures_are_reported_at_once() -> None:
    facts = b.facts(
        kill_switch=HALTED, account=b.account(trading_blocked=True), positions=FIVE,
        halt=Halt("AAPL", b.NOW, "x"), quote=b.quote("180", "200"),
    )  # fmt: skip
    verdict = evaluate(b.intent(qty=D(5000)), facts, LIMITS)
    codes = [f.code for f in verdict.failures]
    assert codes == [
        "kill_switch", "account_not_blocked", "intraday_margin", "halt", "spread", "buying_power",
        "max_position_size", "max_positions", "max_exposure", "broker_position_ratio",
    ]  # fmt: skip
    assert verdict.kind == "risk.kill_switch"
    assert not verdict.only_waiting


def test_closed_market_alone_is_only_waiting() -> None:
    verdict = evaluate(b.intent(), b.facts(market=b.at("2026-11-21T11:00")), LIMITS)
    assert verdict.only_waiting and verdict.category is WAIT


WORST = b.facts(
    kill_switch=HALTED, halt=Halt("AAPL", b.NOW, "x"), quote=None, positions=[b.held()],
    account=b.account(equity="10", last_equity="100000", trading_blocked=True, buying_power="0"),
    market=b.at("2026-11-21T11:00"),
    counters=Counters(500, 50, 50, 9, (RECENT,)),
    pending=(b.pending(),),
)  # fmt: skip


def test_exit_passes_whatever_entries_are_refused_for() -> None:
    tight = limits(denied_symbols=("AAPL",), max_positions=1, symbols=("MSFT",))
    verdict = evaluate(b.intent(Purpose.EXIT, side=Side.SELL), WORST, tight)
    assert verdict.passed, verdict.message


def test_only_what_no_exit_may_do_applies_to_exits() -> None:
    assert {c.code for c in CHECKS if c.applies_to is Applies.ALL} == {
        "mode_gate",
        "option_terms",
        "option_grid",
        "option_covered",
        "option_legs_free",
        "shares_available",
    }


def test_shares_that_exits_hold_can_be_sold_all_the_same_and_the_way_is_told() -> None:
    held = b.facts(positions=[b.held(qty_available="0")])
    asked = b.intent(Purpose.EXIT, side=Side.SELL, qty=D(3))
    assert "execbot close AAPL --qty 3" in evaluate(asked, held, LIMITS).message
    asked = b.intent(Purpose.EXIT, side=Side.SELL, qty=D(11))
    assert "close" not in evaluate(asked, held, LIMITS).message


def test_missing_account_refuses_and_does_not_crash() -> None:
    verdict = evaluate(b.intent(), b.facts(account=None), LIMITS)
    assert {"account_active", "buying_power", "max_position_size"} <= {
        f.code for f in verdict.failures
    }


def test_buying_power_that_the_broker_does_not_say_is_none() -> None:
    """E-EQ-3."""
    verdict = evaluate(b.intent(), b.facts(account=b.account(buying_power=None)), LIMITS)
    assert "buying_power" in {f.code for f in verdict.failures}


@given(
    qty=st.decimals("0.000000001", "5000", places=9),
    price=st.decimals("0.5", "900", places=2),
    others=st.lists(st.tuples(st.integers(-300, 300), st.decimals(1, 500, places=2)), max_size=6),
    waiting=st.lists(st.tuples(st.integers(1, 300), st.decimals(1, 500, places=2)), max_size=4),
)
@settings(max_examples=200, deadline=None)
def test_what_passes_never_exceeds_a_limit(
    qty: Decimal,
    price: Decimal,
    others: list[tuple[int, Decimal]],
    waiting: list[tuple[int, Decimal]],
) -> None:
    positions = [b.held(f"P{n}", str(q), str(p)) for n, (q, p) in enumerate(others) if q]
    orders = tuple(
        b.pending(f"W{n}", leaves_qty=D(q), limit_price=p) for n, (q, p) in enumerate(waiting)
    )
    facts = b.facts(
        positions=positions, pending=orders, quote=b.quote(str(price - D("0.01")), str(price))
    )
    verdict = evaluate(b.intent(qty=qty), facts, LIMITS)
    value = qty * price
    gross = sum((abs(D(q)) * p for q, p in others), D(0)) + sum((q * p for q, p in waiting), D(0))
    symbols = len(positions) + len(orders) + 1
    holds = value <= 10_000 and gross + value <= 50_000 and symbols <= 5
    if verdict.passed:
        assert holds
    elif holds:
        assert {f.code for f in verdict.failures} <= {"spread"}


def test_what_fails_is_said_in_words_of_its_own() -> None:
    """Not the rule with a "broken" before it: that reads as if the rule were the fault."""
    assert all(check.broken and check.broken != check.title for check in CHECKS)
    said = evaluate(b.intent(), b.facts(positions=FIVE), LIMITS).message
    assert said == "too many positions at once: limit 5, seen 6 with this"


def test_codes_are_unique_and_slug_like() -> None:
    codes = {check.code for check in CHECKS}
    assert len(codes) == len(CHECKS)
    assert all(code.replace("_", "").isalpha() and code.islower() for code in codes)


def test_documented_table_equals_the_code() -> None:
    page = DOCS / "risk.md"
    assert table_markdown() in page.read_text(encoding="utf-8")


def test_every_setting_named_by_a_check_exists() -> None:
    known = TradingSettings()
    for check in CHECKS:
        first = check.setting.split(",")[0].strip()
        target: Any = known
        for part in first.split(".") if first else ():
            target = getattr(target, part)
