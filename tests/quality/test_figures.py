"""Goal: each figure of a confirmation is its definition, and a dishonest one is not given.

Method: facts made by hand, figures worked out by hand; hypothesis for what must hold whatever the
prices are.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from journal.rows import T0, execution, order
from msgspec.structs import replace

from execbot.journal.confirmation import (
    ArrivalBasis,
    ExecutionVerdict,
    OrderKind,
    QuoteSeen,
)
from execbot.journal.records import Execution, FillState, OrderRecord, Progress
from execbot.model.enums import OrderClass, OrderStatus, OrderType, Side, TimeInForce
from execbot.quality.confirm import confirmation_of, says_the_same
from execbot.quality.facts import Facts, Looked, PositionFacts, SignalFacts
from execbot.quality.looks import GIVE_UP, due_at, looks_left
from execbot.quality.shown import in_words, is_news, new_findings

D = Decimal
SECOND = timedelta(seconds=1)
GOOD = QuoteSeen(D("99.98"), D("100.02"), T0, D("0.2"), "sip")


def fill(name: str = "x", qty: str = "10", price: str = "100.02", **more: Any) -> Execution:
    return execution(name, qty=D(qty), price=D(price), **more)


def record_of(**more: Any) -> OrderRecord:
    about = {
        name: more.pop(name) for name in ("role", "parent_id", "origin", "progress") if name in more
    }
    shape = {"status": OrderStatus.FILLED, "qty": D(10), "submitted_at": T0, "filled_at": T0}
    made = order(**{**shape, **more})
    return OrderRecord(made, intent_at=T0, sent_at=T0, **{"role": "entry", **about})


def facts(**more: Any) -> Facts:
    shape = {
        "record": record_of(),
        "executions": (fill(),),
        "decided_by": GOOD,
        "position": PositionFacts(told=D(10)),
        "wait_since": T0,
    }
    return Facts(T0 + SECOND, **{**shape, **more})


def sold(**more: Any) -> dict[str, Any]:
    return {
        "record": record_of(side=Side.SELL, **more),
        "executions": (fill(side=Side.SELL, price="99.90"),),
        "position": PositionFacts(before=D(10), told=D(0)),
    }


# --- times ---------------------------------------------------------------------------------------


def test_a_leg_that_the_broker_wakes_hours_later_was_not_slow() -> None:
    """What `order latency` counts is from our intent to the broker's `submitted_at`: of a leg that
    moment is the entry's fill, or the price that fired it."""
    woken = {"submitted_at": T0 + 2000 * SECOND, "side": Side.SELL}
    leg = confirmation_of(facts(record=record_of(parent_id="entry", role="stop", **woken)))
    alone = confirmation_of(facts(record=record_of(role="stop", **woken)))
    assert leg.times.acknowledged is None
    assert alone.times.acknowledged == T0 + 2000 * SECOND


# --- cost ----------------------------------------------------------------------------------------


def test_plus_is_worse_for_a_buyer_and_for_a_seller() -> None:
    bought, left = confirmation_of(facts()), confirmation_of(facts(**sold()))
    assert bought.cost is not None
    assert left.cost is not None
    assert (bought.cost.bps, bought.cost.usd) == (D("2.00"), D("0.20"))
    assert (left.cost.bps, left.cost.usd) == (D("10.00"), D("1.00"))


def test_r_is_the_cost_a_share_over_the_risk_a_share() -> None:
    made = confirmation_of(facts(risk_per_share=D(2)))
    assert made.cost is not None
    assert made.cost.r == D("0.01")


def test_a_contract_counts_a_hundred_times() -> None:
    symbol = "AAPL261218C00190000"
    made = confirmation_of(
        facts(
            record=record_of(symbol=symbol, qty=D(2)),
            executions=(fill(qty="2", price="6.05", symbol=symbol),),
            signal=SignalFacts(expected_price=D("6.00")),
            position=PositionFacts(told=D(2)),
            decided_by=None,
        )
    )
    assert made.expected is not None
    assert made.expected.usd == D("10.00")
    assert made.filled_usd == D("1210.00")
    assert made.arrival.unmeasured == "no_quote"
    assert made.is_complete, "feeds of options are not read"


@pytest.mark.parametrize(
    "quote, why",
    [
        (QuoteSeen(), "no_quote"),
        (QuoteSeen(D("99"), D(0), T0, D(0), "sip"), "one_sided"),
        (QuoteSeen(D(0), D("99"), T0, D(0), "sip"), "one_sided"),
        (QuoteSeen(D("100.03"), D("100.01"), T0, D(0), "sip"), "crossed"),
        (QuoteSeen(D("99.98"), D("100.02"), T0, D("15.001"), "sip"), "stale"),
        (QuoteSeen(D("99.98"), D("100.02"), None, None, "sip"), "stale"),
    ],
)
def test_a_dishonest_arrival_gives_no_figure(quote: QuoteSeen, why: str) -> None:
    made = confirmation_of(facts(decided_by=quote, risk_per_share=D(1)))
    assert made.arrival.unmeasured == why
    assert made.arrival.price is None
    assert (made.cost, made.quoted_spread_bps, made.effective_over_quoted) == (None, None, None)
    assert made.verdict is ExecutionVerdict.CONFIRMED, "quantity and position agree all the same"


def test_a_locked_quote_is_honest_and_has_no_ratio() -> None:
    made = confirmation_of(facts(decided_by=replace(GOOD, bid=D("100.02"))))
    assert made.cost is not None
    assert made.quoted_spread_bps == D("0.00")
    assert made.effective_over_quoted is None


@given(
    bid=st.decimals("1", "500", places=2),
    width=st.decimals("0.01", "5", places=2),
    paid=st.decimals("1", "600", places=2),
)
def test_what_one_side_pays_the_other_gets(bid: Decimal, width: Decimal, paid: Decimal) -> None:
    quote = QuoteSeen(bid, bid + width, T0, D(0), "sip")
    costs = []
    for side in Side:
        made = confirmation_of(
            facts(
                record=record_of(side=side),
                executions=(fill(price=str(paid), side=side),),
                decided_by=quote,
            )
        )
        assert made.cost is not None
        costs.append(made.cost.usd)
    assert sum(costs) == 0


# --- class and basis -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shape, kind",
    [
        ({"type": OrderType.MARKET}, OrderKind.MARKETABLE),
        ({"type": OrderType.MARKET, "order_class": OrderClass.MLEG}, OrderKind.RESTING),
        ({"type": OrderType.LIMIT, "limit_price": D("100.02")}, OrderKind.MARKETABLE),
        ({"type": OrderType.LIMIT, "limit_price": D("100.01")}, OrderKind.RESTING),
        ({"type": OrderType.LIMIT, "limit_price": D("99.98"), "side": Side.SELL}, "marketable"),
        ({"type": OrderType.LIMIT, "limit_price": D("99.99"), "side": Side.SELL}, "resting"),
        ({"type": OrderType.STOP, "stop_price": D(99)}, OrderKind.STOP),
        ({"type": OrderType.STOP_LIMIT, "stop_price": D(99)}, OrderKind.STOP),
        ({"type": OrderType.TRAILING_STOP, "stop_price": D(99)}, OrderKind.STOP),
        ({"type": OrderType.MARKET, "time_in_force": TimeInForce.OPG}, OrderKind.AUCTION),
        ({"type": OrderType.LIMIT, "time_in_force": TimeInForce.CLS}, OrderKind.AUCTION),
    ],
)
def test_the_class_is_how_the_order_met_the_market(shape: dict[str, Any], kind: str) -> None:
    assert confirmation_of(facts(record=record_of(**shape))).kind == kind


@pytest.mark.parametrize(
    "shape, basis, price",
    [
        ({"type": OrderType.STOP, "stop_price": D(99), "role": "stop"}, "trigger", D(99)),
        ({"type": OrderType.TRAILING_STOP, "stop_price": D(98), "role": "stop"}, "trigger", D(98)),
        ({"type": OrderType.STOP, "stop_price": D(101)}, "trigger", D(101)),
        ({"type": OrderType.LIMIT, "limit_price": D(103), "role": "target"}, "limit", D(103)),
        ({"type": OrderType.LIMIT, "limit_price": D(103), "role": "exit"}, "quote", D(100)),
        ({"type": OrderType.MARKET, "role": "exit"}, "quote", D(100)),
    ],
)
def test_each_order_is_measured_from_its_own_price(
    shape: dict[str, Any], basis: str, price: Decimal
) -> None:
    made = confirmation_of(facts(record=record_of(**shape)))
    assert (made.arrival.basis, made.arrival.price) == (basis, price)


# --- verdict -------------------------------------------------------------------------------------


def kinds(given: Facts) -> list[str]:
    return [found.kind for found in confirmation_of(given).findings]


def test_a_total_from_before_the_last_execution_says_nothing_of_it() -> None:
    """The row of a fill may be read before the order is seen again: frames were lost."""
    before = Progress(latest_qty=D(0), latest_at=T0 - SECOND)
    assert kinds(facts(record=record_of(progress=before))) == []
    at_last = Progress(latest_qty=D(0), latest_at=T0 + SECOND)
    assert kinds(facts(record=record_of(progress=at_last))) == ["quantity"]


def told(qty: str, price: str = "100.02") -> Progress:
    return Progress(latest_qty=D(qty), latest_avg_price=D(price), latest_at=T0)


@pytest.mark.parametrize(
    "change, found",
    [
        ({}, []),
        ({"record": record_of(progress=told("10"))}, []),
        ({"record": record_of(progress=told("9"))}, ["quantity"]),
        ({"record": record_of(qty=D(9))}, ["quantity"]),
        ({"record": record_of(progress=told("10", "100.03"))}, ["price"]),
        ({"record": record_of(progress=told("10", "100.02004"))}, []),
        ({"position": PositionFacts(told=D(9))}, ["position"]),
        ({"position": PositionFacts(before=D(5), between=D(-2), told=D(13))}, []),
        ({"position": PositionFacts(ours_now=D(7), theirs_now=D(7))}, []),
        ({"position": PositionFacts(ours_now=D(7), theirs_now=D(8))}, ["position"]),
        ({"position": PositionFacts(told=D("9.98"), coin_fee=D("0.03"))}, []),
        ({"position": PositionFacts(told=D("9.96"), coin_fee=D("0.03"))}, ["position"]),
        ({"executions": (fill(price="100.51"),)}, ["slippage"]),
        ({"executions": (fill(price="100.50"),)}, []),
        ({"executions": (fill(price="101"),), "alert_pct": D(0)}, []),
    ],
)
def test_what_differs_is_found_and_nothing_else(change: dict[str, Any], found: list[str]) -> None:
    assert kinds(facts(**change)) == found


CONTRACT = "AAPL270115C00100000"
WIDE = QuoteSeen(D("4.00"), D("5.00"), T0, D("0.2"), "opra")


@pytest.mark.parametrize(
    "price, more, found",
    [
        ("5.00", {}, []),  # the far side: half the spread is what a contract costs
        ("5.02", {}, []),
        ("5.03", {}, ["slippage"]),  # 11.78 %: half the spread are 11.11 %
        ("5.03", {"alert_pct": D(2)}, []),
        ("9.00", {"alert_pct": D(0)}, []),
        ("4.40", {}, []),
    ],
)
def test_a_contract_may_cost_half_its_spread(
    price: str, more: dict[str, Any], found: list[str]
) -> None:
    bought = {"record": record_of(symbol=CONTRACT), "executions": (fill(price=price),)}
    assert kinds(facts(**bought, decided_by=WIDE, **more)) == found


@pytest.mark.parametrize("price, found", [("4.36", []), ("4.34", ["slippage"])])
def test_a_stop_of_a_contract_may_cost_half_the_widest_spread(price: str, found: list[str]) -> None:
    """Nobody has seen a quote: 12.5 % and 0.5 % below a trigger of 5 are 4.35."""
    stop = record_of(
        symbol=CONTRACT, side=Side.SELL, type=OrderType.STOP, stop_price=D(5), role="stop"
    )
    gone = PositionFacts(before=D(10), told=D(0))
    sale = (fill(side=Side.SELL, price=price),)
    assert kinds(facts(record=stop, executions=sale, position=gone, decided_by=None)) == found


@pytest.mark.parametrize(
    "price, quote, is_outside",
    [
        ("100.03", GOOD, False),
        ("100.04", GOOD, True),
        ("99.50", GOOD, False),
        ("100.06", replace(GOOD, feed="iex"), False),
        ("100.07", replace(GOOD, feed="iex"), True),
        ("100.40", replace(GOOD, age_seconds=D("2.1")), False),
        ("100.40", replace(GOOD, ask=D(0)), False),
        ("100.40", QuoteSeen(), False),
    ],
)
def test_a_fill_outside_the_quotes_of_its_moment(
    price: str, quote: QuoteSeen, is_outside: bool
) -> None:
    given = facts(executions=(fill(price=price),), looked=Looked(at_fill=quote))
    assert ("outside_quotes" in kinds(given)) is is_outside


@pytest.mark.parametrize(
    "seconds, usual, is_slow",
    [
        (29, None, False),
        (31, None, True),
        (5, D("0.1"), False),
        (6, D("0.1"), True),
        (6, D(2), False),
    ],
)
def test_an_order_much_slower_than_its_kind(
    seconds: int, usual: Decimal | None, is_slow: bool
) -> None:
    late = (fill(at=T0 + seconds * SECOND),)
    assert ("slow" in kinds(facts(executions=late, usual_seconds=usual))) is is_slow
    resting = record_of(type=OrderType.LIMIT, limit_price=D(99))
    assert kinds(facts(executions=late, usual_seconds=usual, record=resting)) == []


@pytest.mark.parametrize(
    "change, why",
    [
        ({"position": PositionFacts()}, ("position_not_read",)),
        (
            {"executions": (fill(state=FillState.INFERRED),)},
            ("fills_not_reported_one_by_one",),
        ),
    ],
)
def test_what_cannot_be_verified_says_why(change: dict[str, Any], why: tuple[str, ...]) -> None:
    made = confirmation_of(facts(**change))
    assert made.verdict is ExecutionVerdict.UNVERIFIED
    assert made.why_unverified == why


def test_a_busted_fill_is_gone_and_a_corrected_one_is_corrected() -> None:
    busted = replace(fill("y"), net_qty=D(0), state=FillState.BUSTED)
    corrected = replace(fill("x"), net_qty=D(4), net_price=D("99"), state=FillState.CORRECTED)
    made = confirmation_of(facts(executions=(corrected, busted)))
    assert (made.filled_qty, made.price, made.filled_usd) == (D(4), D(99), D(396))


# --- what is looked up ---------------------------------------------------------------------------


def test_what_is_looked_up_is_wanted_once() -> None:
    given = replace(facts(decided_by=None, decided_at=T0), now=T0 + 10 * SECOND)
    wanted = [look.name for look in looks_left(given)]
    assert wanted == ["arrival", "at_fill", "1", "60", "300"]
    assert due_at(given, needs_position=False) == T0 + 2 * SECOND
    looked = Looked(GOOD, GOOD, {1: GOOD, 60: QuoteSeen(), 300: GOOD})
    assert looks_left(replace(given, looked=looked)) == ()
    assert due_at(replace(given, looked=looked), needs_position=False) is None
    assert timedelta(minutes=5) < GIVE_UP


def test_a_price_that_could_not_be_had_says_why() -> None:
    looked = Looked(at_fill=GOOD, later={1: GOOD, 60: QuoteSeen()})
    first, second = confirmation_of(facts(looked=looked)).later
    assert (first.price, first.moved_bps) == (D(100), D("-2.00"))
    assert (second.price, second.why) == (None, "no_quote")


# --- what is told --------------------------------------------------------------------------------


def test_later_prices_alone_are_no_news() -> None:
    first = confirmation_of(facts())
    second = confirmation_of(facts(looked=Looked(at_fill=GOOD, later={1: GOOD})), first)
    assert second.version == 2
    assert not says_the_same(first, second)
    assert is_news(None, first)
    assert not is_news(first, second)


def test_an_arrival_that_is_looked_up_is_waited_for_unless_something_differs() -> None:
    waiting = confirmation_of(facts(decided_by=None))
    assert waiting.arrival.basis is ArrivalBasis.NONE
    assert not is_news(None, waiting)
    assert is_news(None, waiting, patient=False)
    known = confirmation_of(facts(decided_by=None, looked=Looked(arrival=GOOD)), waiting)
    assert is_news(waiting, known)
    wrong = confirmation_of(facts(decided_by=None, position=PositionFacts(told=D(9))))
    assert is_news(None, wrong)


def test_each_kind_of_finding_is_alerted_of_once() -> None:
    first = confirmation_of(facts(position=PositionFacts(told=D(9))))
    second = confirmation_of(
        facts(position=PositionFacts(told=D(8)), executions=(fill(price="101"),)), first
    )
    assert [found.kind for found in new_findings(None, first)] == ["position"]
    assert [found.kind for found in new_findings(first, second)] == ["slippage"]


def test_the_line_for_people_says_what_and_by_how_much() -> None:
    assert in_words(confirmation_of(facts())) == (
        "AAPL buy 10 at 100.02 confirmed: 2 bps, 0.20 USD worse than 100.00, "
        "the middle of the quote when decided (sip, 0.2 s old)"
    )
    stale = in_words(confirmation_of(facts(decided_by=replace(GOOD, age_seconds=D(60)))))
    assert "slippage not measured, the quote was old" in stale
