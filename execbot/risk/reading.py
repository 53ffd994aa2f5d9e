"""Facts, read: the thin shell that asks broker and journal what the rules want to know.

Two moments matter. Before the decision the broker is asked (`FactsReader.read`): that takes time
and may be a little old when the decision falls. In the decision's own transaction the journal
is read (`complete`): whatever any process recorded since the broker was asked is counted then, so a
limit holds across processes although the broker's answer is a moment old.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from msgspec.structs import replace

from execbot.broker.errors import BrokerError
from execbot.broker.port import BrokerClient
from execbot.config.schema import Mode, SizingMethod, StopMethod, TradingSettings
from execbot.journal.errors import JournalError
from execbot.journal.journal import Journal
from execbot.market import halts
from execbot.market.broker_calendar import known_differences, narrowed
from execbot.market.calendar_cache import Tables
from execbot.market.sessions import SessionTable, agreed_now, crypto_now
from execbot.model.account import Account, Asset, Clock, Position
from execbot.model.enums import OPEN_STATUSES, Side
from execbot.model.numbers import ZERO
from execbot.model.options.changed import ContractChange, stock_of
from execbot.model.options.spreads import names_of, underlying_of
from execbot.model.order import OrderRequest
from execbot.model.quote import Quote
from execbot.model.symbols import is_option, symbol_key
from execbot.model.timer import boot_seconds
from execbot.model.times import eastern, iso
from execbot.model.unread import unread_of
from execbot.risk import kill_switch
from execbot.risk.account_rows import flows_of_day, market_prices, refresh_rows
from execbot.risk.asking.assets import Assets
from execbot.risk.asking.contracts import Contracts
from execbot.risk.asking.kept_facts import KeptFacts
from execbot.risk.asking.quotes import Quotes
from execbot.risk.asking.session_word import SessionWord
from execbot.risk.asking.together import Asking, Round
from execbot.risk.counting import account_counters, counters_of
from execbot.risk.facts import Facts, index_positions, spread_max
from execbot.risk.holding_evidence import HoldingRange
from execbot.risk.limits_in_force import LIMITS_KEY, loosened
from execbot.risk.options.facts import (
    NO_OPTIONS,
    OptionFacts,
    is_of_options,
    middle_price,
    underlying,
)
from execbot.risk.pending import Purpose, purpose_of_order
from execbot.risk.witnesses import AccountFacts, Seen, pending_of, seen_with

if TYPE_CHECKING:
    from execbot.exits.level_facts import LevelReader

CLOCK_AGE_MAX = timedelta(minutes=1)
"""For what is shown; orders are judged by facts as young as `risk.facts_max_age_seconds`."""
READS_TAKE = timedelta(seconds=30)
"""Longer than reading the account takes; an order counted once too often is the safe side."""


RESTS_ON_KEPT = frozenset(
    {"asset_tradable", "fractionable", "shortable", "session", "entry_window"}
)
"""Checks that are not failed by what was kept since earlier in the day: it is asked for anew."""


Changes = Callable[[Sequence[Position]], Iterable[ContractChange]]


class SymbolFacts(Struct, frozen=True):
    asset: Asset | None
    quote: Quote | None
    last_price: Decimal | None = None
    atr: Decimal | None = None
    prices: Mapping[str, Decimal] = field(default_factory=dict)
    options: OptionFacts = NO_OPTIONS


class BrokerFacts(Struct, frozen=True):
    """Everything asked of the broker for one intent."""

    account: AccountFacts
    symbol: SymbolFacts
    market_at: datetime
    spread_seconds: float = 0.0
    """From before the oldest of them was asked for until the last of them was there."""

    def told(self) -> dict[str, object]:
        """For the audit row: when they were asked for, and how far apart they are."""
        kept = {"clock": "kept"} if self.account.clock_is_kept else {}
        spread_ms = round(self.spread_seconds * 1000)
        return {"at": iso(self.account.read_at), "spread_ms": spread_ms, **kept}


def _least_known(found: Iterable[HoldingRange | None]) -> HoldingRange | None:
    """Of the contracts of an order the one of which the two witnesses say different things."""
    held = [item for item in found if item is not None]
    return next((item for item in held if not item.is_known), next(iter(held), None))


class FactsReader:
    """Asks the broker. Keeps account facts for `risk.facts_max_age_seconds`, assets for the day.

    What is kept is safe for limits: every order of ours since is found in the journal. Quotes are
    fresh, those of a batch (see `expect`) at most `QUOTES_AGE_MAX` old.
    """

    def __init__(
        self,
        client: BrokerClient,
        journal: Journal,
        settings: TradingSettings,
        mode: Mode,
        tables: Tables,
        *,
        now: Callable[[], datetime],
        live_allowed: bool = False,
        look_again: Callable[[], object] = lambda: None,
        is_watched: Callable[[], bool] = lambda: False,
        changes: Changes = lambda held: (),
        beside: bool = False,
        kept: KeptFacts | None = None,
        begun: Round | None = None,
    ) -> None:
        """`look_again` reads what happened at the broker into the journal: once, when the journal
        and the broker's lists do not fit together. `is_watched`: a `watch` lives, and what it holds
        itself is held. `changes` tells the contracts that, by what is held, have become others and
        whose rows are to come. `beside`: the broker may be asked several things at once. `kept` is
        what need not be asked, `begun` the round of the first order, where it was begun already."""
        self.client = client
        self.journal = journal
        self.settings = settings
        self.mode = mode
        self._tables = tables
        self._table_of: tuple[date, SessionTable] | None = None
        self.now = now
        self.live_allowed = live_allowed
        self.look_again = look_again
        self._is_watched = is_watched
        self._changes = changes
        self._asking = Asking(client, journal, settings, now, beside, kept)
        self._kept = kept
        self._round = begun
        self._account: AccountFacts | None = None
        self._seen: Seen | None = None
        self._assets = Assets(client, kept, now)
        self._quotes = Quotes(client, now)
        self._contracts = Contracts(client, now)
        self._session = SessionWord(client, kept, self.table_at, now)

    def expect(self, symbols: Iterable[str]) -> None:
        """Entries in these symbols are asked about next: what is asked for one is asked for all."""
        expected = frozenset(symbol for symbol in symbols if not is_option(symbol))
        self._assets.expected = self._quotes.expected = expected

    def table_at(self, at: datetime) -> SessionTable:
        """The session table for an instant, with what the broker is known to see differently."""
        day = eastern(at).date()
        if self._table_of is None or self._table_of[0] != day:
            self._table_of = day, narrowed(self._tables(day), known_differences(self.journal))
        return self._table_of[1]

    def read(self, request: OrderRequest, *, asset: Asset | None = None) -> BrokerFacts:
        """Ask for everything one order needs. Raises BrokerError.

        An exit needs no price and no asset to be judged, so nothing more is asked that could
        fail and hold it back.
        """
        if asset is not None:
            self._assets.remember(request.symbol, asset)
        self._look_for_protection(request)
        try:
            found = self._read_once(request)
            is_whole = found.account.account is not None
            if is_whole and found.spread_seconds > spread_max(self.settings):
                self._account = None  # a slow broker, or a wait for the rate limit, in between
                self._round = None
                found = self._read_once(request)
            return found
        finally:
            self._round = None  # what is left of it is older than whatever is asked next

    def _read_once(self, request: OrderRequest) -> BrokerFacts:
        account = self._kept_account(fresh=self._moved(request)) or self._listed(request)
        holdings = self._seen_with(account).holdings
        purpose = purpose_of_order(request, holdings.qty(request.symbol))
        is_known = all(
            holdings.fit(name) and account.unread_of(name) is None for name in names_of(request)
        )
        if purpose is Purpose.ENTRY and not is_known:
            self.look_again()
            self._round = None
            account = self._listed(request)
        elif purpose is Purpose.EXIT and not all(map(account.held, names_of(request))):
            # Sold elsewhere, or left out of the list: the fills tell. An exit waits for no answer.
            with suppress(BrokerError):
                self.look_again()
        holdings = self._seen_with(account).holdings
        if purpose_of_order(request, holdings.qty(request.symbol)) is Purpose.EXIT:
            symbol = SymbolFacts(self._assets.known(request.symbol), None)
            if account.clock is None:
                clock = self._session.without_waiting(self._round)
                account = self._completed(account, clock=clock, clock_at=self.now())
        else:
            account = self._whole(account)
            symbol = (
                self._contract_facts(request, account)
                if is_of_options(request)
                else self._symbol_facts(request.symbol, account)
            )
            account = self._clock_again(account, symbol)
        market_at = self.market_time(account)
        self.table_at(market_at)  # now, not in the transaction that the other processes wait for
        return BrokerFacts(account, symbol, market_at, boot_seconds() - account.began_seconds)

    def _moved(self, request: OrderRequest) -> bool:
        """Whether the position may differ from what is kept: it decides entry or exit."""
        kept = self._account
        if kept is None or request.side is Side.SELL or request.spread:
            return True
        return bool(self.journal.orders(symbol=request.symbol, since=kept.read_at, limit=1))

    def account_facts(self, *, fresh: bool = False) -> AccountFacts:
        """Orders first, then positions: an order that fills in between is seen in both."""
        try:
            return self._kept_account(fresh=fresh) or self._whole(self._listed(None))
        finally:
            self._round = None

    def _kept_account(self, *, fresh: bool) -> AccountFacts | None:
        kept = self._account
        if kept is None or fresh:
            return None
        age = (self.now() - kept.read_at).total_seconds()
        return kept if 0 <= age < float(self.settings.risk.facts_max_age_seconds) else None

    def _listed(self, request: OrderRequest | None) -> AccountFacts:
        """Orders and positions; the rest of the round is on its way by then."""
        if self._round is None and request is not None:
            asks_quote = not self._quotes.has(request.symbol)
            self._round = self._asking.begin(request.symbol, asks_quote=asks_quote)
        elif self._round is None:
            self._round = self._asking.begin()
        asked = self._round
        orders = asked.orders()
        listed = asked.positions()
        read_at, now = asked.began_at, self.now()
        if now < read_at:  # our clock was wrong, and these very replies have set it back
            read_at = now - READS_TAKE
        unread = (*unread_of(orders), *unread_of(listed))
        positions = index_positions(listed)
        return AccountFacts(
            None,
            tuple(orders),
            positions,
            None,
            asked.seq,
            read_at,
            now,
            unread=unread,
            began_seconds=asked.began_seconds,
        )

    def _whole(self, listed: AccountFacts) -> AccountFacts:
        """With account, clock and what came and went, which only entries are judged by."""
        if listed.account is not None:
            return listed
        asked = self._round
        assert asked is not None, "the round in which orders and positions were listed"
        self._assets.learn_smallest(listed.positions.values(), self._round)
        account = asked.account()
        clock, is_kept = self._session.read(asked)
        flows = self._flows(account, listed.positions, asked)
        clock_at, read_at = self.now(), listed.read_at
        if clock_at < read_at:
            read_at = clock_at - READS_TAKE
        self._account = self._completed(
            listed,
            account=account,
            clock=clock,
            clock_at=clock_at,
            read_at=read_at,
            flows=flows,
            clock_is_kept=is_kept,
        )
        return self._account

    def _clock_again(self, account: AccountFacts, symbol: SymbolFacts) -> AccountFacts:
        """Asked anew where what was kept of the session is doubtful."""
        is_crypto = symbol.asset is not None and symbol.asset.is_crypto
        if not account.clock_is_kept or is_crypto:
            return account
        if not self._session.is_stale(account.clock, symbol.quote):
            return account
        clock = self._session.ask(self._round)
        self._account = self._completed(
            account, clock=clock, clock_at=self.now(), clock_is_kept=False
        )
        return self._account

    def _completed(self, listed: AccountFacts, **more: Any) -> AccountFacts:
        """The same orders and positions: what the journal holds beside them is not read again."""
        found = replace(listed, **more)
        if self._seen is not None and self._seen.account is listed:
            self._seen = replace(self._seen, account=found)
        return found

    def forget(self, symbol: str) -> bool:
        """Keep nothing of a symbol and of the session any more: an order was refused.

        Whether it rested on anything from earlier in the day.
        """
        if self._kept is not None:
            self._kept.forget(symbol)
        used_asset = self._assets.forget(symbol)
        used_clock = self._account is not None and self._account.clock_is_kept
        if used_clock:
            self._account = None
        return used_asset or used_clock

    def forget_account(self) -> None:
        """Ask for orders, positions and figures anew for the next order."""
        self._account = None

    @property
    def kept(self) -> AccountFacts | None:
        """The account's facts as last read."""
        return self._account

    def begin_with(self, kept: AccountFacts | None) -> None:
        """Go on from what another reader of the same account was told; it keeps its age."""
        self._account = kept

    def clock(self) -> Clock | None:
        """The broker's clock, as it was read with the account within a minute; None where it does
        not answer."""
        kept = self._account
        if kept is not None and timedelta(0) <= self.now() - kept.clock_at < CLOCK_AGE_MAX:
            return kept.clock
        try:
            return self.client.get_clock()
        except BrokerError:
            return None

    def _flows(self, account: Account, positions: Mapping[str, Position], asked: Round) -> Decimal:
        """Since the last close, read anew once a minute for all processes; a row that comes later
        corrects it.

        Fees come with it. A read that fails leaves what is known of the day standing.
        """
        if self.settings.risk.max_daily_loss_pct is None:
            return ZERO
        now, prices = self.now(), market_prices(positions.values())
        with suppress(JournalError):  # it is only kept for the next minute
            refresh_rows(self.journal, self.client, now, prices, ask=asked.rows)
        return flows_of_day(self.journal, account, eastern(now).date(), prices).amount

    def asset(self, symbol: str) -> Asset:
        """The asset; remembered for the day. Raises BrokerError if unknown."""
        return self._assets.get(symbol, self._round)

    def _symbol_facts(self, symbol: str, account: AccountFacts) -> SymbolFacts:
        asset = self.asset(symbol)
        wanted = [symbol, *self._unpriced(symbol, account)]
        found = self._quotes.latest(wanted, self._round)
        quotes = {s: found[s] for s in wanted if s in found}
        quote = quotes.get(symbol)
        prices = {s: q.ask or q.bid for s, q in quotes.items() if s != symbol and (q.ask or q.bid)}
        closed = not asset.is_crypto and account.clock is not None and not account.clock.is_open
        last_price = None
        if closed or quote is None or not quote.is_two_sided:
            trade = self.client.latest_trade(symbol)
            last_price = trade.price if trade is not None and trade.price > 0 else None
        atr = self._atr(symbol, account) if self._needs_atr() else None
        return SymbolFacts(asset, quote, last_price, atr, prices)

    def _contract_facts(self, request: OrderRequest, account: AccountFacts) -> SymbolFacts:
        """Every contract that is named, as it is listed and quoted. Raises BrokerError."""
        names = names_of(request)
        listed = {name: self._contracts.get(name) for name in names}
        wanted = [*names, *self._unpriced(request.symbol, account)]
        found = self._quotes.latest(wanted, self._round)
        quotes = {name: found[name] for name in names if name in found}
        others = {s: q.ask or q.bid for s, q in found.items() if s not in names}
        prices = {s: price for s, price in others.items() if price}
        options = OptionFacts(listed, quotes)
        if request.spread:
            middle = middle_price(request.spread, quotes)
            return SymbolFacts(None, None, middle, None, prices, options)
        asset = listed[request.symbol].as_asset()
        return SymbolFacts(asset, quotes.get(request.symbol), None, None, prices, options)

    def _unpriced(self, symbol: str, account: AccountFacts) -> Sequence[str]:
        """Symbols of pending orders that carry no price of their own."""
        known = (item.record for item in self._seen_with(account).known)
        records = (r.order for r in known if r.status in OPEN_STATUSES and r.parent_id is None)
        return sorted(
            {
                order.symbol
                for order in (*account.orders, *records)
                if order.symbol != symbol
                and order.limit_price is None
                and order.notional is None
                and symbol_key(order.symbol) not in account.positions
            }
        )

    def _needs_atr(self) -> bool:
        by_risk = self.settings.sizing.method is SizingMethod.RISK
        stops_by_atr = self.settings.stop_loss.method is StopMethod.ATR
        return self.settings.sizing.method is SizingMethod.ATR or (by_risk and stops_by_atr)

    def _atr(self, symbol: str, account: AccountFacts) -> Decimal | None:
        return self.levels.atr(symbol, self.market_time(account))

    @cached_property
    def levels(self) -> LevelReader:
        """Daily bars, for sizes and for stops alike."""
        from execbot.exits.level_facts import LevelReader

        return LevelReader(self.client, self.settings)

    def market_time(self, account: AccountFacts) -> datetime:
        """The exchange's time: its own clock, moved on by what passed here since."""
        if account.clock is None or account.clock.timestamp is None:
            return self.now()
        return account.clock.timestamp + (self.now() - account.clock_at)

    # --- inside the transaction ------------------------------------------------------------

    def complete(self, request: OrderRequest, read: BrokerFacts) -> Facts:
        """Add what the journal knows now. Called inside the transaction that writes the intent."""
        account, symbol = read.account, read.symbol
        own_id = request.client_order_id
        crypto = symbol.asset is not None and symbol.asset.is_crypto
        market = (
            crypto_now(read.market_at)
            if crypto
            else agreed_now(self.table_at(read.market_at), read.market_at, account.clock)
        )
        book = halts.book_from_json(self.journal.meta_get(halts.HALTS_KEY))
        seen = self._seen_with(account)
        known, holdings = seen.known, seen.holdings
        names = names_of(request)
        unread = next(filter(None, map(account.unread_of, names)), None)
        return Facts(
            now=self.now(),
            mode=self.mode,
            market=market,
            account=account.account,
            asset=symbol.asset,
            quote=symbol.quote,
            last_price=symbol.last_price,
            positions=holdings.positions,
            loosened=tuple(
                str(item) for item in loosened(self.journal.meta_get(LIMITS_KEY), self.settings)
            ),
            flows=read.account.flows,
            spread_seconds=read.spread_seconds,
            has_moved=any(item.has_ended_since for item in known),
            unprotected=self._unprotected(account, read.market_at),
            holding=_least_known(map(holdings.of, names)),
            unread="" if unread is None else str(unread),
            changing=self._changing(request, seen),
            pending=tuple(
                order
                for order in pending_of(known, account, holdings)
                if not own_id or order.client_order_id != own_id
            ),
            prices=symbol.prices,
            smallest=self._assets.smallest(),
            kill_switch=kill_switch.read(self.journal.meta_get(kill_switch.META_KEY)),
            halt=book.holding(underlying_of(request), read.market_at, is_crypto=crypto),
            band=book.band(request.symbol, read.market_at),
            counters=counters_of(self.journal, self.settings.risk, request, account, self.now()),
            live_allowed=self.live_allowed,
            atr=symbol.atr,
            options=symbol.options,
        )

    def _changing(self, request: OrderRequest, seen: Seen) -> str:
        """What becomes another symbol just now, and the order would add to it."""
        if is_of_options(request):
            stock = stock_of(underlying_of(request))
            for change in self._changes(tuple(seen.account.positions.values())):
                if stock_of(underlying(change.old)) == stock:
                    return f"by a corporate action {change}"
        for name in names_of(request):
            was = seen.holdings.perhaps_was(name)
            if was is not None:
                return f"{was.symbol} seems to have become {name}: as many of it are gone"
        return ""

    def _look_for_protection(self, request: OrderRequest) -> None:
        """Whether exits were taken away elsewhere only a look at the broker tells: before an entry,
        where entries wait for that."""
        if not self.settings.exits.unprotected_stops_entries:
            return
        ours = self.journal.position(request.symbol)
        if purpose_of_order(request, ours.qty if ours is not None else ZERO) is Purpose.ENTRY:
            self.look_again()

    def _unprotected(self, account: AccountFacts, at: datetime) -> tuple[str, ...]:
        """As far as entries wait for it."""
        if not self.settings.exits.unprotected_stops_entries:
            return ()
        from execbot.exits.protection import Surroundings, protections

        stocks = agreed_now(self.table_at(at), at, account.clock)
        around = Surroundings(self.now(), stocks, self.settings, self._is_watched())
        found = protections(self.journal, account.positions.values(), around)
        return tuple(str(one) for one in found if one.missing)

    def account_wide(self) -> Facts:
        """The facts for limits of the whole account, without an order. Raises BrokerError,
        JournalError."""
        account = self.account_facts(fresh=True)
        at = self.market_time(account)
        seen = self._seen_with(account)
        unpriced = self._unpriced("", account)
        quotes = self.client.latest_quotes(unpriced) if unpriced else {}
        return Facts(
            now=self.now(),
            mode=self.mode,
            market=agreed_now(self.table_at(at), at, account.clock),
            account=account.account,
            positions=seen.holdings.positions,
            pending=pending_of(seen.known, account, seen.holdings),
            prices={s: q.ask or q.bid for s, q in quotes.items() if q.ask or q.bid},
            smallest=self._assets.smallest(),
            kill_switch=kill_switch.read(self.journal.meta_get(kill_switch.META_KEY)),
            counters=account_counters(self.journal, self.settings.risk, self.now()),
            flows=account.flows,
        )

    def _seen_with(self, account: AccountFacts) -> Seen:
        self._seen = seen_with(self.journal, account, self._seen)
        return self._seen
