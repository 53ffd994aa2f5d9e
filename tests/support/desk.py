"""A desk: the OMS, its journal and the built-in exchange in one process, under a virtual clock.

Nothing sleeps: a pause of the code under test moves the exchange's clock instead, so a second of
waiting costs nothing and every run is the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from execbot.broker.alpaca import AlpacaClient
from execbot.broker.http import HttpReply, refuse_late
from execbot.broker.port import TradeUpdate
from execbot.broker.stream import parse_frame
from execbot.config.schema import OrderManagementSettings
from execbot.desk.opening.in_process import InProcessTransport
from execbot.journal import Journal
from execbot.model.enums import OrderType, Side
from execbot.model.order import OrderRequest
from execbot.model.timer import Timer
from execbot.oms.service import OrderManagementSystem
from execbot.sim.config import SimConfig
from execbot.sim.doors.transport import InProcess
from execbot.sim.types import SECOND
from execbot.sim.venue import Venue

KEY = "desk"
START = "2026-10-07 10:00"


class VenueTransport(InProcessTransport):
    """The transport of sim mode, over the door of this process."""

    def __init__(self, door: InProcess) -> None:
        super().__init__(door)
        self.sent: list[str] = []
        """Method and path of every request, oldest first."""

    def send(self, method: str, url_path: str, **more: Any) -> HttpReply:
        refuse_late(more.get("is_late"))
        self.sent.append(f"{method} {url_path}")
        return super().send(method, url_path, **more)


@dataclass
class Desk:
    """One account at one exchange. `oms` works on `journal`; more can be opened beside it."""

    path: Path
    venue: Venue
    door: InProcess
    client: AlpacaClient
    journal: Journal
    settings: OrderManagementSettings
    sent: list[str]
    """What the adapter has sent."""
    seen: int = 0
    slept: list[float] = field(default_factory=list)

    @property
    def oms(self) -> OrderManagementSystem:
        return self.open_oms(self.journal)

    def open_oms(self, journal: Journal, **options: Any) -> OrderManagementSystem:
        return OrderManagementSystem(
            self.client,
            journal,
            settings=self.settings,
            now=self.now,
            timer=self.timer,
            **options,
        )

    def now(self) -> datetime:
        return _moment(self.venue.clock.now())

    @property
    def timer(self) -> Timer:
        return Timer(self.monotonic, self.sleep, lambda: "desk")

    def monotonic(self) -> float:
        return self.venue.clock.now() / SECOND

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.venue.clock.step(int(seconds * SECOND))
        self.venue.advance()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request of another program on the same account; its JSON."""
        headers = {"APCA-API-KEY-ID": KEY, "APCA-API-SECRET-KEY": KEY}
        payload = None if body is None else json.dumps(body).encode()
        _, _, reply = self.door.request(method, path, headers, payload)
        return json.loads(reply) if reply else None

    def fault(self, kind: str, **rule: Any) -> None:
        self.call("POST", "/sim/faults", {"kind": kind, "count": 1, **rule})

    def frames(self) -> list[TradeUpdate]:
        """Stream frames since the last call, in the order in which the exchange sent them."""
        updates: list[TradeUpdate] = []
        for seq, frame in self.door.trade_updates_since(KEY, self.seen):
            self.seen = seq
            message = parse_frame(frame)
            if isinstance(message, TradeUpdate):
                updates.append(message)
        return updates

    def orders_there(self) -> dict[str, dict[str, Any]]:
        """The exchange's own list, by client_order_id."""
        listed = self.call("GET", "/v2/orders?status=all&limit=500&direction=asc")
        return {row["client_order_id"]: row for row in listed}

    def positions_there(self) -> dict[str, str]:
        return {row["symbol"]: row["qty"] for row in self.call("GET", "/v2/positions")}


def open_desk(path: Path, **settings: Any) -> Desk:
    """A fresh exchange and a fresh journal in `path`; `settings` are those of SimConfig."""
    config = SimConfig.of({"at": START, "speed": 0, **settings})
    venue = Venue(config)
    door = InProcess(venue)
    desk_clock: list[Desk] = []
    transport = VenueTransport(door)
    client = AlpacaClient(
        KEY,
        KEY,
        transport=transport,
        requests_per_minute=None,
        now=lambda: desk_clock[0].now(),
        timer=Timer(
            monotonic=lambda: desk_clock[0].monotonic(),
            sleep=lambda seconds: desk_clock[0].sleep(seconds),
        ),
        timeout_seconds=2.0,
    )
    quick = OrderManagementSettings(retry_delay_seconds=Decimal("0.5"))
    journal = desk_journal(path / "journal.db")
    desk = Desk(path, venue, door, client, journal, quick, transport.sent)
    desk_clock.append(desk)
    return desk


@lru_cache(maxsize=4)
def _moment(ns: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ns // 1000)


@cache
def _fresh_journal() -> bytes:
    """The file of a new journal: the steps that make one are tested in tests/journal."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal.db"
        Journal.open(path).close()
        return path.read_bytes()


class DeskJournal(Journal):
    """Its writes wait for no disk: nobody cuts the power here."""

    def _run(self, sql: str, values: Sequence[Any] = ()) -> int:
        return 0 if sql.startswith("PRAGMA synchronous") else super()._run(sql, values)


def desk_journal(path: Path) -> Journal:
    """The journal at `path`, which is a new one where there is none."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(_fresh_journal())
    journal = DeskJournal.open(path)
    journal._connection.execute("PRAGMA synchronous = OFF")
    return journal


def market(
    symbol: str = "AAPL", qty: str = "10", side: Side = Side.BUY, **more: Any
) -> OrderRequest:
    return OrderRequest(symbol, side, qty=Decimal(qty), **more)


def limit(price: str, symbol: str = "AAPL", qty: str = "10", **more: Any) -> OrderRequest:
    side = more.pop("side", Side.BUY)
    return OrderRequest(
        symbol, side, qty=Decimal(qty), type=OrderType.LIMIT, limit_price=Decimal(price), **more
    )
