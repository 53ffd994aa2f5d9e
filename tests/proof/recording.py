"""An account recorded from the built-in exchange: its answers and frames, to be played with one
value spoilt.

The day behind it: a bracket that filled, a fill in parts, an order that rests, one that was moved,
one that was canceled, a coin, and what another program bought. The journal stands where it stood
before the first frame came, so that everything must be learned from frames and answers.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from support.desk import KEY, Desk, VenueTransport, limit, market, open_desk

from execbot.broker.alpaca import AlpacaClient
from execbot.broker.http import HttpReply, IsLate
from execbot.broker.port import ReplaceRequest
from execbot.journal import Journal
from execbot.model.enums import OrderClass, OrderStatus, TimeInForce
from execbot.model.order import OrderRequest, StopLoss, TakeProfit
from execbot.model.timer import Timer
from execbot.oms.service import OrderManagementSystem
from execbot.sim.wire import data_feed

Spoil = Callable[[str, bytes], bytes]
"""Given what was asked and the answer, the answer as it shall come."""


def as_it_was(asked: str, answer: bytes) -> bytes:
    return answer


@dataclass
class Recording:
    """`answers` by method and target; what is asked for the first time is asked of the exchange."""

    desk: Desk
    before: bytes
    """The journal as a file, before any frame."""
    frames: list[bytes] = field(default_factory=list)
    answers: dict[str, HttpReply] = field(default_factory=dict)

    def journal(self) -> Journal:
        """A copy in memory of the journal before the first frame."""
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.deserialize(self.before)
        journal = Journal(Path("recorded"), connection, read_only=False)
        journal._prepare()
        return journal

    def client(self, spoil: Spoil = as_it_was) -> AlpacaClient:
        return AlpacaClient(
            KEY,
            KEY,
            transport=Played(self, spoil),
            requests_per_minute=None,
            now=self.desk.now,
            timer=still(),
        )

    def oms(self, journal: Journal, spoil: Spoil = as_it_was) -> OrderManagementSystem:
        return OrderManagementSystem(
            self.client(spoil),
            journal,
            now=self.desk.now,
            timer=still(),
            settings=self.desk.settings,
        )


@dataclass
class Played:
    """The recording as the adapter's transport."""

    recording: Recording
    spoil: Spoil

    def send(
        self,
        method: str,
        url_path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = 10.0,
        is_late: IsLate | None = None,
    ) -> HttpReply:
        asked = f"{method} {url_path}?{'&'.join(f'{k}={v}' for k, v in (query or {}).items())}"
        known = self.recording.answers.get(asked)
        if known is None:
            door = VenueTransport(self.recording.desk.door)
            known = door.send(method, url_path, query=query, body=body, headers=headers)
            self.recording.answers[asked] = known
        text = self.spoil(asked, known.text.encode()).decode("utf-8", "replace")
        return HttpReply(known.status, known.headers, text)

    def close(self) -> None:
        return None


def still() -> Timer:
    """Waits cost nothing, and as much time as they say."""
    passed = [0.0]

    def sleep(seconds: float) -> None:
        passed[0] += seconds

    return Timer(lambda: passed[0], sleep, lambda: "recorded")


def record(path: Path) -> Recording:
    desk = open_desk(path)
    oms = desk.oms
    bracket = OrderRequest(
        "AAPL",
        market().side,
        qty=Decimal(10),
        time_in_force=TimeInForce.GTC,
        order_class=OrderClass.BRACKET,
        take_profit=TakeProfit(Decimal(900)),
        stop_loss=StopLoss(Decimal(1)),
        client_order_id="bracket",
    )
    oms.submit(bracket)
    oms.submit(market("MSFT", "3", client_order_id="plain"))
    oms.submit(limit("1.00", "KO", client_order_id="resting"))
    oms.submit(limit("1.00", "SPY", client_order_id="moved"))
    oms.submit(limit("1.00", "AMD", client_order_id="canceled"))
    coin = market("BTC/USD", "0.05", client_order_id="coin", time_in_force=TimeInForce.GTC)
    oms.submit(coin)
    before = serialized(desk.journal)
    desk.call("POST", "/v2/orders", foreign("NVDA", "2"))
    desk.sleep(1)
    moved = oms.replace("moved", ReplaceRequest(limit_price=Decimal("1.10")))
    assert moved.status is not OrderStatus.REJECTED
    oms.cancel("canceled", wait_seconds=2)
    desk.sleep(60)
    frames = [frame for _, frame in desk.door.trade_updates_since(KEY, 0)]
    return Recording(desk, before, frames)


def foreign(symbol: str, qty: str) -> dict[str, Any]:
    """An order of another program."""
    plain = {"side": "buy", "type": "market", "time_in_force": "day"}
    return {"symbol": symbol, "qty": qty, "client_order_id": f"their {symbol}", **plain}


def serialized(journal: Journal) -> bytes:
    """The journal as one file that may be opened in memory."""
    journal.checkpoint()
    with (
        closing(sqlite3.connect(journal.path)) as source,
        closing(sqlite3.connect(":memory:")) as copy,
    ):
        source.backup(copy)
        found = bytearray(copy.serialize())
    found[18:20] = b"\x01\x01"  # no write-ahead log, which memory has not
    return bytes(found)


def data_frames(recording: Recording, symbol: str = "AAPL") -> list[bytes]:
    """What the stream of market data says of a symbol."""
    venue = recording.desk.venue
    now, asset = venue.clock.now(), venue.market.assets.get(symbol)
    price = venue.market.prices.last_trade(symbol, now)
    assert price is not None
    at = iso_of(recording.desk.now())
    rows: list[dict[str, Any]] = [
        {"T": "q", "S": symbol, "bp": 99.98, "ap": 100.02, "bs": 2, "as": 3, "t": at, "z": "C"},
        {"T": "t", "S": symbol, "p": 100.01, "s": 5, "t": at, "x": "V", "i": 7, "z": "C"},
        dict(data_feed.status_message(symbol, asset, now, halted=True, reason="T1")),
        dict(data_feed.luld_message(symbol, asset, now, price.price)),
    ]
    return [json.dumps(rows).encode()]


def iso_of(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
