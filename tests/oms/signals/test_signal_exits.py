"""Exits of a signal's position: planned before the entry is sent, attached where they may be."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from support.signal_trader import SignalTrader, open_trader

from execbot.config.schema import SizingMethod
from execbot.exits.plan.plan import ExitPlan, PlanStatus
from execbot.exits.store import plan_by_id
from execbot.model.enums import Outcome
from execbot.oms.release_queue import release_due

D = Decimal
ONE_TARGET = {"partial_exits": ()}
NO_TRAIL = {"use_trailing": False}


def plan(trader: SignalTrader, name: str = "plan-s1") -> ExitPlan:
    found = plan_by_id(trader.desk.journal, name)
    assert found is not None
    return found


def test_default_exits_are_planned_before_the_entry_is_sent(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    result = trader.signal()
    assert result.record is not None and result.record.plan_id == "plan-s1"
    made = plan(trader)
    assert made.status is PlanStatus.PENDING and made.strength == D(82)
    assert str(made.stop.spec) == "2%"
    assert [str(target.spec) for target in made.targets] == ["1R", "2R"]
    assert made.entry_client_order_id == result.record.client_order_id


def test_one_stop_and_one_target_go_as_a_bracket(tmp_path: Path) -> None:
    trader = open_trader(tmp_path, take_profit=ONE_TARGET, stop_loss=NO_TRAIL)
    trader.signal()
    order = trader.desk.orders_there()["execbot-signal-s1"]
    assert (order["order_class"], order["time_in_force"]) == ("bracket", "gtc")
    stop, target = plan(trader).stop.price, plan(trader).targets[0].price
    assert stop is not None and target is not None
    assert order["qty"] == str(int(D(order["qty"]))), "legs need whole shares"


def test_stop_and_target_of_the_signal_win(tmp_path: Path) -> None:
    trader = open_trader(tmp_path, stop_loss=NO_TRAIL)
    trader.signal(stop=D(200), target=D(300))
    made = plan(trader)
    assert (made.stop.price, made.targets[0].price) == (D(200), D(300))


def test_stop_on_the_wrong_side_of_the_market_is_a_failure(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    result = trader.signal(stop=D(500), target=D(600))
    assert result.is_failure and result.code.startswith("exits.")
    assert result.outcome is Outcome.NOT_SENT
    assert trader.desk.orders_there() == {}


def test_sizing_by_risk_measures_the_planned_stop(tmp_path: Path) -> None:
    trader = open_trader(
        tmp_path,
        sizing={"method": SizingMethod.RISK, "risk_per_trade_pct": D("0.1")},
        stop_loss={"default_pct": D(4)},
    )
    result = trader.signal()
    assert result.record is not None and result.record.order.qty is not None
    price = D(trader.desk.call("GET", "/v2/stocks/quotes/latest?symbols=AAPL&feed=iex")
              ["quotes"]["AAPL"]["ap"])  # fmt: skip
    assert result.record.order.qty == int(D(100) / (price * D("0.04")))


def test_plan_of_a_refused_entry_is_closed(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    body = {"code": 40310000, "message": "account is not authorized to trade"}
    trader.desk.fault("canned_reply", path="/v2/orders", method="POST", status=403, body=body)
    assert trader.signal().is_failure
    assert plan(trader).status is PlanStatus.CLOSED


def test_queued_entry_is_priced_anew_when_released(tmp_path: Path) -> None:
    closed = {"calendar": "exchange", "at": "2026-10-10 12:00"}
    trader = open_trader(tmp_path, sim=closed, take_profit=ONE_TARGET, stop_loss=NO_TRAIL)
    trader.signal()
    before = plan(trader)
    trader.desk.call("POST", "/sim/clock", {"set": "2026-10-12 09:31"})
    trader.desk.call("POST", "/sim/price", {"symbol": "AAPL", "price": "100"})
    assert release_due(trader.executor)[0].outcome is Outcome.ACCEPTED
    after = plan(trader)
    assert after.version == before.version + 1
    assert after.stop.price is not None and D(97) < after.stop.price < D(99)
    assert trader.desk.orders_there()["execbot-signal-s1"]["order_class"] == "bracket"


def test_protection_off_plans_only_what_the_signal_names(tmp_path: Path) -> None:
    trader = open_trader(tmp_path, exits={"protect_signals": False})
    assert trader.signal().record.plan_id is None  # type: ignore[union-attr]
    trader.signal("MSFT", stop=D(300))
    assert plan(trader, "plan-s2").stop.spec is not None
    assert plan(trader, "plan-s2").targets == ()
