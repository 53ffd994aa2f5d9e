"""Assets: remembered and kept for the day, and asked for many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import date, datetime, timedelta
from decimal import Decimal

from execbot.broker.errors import BrokerError
from execbot.broker.port import BrokerClient
from execbot.model.account import Asset, Position, contract_asset
from execbot.model.enums import AssetClass
from execbot.model.symbols import is_option, is_stock, pair_symbol, symbol_key
from execbot.model.times import eastern
from execbot.risk.asking.kept_facts import KeptFacts
from execbot.risk.asking.together import Round

MANY_ASSETS = 10
"""From so many unknown stocks on, the list of all assets is asked for instead of each of them."""

JUST_ASKED = timedelta(minutes=1)
"""What the broker said of an asset this lately is not asked for anew, should it stand against an
order."""

SMALL_USD = Decimal(25)
"""No smallest order of a coin is worth more: what is, is no dust."""


class Assets:
    """`expected` are symbols that are asked about next."""

    def __init__(
        self, client: BrokerClient, kept: KeptFacts | None, now: Callable[[], datetime]
    ) -> None:
        self._client = client
        self._kept = kept
        self._now = now
        self._known: dict[str, Asset] = {}
        self._asked_at: dict[str, datetime] = {}
        self._day: date | None = None
        self._did_list = False
        self.expected: frozenset[str] = frozenset()

    def remember(self, symbol: str, asset: Asset) -> None:
        self._drop_yesterday()
        self._known[symbol], self._day = asset, self._today()

    def known(self, symbol: str) -> Asset | None:
        """Without asking anybody."""
        return self._known.get(symbol)

    def get(self, symbol: str, asked: Round | None) -> Asset:
        """Raises BrokerError if unknown. `asked` may have asked for it already."""
        self._drop_yesterday()
        if symbol not in self._known:
            self._read_expected(symbol)
        if symbol not in self._known:
            found = contract_asset(symbol) if is_option(symbol) else self._asked(symbol, asked)
            self._known[symbol], self._day = found, self._today()
        return self._known[symbol]

    def forget(self, symbol: str) -> bool:
        """Ask anew for what is known since earlier in the day; whether it is."""
        if symbol not in self._known or is_option(symbol):
            return False
        asked_at = self._asked_at.get(symbol)
        if asked_at is not None and timedelta(0) <= self._now() - asked_at < JUST_ASKED:
            return False
        del self._known[symbol]
        return True

    def learn_smallest(self, positions: Iterable[Position], asked: Round | None) -> None:
        """Learns the smallest order of coins of which little is held. Where the broker names none,
        worth alone decides whether it is dust."""
        for held in positions:
            is_small = held.market_value is not None and abs(held.market_value) < SMALL_USD
            if held.asset_class == AssetClass.CRYPTO and is_small:
                with suppress(BrokerError):
                    self.get(pair_symbol(held.symbol), asked)

    def smallest(self) -> Mapping[str, Decimal]:
        return {
            symbol_key(name): asset.min_order_size
            for name, asset in self._known.items()
            if asset.min_order_size is not None
        }

    def _asked(self, symbol: str, asked: Round | None) -> Asset:
        is_begun = asked is not None and asked.symbol == symbol and asked.has("asset")
        if self._kept is not None and not is_begun:
            found = self._kept.asset(symbol, self._now())
            if found is not None:
                self._asked_at.pop(symbol, None)
                return found
        if asked is not None and is_begun:
            asset = asked.asset(symbol)
        else:
            asset = self._client.get_asset(symbol)
        self._asked_at[symbol] = self._now()
        if self._kept is not None:
            self._kept.keep_asset(asset, self._now())
        return asset

    def _read_expected(self, symbol: str) -> None:
        """Many at once from the list of all, once; what it does not have is asked for by itself."""
        missing = {s for s in (symbol, *self.expected) if is_stock(s) and s not in self._known}
        if self._did_list or symbol not in missing or len(missing) < MANY_ASSETS:
            return
        self._did_list = True
        with suppress(BrokerError):
            found = self._client.get_assets(missing)
            self._known |= found
            self._day = self._today()
            self._asked_at |= dict.fromkeys(found, self._now())

    def _drop_yesterday(self) -> None:
        """A process may run for days: what was known of an asset yesterday is asked for again."""
        # Before the first answer nobody is asked for the time.
        if self._known and self._day != self._today():
            self._known.clear()
            self._asked_at.clear()
            self._did_list = False

    def _today(self) -> date:
        return eastern(self._now()).date()
