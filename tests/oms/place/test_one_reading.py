"""Goal: a decision reads the broker and the journal once; what another process did still counts.

Method: a desk in virtual time; requests are counted at the exchange's door, statements by SQLite.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from support.desk import limit, market
from support.signal_trader import SignalTrader, open_trader

from execbot.config.schema import Mode
from execbot.journal import Journal
from execbot.model.enums import Outcome, Side
from execbot.model.flags import Flag
from execbot.oms.errors import Refused
from execbot.oms.place.placer import Placer
from execbot.oms.place.risk_gate import RiskGate
from execbot.oms.release_queue import release_due
from execbot.oms.service import OrderManagementSystem

MONDAY = "2026-10-12 09:31"


@contextmanager
def statements(journal: Journal) -> Iterator[list[str]]:
    """What SQLite is asked in the block."""
    asked: list[str] = []
    journal._connection.set_trace_callback(asked.append)
    yield asked
    journal._connection.set_trace_callback(None)


def reads_of_open_orders(asked: list[str]) -> int:
    return sum(
        sql.startswith("SELECT * FROM orders") and "status IN" in sql and "symbol =" not in sql
        for sql in asked
    )


def test_an_order_reads_the_open_orders_of_the_journal_once(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    trader.placer.place(limit("1.00", "MSFT", client_order_id="waits"))
    with statements(trader.desk.journal) as asked:
        trader.placer.place(market("AAPL", "10"))
    assert reads_of_open_orders(asked) == 1


def test_intent_of_another_process_between_reading_and_gate_is_counted(tmp_path: Path) -> None:
    trader = open_trader(tmp_path, max_positions=1)

    def other_is_faster(step: str) -> None:
        if step == "before_intent":
            with Journal.open(tmp_path / "journal.db") as other:
                trader.desk.open_oms(other).submit(limit("1.00", "MSFT", client_order_id="other"))

    oms: OrderManagementSystem = trader.desk.open_oms(trader.desk.journal, on_step=other_is_faster)
    prepared = Placer(oms, trader.placer.risk).prepare(market("AAPL", "10"))
    assert prepared.checked is not None and prepared.checked.verdict.passed
    with pytest.raises(Refused) as caught:
        Placer(oms, trader.placer.risk).place(prepared.entry, checked=prepared.checked)
    assert caught.value.kind == "risk.max_positions"


@pytest.fixture
def waiting(tmp_path: Path) -> SignalTrader:
    """A signal and an order of Saturday are due on Monday."""
    saturday = {"calendar": "exchange", "at": "2026-10-10 12:00"}
    risk = {"facts_max_age_seconds": Decimal(5)}
    trader = open_trader(tmp_path, sim=saturday, risk=risk)
    trader.signal("AAPL")
    trader.placer.place(market("MSFT", "1", client_order_id="mine"))
    trader.until(MONDAY)
    return trader


def test_a_release_plans_and_judges_on_one_reading_of_the_broker(waiting: SignalTrader) -> None:
    sent = waiting.desk.sent
    del sent[:]
    first, second = release_due(waiting.executor)
    assert {first.reason, second.reason} == {"released"}
    assert sent.count("POST /v2/orders") == 2
    assert sent.count("GET /v2/stocks/quotes/latest") == 2
    assert sent.count("GET /v2/account") == 1


def test_note_of_a_recovery_reads_only_which_acts_the_order_saw(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    with statements(trader.desk.journal) as asked:
        record = trader.placer.place(market("AAPL", "10")).record
    events = [sql for sql in asked if sql.startswith("SELECT * FROM order_events")]
    assert not events
    trader.desk.fault("reset_before", path="/v2/orders", method="POST")
    again = trader.placer.place(market("MSFT", "10")).record
    results = {
        name: {row.result for row in trader.desk.journal.audit_of(name) if row.kind == "recovery"}
        for name in (record.client_order_id, again.client_order_id)
    }
    assert results == {record.client_order_id: set(), again.client_order_id: {"recovered"}}


def test_an_order_that_ended_since_the_reading_began_is_no_working_one(tmp_path: Path) -> None:
    """Of a reading that a watch began before: what was bought and sold meanwhile is counted to the
    safe side first, and is asked for anew before anybody is refused for it."""
    trader = open_trader(tmp_path, risk={"facts_max_age_seconds": Decimal(5)})
    risk = trader.placer.risk
    begun = risk.reader._asking.begin("AAPL")
    for side in (Side.BUY, Side.SELL):
        trader.placer.place(market("AAPL", "10", side=side))
        trader.fill()
    assert not trader.desk.journal.orders("open")
    again = market("AAPL", "10")
    risk.reader._round = begun
    first = risk._check_once(again, None, frozenset({Flag.ALLOW_DUPLICATE}))
    assert "one_pending" in {failure.code for failure in first.verdict.failures}
    risk.reader._round = begun
    assert risk.check(again, flags=frozenset({Flag.ALLOW_DUPLICATE})).verdict.passed


def bought_and_sold(trader: SignalTrader) -> None:
    """By another process, which the journal hears of."""
    for side in (Side.BUY, Side.SELL):
        trader.placer.place(market("AAPL", "10", side=side))
        trader.fill()


def beside_of(trader: SignalTrader) -> Placer:
    """Another process, which has read the facts before that."""
    desk = trader.desk
    risk = RiskGate(desk.client, desk.journal, trader.settings, Mode.SIM, now=desk.now)
    return Placer(desk.oms, risk)


def test_nobody_is_refused_in_the_intents_transaction_for_an_order_that_ended_meanwhile(
    tmp_path: Path,
) -> None:
    """Between the look at the account and the transaction others buy and sell: what they did is
    over, and the order is judged by what is."""
    trader = open_trader(tmp_path)
    beside = beside_of(trader)
    again = market("AAPL", "10", client_order_id="again")
    prepared = beside.prepare(again, flags=frozenset({Flag.ALLOW_DUPLICATE}))
    bought_and_sold(trader)
    placed = beside.place(prepared.entry, checked=prepared.checked, flags=prepared.flags)
    assert placed.record.order.is_working
    assert "deny" not in {event.kind for event in trader.desk.journal.events_of("again")}


def test_what_is_working_still_is_refused_for_in_that_transaction(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    beside = beside_of(trader)
    flags = frozenset({Flag.ALLOW_DUPLICATE})
    prepared = beside.prepare(market("AAPL", "10", client_order_id="again"), flags=flags)
    bought_and_sold(trader)
    trader.placer.place(limit("1.00"), flags=flags)
    with pytest.raises(Refused, match="one_pending"):
        beside.place(prepared.entry, checked=prepared.checked, flags=prepared.flags)


def test_a_signal_is_not_skipped_for_an_order_that_has_ended_since_the_reading_began(
    tmp_path: Path,
) -> None:
    trader = open_trader(tmp_path, risk={"facts_max_age_seconds": Decimal(5)})
    begun = trader.placer.risk.reader._asking.begin("AAPL")
    bought_and_sold(trader)
    trader.placer.risk.reader._account = None
    trader.placer.risk.reader._round = begun
    assert trader.signal().outcome is Outcome.ACCEPTED
