"""Goal: after any disturbance, one reconcile makes journal and exchange agree to the share.

Method: seeded random sessions of orders, cancels, replaces, brackets and closes of ours and of
another program, with replies lost or spoilt, frames lost, doubled and swapped, and the pipeline
killed at random steps; then the exchange's own lists are compared. A failing seed reruns alone by
its id.
"""

from __future__ import annotations

import contextlib
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.desk import Desk, open_desk
from support.harness.killed import Killed

from execbot.broker.errors import BrokerError
from execbot.broker.port import ReplaceRequest
from execbot.model.enums import OrderClass, OrderStatus, OrderType, Side, TimeInForce
from execbot.model.order import OrderRequest, StopLoss, TakeProfit
from execbot.oms.errors import OmsError
from execbot.oms.sync.rebuild import rebuild

SYMBOLS = ("AAPL", "MSFT", "KO")
FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("reply_lost", {}),
    ("reset_before", {}),
    ("reset_after", {}),
    ("server_error", {"params": {"status": 504, "handled": True}}),
    ("server_error", {"params": {"status": 502, "handled": False}}),
    ("request_delayed", {"params": {"seconds": 3}}),
    ("html_body", {}),
    ("rate_limited", {}),
)
SPOILT: tuple[dict[str, Any], ...] = (
    {"path": "/v2/orders*", "field": "*.filled_qty", "json": '"1e30"'},
    {"path": "/v2/orders*", "field": "filled_qty", "json": "1e999"},
    {"path": "/v2/orders*", "field": "id", "json": '"../../x"'},
    {"path": "/v2/orders*", "field": "0.updated_at", "json": '"9999-12-31T00:00:00Z"'},
    {"path": "/v2/positions", "field": "*.qty", "json": "{}"},
    {"path": "/v2/positions", "field": "0.symbol", "json": r'"\ud800"'},
    {"path": "/v2/account/activities", "field": "*.price", "json": "9" * 3000},
)
"""Values that cannot be, each in one answer."""
ORDER_FAULTS = (
    "partial_then_cancel",
    "cancel_lost",
    "replace_race",
    "accepted_then_rejected",
    "wrong_filled_price",
)


class Session:
    """One random session; every choice comes from the seed."""

    def __init__(self, desk: Desk, seed: int) -> None:
        self.desk = desk
        self.chance = random.Random(seed)
        self.asked: list[str] = []

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.disturb()
            act = self.chance.choice(
                [self.submit] * 4
                + [self.bracket, self.cancel, self.replace, self.close, self.foreign, self.look]
            )
            with contextlib.suppress(BrokerError, OmsError, Killed):
                act()
            self.listen()
            self.desk.sleep(self.chance.choice([0, 0.05, 0.3, 2]))

    def disturb(self) -> None:
        if self.chance.random() < 0.35:
            kind, rule = self.chance.choice(FAULTS)
            method = self.chance.choice(["POST", "PATCH", "DELETE", "GET"])
            self.desk.fault(kind, method=method, path="/v2/orders*", **rule)
        if self.chance.random() < 0.2:
            self.desk.fault(self.chance.choice(ORDER_FAULTS))
        if self.chance.random() < 0.2:
            self.desk.fault("value_spoilt", **self.chance.choice(SPOILT))

    def oms(self) -> Any:
        """Ours, or one that dies at its next step."""
        if self.chance.random() < 0.85:
            return self.desk.oms
        left = [self.chance.randint(1, 5)]

        def die(_: str) -> None:
            left[0] -= 1
            if not left[0]:
                raise Killed

        return self.desk.open_oms(self.desk.journal, on_step=die)

    def name(self) -> str:
        self.asked.append(f"ours-{len(self.asked)}")
        return self.asked[-1]

    def request(self, **more: Any) -> OrderRequest:
        symbol = self.chance.choice(SYMBOLS)
        quote = self.desk.client.latest_quotes([symbol])[symbol]
        side = self.chance.choice([Side.BUY, Side.BUY, Side.SELL])
        away = Decimal(self.chance.choice(["-1", "-0.2", "0", "0.2", "1"]))
        is_limit = self.chance.random() < 0.5
        return OrderRequest(
            symbol,
            side,
            qty=Decimal(self.chance.choice(["1", "10", "250", "2000"])),
            type=OrderType.LIMIT if is_limit else OrderType.MARKET,
            limit_price=(quote.ask + away).quantize(Decimal("0.01")) if is_limit else None,
            client_order_id=self.name(),
            **more,
        )

    def submit(self) -> None:
        self.oms().submit(self.request())

    def bracket(self) -> None:
        symbol = self.chance.choice(SYMBOLS)
        quote = self.desk.client.latest_quotes([symbol])[symbol]
        spread = Decimal(self.chance.choice(["0.05", "0.5", "20"]))
        self.oms().submit(
            OrderRequest(
                symbol,
                Side.BUY,
                qty=Decimal(10),
                time_in_force=TimeInForce.GTC,
                order_class=OrderClass.BRACKET,
                take_profit=TakeProfit(quote.ask + spread),
                stop_loss=StopLoss(quote.bid - spread),
                client_order_id=self.name(),
            )
        )

    def pick(self) -> str | None:
        found = [record.client_order_id for record in self.desk.journal.orders("open")]
        return self.chance.choice(found) if found else None

    def cancel(self) -> None:
        name = self.pick()
        if name:
            self.oms().cancel(name, wait_seconds=self.chance.choice([0, 1]))

    def replace(self) -> None:
        name = self.pick()
        if name:
            record = self.desk.oms.record(name)
            price = (record.order.limit_price or Decimal(100)) - Decimal("0.5")
            self.oms().replace(name, ReplaceRequest(limit_price=price))

    def close(self) -> None:
        self.oms().close(self.chance.choice(SYMBOLS), wait_seconds=1)

    def foreign(self) -> None:
        body = {
            "symbol": self.chance.choice(SYMBOLS),
            "qty": "3",
            "side": self.chance.choice(["buy", "sell"]),
            "type": "market",
            "time_in_force": "day",
        }
        with contextlib.suppress(ConnectionError, TimeoutError, ValueError):
            self.desk.call("POST", "/v2/orders", body)

    def look(self) -> None:
        self.desk.oms.reconcile()

    def listen(self) -> None:
        """Take in the frames since the last time: some lost, some doubled, in any order."""
        frames = [frame for frame in self.desk.frames() if self.chance.random() < 0.8]
        frames += [frame for frame in frames if self.chance.random() < 0.2]
        if self.chance.random() < 0.5:
            self.chance.shuffle(frames)
        self.desk.oms.apply_batch(frames)


def compare(desk: Desk, asked: list[str]) -> None:
    there: dict[str, dict[str, Any]] = {}
    flat = desk.call("GET", "/v2/orders?status=all&limit=500&nested=false")
    for row in flat:
        assert row["client_order_id"] not in there, "two orders under one id"
        there[row["client_order_id"]] = row
    for row in flat:
        record = desk.journal.order_by_broker_id(row["id"])
        assert record is not None, row
        assert record.status.value == row["status"], (row["client_order_id"], row["status"])
    for name in asked:
        ours = desk.journal.order_by_client_id(name)
        if ours is not None and name not in there:
            assert ours.status in (
                OrderStatus.NEVER_SENT,
                OrderStatus.REJECTED,
            ), (name, ours.status)
    executed: dict[str, Decimal] = {}
    for row in desk.client.get_activities():
        assert row.order_id and row.qty
        executed[row.order_id] = executed.get(row.order_id, Decimal(0)) + row.qty
    booked: dict[str, Decimal] = {}
    for fill in desk.journal.fills():
        booked[fill.order_id] = booked.get(fill.order_id, Decimal(0)) + fill.qty
    assert booked == executed
    positions = {item.symbol: item.qty for item in desk.journal.positions()}
    assert positions == {name: Decimal(qty) for name, qty in desk.positions_there().items()}


@pytest.mark.parametrize("seed", range(20))
def test_after_one_reconcile_both_sides_agree(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed + 1000)
    desk = open_desk(
        tmp_path,
        seed=seed,
        exchange={
            "participation": chance.choice([None, "0.5", "0.1"]),
            "replace_carries_filled_qty": chance.random() < 0.5,
            "stop_replaces_target": chance.random() < 0.5,
            "sibling_cancel_event": chance.random() < 0.5,
            "pending_cancel_event": chance.random() < 0.5,
            "starting_cash": "10000000",
        },
    )
    random.seed(seed)  # what the code under test draws for its waits
    session = Session(desk, seed)
    session.run(steps=30)
    desk.call("DELETE", "/sim/faults")
    desk.sleep(15)
    result = desk.oms.reconcile()
    assert not result.breaks
    compare(desk, session.asked)
    assert not desk.oms.reconcile().has_breaks
    desk.oms.apply_batch(desk.frames())
    desk.seen = 0
    desk.oms.apply_batch(desk.frames())  # the whole stream once more
    compare(desk, session.asked)
    before = desk.journal.derived_tables()
    rebuild(desk.journal)
    assert desk.journal.derived_tables() == before
    desk.journal.close()
