"""Goal: every figure of every confirmation can be worked out again from the exchange's own record.

Method: seeded random days of entries, exits, limits, replaces, cancels and orders of another
program, with partial fills, corrections and busts, and confirmers that are killed at random steps;
afterwards the judge adds up the exchange's FILL rows, orders and quotes by itself.
"""

from __future__ import annotations

import contextlib
import random
from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.confirming import Confirmed, open_confirmed
from support.harness.killed import Killed

from execbot.broker.errors import BrokerError
from execbot.broker.port import ReplaceRequest
from execbot.journal.confirmation import Confirmation
from execbot.model.enums import OrderType, Side
from execbot.model.order import OrderRequest
from execbot.oms.errors import OmsError

D = Decimal
SYMBOLS = ("AAPL", "MSFT", "KO")


class Day:
    """One random day; every choice comes from the seed."""

    def __init__(self, account: Confirmed, seed: int) -> None:
        self.account = account
        self.chance = random.Random(seed)
        self.decided: dict[str, datetime] = {}
        self.count = 0

    def run(self, steps: int) -> None:
        acts = [self.enter] * 4 + [self.leave, self.change, self.cancel, self.other, self.amend]
        for _ in range(steps):
            with contextlib.suppress(BrokerError, OmsError):
                self.chance.choice(acts)()
            self.account.desk.sleep(self.chance.choice([0.05, 0.6, 3, 40]))
            self.account.hear()
            if self.chance.random() < 0.6:
                self.confirm()

    def confirm(self) -> None:
        left = self.chance.randint(1, 12)

        def may_die(_: str) -> None:
            nonlocal left
            left -= 1
            if not left:
                raise Killed

        confirmer = self.account.confirmer(may_die)
        with contextlib.suppress(Killed):
            confirmer.take_in(batches=3)
            confirmer.look_up(4)

    def name(self) -> str:
        self.count += 1
        return f"ours-{self.count}"

    def request(self, side: Side, name: str) -> OrderRequest:
        symbol = self.chance.choice(SYMBOLS)
        quote = self.account.desk.client.latest_quotes([symbol])[symbol]
        is_limit = self.chance.random() < 0.5
        away = D(self.chance.choice(["-0.3", "0", "0.2"]))
        return OrderRequest(
            symbol,
            side,
            qty=D(self.chance.choice(["1", "10", "150"])),
            type=OrderType.LIMIT if is_limit else OrderType.MARKET,
            limit_price=(quote.ask + away).quantize(D("0.01")) if is_limit else None,
            client_order_id=name,
        )

    def enter(self) -> None:
        name = self.name()
        now = self.account.desk.now()
        request = self.request(Side.BUY, name)
        self.account.desk.oms.submit(request, role="entry")
        self.decided[name] = now

    def leave(self) -> None:
        held = self.account.desk.positions_there()
        symbol = self.chance.choice(sorted(held) or ["AAPL"])
        if symbol not in held or D(held[symbol]) <= 0:
            return
        name = self.name()
        now = self.account.desk.now()
        request = OrderRequest(symbol, Side.SELL, qty=D(held[symbol]), client_order_id=name)
        self.account.desk.oms.submit(request, role="exit", origin="close")
        self.decided[name] = now

    def _open(self) -> str | None:
        found = [
            record.client_order_id
            for record in self.account.desk.journal.orders("open")
            if record.is_ours and record.order.type is OrderType.LIMIT
        ]
        return self.chance.choice(found) if found else None

    def change(self) -> None:
        if name := self._open():
            price = self.account.desk.oms.record(name).order.limit_price or D(100)
            changed = ReplaceRequest(limit_price=price + D("0.05"))
            record = self.account.desk.oms.replace(name, changed)
            if name in self.decided:  # the decision is that of the first
                self.decided[record.client_order_id] = self.decided[name]

    def cancel(self) -> None:
        if name := self._open():
            self.account.desk.oms.cancel(name, wait_seconds=1)

    def other(self) -> None:
        body = {"symbol": "KO", "qty": "3", "side": "buy", "type": "market"}
        self.account.desk.call("POST", "/v2/orders", {**body, "time_in_force": "day"})

    def amend(self) -> None:
        kind = self.chance.choice(["bust", "correct"])
        body: dict[str, Any] = {"symbol": self.chance.choice(SYMBOLS)}
        if kind == "correct":
            body["price"] = str(self.chance.randint(40, 300))
        with contextlib.suppress(ValueError):
            self.account.desk.call("POST", f"/sim/executions/{kind}", body)


def executed_by_frames(account: Confirmed) -> dict[str, dict[str, tuple[Decimal, Decimal]]]:
    """Quantity and price by order and execution, as the exchange's stream ended up telling them."""
    account.desk.seen = 0
    found: dict[str, dict[str, tuple[Decimal, Decimal]]] = defaultdict(dict)
    first_of: dict[str, str] = {}
    for frame in account.desk.frames():
        name = frame.execution_id or ""
        if frame.event in ("fill", "partial_fill"):
            first_of[name] = name
        elif frame.event in ("trade_bust", "trade_correct"):
            first_of[name] = first_of[str(frame.raw["previous_execution_id"])]
        else:
            continue
        of = found[frame.order.id]
        if frame.event == "trade_bust":
            of.pop(first_of[name], None)
        else:
            assert frame.qty is not None
            assert frame.price is not None
            of[first_of[name]] = (frame.qty, frame.price)
    return found


def check(day: Day, made: Confirmation, fills: dict[str, tuple[Decimal, Decimal]]) -> None:
    account, sign = day.account, 1 if made.side is Side.BUY else -1
    qty = sum((q for q, _ in fills.values()), D(0))
    assert made.filled_qty == qty
    if not qty:
        assert made.price is None
        assert made.cost is None
        return
    value = sum((q * p for q, p in fills.values()), D(0))
    paid = value / qty
    assert made.price is not None
    assert abs(made.price - paid) < D("0.000000001")
    assert made.filled_usd == value.quantize(D("0.0001"))
    decided = day.decided.get(made.client_order_id)
    if decided is None or made.arrival.price is None:
        return
    bid, ask, _ = account.quote_there(made.symbol, decided)
    arrival = (bid + ask) / 2
    assert made.arrival.price == arrival
    assert made.cost is not None
    each = (paid - arrival) * sign
    assert made.cost.usd == (each * qty).quantize(D("0.0001"))
    assert made.cost.bps == (each / arrival * 10_000).quantize(D("0.01"))
    last = made.times.last_fill
    assert last is not None
    for later in made.later:
        bid, ask, _ = account.quote_there(
            made.symbol, last + timedelta(seconds=later.after_seconds)
        )
        if later.price is not None:
            assert later.price == (bid + ask) / 2


def played(path: Path, seed: int) -> Day:
    """A random day, and all that is looked up after it."""
    chance = random.Random(seed + 500)
    exchange = {"participation": chance.choice([None, "0.2"]), "starting_cash": "10000000"}
    account = open_confirmed(path, seed=seed, exchange=exchange)
    day = Day(account, seed)
    day.run(40)
    account.desk.sleep(20)
    account.desk.oms.reconcile()
    account.later(1)
    account.later(400)
    account.later(60)
    return day


@pytest.mark.parametrize("seed", range(6))
def test_every_figure_follows_from_the_exchanges_record(tmp_path: Path, seed: int) -> None:
    day = played(tmp_path, seed)
    account = day.account
    executed = executed_by_frames(account)
    orders = {row["id"]: row for row in account.desk.orders_there().values()}
    confirmed = {item.order_id: item for item in account.desk.journal.confirmations()}
    for order_id, fills in executed.items():
        if any(q for q, _ in fills.values()):
            assert order_id in confirmed, orders.get(order_id)
    for order_id, made in confirmed.items():
        check(day, made, executed.get(order_id, {}))
        versions = account.desk.journal.confirmation_versions(made.client_order_id)
        assert [item.version for item in versions] == list(range(1, len(versions) + 1))
    assert len(confirmed) >= 5
