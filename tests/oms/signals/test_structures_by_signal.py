"""Goal: a signal with legs is one order of several legs, by the same checks, and acts once, ever.

Method: a signal trader at the exchange with its chains; the exchange's own lists as witness.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.contracts import natural, vertical
from support.signal_trader import SignalTrader, dies_before_its_result_is_kept, open_trader

from execbot.exits.levels import LevelKind, LevelSpec
from execbot.exits.plan.wishes import Wishes
from execbot.exits.structures.plan import structure_plans
from execbot.journal.records import Origin, Role
from execbot.model.enums import OrderStatus, Outcome
from execbot.model.options.legs import Leg
from execbot.model.options.spreads import spread_request
from execbot.model.order_ids import client_order_id_of
from execbot.model.signal import Signal, SignalError, read_line, read_signal
from execbot.oms.place.entry_plans import ExitsAsked
from execbot.oms.signals.executor import Executor
from execbot.oms.signals.result import SignalResult
from execbot.page.signals.intake import line_of

D = Decimal


@pytest.fixture
def trader(tmp_path: Path) -> SignalTrader:
    return open_trader(tmp_path, max_position_size_pct=D(50), max_account_exposure_pct=D(90))


def line(trader: SignalTrader, legs: tuple[Leg, Leg], net: Decimal, **more: Any) -> Signal:
    """Read from the bytes of a line, as a signals file and the webhook do it."""
    rows = [
        {"symbol": leg.symbol, "side": leg.side.value, "to": "open" if leg.opens else "close"}
        for leg in legs
    ]
    word = "debit" if net >= 0 else "credit"
    data = {"id": "s1", "strength": 82, "legs": rows, word: str(abs(net)), "qty": 2, **more}
    return read_line(json.dumps(data).encode(), now=trader.desk.now(), new_id="made")


def opening(trader: SignalTrader, **more: Any) -> Signal:
    legs = vertical(trader.desk)
    return line(trader, legs, natural(trader.desk, legs) + D("0.10"), **more)


def act(trader: SignalTrader, signal: Signal) -> SignalResult:
    result = trader.executor.execute_signal(signal)
    trader.fill(60)
    return result


def spreads_there(trader: SignalTrader) -> list[Any]:
    rows = trader.desk.orders_there().values()
    return [row for row in rows if row["order_class"] == "mleg" and not row["symbol"]]


def test_a_structure_is_opened_and_closed_by_signals(trader: SignalTrader) -> None:
    signal = opening(trader, strategy_id="wings")
    result = act(trader, signal)
    assert not result.is_failure and result.record is not None, result.message
    [low, high] = signal.legs
    assert trader.desk.positions_there() == {low.symbol: "2", high.symbol: "-2"}
    record = trader.desk.oms.record(client_order_id_of("s1"))
    assert (record.origin, record.signal_id, record.role) == (Origin.SIGNAL, "s1", Role.ENTRY)
    assert (record.status, record.strategy_id) == (OrderStatus.FILLED, "wings")
    [row] = spreads_there(trader)
    assert (D(row["limit_price"]), row["qty"]) == (signal.net, "2")
    closing = line(trader, vertical(trader.desk, opens=False), D(0), id="s2")
    assert not act(trader, closing).is_failure
    assert trader.desk.positions_there() == {}
    assert trader.desk.oms.record(client_order_id_of("s2")).role == Role.EXIT
    assert trader.desk.oms.reconcile().breaks == ()


def test_it_acts_once_also_after_a_kill(
    trader: SignalTrader, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal = opening(trader)
    dies_before_its_result_is_kept(trader, signal, monkeypatch)
    claimed = trader.desk.journal.signal("s1")
    assert claimed is not None and claimed.outcome == "claimed"  # durable with the intent
    trader.fill(60)
    again = [trader.executor.execute_signal(signal) for _ in range(2)]
    trader.desk.sleep(60)
    again.append(trader.executor.execute_signal(signal))
    assert len(spreads_there(trader)) == 1 and not any(one.is_failure for one in again)
    assert set(trader.desk.positions_there().values()) == {"2", "-2"}


def test_an_answer_that_is_lost_makes_no_second_order(trader: SignalTrader) -> None:
    trader.desk.fault("reply_lost", path="/v2/orders", method="POST", count=1)
    signal = opening(trader)
    act(trader, signal)
    act(trader, signal)
    assert len(spreads_there(trader)) == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"debit": "9"}, "risk.option_price_band"),
        ({"qty": 11}, "risk.option_contracts"),
    ],
)
def test_it_is_refused_by_the_checks_of_submit(
    trader: SignalTrader, change: dict[str, Any], code: str
) -> None:
    result = act(trader, opening(trader, **change))
    assert result.is_failure and result.outcome is Outcome.NOT_SENT
    assert code in {f"risk.{one.code}" for one in result.error.verdict.results}
    assert trader.desk.orders_there() == {}


def test_what_is_held_or_on_its_way_is_not_opened_twice(trader: SignalTrader) -> None:
    legs = vertical(trader.desk)
    resting = trader.executor.execute_signal(line(trader, legs, D("0.05"), id="s0"))
    assert resting.record is not None, resting.message
    pending = trader.executor.execute_signal(opening(trader, id="s1"))
    assert pending.code == "signal.order_pending"
    trader.desk.oms.cancel(client_order_id_of("s0"), wait_seconds=5)
    trader.fill(2)
    act(trader, opening(trader, id="s2"))
    held = trader.executor.execute_signal(opening(trader, id="s3"))
    assert held.code == "signal.position_held"
    assert len(spreads_there(trader)) == 2


def test_a_close_of_what_is_not_held_is_refused(trader: SignalTrader) -> None:
    result = act(trader, line(trader, vertical(trader.desk, opens=False), D(0)))
    assert result.is_failure and trader.desk.orders_there() == {}


def test_a_weak_or_old_one_is_skipped(trader: SignalTrader) -> None:
    assert act(trader, opening(trader, strength=1)).code == "signal.weak"
    assert act(trader, opening(trader, id="s9", created_at="2026-01-01T00:00:00Z")).code == (
        "signal.stale"
    )
    assert trader.desk.orders_there() == {}


def test_a_preview_sends_nothing_and_names_every_check(trader: SignalTrader) -> None:
    found = trader.executor.preview(opening(trader))
    assert found.request is not None and found.checked is not None and found.checked.verdict.passed
    assert "option_covered" in {one.code for one in found.checked.verdict.results}
    assert trader.desk.orders_there() == {}


def test_it_is_the_same_through_every_door(trader: SignalTrader) -> None:
    """What the webhook keeps, and what the journal keeps, is read back as it was."""
    for net in (D("1.2"), D("-0.35"), D(0)):
        signal = line(trader, vertical(trader.desk), net)
        now = trader.desk.now()
        assert read_line(line_of(signal), now=now, new_id="other") == signal
        again = read_signal(
            {**signal.to_dict(), "strength": D(82)}, now=now, new_id="other"
        )  # fmt: skip
        assert again == signal


def test_levels_of_a_signal_are_kept_with_its_order(trader: SignalTrader) -> None:
    signal = opening(trader, stop="0.30", target="2.40")
    result = act(trader, signal)
    assert [(one.level, one.price) for one in result.exits] == [
        ("stop", D("0.3")),
        ("target", D("2.4")),
    ]
    [plan] = structure_plans(trader.desk.journal, trader.desk.now())
    assert (plan.stop_net, plan.target_net) == (D("0.30"), D("2.40"))
    assert plan.entry == client_order_id_of("s1")


def test_who_comes_second_with_an_id_leaves_the_levels_of_the_first(trader: SignalTrader) -> None:
    """Two processes, at the same moment, under one id and of two sizes: one order, its levels."""
    first = opening(trader, stop="0.30")
    second = opening(trader, stop="0.30", qty=3)

    def meanwhile(at: str) -> None:
        if at == "before_intent":
            assert not act(trader, first).is_failure

    desk = trader.desk
    late = Executor(desk.open_oms(desk.journal, on_step=meanwhile), trader.executor.risk)
    result = late.execute_signal(second)
    assert result.code == "usage.client_order_id_reused"
    assert len(spreads_there(trader)) == 1
    [plan] = structure_plans(desk.journal, desk.now())
    assert plan.stop_net == D("0.30")


def test_order_that_waits_under_another_id_is_told_with_its_levels(trader: SignalTrader) -> None:
    closed = {"status": 403, "body": {"code": 40310000, "message": "market is closed"}}
    trader.desk.fault("canned_reply", path="/v2/orders", method="POST", params=closed)
    legs = vertical(trader.desk)
    net = natural(trader.desk, legs) + D("0.10")
    request = spread_request(legs, D(2), net, client_order_id="mine")
    asked = ExitsAsked(
        Wishes(LevelSpec(LevelKind.PRICE, D("0.30"))), must_go_along=True, watch_places=True
    )
    prepared = trader.placer.prepare(request, asked)
    placed = trader.placer.place(prepared.entry, checked=prepared.checked)
    assert placed.record.client_order_id == "mine.q"
    given = trader.placer.prepare(request, asked).given
    assert given is not None and given.record.client_order_id == "mine.q"
    assert given.entry is not None and given.entry.structure is not None
    assert given.entry.structure.stop_net == D("0.30")


def test_levels_that_nobody_would_keep_leave_the_signal_unused(trader: SignalTrader) -> None:
    executor = Executor(trader.desk.oms, trader.executor.risk, is_watched=lambda: False)
    signal = opening(trader, stop="0.30")
    result = executor.execute_signal(signal)
    assert (result.code, result.outcome) == ("exits.needs_watch", Outcome.NOT_SENT)
    assert spreads_there(trader) == []
    assert not act(trader, signal).is_failure and len(spreads_there(trader)) == 1


@pytest.mark.parametrize(
    ("net", "stop", "target"), [("1.20", "2.40", "0.60"), ("-1.20", "0.60", "2.40")]
)
def test_levels_the_wrong_way_round_are_refused(
    trader: SignalTrader, net: str, stop: str, target: str
) -> None:
    legs = vertical(trader.desk)
    with pytest.raises(SignalError, match="wrong way round for a"):
        line(trader, legs, D(net), stop=stop, target=target)


def test_legs_that_close_have_no_levels(trader: SignalTrader) -> None:
    with pytest.raises(SignalError, match="with a leg that closes"):
        line(trader, vertical(trader.desk, opens=False), D("-1.20"), stop="0.60")
