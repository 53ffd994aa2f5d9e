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
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from execbot.broker.errors import BrokerError
from execbot.broker.port import BrokerClient, OrderQuery
from execbot.config.schema import Mode, SizingMethod, StopMethod, TradingSettings
from execbot.exits.exit_orders import is_exit
from execbot.journal.errors import JournalError
from execbot.journal.journal import Journal
from execbot.journal.records import PROTECTIVE_ROLES, OrderRecord
from execbot.market import halts
from execbot.market.broker_calendar import known_differences, narrowed
from execbot.market.calendar_cache import Tables
from execbot.market.sessions import SessionTable, agreed_now, crypto_now
from execbot.model.account import Account, Asset, Clock, Position, contract_asset
from execbot.model.enums import CUT_SHORT, OPEN_STATUSES, AssetClass, OrderStatus, Side
from execbot.model.numbers import ZERO, maybe_decimal, text
from execbot.model.order import Order, OrderRequest
from execbot.model.quote import Quote
from execbot.model.symbols import is_option, pair_symbol, symbol_key
from execbot.model.times import day_begins, eastern, iso, parse_time
from execbot.risk import kill_switch
from execbot.risk.facts import (
    Counters,
    Facts,
    PendingOrder,
    Purpose,
    RecentIntent,
    counted_in_full,
    index_positions,
    intent_key,
    merge_pending,
    pending_from_order,
    purpose_of_order,
)
from execbot.risk.flows import FLOW_ROWS, flows_of
from execbot.risk.holding_evidence import (
    NOTHING,
    Holdings,
    MayFill,
    counted_positions,
    holding,
    unseen_leaves,
)
from execbot.risk.limits_in_force import LIMITS_KEY, loosened
from execbot.risk.streaks import losses_in_a_row

if TYPE_CHECKING:
    from execbot.exits.level_facts import LevelReader

HALTS_KEY = "halts"
FLOWS_KEY = "flows"
FLOWS_AGE_MAX = timedelta(minutes=1)
DAY = timedelta(days=1)
RESUMED_KEY = "kill_switch_resumed_at"
READS_TAKE = timedelta(seconds=30)
"""Longer than reading the account takes; an order counted once too often is the safe side."""


SMALL_USD = Decimal(25)
"""No smallest order of a coin is worth more: what is, is no dust."""


class AccountFacts(Struct, frozen=True):
    """The account as the broker showed it at one moment; `seq` is the journal's place before."""

    account: Account
    orders: tuple[Order, ...]
    positions: Mapping[str, Position]
    clock: Clock | None
    seq: int
    read_at: datetime
    """Before the first of them was asked for: what was sent later may be missing."""
    clock_at: datetime
    """When the clock was read, the last of them."""
    flows: Decimal = ZERO
    """Cash and securities that came today (plus) or went (minus), in USD."""

    def held(self, symbol: str) -> Decimal:
        """The signed quantity of a symbol; 0 when there is none."""
        position = self.positions.get(symbol_key(symbol))
        return position.qty if position is not None else ZERO


class SymbolFacts(Struct, frozen=True):
    asset: Asset | None
    quote: Quote | None
    last_price: Decimal | None = None
    atr: Decimal | None = None
    prices: Mapping[str, Decimal] = field(default_factory=dict)


class BrokerFacts(Struct, frozen=True):
    """Everything asked of the broker for one intent."""

    account: AccountFacts
    symbol: SymbolFacts
    market_at: datetime


class FactsReader:
    """Asks the broker. Keeps account facts for `risk.facts_max_age_seconds`, assets for its life.

    What is kept is safe for limits: every order of ours since is found in the journal. Quotes are
    always fresh.
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
    ) -> None:
        """`look_again` reads what happened at the broker into the journal: once, when the journal
        and the broker's lists do not fit together."""
        self.client = client
        self.journal = journal
        self.settings = settings
        self.mode = mode
        self._tables = tables
        self._table_of: tuple[date, SessionTable] | None = None
        self.now = now
        self.live_allowed = live_allowed
        self.look_again = look_again
        self._account: AccountFacts | None = None
        self._assets: dict[str, Asset] = {}

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
            self._assets[request.symbol] = asset
        account = self.account_facts(fresh=self._moved(request))
        holdings = self._holdings(account)
        purpose = purpose_of_order(request, holdings.qty(request.symbol))
        if purpose is Purpose.ENTRY and not holdings.fit(request.symbol):
            self.look_again()
            account = self.account_facts(fresh=True)
        elif purpose is Purpose.EXIT and not account.held(request.symbol):
            # Sold elsewhere, or left out of the list: the fills tell. An exit waits for no answer.
            with suppress(BrokerError):
                self.look_again()
        holdings = self._holdings(account)
        if purpose_of_order(request, holdings.qty(request.symbol)) is Purpose.EXIT:
            symbol = SymbolFacts(self._assets.get(request.symbol), None)
        else:
            symbol = self._symbol_facts(request.symbol, account)
        market_at = self.market_time(account)
        self.table_at(market_at)  # now, not in the transaction that the other processes wait for
        return BrokerFacts(account, symbol, market_at)

    def _moved(self, request: OrderRequest) -> bool:
        """Whether the position may differ from what is kept: it decides entry or exit."""
        kept = self._account
        if kept is None or request.side is Side.SELL:
            return True
        return bool(self.journal.orders(symbol=request.symbol, since=kept.read_at, limit=1))

    def account_facts(self, *, fresh: bool = False) -> AccountFacts:
        """Orders first, then positions: an order that fills in between is seen in both."""
        kept = self._account
        most = float(self.settings.risk.facts_max_age_seconds)
        if kept is not None and not fresh:
            age = (self.now() - kept.read_at).total_seconds()
            if 0 <= age < most:
                return kept
        seq = self.journal.last_seq()
        read_at = self.now()
        orders = tuple(self.client.list_orders(OrderQuery(status="open")))
        positions = index_positions(self.client.get_positions())
        self._learn_smallest(positions.values())
        account = self.client.get_account()
        clock = self.client.get_clock()
        flows = self._flows(positions)
        clock_at = self.now()
        if clock_at < read_at:  # our clock was wrong, and these very replies have set it back
            read_at = clock_at - READS_TAKE
        self._account = AccountFacts(
            account, orders, positions, clock, seq, read_at, clock_at, flows
        )
        return self._account

    def _flows(self, positions: Mapping[str, Position]) -> Decimal:
        """Of today, read anew once a minute for all processes; a row that comes later corrects it.

        A read that fails leaves what is known of the day standing.
        """
        if self.settings.risk.max_daily_loss_pct is None:
            return ZERO
        now, day = self.now(), eastern(self.now()).date()
        kept = self.journal.meta_get(FLOWS_KEY)
        known, read_at = ZERO, None
        if isinstance(kept, Mapping) and kept.get("day") == day.isoformat():
            known = maybe_decimal(kept.get("amount")) or ZERO
            read_at = parse_time(kept.get("at"))
        if read_at is not None and timedelta(0) <= now - read_at < FLOWS_AGE_MAX:
            return known
        try:
            rows = self.client.get_activities(FLOW_ROWS, after=day_start(now) - DAY)
        except BrokerError:
            return known
        prices = {key: p.current_price for key, p in positions.items() if p.current_price}
        found = flows_of(rows, day, prices)
        value = {"day": day.isoformat(), "amount": text(found.amount), "at": iso(now)}
        with suppress(JournalError):  # it is only kept for the next minute
            self.journal.meta_set(FLOWS_KEY, value)
        return found.amount

    def asset(self, symbol: str) -> Asset:
        """The asset; remembered for the life of this reader. Raises BrokerError if unknown."""
        if symbol not in self._assets:
            read = contract_asset if is_option(symbol) else self.client.get_asset
            self._assets[symbol] = read(symbol)
        return self._assets[symbol]

    def _learn_smallest(self, positions: Iterable[Position]) -> None:
        """The smallest order of the coins of which little is held. What the broker does not tell
        is judged by its worth alone."""
        for held in positions:
            is_small = held.market_value is not None and abs(held.market_value) < SMALL_USD
            if held.asset_class == AssetClass.CRYPTO and is_small:
                with suppress(BrokerError):
                    self.asset(pair_symbol(held.symbol))

    def _symbol_facts(self, symbol: str, account: AccountFacts) -> SymbolFacts:
        asset = self.asset(symbol)
        wanted = [symbol, *self._unpriced(symbol, account)]
        quotes = self.client.latest_quotes(wanted)
        quote = quotes.get(symbol)
        prices = {s: q.ask or q.bid for s, q in quotes.items() if s != symbol and (q.ask or q.bid)}
        closed = not asset.is_crypto and account.clock is not None and not account.clock.is_open
        last_price = None
        if closed or quote is None or not quote.is_two_sided:
            trade = self.client.latest_trade(symbol)
            last_price = trade.price if trade is not None and trade.price > 0 else None
        atr = self._atr(symbol, account) if self._needs_atr() else None
        return SymbolFacts(asset, quote, last_price, atr, prices)

    def _unpriced(self, symbol: str, account: AccountFacts) -> Sequence[str]:
        """Symbols of pending orders that carry no price of their own."""
        records = [r.order for r in self.journal.orders("open", legs=False)]
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
        book = halts.book_from_json(self.journal.meta_get(HALTS_KEY))
        known = self._known(account)
        holdings = _holdings_of(known, account, self.journal)
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
            holding=holdings.of(request.symbol),
            pending=tuple(
                order
                for order in _pending(known, account, holdings)
                if not own_id or order.client_order_id != own_id
            ),
            prices=symbol.prices,
            smallest={
                symbol_key(name): asset.min_order_size
                for name, asset in self._assets.items()
                if asset.min_order_size is not None
            },
            kill_switch=kill_switch.read(self.journal.meta_get(kill_switch.META_KEY)),
            halt=book.halted(request.symbol, read.market_at),
            band=book.band(request.symbol, read.market_at),
            counters=self._counters(request, account),
            live_allowed=self.live_allowed,
            atr=symbol.atr,
        )

    def _known(self, account: AccountFacts) -> list[_Known]:
        """What the journal holds open, and what has changed since the broker was asked."""
        changed = self.journal.changed_since(account.seq)
        records = {r.client_order_id: r for r in self.journal.orders("open")}
        for name in changed - records.keys():
            record = self.journal.order_by_client_id(name)
            if record is not None:
                records[name] = record
        # A multi-leg option order has no symbol: its legs are orders of their own.
        return [
            _Known(record, name in changed)
            for name, record in records.items()
            if not record.order.is_spread
        ]

    def _holdings(self, account: AccountFacts) -> Holdings:
        return _holdings_of(self._known(account), account, self.journal)

    def _counters(self, request: OrderRequest, account: AccountFacts) -> Counters:
        risk, journal = self.settings.risk, self.journal
        now = self.now()
        day = day_start(now)
        resumed = parse_time(journal.meta_get(RESUMED_KEY))
        since = day if resumed is None else max(day, resumed + timedelta(microseconds=1))
        losses = rejections = 0
        if risk.max_consecutive_losses is not None:
            losses = losses_in_a_row(journal.fills(), since=since)
        if risk.max_consecutive_rejections is not None:
            most = risk.max_consecutive_rejections
            statuses = journal.last_statuses(limit=most, since=since)
            rejections = rejections_in_a_row(statuses)
        orders_today = 0
        if risk.max_daily_orders is not None:
            orders_today = journal.count_sent(since=day)
        return Counters(
            orders_today=orders_today,
            consecutive_losses=losses,
            consecutive_rejections=rejections,
            scale_in_steps=self._scale_in_steps(request, account),
            recent=self._recent(request, now),
        )

    def _recent(self, request: OrderRequest, now: datetime) -> tuple[RecentIntent, ...]:
        window = timedelta(seconds=float(self.settings.risk.duplicate_window_seconds))
        if not window:
            return ()
        found = self.journal.orders(symbol=request.symbol, since=now - window, legs=False)
        return tuple(
            RecentIntent(r.client_order_id, r.intent_at or now, intent_key(_as_request(r.order)))
            for r in found
            if r.is_ours and not _came_to_nothing(r)
        )

    def _scale_in_steps(self, request: OrderRequest, account: AccountFacts) -> int:
        """Entries on the symbol since its position was opened, the first and this not counted."""
        if not self.settings.risk.scale_in.enabled or not account.held(request.symbol):
            return 0
        own_id = request.client_order_id
        position = self.journal.position(request.symbol)
        since = position.opened_at if position is not None else None
        entries = [
            record
            for record in self.journal.orders(symbol=request.symbol, since=since, legs=False)
            if record.order.side is request.side
            and not (own_id and record.client_order_id == own_id)
            and (record.order.filled_qty > 0 or record.status in OPEN_STATUSES)
        ]
        return max(len(entries) - 1, 0) if since is None else len(entries)


class _Known(Struct, frozen=True):
    """An order of the journal; `changed` after the broker was asked."""

    record: OrderRecord
    changed: bool

    def pending(self, account: AccountFacts) -> PendingOrder:
        return _pending_of(self.record, account.held(self.record.symbol))


def _holdings_of(known: Sequence[_Known], account: AccountFacts, journal: Journal) -> Holdings:
    """Every symbol by both witnesses, and what of our entries neither of them shows."""
    under_way: dict[str, MayFill] = {}
    for item in known:
        key = symbol_key(item.record.symbol)
        under_way[key] = under_way.get(key, NOTHING).with_order(
            item.record,
            is_entry=item.pending(account).purpose is Purpose.ENTRY,
            changed=item.changed,
        )
    ours = {symbol_key(record.symbol): record for record in journal.positions(flat=True)}
    held = {
        key: holding(record, account.positions.get(key), under_way.get(key, NOTHING))
        for key, record in ours.items()
        if record.qty or key in account.positions or key in under_way
    }
    listed = {order.client_order_id for order in account.orders}
    unlisted = [
        item.record
        for item in known
        if not item.changed
        and item.record.order.is_working
        and item.record.client_order_id not in listed
        and item.pending(account).purpose is Purpose.ENTRY
    ]
    return Holdings(
        counted_positions(held.values(), account.positions, ours),
        held,
        unseen_leaves(unlisted, held, account.positions),
    )


def _pending(
    known: Sequence[_Known], account: AccountFacts, holdings: Holdings
) -> tuple[PendingOrder, ...]:
    """What may still fill, by both witnesses. What neither the broker's orders nor its positions
    show counts as unfilled: an order's shares never count zero times."""
    ours = []
    for item in known:
        pending, record = item.pending(account), item.record
        unseen = holdings.unseen.get(record.client_order_id)
        if item.changed:
            pending = counted_in_full(pending, record.order)
            sent_since = record.sent_at is not None and record.sent_at >= account.read_at
            pending = replace(pending, sent_since=sent_since)
        elif unseen is not None:
            pending = replace(pending, leaves_qty=unseen)
        ours.append((pending, item.changed or unseen is not None))
    theirs = [
        pending_from_order(order, held_qty=account.held(order.symbol))
        for listed in account.orders
        for order in listed.parts
    ]
    return merge_pending(ours, theirs)


def _came_to_nothing(record: OrderRecord) -> bool:
    """Nothing was bought or sold and nothing will be: giving it again doubles nothing."""
    return record.status in CUT_SHORT and not record.order.filled_qty


def _pending_of(record: OrderRecord, held: Decimal) -> PendingOrder:
    return pending_from_order(
        record.order,
        held_qty=held,
        protective=record.role in PROTECTIVE_ROLES,
        purpose=Purpose.EXIT if is_exit(record, held) else Purpose.ENTRY,
        price_hint=record.arrival_price,
    )


def _as_request(order: Order) -> OrderRequest:
    return OrderRequest(
        symbol=order.symbol,
        side=order.side,
        qty=order.qty,
        notional=order.notional,
        type=order.type,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        trail_price=order.trail_price,
        trail_percent=order.trail_percent,
    )


def rejections_in_a_row(statuses: Sequence[OrderStatus]) -> int:
    """How many of the newest results, newest first, were rejections of the broker."""
    count = 0
    for status in statuses:
        if status is not OrderStatus.REJECTED:
            break
        count += 1
    return count


def day_start(now: datetime) -> datetime:
    """Midnight of New York's day."""
    return day_begins(eastern(now).date())
