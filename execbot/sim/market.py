"""The market of an exchange: prices, assets, hours, and what the control plane forces on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from execbot.sim.calendar import AlwaysOpen, ExchangeCalendar, new_york, new_york_date
from execbot.sim.config import ConfigError, SimConfig
from execbot.sim.engine import Exchange, ExchangeConfig, FaultKind, OrderFault
from execbot.sim.engine.accounts.archive import Archive
from execbot.sim.faults.faults import Rule
from execbot.sim.prices.adjustments import Adjustments
from execbot.sim.prices.mixed import build_prices
from execbot.sim.prices.regimes import Regime
from execbot.sim.times import format_ns
from execbot.sim.types import SECOND, ApiError, AssetClass, Calendar, Ns
from execbot.sim.wire.reference.corporate_actions import CorporateLog, split
from execbot.sim.wire.reference.news import Newsroom
from execbot.sim.wire.reference.screener import Screener

MULTIPLIERS = ("1", "2", "4")


def exchange_config(config: SimConfig) -> ExchangeConfig:
    """The engine's settings from plain values. Raises `ConfigError` for an unknown one.

    Times may be given in seconds with the suffix `_seconds` (`fill_latency_seconds: 0.5`).
    """
    known = {item.name: item for item in fields(ExchangeConfig)}
    given: dict[str, Any] = {"seed": config.seed}
    if config.data is not None:
        # Recorded quotes are few: a print beyond a limit is what shows that it was reached.
        given["trade_through"] = True
    for name, value in config.exchange.items():
        target = name.removesuffix("_seconds") if name not in known else name
        if target not in known:
            raise ConfigError(f"unknown exchange setting {name}; known: {', '.join(known)}")
        given[target] = _setting(name, value, str(known[target].type), seconds=target != name)
    return ExchangeConfig(**given)


def _setting(name: str, value: Any, kind: str, *, seconds: bool) -> Any:
    """One setting in the type of its field. Raises `ConfigError`."""
    if value is None and "None" in kind:
        return None
    if kind == "bool":
        fits = isinstance(value, bool)
    elif kind == "str":
        value = str(value)
        fits = value in MULTIPLIERS
    else:
        value, fits = _number(value)
        if fits and seconds:
            value = value * SECOND
        if fits and "Decimal" not in kind:
            value = int(value)
    if not fits:
        raise ConfigError(f"{name} was {str(value)[:40]!r}")
    return value


def _number(value: Any) -> tuple[Decimal, bool]:
    """The number, and whether it is one."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return Decimal(0), False
    fits = not isinstance(value, bool) and number.is_finite() and number.adjusted() <= 15
    return number, fits and number >= 0


def regimes(config: SimConfig) -> dict[str, Regime]:
    """Symbol to regime, from the `market` settings. Raises `ConfigError`."""
    chosen = config.market.get("regimes", {})
    if not isinstance(chosen, Mapping):
        raise ConfigError(f"regimes was {str(chosen)[:40]!r}, not a mapping of symbols")
    try:
        return {str(symbol).upper(): Regime(name) for symbol, name in chosen.items()}
    except ValueError as error:
        raise ConfigError(f"{error}; known: {', '.join(Regime)}") from None


class VenueMarket:
    """Prices, assets and calendar of one exchange, and the engine opened on them."""

    def __init__(self, config: SimConfig) -> None:
        self.config = config
        self._made = Adjustments()
        self.corporate = CorporateLog()
        self.screener = Screener()
        self.engine_config = exchange_config(config)
        self.calendar: Calendar = (
            AlwaysOpen() if config.calendar == "always" else ExchangeCalendar()
        )
        try:
            self.prices, self.assets = build_prices(
                seed=config.seed,
                regimes=regimes(config),
                data=config.data,
                calendar=self.calendar,
            )
        except (OSError, ValueError) as error:
            raise ConfigError(str(error)) from error
        self.newsroom = Newsroom(config.seed, self.assets)
        self._gather()

    def open_exchange(self, start: Ns, archive: Archive | None) -> Exchange:
        found = Exchange(
            prices=self.prices,
            assets=self.assets,
            calendar=self.calendar,
            config=self.engine_config,
            start=start,
            archive=archive,
            optionable=self.prices.recorded_stocks,
        )
        self.options = found.options
        return found

    def load_exchange(self, state: Mapping[str, Any], archive: Archive | None) -> Exchange:
        found = Exchange.load(
            state,
            prices=self.prices,
            assets=self.assets,
            calendar=self.calendar,
            config=self.engine_config,
            archive=archive,
            optionable=self.prices.recorded_stocks,
        )
        self.options = found.options
        return found

    def _gather(self) -> None:
        """Brings `adjustments` up to date: what was recorded, and what was made here."""
        self.recorded_adjustments = recorded = self.prices.adjustments
        self.adjustments = recorded.of_symbols(recorded.symbols())
        self.adjustments.extend(self._made)

    def recorded_splits(self, after: Ns, until: Ns) -> list[tuple[Ns, str, Decimal]]:
        """Splits of the recording in `(after, until]`: when, of what, new shares for an old one."""
        return self.prices.adjustments.due(after, until)

    def tell_split(self, exchange: Exchange, symbol: str, ratio: Decimal) -> None:
        """A recorded split happens: the recorded prices have it already, accounts learn of it."""
        self.prices.rescale_pinned(symbol, exchange.now, 1 / ratio)
        exchange.split(symbol, ratio, Decimal(1))

    # --- what the control plane forces upon it ---------------------------------------------

    def set_price(
        self, symbol: str, at: Ns, prices: Mapping[str, Decimal], *, hold: bool = True
    ) -> None:
        """From `at` on the symbol trades at `price`, `bid`, `ask` (with `size` on both sides).

        Raises `ApiError` (404, 422) for an unknown symbol and for prices that make no market.
        """
        try:
            self.prices.set_price(self.check_symbol(symbol), at, hold=hold, **prices)
        except (ValueError, TypeError) as error:
            raise ApiError(422, None, str(error)) from None

    def release_price(self, symbol: str, at: Ns) -> None:
        self.prices.release(self.check_symbol(symbol), at)

    def shown_quote(self, symbol: str, at: Ns) -> dict[str, Any] | None:
        """The quote and last trade in force, for people."""
        quote = self.prices.quote(self.check_symbol(symbol), at)
        last = self.prices.last_trade(symbol, at)
        if quote is None:
            return None
        return {
            "bid": str(quote.bid),
            "ask": str(quote.ask),
            "bid_size": str(quote.bid_size),
            "ask_size": str(quote.ask_size),
            "last": None if last is None else str(last.price),
            "at": format_ns(quote.at),
        }

    def halt(self, exchange: Exchange, symbol: str, reason: str) -> None:
        """Nothing trades and the price stands still until `resume`."""
        self.prices.freeze(self.check_symbol(symbol), exchange.now)
        exchange.halt(symbol, reason)

    def resume(self, exchange: Exchange, symbol: str) -> None:
        self.prices.thaw(self.check_symbol(symbol), exchange.now)
        exchange.resume(symbol)

    def split(self, exchange: Exchange, symbol: str, new: Decimal, old: Decimal) -> None:
        """`new` shares for `old` ones. Raises `ApiError` (404, 422)."""
        if not (new > 0 and old > 0 and new != old):
            raise ApiError(422, None, "new and old are numbers of shares above zero, not the same")
        self.check_stock(symbol)
        try:
            self.prices.scale(symbol, exchange.now, old / new)
        except ValueError as error:
            raise ApiError(422, None, str(error)) from None
        exchange.split(symbol, new, old)
        self._made.add_split(symbol, exchange.now, new / old)
        kind, particulars = split(symbol, new, old)
        self.corporate.add(exchange.now, kind, **particulars)
        self._gather()

    def dividend(self, exchange: Exchange, symbol: str, amount: Decimal) -> None:
        """`amount` dollars a share to the holders. Raises `ApiError` (404, 422)."""
        self.check_stock(symbol)
        exchange.dividend(symbol, amount)
        self.corporate.forget_announced("cash_dividend", symbol, new_york_date(exchange.now))
        self.corporate.add(exchange.now, "cash_dividend", symbol=symbol, rate=amount)
        last = self.prices.last_trade(symbol, exchange.now)
        if last is not None and last.price > amount:
            self._made.add_dividend(symbol, exchange.now, 1 - amount / last.price)
            self._gather()

    def announce_dividend(self, symbol: str, amount: Decimal, day: str, now: Ns) -> None:
        """Both APIs list it from now on. Raises `ApiError` (404, 422)."""
        self.check_stock(symbol)
        try:
            at = new_york(date.fromisoformat(day).isoformat())
        except ValueError:
            raise ApiError(422, None, "ex_date is a day: 2026-10-09") from None
        if at <= now:
            raise ApiError(422, None, "ex_date is a day to come") from None
        self.corporate.forget_announced("cash_dividend", symbol, day)
        self.corporate.add(at, "cash_dividend", symbol=symbol, rate=amount)

    def rename(self, exchange: Exchange, symbol: str, new_symbol: str) -> None:
        """One stock becomes another one of the list, at its price. Raises `ApiError` (404, 422)
        before anything has moved, also where the other one has no market.
        """
        self.check_stock(symbol)
        self.check_market(new_symbol, exchange.now)
        quote = self.prices.quote(symbol, exchange.now)
        exchange.rename(symbol, new_symbol)
        self.corporate.add(exchange.now, "name_change", old_symbol=symbol, new_symbol=new_symbol)
        if quote is not None and quote.bid and quote.ask:
            price = (quote.bid + quote.ask) / 2
            self.set_price(new_symbol, exchange.now, {"price": price}, hold=False)
            exchange.market_changed(new_symbol)

    def check_stock(self, symbol: str) -> None:
        """Raises `ApiError` 404 for what is not listed, 422 for what is no stock."""
        self.check_symbol(symbol)
        asset = self.assets.get(symbol)
        if asset is None or asset.asset_class is not AssetClass.US_EQUITY:
            raise ApiError(422, None, f"{symbol} is no stock")

    def check_market(self, symbol: str, at: Ns) -> None:
        """Raises `ApiError` (404, 422) for a stock without a price on both sides."""
        self.check_stock(symbol)
        quote = self.prices.quote(symbol, at)
        if quote is None or not (quote.bid > 0 and quote.ask > 0):
            raise ApiError(422, None, f"{symbol} has no market")

    def check_symbol(self, symbol: str) -> str:
        """The symbol itself. Raises `ApiError` (404) for one that is not listed."""
        if self.assets.get(symbol) is None:
            raise ApiError(404, None, f"unknown symbol {symbol}")
        return symbol

    def dump(self) -> dict[str, Any]:
        return {
            "prices": self.prices.dump(),
            "made": self._made.dump(),
            "corporate": self.corporate.dump(),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        self.prices.load(state["prices"])
        self._made.load(state["made"])
        self.corporate.load(state.get("corporate", ()))  # an older file has none
        self._gather()

    def reset(self) -> None:
        self.prices.clear()
        self._made = Adjustments()
        self.corporate, self.screener = CorporateLog(), Screener()
        self._gather()


def order_fault(rule: Rule, symbol: str | None) -> OrderFault:
    """The engine's fault for the next order, from a rule that has struck."""
    given = dict(rule.params)
    delay = int(Decimal(str(given.pop("delay_seconds", 0))) * SECOND)
    factor = given.pop("factor", None)
    return OrderFault(
        FaultKind(rule.kind.value),
        symbol=symbol,
        factor=None if factor is None else Decimal(str(factor)),
        delay=delay,
    )
