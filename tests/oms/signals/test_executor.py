"""Goal: each signal leads to the order that its side, the position and the settings ask for.

Method: signals through the real client, journal and in-process exchange under a virtual clock;
results are checked against the exchange's own list of orders and positions.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.desk import limit, market
from support.signal_trader import SignalTrader, open_trader

from execbot.journal.care.restored import Restored, remember_restored
from execbot.model.enums import OrderStatus, Outcome
from execbot.oms.errors import Refused
from execbot.oms.signals.rules import SKIP_CODES

D = Decimal


def test_buy_opens_at_market_sized_by_the_settings(trader: SignalTrader) -> None:
    result = trader.signal()
    assert result.outcome is Outcome.ACCEPTED and result.record is not None
    trader.fill()
    (order,) = trader.desk.orders_there().values()
    assert (order["type"], order["side"], order["time_in_force"]) == ("market", "buy", "day")
    assert order["client_order_id"] == "execbot-signal-s1"
    spent = D(order["filled_qty"]) * D(order["filled_avg_price"])
    assert 4500 < spent <= 5000, "5 % of 100,000, rounded down to whole shares"


def test_sell_closes_the_whole_position(trader: SignalTrader) -> None:
    trader.signal()
    trader.fill()
    result = trader.signal(side="sell")
    trader.fill()
    assert result.outcome is Outcome.ACCEPTED
    assert trader.desk.positions_there() == {}


def test_sell_of_a_part_closes_that_part(trader: SignalTrader) -> None:
    trader.signal(qty=D(10))
    trader.fill()
    trader.signal(side="sell", qty=D(4))
    trader.fill()
    assert trader.desk.positions_there() == {"AAPL": "6"}


def test_sell_first_cancels_an_entry_still_pending(trader: SignalTrader) -> None:
    resting = trader.desk.oms.submit(limit("1.00"))
    result = trader.signal(side="sell")
    assert result.outcome is Outcome.CANCELED
    assert result.notes == (f"canceled {resting.client_order_id}",)
    assert {o["status"] for o in trader.desk.orders_there().values()} == {"canceled"}


def test_sell_cancels_the_pending_rest_and_closes_what_filled(trader: SignalTrader) -> None:
    trader.signal(qty=D(10))
    trader.fill()
    resting = trader.desk.oms.submit(limit("1.00"))
    result = trader.signal(side="sell")
    trader.fill()
    assert trader.desk.positions_there() == {}
    assert trader.desk.oms.record(resting.client_order_id).status is OrderStatus.CANCELED
    assert result.record is not None


def test_sell_short_opens_a_short_and_sell_closes_it(trader: SignalTrader) -> None:
    trader.signal("KO", "sell_short")
    trader.fill()
    (qty,) = trader.desk.positions_there().values()
    assert D(qty) < 0
    trader.signal("KO", "sell")
    trader.fill()
    assert trader.desk.positions_there() == {}


def test_crypto_buy_is_gtc_in_the_pairs_increments(trader: SignalTrader) -> None:
    trader.signal("BTC/USD")
    trader.fill()
    (order,) = trader.desk.orders_there().values()
    assert order["time_in_force"] == "gtc" and order["status"] == "filled"


Prepare = list[tuple[str, str]]


SKIPS: list[tuple[str, Prepare, str, str, dict[str, Any]]] = [
    ("signal.weak", [], "AAPL", "buy", {"strength": D(70)}),
    ("signal.weak", [("AAPL", "buy")], "AAPL", "sell", {"strength": D(0)}),
    ("signal.stale", [], "AAPL", "buy", {"ttl_seconds": D(0)}),
    ("signal.symbol_not_allowed", [], "TSLA", "buy", {}),
    ("signal.symbol_denied", [], "GME", "buy", {}),
    ("signal.option_stop", [], "AAPL261218C00250000", "buy", {}),
    ("signal.instrument", [], "ETH/BTC", "buy", {}),
    ("signal.position_held", [("AAPL", "buy")], "AAPL", "buy", {}),
    ("signal.opposite_position", [("AAPL", "buy")], "AAPL", "sell_short", {}),
    ("signal.opposite_position", [("KO", "sell_short")], "KO", "buy", {}),
    ("signal.nothing_to_close", [], "AAPL", "sell", {}),
]


@pytest.mark.parametrize("case", SKIPS, ids=lambda c: f"{c[0]}-{c[3]}")
def test_signal_is_skipped_with_its_reason(
    tmp_path: Path, case: tuple[str, Prepare, str, str, dict[str, Any]]
) -> None:
    code, before, symbol, side, more = case
    trader = open_trader(tmp_path, symbols=("AAPL", "KO", "GME"), denied_symbols=("GME",))
    for opened, how in before:
        trader.signal(opened, how)
        trader.fill()
    sent = len(trader.desk.orders_there())
    result = trader.signal(symbol, side, **more)
    assert (result.outcome, result.code, result.is_failure) == (Outcome.NOT_SENT, code, False)
    assert code in SKIP_CODES and result.message
    assert len(trader.desk.orders_there()) == sent
    (row,) = trader.desk.journal.audit_of(result.signal.id)
    assert (row.rule, row.result) == (code, "not_sent")
    known = trader.desk.journal.signal(result.signal.id)
    assert known is not None and known.reason == result.message


def test_pending_entry_of_ours_or_foreign_is_a_duplicate(trader: SignalTrader) -> None:
    trader.desk.call(
        "POST", "/v2/orders",
        {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "limit", "limit_price": "1",
         "time_in_force": "day"},
    )  # fmt: skip
    assert trader.signal().code == "signal.order_pending"
    assert trader.signal("MSFT").outcome is Outcome.ACCEPTED


def test_signal_that_waited_too_long_is_stale(trader: SignalTrader) -> None:
    old = trader.make(ttl_seconds=D(60))
    trader.desk.sleep(61)
    assert trader.executor.execute_signal(old).code == "signal.stale"


def test_entry_that_may_have_been_sent_before_a_restore_is_skipped(trader: SignalTrader) -> None:
    now, minute = trader.desk.now(), timedelta(minutes=1)
    remember_restored(trader.desk.journal, Restored(now + minute, now - minute, "backup.db"))
    assert trader.executor.execute_signal(trader.make()).code == "signal.restored"
    trader.desk.sleep(61)
    assert trader.signal("MSFT").outcome is Outcome.ACCEPTED


def test_every_skip_code_is_covered() -> None:
    elsewhere = {
        "signal.order_pending", "signal.repeated", "signal.restored", "signal.contradicts",
        "signal.not_closed", "signal.shorts_off",
    }  # fmt: skip
    covered = {case[0] for case in SKIPS} | elsewhere
    assert covered == set(SKIP_CODES)


def test_every_decision_of_a_signal_is_in_the_audit_of_its_order(trader: SignalTrader) -> None:
    result = trader.signal(strategy_id="mean")
    assert result.record is not None
    rows = trader.desk.journal.audit_of(result.record.client_order_id)
    assert [(r.kind, r.result) for r in rows] == [
        ("risk", "passed"), ("sizing", "sized"), ("signal", "accepted"),
    ]  # fmt: skip
    assert rows[1].facts["steps"][0][0] == "equity_pct"
    assert rows[0].facts["checks"]["max_positions"] == ["5", "1 with this"]
    assert result.record.strategy_id == "mean" and result.record.signal_id == "s1"


def test_refusal_is_in_the_audit_with_limit_and_number(trader: SignalTrader) -> None:
    with pytest.raises(Refused) as caught:
        trader.placer.place(market("AAPL", "1000"))
    record = caught.value.record
    assert record is not None and record.status is OrderStatus.DENIED
    (row,) = trader.desk.journal.audit_of(record.client_order_id)
    failed = {item["code"] for item in row.facts["failed"]}
    assert failed == {"max_position_size", "max_exposure"}
    assert caught.value.kind == "risk.max_position_size"


def test_preview_tells_size_and_checks_and_writes_nothing(trader: SignalTrader) -> None:
    before = trader.desk.journal.last_seq()
    preview = trader.executor.preview(trader.make())
    assert preview.skip is None and preview.request is not None and preview.checked is not None
    assert preview.checked.verdict.passed
    assert preview.sized is not None and preview.sized.binding_rule == "equity_pct"
    assert trader.executor.preview(trader.make(strength=D(1))).skip is not None
    assert trader.executor.preview(trader.make(notional=D(50))).skip is not None
    assert trader.executor.preview(trader.make(side="sell")) == type(preview)()
    assert trader.desk.journal.last_seq() == before
    assert trader.desk.journal.signals() == [] and trader.desk.orders_there() == {}
    sent = trader.signal(id="s99")
    assert sent.record is not None and sent.record.order.qty == preview.request.qty
