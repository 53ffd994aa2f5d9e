"""The market an exchange trades in: prices, assets, hours, and what is forced upon them."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from execbot.sim.assets import shipped_directory
from execbot.sim.calendar import AlwaysOpen, ExchangeCalendar
from execbot.sim.config import ConfigError, SimConfig
from execbot.sim.engine import Exchange, ExchangeConfig
from execbot.sim.prices.regimes import Regime
from execbot.sim.prices.synthetic import SyntheticPrices
from execbot.sim.types import SECOND, AssetDirectory, Calendar, Ns, PriceSource

if TYPE_CHECKING:
    from execbot.sim.engine.archive import Archive


def exchange_config(config: SimConfig) -> ExchangeConfig:
    """The engine's settings from plain values. Raises `ConfigError` for an unknown one.

    Times may be given in seconds with the suffix `_seconds` (`fill_latency_seconds: 0.5`).
    """
    known = {item.name: item for item in fields(ExchangeConfig)}
    given: dict[str, Any] = {"seed": config.seed}
    for name, value in config.exchange.items():
        target = name.removesuffix("_seconds") if name not in known else name
        if target not in known:
            raise ConfigError(f"unknown exchange setting {name}; known: {', '.join(known)}")
        if target != name:
            value = int(Decimal(str(value)) * SECOND)
        elif "Decimal" in str(known[name].type) and value is not None:
            try:
                value = Decimal(str(value))
            except InvalidOperation:
                raise ConfigError(f"{name} was {value!r}, not a number") from None
        given[target] = value
    return ExchangeConfig(**given)


def regimes(config: SimConfig) -> dict[str, Regime]:
    """Symbol to regime, from the `market` settings. Raises `ConfigError`."""
    chosen = config.market.get("regimes", {})
    try:
        return {str(symbol).upper(): Regime(name) for symbol, name in chosen.items()}
    except ValueError as error:
        raise ConfigError(f"{error}; known: {', '.join(Regime)}") from None


class Market:
    """Prices, assets and calendar of one exchange, and the engine opened on them."""

    def __init__(self, config: SimConfig) -> None:
        self.config = config
        self.engine_config = exchange_config(config)
        self.prices: PriceSource = SyntheticPrices(config.seed, regimes(config))
        self.assets: AssetDirectory = shipped_directory()
        self.calendar: Calendar = (
            AlwaysOpen() if config.calendar == "always" else ExchangeCalendar()
        )

    def open_exchange(self, start: Ns, archive: Archive | None) -> Exchange:
        return Exchange(
            prices=self.prices,
            assets=self.assets,
            calendar=self.calendar,
            config=self.engine_config,
            start=start,
            archive=archive,
        )
