"""Goal: every order that filled has one confirmation, whoever makes it and wherever that is killed.

Method: orders on the built-in exchange with forced prices, so that each figure follows by hand; the
confirmer killed at each of its steps; the exchange's books as the judge.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from support.confirming import Confirmed, open_confirmed
from support.desk import limit, market
from support.harness.killed import Killed

from execbot.broker.port import ReplaceRequest
from execbot.config.schema import OrderManagementSettings, TradingSettings
from execbot.journal.confirmation import ArrivalBasis, ExecutionVerdict, OrderKind
from execbot.model.enums import OrderType, Side
from execbot.model.order import OrderRequest

D = Decimal


def alert_at(pct: str) -> TradingSettings:
    return TradingSettings(order_management=OrderManagementSettings(slippage_alert_pct=D(pct)))


@pytest.fixture
def account(tmp_path: Path) -> Confirmed:
    account = open_confirmed(tmp_path)
    account.price("AAPL", "99.98", "100.02")
    return account


def test_an_entry_at_market_is_measured_from_the_quote_of_its_decision(account: Confirmed) -> None:
    account.submit(market(client_order_id="a"), role="entry")
    account.desk.sleep(1)
    [made] = account.confirm()
    assert (made.filled_qty, made.price, made.filled_usd) == (D(10), D("100.02"), D("1000.20"))
    assert made.arrival.basis is ArrivalBasis.QUOTE
    assert made.arrival.price == D(100)
    assert made.cost is not None
    assert (made.cost.bps, made.cost.usd, made.cost.r) == (D("2.00"), D("0.20"), None)
    assert made.kind is OrderKind.MARKETABLE
    assert (made.quoted_spread_bps, made.effective_over_quoted) == (D("4.00"), D("1.00"))
    assert made.position is not None
    assert (made.position.expected, made.position.actual) == (D(10), D(10))
    assert made.position.source == "stream"
    assert made.verdict is ExecutionVerdict.CONFIRMED
    assert not made.findings


def test_the_market_afterwards_is_looked_up_when_it_has_passed(account: Confirmed) -> None:
    account.submit(market(client_order_id="a"), role="entry")
    account.later(1)
    assert account.of("a").later == ()
    account.later(4)
    assert [later.after_seconds for later in account.of("a").later] == [1]
    account.price("AAPL", "100.50", "100.54")
    account.later(70)
    account.price("AAPL", "99.00", "99.04")
    account.later(300)
    made = account.of("a")
    moved = {later.after_seconds: later.moved_bps for later in made.later}
    assert list(moved) == [1, 60, 300]
    assert moved[60] == D("49.99"), "it went on upward, as the buyer wanted"
    assert moved[300] == D("-99.98")
    assert made.is_complete
    assert account.desk.journal.next_confirmation_due() is None


def test_an_exit_at_market_is_measured_from_the_quote_of_its_moment(account: Confirmed) -> None:
    account.submit(market(client_order_id="a"), role="entry")
    account.desk.sleep(1)
    account.desk.oms.submit(
        market(side=Side.SELL, client_order_id="out"), role="exit", origin="close"
    )
    account.desk.sleep(1)
    account.confirm()
    assert account.of("out").arrival.unmeasured == "not_looked_up"
    account.later(5)
    made = account.of("out")
    assert made.arrival.basis is ArrivalBasis.LOOKED_UP
    assert made.arrival.price == D(100)
    assert made.cost is not None
    assert (made.cost.bps, made.cost.usd) == (D("2.00"), D("0.20"))


def test_a_stop_is_measured_from_its_trigger_and_a_target_from_its_limit(
    account: Confirmed,
) -> None:
    account.submit(market(qty="20", client_order_id="a"), role="entry")
    account.desk.sleep(1)
    stop = OrderRequest(
        "AAPL", Side.SELL, qty=D(10), type=OrderType.STOP, stop_price=D(99), client_order_id="stop"
    )
    target = limit("101", side=Side.SELL, client_order_id="target")
    for request, role in ((target, "target"), (stop, "stop")):
        account.desk.oms.submit(request, role=role, origin="exit")
    account.price("AAPL", "101.10", "101.14")
    account.desk.sleep(2)
    account.price("AAPL", "98.80", "98.84")
    account.desk.sleep(2)
    account.confirm()
    found, taken = account.of("stop"), account.of("target")
    assert (found.kind, found.arrival.basis, found.arrival.price) == (
        OrderKind.STOP,
        ArrivalBasis.TRIGGER,
        D(99),
    )
    assert found.cost is not None
    assert found.cost.usd == (D(99) - found.price) * 10 if found.price else False
    assert (taken.arrival.basis, taken.arrival.price) == (ArrivalBasis.LIMIT, D(101))
    assert taken.cost is not None
    assert taken.cost.bps <= 0


def test_worse_than_the_alert_differs_on_entries_and_exits(tmp_path: Path) -> None:
    account = open_confirmed(tmp_path)
    account.settings = alert_at("0.5")
    account.price("AAPL", "99.40", "100.60")
    account.submit(market(client_order_id="in"), role="entry")
    account.desk.sleep(1)
    account.desk.oms.submit(market(side=Side.SELL, client_order_id="out"), role="exit")
    account.later(5)
    for name in ("in", "out"):
        made = account.of(name)
        assert made.verdict is ExecutionVerdict.DIFFERS
        [found] = made.findings
        assert (found.kind, found.by, found.unit) == ("slippage", D("10.00"), "bps")


@pytest.mark.parametrize("alert, differs", [("0.5", False), ("0.01", True), ("0", False)])
def test_the_alert_is_where_the_configuration_sets_it(
    account: Confirmed, alert: str, differs: bool
) -> None:
    account.settings = alert_at(alert)
    account.submit(market(client_order_id="a"), role="entry")
    account.desk.sleep(1)
    [made] = account.confirm()
    assert bool(made.findings) is differs


def test_a_one_sided_quote_gives_no_slippage(account: Confirmed) -> None:
    account.submit(market(client_order_id="a"), role="entry")
    account.desk.sleep(1)
    account.price("AAPL", "99.98", "0")
    account.desk.oms.submit(market(side=Side.SELL, client_order_id="out"), role="exit")
    account.later(5)
    made = account.of("out")
    assert made.arrival.unmeasured == "one_sided"
    assert made.cost is None


def test_an_order_that_goes_on_filling_has_one_confirmation_of_all_its_fills(
    tmp_path: Path,
) -> None:
    account = open_confirmed(
        tmp_path, exchange={"participation": "0.05", "starting_cash": "10000000"}
    )
    account.submit(market(qty="400", client_order_id="a"), role="entry")
    for _ in range(120):
        account.desk.sleep(0.5)
        account.confirm()
    account.later(5)
    rows = next(iter(account.fills_there().values()))
    made = account.of("a")
    assert len(rows) > 1
    assert made.filled_qty == sum(D(row["qty"]) for row in rows)
    assert [item.client_order_id for item in account.desk.journal.confirmations()] == ["a"]


def test_a_correction_and_a_bust_make_new_versions(account: Confirmed) -> None:
    account.submit(market(client_order_id="a"), role="entry")
    account.later(1)
    first = account.of("a")
    account.desk.call("POST", "/sim/executions/correct", {"symbol": "AAPL", "price": 99})
    account.desk.sleep(1)
    account.confirm()
    corrected = account.of("a")
    assert corrected.version > first.version
    assert corrected.price == D(99)
    assert corrected.cost is not None
    assert corrected.cost.bps == D("-100.00")
    account.desk.call("POST", "/sim/executions/bust", {"symbol": "AAPL"})
    account.desk.sleep(1)
    account.confirm()
    busted = account.of("a")
    assert busted.version > corrected.version
    assert (busted.filled_qty, busted.cost) == (D(0), None)
    versions = account.desk.journal.confirmation_versions("a")
    assert versions[0] == first or versions[0].version == 1


def test_what_never_filled_costs_what_the_price_went_on_by(account: Confirmed) -> None:
    account.submit(limit("99", client_order_id="a"), role="entry")
    account.desk.sleep(1)
    account.price("AAPL", "101.98", "102.02")
    account.desk.sleep(10)
    account.desk.oms.cancel("a", wait_seconds=5)
    account.later(5)
    made = account.of("a")
    assert made.kind is OrderKind.RESTING
    assert made.missed is not None
    assert (made.missed.qty, made.missed.price) == (D(10), D(102))
    assert (made.missed.bps, made.missed.usd) == (D("200.00"), D("20.00"))
    assert account.desk.journal.confirmations() == []
    assert account.desk.journal.missed_orders() == [made]


def test_a_replaced_entry_keeps_the_decision_of_the_first(account: Confirmed) -> None:
    account.submit(limit("99", client_order_id="a"), role="entry")
    account.desk.sleep(1)
    account.price("AAPL", "101.98", "102.02")
    account.desk.sleep(5)
    new = account.desk.oms.replace("a", ReplaceRequest(limit_price=D("102.50")))
    account.later(2)
    made = account.of(new.client_order_id)
    assert made.arrival.price == D(100)
    assert made.cost is not None
    assert made.cost.bps == D("202.00")
    assert [item.client_order_id for item in account.desk.journal.confirmations()] == [
        new.client_order_id
    ]


def test_the_signals_own_price_is_a_second_figure(account: Confirmed) -> None:
    journal, now = account.desk.journal, account.desk.now()
    body = {"created_at": now.isoformat(), "expected_price": "99.90"}
    journal.claim_signal("s", "AAPL", body, now)
    account.submit(market(client_order_id="a"), role="entry", signal_id="s")
    account.desk.sleep(1)
    [made] = account.confirm()
    assert made.expected is not None
    assert (made.expected_price, made.expected.bps) == (D("99.90"), D("12.01"))
    times = made.times
    moments = [times.signal_created, times.signal_received, times.intent, times.sent]
    moments += [times.acknowledged, times.first_fill, times.done]
    assert all(moment is not None for moment in moments)
    assert moments == sorted(moment for moment in moments if moment is not None)


STEPS = ("before", "confirmed", "marked", "committed", "looked")


@pytest.mark.parametrize("at", STEPS)
def test_killed_at_any_step_there_is_one_confirmation_and_no_more(
    account: Confirmed, at: str
) -> None:
    account.submit(market(client_order_id="a"), role="entry")
    account.desk.sleep(1)
    account.desk.oms.submit(market(side=Side.SELL, client_order_id="out"), role="exit")
    account.desk.sleep(4)
    account.hear()

    def die(step: str) -> None:
        if step == at:
            raise Killed

    dying = account.confirmer(die)
    with pytest.raises(Killed):
        dying.take_in()
        dying.look_up(20)
    account.later(400)
    names = [item.client_order_id for item in account.desk.journal.confirmations()]
    assert sorted(names) == ["a", "out"]
    for name in names:
        versions = account.desk.journal.confirmation_versions(name)
        assert [item.version for item in versions] == list(range(1, len(versions) + 1))
        assert versions[-1].is_complete
        bare = [item.later for item in versions]
        assert len(set(bare)) == len(bare) or len(versions) <= 5


def test_two_that_learn_of_it_at_once_make_one(account: Confirmed) -> None:
    account.submit(market(client_order_id="a"), role="entry")
    account.desk.sleep(1)
    account.hear()
    one, other = account.confirmer(), account.confirmer()
    assert len(one.take_in()) == 1
    assert other.take_in() == []
    assert len(account.desk.journal.confirmation_versions("a")) == 1


def test_no_request_is_made_before_anything_is_due(account: Confirmed) -> None:
    account.submit(market(client_order_id="a"), role="entry")
    account.desk.sleep(1)
    account.hear()
    before = len(account.desk.sent)
    account.confirmer().take_in()
    account.confirmer().look_up(0)
    assert account.desk.sent[before:] == []
