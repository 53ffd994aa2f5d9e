"""Goal: what was judged as an exit never opens a position, however late it reaches the broker.

Method: the position goes away between the judgement and the arrival, in every way that it can; the
exchange's own positions are looked at afterwards.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support.desk import market
from support.signal_trader import SignalTrader, open_trader

from execbot.broker.errors import BrokerError
from execbot.config.schema import Mode
from execbot.journal import Role
from execbot.market.queue import QueueAction
from execbot.model.enums import OrderStatus, Outcome, Side, TimeInForce
from execbot.oms.errors import Refused
from execbot.oms.place.risk_desk import RiskDesk
from execbot.oms.release_queue import release_due

D = Decimal
DAY = {"calendar": "exchange", "at": "2026-10-06 15:00"}


def holding(path: Path, symbol: str = "AAPL", qty: str = "100", **more: Any) -> SignalTrader:
    trader = open_trader(path, max_position_size_pct=D(100), **more)
    trader.placer.place(market(symbol, qty, **_gtc(symbol)))
    trader.fill()
    return trader


def sell(qty: str = "100", symbol: str = "AAPL", **more: Any) -> Any:
    return market(symbol, qty, Side.SELL, **{**_gtc(symbol), **more})


def _gtc(symbol: str) -> dict[str, Any]:
    return {"time_in_force": TimeInForce.GTC} if "/" in symbol else {}


def other_desk(trader: SignalTrader) -> RiskDesk:
    """A process of its own, which reads for itself."""
    desk = trader.desk
    return RiskDesk(desk.client, desk.journal, trader.settings, Mode.SIM, now=desk.now)


def elsewhere(trader: SignalTrader, qty: str = "100") -> None:
    """Another program on the account sells, and this journal does not hear of it."""
    body = {"symbol": "AAPL", "qty": qty, "side": "sell", "type": "market", "time_in_force": "day"}
    trader.desk.call("POST", "/v2/orders", body)
    trader.desk.sleep(2)


@pytest.mark.parametrize("first_is_filled", [True, False])
def test_second_of_two_exits_judged_on_one_position_is_refused(
    tmp_path: Path, first_is_filled: bool
) -> None:
    trader = holding(tmp_path)
    first, second = sell(client_order_id="A"), sell(client_order_id="B")
    judged = [other_desk(trader).check(request) for request in (first, second)]
    assert all(checked.verdict.passed for checked in judged)
    trader.placer.place(first, checked=judged[0])
    if first_is_filled:
        trader.fill()
    with pytest.raises(Refused) as caught:
        trader.placer.place(second, checked=judged[1])
    assert caught.value.kind == "risk.shares_available"
    trader.fill()
    assert trader.desk.positions_there() == {}
    assert "B" not in trader.desk.orders_there()


def test_exits_that_fit_together_both_go(tmp_path: Path) -> None:
    trader = holding(tmp_path)
    requests = [sell("60", client_order_id="A"), sell("40", client_order_id="B")]
    for request, checked in [(r, other_desk(trader).check(r)) for r in requests]:
        trader.placer.place(request, checked=checked)
    trader.fill()
    assert trader.desk.positions_there() == {}


def test_exit_sent_before_the_position_was_read_is_not_subtracted_again(tmp_path: Path) -> None:
    trader = holding(tmp_path)
    desk = trader.desk
    trader.placer.place(sell("50", client_order_id="A"))
    desk.sleep(2)
    later = sell("50", client_order_id="B")
    checked = other_desk(trader).check(later)
    desk.oms.apply_batch(desk.frames())
    assert trader.placer.place(later, checked=checked).record.client_order_id == "B"
    trader.fill()
    assert desk.positions_there() == {}


def test_exit_whose_position_another_program_closed_is_refused_by_the_broker(
    tmp_path: Path,
) -> None:
    trader = holding(tmp_path, risk={"allow_short": True})
    request = sell(client_order_id="late")
    checked = other_desk(trader).check(request)
    elsewhere(trader)
    with pytest.raises((BrokerError, Refused)):
        trader.placer.place(request, checked=checked)
    trader.fill()
    assert trader.desk.positions_there() == {}, "a short was allowed, and none was meant"


@pytest.mark.parametrize("qty", ["100", "0.5"])
def test_exit_in_shares_says_so_to_the_broker(tmp_path: Path, qty: str) -> None:
    trader = holding(tmp_path)
    placed = trader.placer.place(sell(qty, client_order_id="out"))
    assert placed.record.role == Role.EXIT
    there = trader.desk.orders_there()["out"]
    assert there["position_intent"] == "sell_to_close"
    assert '"position_intent"' in (placed.record.request_json or "")


def test_exits_in_dollars_and_in_coins_go_without_an_intent(tmp_path: Path) -> None:
    trader = holding(tmp_path)
    dollars = replace(sell(client_order_id="dollars"), qty=None, notional=D(500))
    record = trader.placer.place(dollars).record
    assert "position_intent" not in (record.request_json or "")
    trader.placer.place(market("BTC/USD", "0.1", **_gtc("BTC/USD")))
    trader.fill()
    there = {p["symbol"]: p["qty_available"] for p in trader.desk.call("GET", "/v2/positions")}
    record = trader.placer.place(sell(there["BTCUSD"], "BTC/USD", client_order_id="coins")).record
    assert "position_intent" not in (record.request_json or "")
    trader.fill()
    assert trader.desk.orders_there()["coins"]["status"] == "filled"


def test_queued_exit_stays_an_exit_and_closes_at_its_time(tmp_path: Path) -> None:
    trader = holding(tmp_path, sim=DAY)
    record = too_late_for_the_auction(trader)
    assert (record.status, record.role) == (OrderStatus.QUEUED, Role.EXIT)
    trader.until("2026-10-07 10:30")
    (released,) = release_due(trader.executor)
    assert released.outcome is Outcome.ACCEPTED
    trader.until("2026-10-07 16:05")
    assert trader.desk.positions_there() == {}
    assert trader.desk.orders_there()[record.client_order_id]["position_intent"] == "sell_to_close"


def test_queued_exit_lapses_when_its_position_is_gone(tmp_path: Path) -> None:
    trader = holding(tmp_path, sim=DAY, risk={"allow_short": True})
    record = too_late_for_the_auction(trader)
    trader.until("2026-10-07 09:31")
    elsewhere(trader)
    trader.until("2026-10-07 10:30")
    (lapsed,) = release_due(trader.executor)
    assert (lapsed.action, lapsed.outcome) == (QueueAction.EXPIRE, Outcome.EXPIRED)
    assert lapsed.reason == "no position in AAPL to close"
    trader.until("2026-10-07 16:05")
    assert trader.desk.positions_there() == {}
    assert record.client_order_id not in trader.desk.orders_there()


def too_late_for_the_auction(trader: SignalTrader) -> Any:
    trader.until("2026-10-06 15:57")
    request = sell(client_order_id="LEAVE", time_in_force=TimeInForce.CLS)
    return trader.placer.place(request).record
