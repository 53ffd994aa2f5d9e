"""Goal: facts that are asked for at once count every order at least once, and refuse as ever.

Method: a reader over the built-in exchange whose answers come in a given order, each order of
arrival once (a gate in front of the client, no clock and no luck); in between an order fills, or
somebody sends one. What is counted is compared with what the exchange itself holds. Then one answer
after the other is spoilt or fails, and the refusal is compared with that of a reader that asks in
turn.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.desk import Desk, limit, market
from support.settings import settings_with
from support.signal_trader import SignalTrader, open_trader
from support.waiting import eventually

from execbot.broker.errors import BrokerError
from execbot.broker.port import BrokerClient
from execbot.config.schema import Mode
from execbot.desk.opening.read_only import ReadOnlyClient
from execbot.journal import Journal
from execbot.model.enums import Side
from execbot.model.order import OrderRequest
from execbot.oms.place.risk_gate import RiskGate
from execbot.oms.service import OrderManagementSystem
from execbot.risk.asking.together import Asking
from execbot.risk.checks import evaluate
from execbot.risk.facts import Facts, Intent, buying_power, exposure_of
from execbot.risk.pending import Purpose

ASKED = ("orders", "positions", "account", "clock", "quote", "rows", "asset")
METHODS = {
    "orders": "list_orders",
    "positions": "get_positions",
    "account": "get_account",
    "clock": "get_clock",
    "quote": "latest_quotes",
    "rows": "get_activities",
    "asset": "get_asset",
}
PATIENCE_SECONDS = 60
QTY = Decimal(10)
WATCHED = ("orders", "positions", "account", "event")


class Turns:
    """Lets what has a turn go when it is its turn; everything else at once."""

    def __init__(self, order: tuple[str, ...]) -> None:
        self._left = list(order)
        self._changed = threading.Condition()
        self.missed = ""

    @contextmanager
    def turn(self, name: str) -> Iterator[None]:
        with self._changed:
            is_due = self._changed.wait_for(
                lambda: name not in self._left or self._left[0] == name, PATIENCE_SECONDS
            )
            if not is_due:
                self.missed = name
        try:
            yield
        finally:
            with self._changed:
                if name in self._left:
                    self._left.remove(name)
                self._changed.notify_all()


class GatedClient(ReadOnlyClient):
    """Each answer is made at the exchange when it is its turn."""

    def __init__(self, client: BrokerClient, turns: Turns) -> None:
        super().__init__(client)
        for name, method in METHODS.items():
            setattr(self, method, self._gated(turns, name, getattr(client, method)))

    @staticmethod
    def _gated(turns: Turns, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def asked(*given: Any, **more: Any) -> Any:
            with turns.turn(name):
                return real(*given, **more)

        return asked


def gate_over(client: BrokerClient, trader: SignalTrader, *, beside: bool) -> RiskGate:
    desk = trader.desk
    return RiskGate(client, desk.journal, trader.settings, Mode.SIM, now=desk.now, beside=beside)


def facts_of(gate: RiskGate, request: OrderRequest) -> Facts:
    return gate.reader.complete(request, gate.reader.read(request))


def counted_qty(facts: Facts, symbol: str = "AAPL") -> Decimal:
    held = facts.position(symbol)
    pending = sum(
        (p.leaves_qty or Decimal(0) for p in facts.pending if p.symbol == symbol), Decimal(0)
    )
    return (held.qty if held is not None else Decimal(0)) + pending


# --- what happens in between --------------------------------------------------------------------


def rests(desk: Desk, *, ours: bool) -> None:
    """A limit order that works; another program's, or ours."""
    if ours:
        desk.oms.submit(limit("90", qty=str(QTY)))
        desk.oms.apply_batch(desk.frames())
        return
    body = {"symbol": "AAPL", "side": "buy", "type": "limit", "qty": str(QTY)}
    desk.call("POST", "/v2/orders", {**body, "time_in_force": "day", "limit_price": "90"})


def fills(desk: Desk) -> None:
    desk.call("POST", "/sim/price", {"symbol": "AAPL", "price": "89", "hold": True})
    desk.sleep(2)


def is_sent_elsewhere(desk: Desk) -> None:
    body = {"symbol": "AAPL", "side": "buy", "type": "market", "qty": str(QTY)}
    desk.call("POST", "/v2/orders", {**body, "time_in_force": "day"})


def is_sent_by_another_process(desk: Desk) -> None:
    with Journal.open(desk.path / "journal.db") as journal:
        oms = OrderManagementSystem(
            desk.client, journal, settings=desk.settings, now=desk.now, timer=desk.timer
        )
        oms.submit(market("AAPL", str(QTY)))


ARRIVALS = [
    order
    for order in itertools.permutations(WATCHED)
    if order.index("orders") < min(order.index("positions"), order.index("account"))
]
"""Orders come first (`Round`): of 24 orders of arrival these are left."""


def read_while(
    trader: SignalTrader, arrival: tuple[str, ...], event: Callable[[Desk], None]
) -> Facts:
    turns = Turns(arrival)
    gate = gate_over(GatedClient(trader.desk.client, turns), trader, beside=True)

    def happen() -> None:
        with turns.turn("event"):
            event(trader.desk)

    happening = threading.Thread(target=happen)
    happening.start()
    request = OrderRequest("MSFT", Side.BUY, qty=Decimal(1), client_order_id="mine")
    read = gate.reader.read(request)
    happening.join(PATIENCE_SECONDS)
    found = gate.reader.complete(request, read)
    assert not turns.missed, f"{turns.missed} was not asked for in this order of arrival"
    return found


@pytest.fixture
def trader(tmp_path: Path) -> SignalTrader:
    opened = open_trader(tmp_path, max_positions=100)
    opened.desk.call("POST", "/sim/price", {"symbol": "AAPL", "price": "100", "hold": True})
    return opened


@pytest.mark.parametrize("ours", [True, False], ids=["ours", "foreign"])
@pytest.mark.parametrize("arrival", ARRIVALS, ids="-".join)
def test_an_order_that_fills_between_any_two_answers_is_never_counted_zero_times(
    trader: SignalTrader, arrival: tuple[str, ...], ours: bool
) -> None:
    rests(trader.desk, ours=ours)
    found = read_while(trader, arrival, fills)
    assert trader.desk.positions_there() == {"AAPL": str(QTY)}
    assert counted_qty(found) >= QTY


@pytest.mark.parametrize("arrival", ARRIVALS, ids="-".join)
def test_an_order_that_another_process_sends_meanwhile_is_counted_in_full(
    trader: SignalTrader, arrival: tuple[str, ...]
) -> None:
    found = read_while(trader, arrival, is_sent_by_another_process)
    assert counted_qty(found) >= QTY


@pytest.mark.parametrize(
    "arrival", [a for a in ARRIVALS if a.index("event") < a.index("orders")], ids="-".join
)
def test_what_another_program_has_sent_before_orders_are_answered_is_counted(
    trader: SignalTrader, arrival: tuple[str, ...]
) -> None:
    found = read_while(trader, arrival, is_sent_elsewhere)
    assert counted_qty(found) >= QTY


@pytest.mark.parametrize("arrival", ARRIVALS, ids="-".join)
def test_buying_power_is_never_more_than_the_broker_would_allow_afterwards(
    trader: SignalTrader, arrival: tuple[str, ...]
) -> None:
    """An order that is listed was reserved before the account was answered, at the latest."""
    listed_by = arrival.index("event") < arrival.index("orders")
    found = read_while(trader, arrival, is_sent_elsewhere)
    left = buying_power(found, exposure_of(found))
    there = Decimal(trader.desk.call("GET", "/v2/account")["buying_power"])
    assert left is not None
    if listed_by:  # later ones nobody can know of who has asked before
        assert left <= there + 1


# --- answers that fail, are spoilt, or come late --------------------------------------------------


class SpoiltClient(ReadOnlyClient):
    """One or two answers fail, or are not what they should be."""

    def __init__(self, client: BrokerClient, spoilt: dict[str, Any]) -> None:
        super().__init__(client)
        for name, what in spoilt.items():
            setattr(self, METHODS[name], self._answers(what, getattr(client, METHODS[name])))

    @staticmethod
    def _answers(what: Any, real: Callable[..., Any]) -> Callable[..., Any]:
        def asked(*given: Any, **more: Any) -> Any:
            if isinstance(what, BrokerError):
                raise what
            return what(real(*given, **more))

        return asked


def broken(name: str) -> BrokerError:
    return BrokerError(f"broker.{name}", f"the {name} could not be read", status=500)


@pytest.mark.parametrize(
    "names",
    [(name,) for name in ASKED] + list(itertools.combinations(ASKED, 2)),
    ids="-".join,
)
def test_answers_that_fail_give_the_refusal_that_they_gave_in_turn(
    trader: SignalTrader, names: tuple[str, ...]
) -> None:
    request = OrderRequest("MSFT", Side.BUY, qty=Decimal(1), client_order_id="mine")

    def outcome(beside: bool) -> str:
        client = SpoiltClient(trader.desk.client, {name: broken(name) for name in names})
        gate = gate_over(client, trader, beside=beside)
        try:
            return str(evaluated(gate, request))
        except BrokerError as error:
            return error.kind

    assert outcome(beside=True) == outcome(beside=False)


@pytest.mark.parametrize("failed", ["orders", "positions", "account", "clock", "quote"])
def test_after_a_failure_nothing_of_its_round_is_taken_for_the_next_order(
    trader: SignalTrader, failed: str
) -> None:
    """Positions that were asked for before the orders of the next round would be too old for it."""
    asked: list[str] = []
    fails = [broken(failed)]

    def noted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def ask(*given: Any, **more: Any) -> Any:
            asked.append(name)
            if name == failed and fails:
                raise fails.pop()
            return real(*given, **more)

        return ask

    client = ReadOnlyClient(trader.desk.client)
    for name, method in METHODS.items():
        setattr(client, method, noted(name, getattr(trader.desk.client, method)))
    gate = gate_over(client, trader, beside=True)
    request = OrderRequest("MSFT", Side.BUY, qty=Decimal(1), client_order_id="mine")
    with pytest.raises(BrokerError):
        gate.check(request)
    assert eventually(lambda: not _asking_still())
    asked.clear()
    assert gate.check(request).verdict.passed
    again = [name for name in asked if name in ("orders", "positions", "account")]
    assert again[0] == "orders"
    assert set(again) == {"orders", "positions", "account"}
    assert {"clock", "quote"} <= set(asked)


def _asking_still() -> bool:
    return any(thread.name.startswith("facts:") for thread in threading.enumerate())


SPOILT: dict[str, Any] = {
    "account": lambda account: type(account).from_wire({**account.raw, "equity": "0"}),
    "clock": lambda clock: type(clock)(clock.timestamp, False, clock.next_open, clock.next_close),
    "quote": lambda quotes: {},
    "asset": lambda asset: type(asset).from_wire({**asset.raw, "tradable": False}),
    "positions": lambda positions: type(positions)([], positions.unread),
    "orders": lambda orders: type(orders)([], orders.unread),
}


@pytest.mark.parametrize("name", SPOILT)
def test_an_answer_that_is_spoilt_gives_the_refusal_that_it_gave_in_turn(
    trader: SignalTrader, name: str
) -> None:
    rests(trader.desk, ours=True)
    fills(trader.desk)
    request = OrderRequest("MSFT", Side.BUY, qty=Decimal(1), client_order_id="mine")
    client = SpoiltClient(trader.desk.client, {name: SPOILT[name]})
    asked_at_once = evaluated(gate_over(client, trader, beside=True), request)
    in_turn = evaluated(gate_over(client, trader, beside=False), request)
    assert asked_at_once == in_turn


def evaluated(gate: RiskGate, request: OrderRequest) -> list[tuple[str, str]]:
    verdict = gate.check(request).verdict
    return [(failure.code, failure.seen) for failure in verdict.failures]


def test_positions_and_account_are_asked_for_once_the_orders_are_there(
    trader: SignalTrader,
) -> None:
    """While the answer with the orders is held back everything else is asked for."""
    asked, held_back = set[str](), threading.Event()
    others = {name: threading.Event() for name in ASKED if name not in ("positions", "account")}

    class Held(ReadOnlyClient):
        def __init__(self, client: BrokerClient) -> None:
            super().__init__(client)
            for name, method in METHODS.items():
                setattr(self, method, self._noted(name, getattr(client, method)))

        def _noted(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
            def ask(*given: Any, **more: Any) -> Any:
                asked.add(name)
                if name in others:
                    others[name].set()
                if name == "orders":
                    held_back.wait(PATIENCE_SECONDS)
                return real(*given, **more)

            return ask

    client = Held(trader.desk.client)
    asking = Asking(client, trader.desk.journal, trader.settings, trader.desk.now, beside=True)
    begun = asking.begin("MSFT", asks_asset=True, asks_quote=True)
    assert all(event.wait(PATIENCE_SECONDS) for event in others.values())
    assert asked == set(others)
    held_back.set()
    begun.positions()
    begun.account()
    assert asked == set(ASKED)


@pytest.mark.parametrize("late", ["account", "clock", "quote", "rows"])
def test_an_exit_waits_for_no_answer_that_it_does_not_use(trader: SignalTrader, late: str) -> None:
    """The late answer never comes while the exit is judged."""
    desk = trader.desk
    desk.oms.submit(market("AAPL", str(QTY)))
    trader.fill()
    turns = Turns(("exit is judged", late))
    gate = gate_over(GatedClient(desk.client, turns), trader, beside=True)
    request = OrderRequest("AAPL", Side.SELL, qty=QTY, client_order_id="exit")
    checked = gate.check(request)
    with turns.turn("exit is judged"):
        assert checked.purpose is Purpose.EXIT
        assert checked.verdict.passed
    assert not turns.missed


def test_an_exit_is_judged_although_the_account_cannot_be_read(trader: SignalTrader) -> None:
    desk = trader.desk
    desk.oms.submit(market("AAPL", str(QTY)))
    trader.fill()
    spoilt = {name: broken(name) for name in ("account", "clock", "quote", "asset", "rows")}
    for beside in (True, False):
        gate = gate_over(SpoiltClient(desk.client, spoilt), trader, beside=beside)
        request = OrderRequest("AAPL", Side.SELL, qty=QTY, client_order_id=f"exit-{beside}")
        assert gate.check(request).verdict.passed


def test_facts_that_were_read_too_far_apart_are_read_again_and_then_refused(
    trader: SignalTrader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E-ALL-10: the machine's seconds, not the exchange's: half a minute passes with each quote."""
    passed = [0.0]
    for module in ("execbot.risk.reading", "execbot.risk.asking.together"):
        monkeypatch.setattr(f"{module}.boot_seconds", lambda: passed[0])

    def slow(quotes: Any) -> Any:
        passed[0] += 30
        return quotes

    client = SpoiltClient(trader.desk.client, {"quote": slow})
    gate = gate_over(client, trader, beside=False)
    request = OrderRequest("MSFT", Side.BUY, qty=Decimal(1), client_order_id="mine")
    checked = gate.check(request)
    assert [failure.code for failure in checked.verdict.failures] == ["facts_together"]
    assert passed[0] == 60
    assert checked.audited()["read"]["spread_ms"] == 30_000


def test_what_was_read_is_told_in_the_audit_row(trader: SignalTrader) -> None:
    desk = trader.desk
    placed = trader.placer.place(market("AAPL", "1"))
    rows = desk.journal.audit_of(placed.record.client_order_id)
    told = next(row.facts["read"] for row in rows if row.rule == "checks")
    assert set(told) == {"at", "spread_ms"}
    assert timedelta(0) <= timedelta(milliseconds=told["spread_ms"]) < timedelta(minutes=1)


def test_a_round_knows_the_journals_place_from_before_the_first_question(
    trader: SignalTrader,
) -> None:
    desk = trader.desk
    asking = Asking(desk.client, desk.journal, settings_with(), desk.now, beside=True)
    before = desk.journal.last_seq()
    begun = asking.begin("AAPL", asks_asset=True, asks_quote=True)
    desk.oms.submit(market("AAPL", "1"))
    assert begun.seq == before < desk.journal.last_seq()
    assert evaluate(
        Intent(OrderRequest("AAPL", Side.BUY, qty=Decimal(1)), Purpose.ENTRY),
        facts_of(RiskGate(desk.client, desk.journal, settings_with(), Mode.SIM, now=desk.now,
                          beside=True, begun=begun),
                 OrderRequest("AAPL", Side.BUY, qty=Decimal(1))),
        settings_with(),
    ).failures  # it is pending, whatever the round said of it  # fmt: skip
