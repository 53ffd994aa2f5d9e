"""A market whose every tick a test writes down, and a desk that trades on it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from execbot.sim.calendar import AlwaysOpen, ExchangeCalendar
from execbot.sim.engine import Exchange, ExchangeConfig
from execbot.sim.types import (
    SECOND,
    ApiError,
    Asset,
    AssetClass,
    Bar,
    Calendar,
    Crossing,
    Level,
    Ns,
    Quote,
    Tick,
    Trade,
)

MS: Ns = 1_000_000
D = Decimal


def new_york(text: str) -> Ns:
    """`2026-10-08 10:00` or with seconds, New York time."""
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York"))
    return int(moment.timestamp() * 1000) * MS


def stock(symbol: str, **flags: Any) -> Asset:
    number = sum(ord(char) * 31**place for place, char in enumerate(symbol)) % 16**12
    asset = Asset(
        id=f"00000000-0000-4000-8000-{number:012x}",
        symbol=symbol,
        name=symbol,
        exchange="NASDAQ",
        asset_class=AssetClass.US_EQUITY,
        attributes=("fractional_eh_enabled",),
    )
    return replace(asset, **flags)


ASSETS = (
    stock("ABC"),
    stock("XYZ"),
    stock("CHEAP"),
    stock("WHOLE", fractionable=False, attributes=()),
    stock("NOSHORT", shortable=False, easy_to_borrow=False),
    stock("HTB", easy_to_borrow=False),
    stock("DEAD", active=False),
    stock("OTC", tradable=False),
    stock("NIGHT", attributes=("fractional_eh_enabled", "overnight_tradable")),
    stock("TRIPLE", maintenance_margin=D(75)),
    stock(
        "BTC/USD",
        exchange="CRYPTO",
        asset_class=AssetClass.CRYPTO,
        marginable=False,
        shortable=False,
        easy_to_borrow=False,
        maintenance_margin=D(100),
        attributes=(),
        min_order_size=D("0.0001"),
        min_trade_increment=D("0.000000001"),
        price_increment=D("0.01"),
    ),
)


class Directory:
    def __init__(self, assets: Sequence[Asset]) -> None:
        self._assets = {asset.symbol: asset for asset in assets}
        self._other = {asset.id: asset for asset in assets}
        self._other |= {asset.symbol.replace("/", ""): asset for asset in assets}

    def get(self, symbol_or_id: str) -> Asset | None:
        return self._assets.get(symbol_or_id) or self._other.get(symbol_or_id)

    def all(self) -> Sequence[Asset]:
        return tuple(self._assets.values())


class ScriptedPrices:
    """Ticks by symbol, ascending. A book has the quoted level and those of `deeper`."""

    def __init__(self) -> None:
        self.script: dict[str, list[Tick]] = {}
        self.deeper: dict[tuple[str, str], Sequence[Level]] = {}
        self.auctions: dict[tuple[str, Ns], Decimal] = {}

    def tick(
        self,
        symbol: str,
        at: Ns,
        bid: str | Decimal,
        ask: str | Decimal,
        last: str | Decimal | None = None,
        size: str | Decimal = "1000",
    ) -> None:
        """From `at` on; what was written for later stays."""
        quote = Quote(symbol, at, D(bid), D(size), D(ask), D(size))
        price = D(last) if last is not None else (D(bid) if D(bid) > 0 else D(ask))
        ticks = self.script.setdefault(symbol, [])
        index = bisect_right(ticks, at, key=lambda tick: tick.at)
        ticks.insert(index, Tick(at, quote, Trade(symbol, at, price, D(size))))

    def _in_force(self, symbol: str, at: Ns) -> Tick | None:
        ticks = self.script.get(symbol, [])
        index = bisect_right(ticks, at, key=lambda tick: tick.at)
        return ticks[index - 1] if index else None

    def symbols(self) -> Sequence[str]:
        return tuple(self.script)

    def quote(self, symbol: str, at: Ns) -> Quote | None:
        tick = self._in_force(symbol, at)
        return tick.quote if tick else None

    def last_trade(self, symbol: str, at: Ns) -> Trade | None:
        tick = self._in_force(symbol, at)
        return tick.last if tick else None

    def official(self, symbol: str, at: Ns) -> Decimal | None:
        return self.auctions.get((symbol, at))

    def book(self, symbol: str, at: Ns, side: Literal["bid", "ask"]) -> Sequence[Level]:
        quote = self.quote(symbol, at)
        if quote is None:
            return ()
        best = (
            Level(quote.bid, quote.bid_size) if side == "bid" else Level(quote.ask, quote.ask_size)
        )
        return (best, *self.deeper.get((symbol, side), ())) if best.price > 0 else ()

    def ticks(self, symbol: str, after: Ns, until: Ns) -> Iterator[Tick]:
        for tick in self.script.get(symbol, []):
            if after < tick.at <= until:
                yield tick

    def next_tick(self, symbol: str, after: Ns, until: Ns) -> Tick | None:
        return next(self.ticks(symbol, after, until), None)

    def first_crossing(self, symbol: str, after: Ns, until: Ns, condition: Crossing) -> Tick | None:
        found = (tick for tick in self.ticks(symbol, after, until) if tick.meets(condition))
        return next(found, None)

    def peak(self, symbol: str, after: Ns, until: Ns, *, highest: bool) -> Decimal | None:
        prices = [tick.last.price for tick in self.ticks(symbol, after, until)]
        return (max if highest else min)(prices, default=None)

    def trades(self, symbol: str, start: Ns, end: Ns) -> Iterator[Trade]:
        return (tick.last for tick in self.ticks(symbol, start - 1, end))

    def quotes(self, symbol: str, start: Ns, end: Ns) -> Iterator[Quote]:
        return (tick.quote for tick in self.ticks(symbol, start - 1, end))

    def bars(self, symbol: str, width: Ns, start: Ns, end: Ns) -> Iterator[Bar]:
        return iter(())


class Desk:
    """One account on an exchange whose market the test moves. Times are New York wall time.

    Every symbol starts at 100.00 x 100.02, last 100.00, CHEAP at 0.50, BTC/USD at 50000.
    """

    def __init__(
        self, at: str = "2026-10-08 10:00", *, always: bool = False, **config: Any
    ) -> None:
        self.prices = ScriptedPrices()
        self.calendar: Calendar = AlwaysOpen() if always else ExchangeCalendar()
        start = new_york(at)
        for asset in ASSETS:
            bid, ask = {"CHEAP": ("0.50", "0.5002"), "BTC/USD": ("50000", "50010")}.get(
                asset.symbol, ("100.00", "100.02")
            )
            self.prices.tick(asset.symbol, start - 30 * 86_400 * SECOND, bid, ask)
        self.exchange = Exchange(
            prices=self.prices,
            assets=Directory(ASSETS),
            calendar=self.calendar,
            config=ExchangeConfig(**config),
            start=start,
        )
        self.id = self.exchange.account_id("KEY")

    @property
    def now(self) -> Ns:
        return self.exchange.now

    def market(
        self, symbol: str, bid: str, ask: str, last: str | None = None, size: str = "1000"
    ) -> None:
        """The market moves now, as if the control plane had set it."""
        self.prices.tick(symbol, self.now, bid, ask, last, size)
        self.exchange.market_changed(symbol)
        self.exchange.advance(self.now)

    def run(self, seconds: float = 1.0) -> None:
        self.exchange.advance(self.now + int(seconds * 1000) * MS)

    def until(self, text: str) -> None:
        self.exchange.advance(new_york(text))

    def body(self, symbol: str = "ABC", **given: Any) -> dict[str, Any]:
        """A market day buy of 10, with what is given changed; None takes a field away."""
        crypto = "/" in symbol
        base = {
            "symbol": symbol,
            "qty": "10",
            "side": "buy",
            "type": "market",
            "time_in_force": "gtc" if crypto else "day",
        }
        body = {**base, **given}
        return {name: value for name, value in body.items() if value is not None}

    def place(self, symbol: str = "ABC", **given: Any) -> dict[str, Any]:
        return self.exchange.place(self.id, self.body(symbol, **given))

    def filled(self, symbol: str = "ABC", **given: Any) -> dict[str, Any]:
        order = self.place(symbol, **given)
        self.run()
        done = self.order(order)
        assert done["status"] == "filled", done["status"]
        return done

    def refusal(self, symbol: str = "ABC", **given: Any) -> tuple[int, int | None, str]:
        return refused(lambda: self.place(symbol, **given))

    def order(self, order: dict[str, Any] | str, nested: bool = False) -> dict[str, Any]:
        order_id = order if isinstance(order, str) else order["id"]
        return self.exchange.order(self.id, order_id, nested)

    def status(self, order: dict[str, Any] | str) -> str:
        return str(self.order(order)["status"])

    def cancel(self, order: dict[str, Any] | str) -> None:
        self.exchange.cancel(self.id, order if isinstance(order, str) else order["id"])

    def replace(self, order: dict[str, Any], **body: Any) -> dict[str, Any]:
        return self.exchange.replace(self.id, order["id"], body)

    def position(self, symbol: str = "ABC") -> dict[str, Any]:
        return self.exchange.position(self.id, symbol)

    def account(self) -> dict[str, Any]:
        return self.exchange.account(self.id)

    def events(self, order: dict[str, Any] | str | None = None) -> list[str]:
        """Names of the events of one order, or of all."""
        order_id = order["id"] if isinstance(order, dict) else order
        return [
            event.data["event"]
            for event in self.exchange.events
            if order_id is None or event.data["order"]["id"] == order_id
        ]

    def fills(self) -> list[dict[str, Any]]:
        return self.exchange.activities(self.id, ["FILL"], {"direction": "asc"})


def refusal_of(call: Any) -> ApiError:
    try:
        call()
    except ApiError as error:
        return error
    raise AssertionError("the exchange accepted it")


def refused(call: Any) -> tuple[int, int | None, str]:
    error = refusal_of(call)
    return error.status, error.code, error.message
