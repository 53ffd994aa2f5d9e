"""The built-in exchange of sim mode with a clock that stands until it is moved.

Everything that waits waits in its time: a request takes two milliseconds, a pause of the client
lets the market go on. So a month takes minutes, and the same seed gives the same month.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from execbot.broker.alpaca import AlpacaClient
from execbot.broker.port import TradeUpdate
from execbot.broker.stream import parse_frame
from execbot.config.paths import exchange_directory, state_root
from execbot.config.schema import SimSettings
from execbot.desk.opening.in_process import KEY, InProcessTransport, open_exchange
from execbot.model.timer import Timer

REQUEST_SECONDS = 0.002
SECOND = 1_000_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

FEES = {"taf_per_share": "0.000195", "sec_per_dollar": "0.0000206", "cat_per_share": "0.000022"}
"""What regulators charge for sales of stocks, as the exchange gathers it by the day."""


class Exchange:
    """The exchange that every command finds in the state directory of `env`, begun afresh."""

    def __init__(
        self, env: Mapping[str, str], settings: SimSettings, at: str, regimes: Mapping[str, str]
    ) -> None:
        self._shared = open_exchange(exchange_directory(state_root(env)), settings)
        fresh = {
            "at": at,
            "speed": 0,
            "seed": settings.seed,
            "calendar": settings.calendar.value,
            "exchange": {"starting_cash": str(settings.starting_cash), **FEES},
            "market": {"regimes": dict(regimes)},
        }
        self.call("POST", "reset", fresh)
        with self._shared.turn() as venue:
            self._ns = venue.clock.now()
        self._seen = self._shared.last_seq(KEY)
        self.client = AlpacaClient(
            KEY,
            KEY,
            transport=_Paced(self, InProcessTransport(self._shared)),
            requests_per_minute=None,
            now=self.now,
            timer=self.timer,
        )

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """A control request: what other people, the market and the broker do."""
        headers = {"APCA-API-KEY-ID": KEY, "APCA-API-SECRET-KEY": KEY}
        raw = None if body is None else json.dumps(body).encode()
        status, _, answer = self._shared.request(method, f"/sim/{path}", headers, raw)
        found = json.loads(answer)
        if status >= 400:
            raise ValueError(f"{method} {path}: {found}")
        return found

    # --- time --------------------------------------------------------------------------------

    def now(self) -> datetime:
        return EPOCH + timedelta(microseconds=self._ns // 1000)

    @property
    def timer(self) -> Timer:
        return Timer(lambda: self._ns / SECOND, self.sleep, lambda: "month")

    def sleep(self, seconds: float) -> None:
        """Time passes, and nobody looks."""
        with self._shared.turn() as venue:
            venue.clock.step(int(seconds * SECOND))
            venue.advance()
            venue.changed = True
            self._ns = venue.clock.now()

    def pass_to_event(self, until: datetime) -> None:
        """Time passes to the next thing that happens by itself, at most to `until`."""
        last = (until - EPOCH) // timedelta(microseconds=1) * 1000
        with self._shared.turn() as venue:
            due = venue.next_event_at(last)
        at = last if due is None else max(due, self._ns + 1)
        self.sleep((at - self._ns) / SECOND)

    def frames(self) -> list[TradeUpdate]:
        """What the stream of trade updates has brought since the last call."""
        found = []
        for number, frame in self._shared.trade_updates_since(KEY, self._seen):
            self._seen = number
            message = parse_frame(frame)
            if isinstance(message, TradeUpdate):
                found.append(message)
        return found

    # --- the market --------------------------------------------------------------------------

    def quote(self, symbol: str) -> tuple[Decimal, Decimal]:
        """Bid and ask."""
        shown = self.call("GET", f"price/{symbol.replace('/', '%2F')}")["quote"]
        return Decimal(shown["bid"]), Decimal(shown["ask"])

    def close(self) -> None:
        self._shared.close()


class _Paced:
    """The client's way to the exchange, on which time passes."""

    def __init__(self, exchange: Exchange, inner: InProcessTransport) -> None:
        self._exchange, self._inner = exchange, inner

    def send(self, method: str, url_path: str, **more: Any) -> Any:
        self._exchange.sleep(REQUEST_SECONDS)
        return self._inner.send(method, url_path, **more)

    def close(self) -> None:
        self._inner.close()


Told = Callable[[str], None]
