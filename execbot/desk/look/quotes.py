"""What the market says of a symbol now, and what the broker lets be done with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from msgspec import Struct

from execbot.broker.errors import BrokerError
from execbot.desk.account import Desk
from execbot.desk.look.halts_known import is_followed
from execbot.desk.protect import watched_by
from execbot.market.halts import HALTS_KEY, HaltBook, book_from_json
from execbot.market.sessions import MarketNow, agreed_now, crypto_now
from execbot.model.account import Asset
from execbot.model.numbers import tick_size
from execbot.model.options.contract import Contract, Greeks
from execbot.model.options.grid import price_step
from execbot.model.options.snapshot import Snapshot
from execbot.model.quote import Bar, Quote, Trade
from execbot.model.symbols import is_option
from execbot.model.times import eastern

__all__ = ["QuoteView", "Quotes", "quotes"]

BPS = Decimal(10_000)
STEP = Decimal("0.01")
RATIO_STEP = Decimal("0.000001")


class OptionView(Struct, frozen=True):
    """What is shown of a contract: its terms, and what the market says besides bid and ask."""

    contract: Contract
    underlying_price: Decimal | None
    snapshot: Snapshot | None

    def to_dict(self) -> dict[str, object]:
        greeks = Greeks() if self.snapshot is None else self.snapshot.greeks
        return {
            "underlying": self.contract.underlying,
            "underlying_price": self.underlying_price,
            "expiry": self.contract.expires,
            "type": "call" if self.contract.is_call else "put",
            "strike": self.contract.strike,
            "open_interest": self.contract.open_interest,
            "implied_volatility": None if self.snapshot is None else self.snapshot.iv,
            **{name: getattr(greeks, name) for name in Greeks.__struct_fields__},
        }


class QuoteView(Struct, frozen=True):
    """One symbol. None: not known; a side without a quote has no price.

    `halt` is why and since when it is halted, `halt_known` whether one would have been heard of.
    `feed` is where stock prices come from, None where the data plan decides.
    """

    asset: Asset
    quote: Quote | None
    trade: Trade | None
    previous_close: Decimal | None
    atr: Decimal | None
    market: MarketNow
    halt: str
    halt_known: bool | None
    feed: str | None
    at: datetime
    option: OptionView | None = None

    @property
    def symbol(self) -> str:
        return self.asset.symbol

    @property
    def bid(self) -> Decimal | None:
        return self.quote.bid if self.quote is not None and self.quote.bid > 0 else None

    @property
    def ask(self) -> Decimal | None:
        return self.quote.ask if self.quote is not None and self.quote.ask > 0 else None

    @property
    def spread_bps(self) -> Decimal | None:
        """Ask less bid, of the middle; negative where they are crossed."""
        middle = self.quote.mid if self.quote is not None else None
        if middle is None or self.bid is None or self.ask is None:
            return None
        return ((self.ask - self.bid) / middle * BPS).quantize(STEP, ROUND_HALF_EVEN)

    @property
    def last(self) -> Decimal | None:
        return self.trade.price if self.trade is not None and self.trade.price > 0 else None

    @property
    def change(self) -> Decimal | None:
        """The last price against the close of the day before it."""
        if self.last is None or self.previous_close is None:
            return None
        return self.last - self.previous_close

    @property
    def change_pct(self) -> Decimal | None:
        if self.change is None or not self.previous_close:
            return None
        return (self.change / self.previous_close * 100).quantize(RATIO_STEP, ROUND_HALF_EVEN)

    @property
    def tick(self) -> Decimal | None:
        """The smallest step of its price."""
        if self.asset.is_crypto:
            return self.asset.price_increment
        price = self.last or self.ask or self.bid
        if self.option is not None:
            price = self.ask or self.bid or self.last
            return None if price is None else price_step(self.option.contract, price)
        return None if price is None else tick_size(price)

    @property
    def age_seconds(self) -> Decimal | None:
        """Of the quote; None where it has no time of its own."""
        if self.quote is None or self.quote.at is None:
            return None
        seconds = Decimal(str((self.at - self.quote.at).total_seconds()))
        return max(seconds, Decimal(0)).quantize(Decimal("0.001"))


class Quotes(Struct, frozen=True):
    """In the order in which they were asked for. `failed` says why, by symbol."""

    views: Sequence[QuoteView]
    failed: Mapping[str, BrokerError]
    warnings: Sequence[str] = ()


def quotes(desk: Desk, symbols: Sequence[str]) -> Quotes:
    """Ask for all of them at once. Raises BrokerError where none of them is known."""
    reader = desk.risk.reader
    assets: dict[str, Asset] = {}
    terms: dict[str, Contract | BrokerError] = {}
    failed: dict[str, BrokerError] = {}
    for symbol in dict.fromkeys(symbols):
        try:
            found_asset = reader.asset(symbol)
            if is_option(symbol):
                terms[symbol] = _terms(desk, symbol)
            assets[symbol] = found_asset
        except BrokerError as error:
            failed[symbol] = error
    if not assets:
        raise next(iter(failed.values()))
    found = desk.client.latest_quotes(list(assets))
    trades = desk.client.latest_trades(list(assets))
    account = reader.account_facts()
    at = reader.market_time(account)
    stocks = agreed_now(reader.table_at(at), at, account.clock)
    book = book_from_json(desk.journal.meta_get(HALTS_KEY))
    views, warnings = [], list[str]()
    for symbol, asset in assets.items():
        trade = trades.get(symbol)
        days, trouble = _days(desk, symbol, at)
        warnings += trouble
        halt, known = _halt(desk, book, asset, symbol, at)
        option = None
        if is_option(symbol):
            option, trouble = _option(desk, symbol, terms[symbol])
            warnings += trouble
        views.append(
            QuoteView(
                asset=asset,
                quote=found.get(symbol),
                trade=trade,
                previous_close=_close_before(days, trade),
                atr=None if trouble else reader.levels.atr(symbol, at),
                market=crypto_now(at) if asset.is_crypto else stocks,
                halt=halt,
                halt_known=known,
                feed=_feed(desk, asset, found.get(symbol)),
                at=at,
                option=option,
            )
        )
    return Quotes(views, failed, warnings)


def _feed(desk: Desk, asset: Asset, quote: Quote | None) -> str | None:
    if is_option(asset.symbol):
        return None if quote is None else quote.feed
    return "us" if asset.is_crypto else getattr(desk.client, "feed", None)


def _terms(desk: Desk, symbol: str) -> Contract | BrokerError:
    """The contract, or why it cannot be had. Raises BrokerError where there is no such contract:
    that its symbol can be read proves nothing."""
    try:
        return desk.client.get_contract(symbol)
    except BrokerError as error:
        if error.kind == "broker.unknown_symbol":
            raise
        return error


def _option(
    desk: Desk, symbol: str, contract: Contract | BrokerError
) -> tuple[OptionView | None, list[str]]:
    """A quote is shown without them where they cannot be had."""
    try:
        if isinstance(contract, BrokerError):
            raise contract
        snapshot = desk.client.option_snapshots([symbol]).get(symbol)
        trade = desk.client.latest_trade(contract.underlying)
    except BrokerError as error:
        return None, [f"{symbol}: terms and greeks are not known: {error.message}"]
    return OptionView(contract, None if trade is None else trade.price, snapshot), []


def _days(desk: Desk, symbol: str, at: datetime) -> tuple[Sequence[Bar], list[str]]:
    """Complete days; a quote is shown without them where they cannot be had."""
    try:
        return desk.risk.reader.levels.days(symbol, at), []
    except BrokerError as error:
        return (), [f"{symbol}: change and range of the day are not known: {error.message}"]


def _close_before(days: Sequence[Bar], trade: Trade | None) -> Decimal | None:
    """The close of the last session before the day of the trade."""
    if trade is None or trade.at is None:
        return None
    day = eastern(trade.at).date()
    before = [bar for bar in days if bar.at is not None and eastern(bar.at).date() < day]
    return before[-1].close if before else None


def _halt(
    desk: Desk, book: HaltBook, asset: Asset, symbol: str, at: datetime
) -> tuple[str, bool | None]:
    """The reason of a halt (empty: none), and whether one would be known. Only a `watch` that
    follows the symbol hears of one."""
    if asset.is_crypto:
        return "", None
    halt = book.holding(symbol, at, is_crypto=False)
    if halt is not None:
        return halt.reason or "halted", True
    return "", is_followed(desk, symbol) and watched_by(desk) is not None
