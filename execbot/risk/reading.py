"""Facts, read: the thin shell that asks broker and journal what the rules want to know.

Two moments matter. Before the decision the broker is asked (`FactsReader.read`): that takes time
and may be a little old when the decision falls. In the decision's own transaction the journal
is read (`complete`): whatever any process recorded since the broker was asked is counted then, so a
limit holds across processes although the broker's answer is a moment old.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from execbot.broker.port import BrokerClient, OrderQuery
from execbot.config.schema import Mode, SizingMethod, StopMethod, TradingSettings
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord, Origin, Role
from execbot.market import halts
from execbot.market.sessions import SessionTable, agreed_now, crypto_now
from execbot.model.account import Account, Asset, Clock, Position
from execbot.model.enums import OPEN_STATUSES, OrderStatus, Side
from execbot.model.numbers import ZERO
from execbot.model.order import Order, OrderRequest
from execbot.model.quote import Quote
from execbot.model.times import eastern, new_york, parse_time
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
    position_key,
    purpose_of_order,
)
from execbot.risk.streaks import losses_in_a_row

if TYPE_CHECKING:
    from execbot.exits.level_facts import LevelReader

HALTS_KEY = "halts"
RESUMED_KEY = "kill_switch_resumed_at"
_PROTECTIVE = frozenset({Role.STOP, Role.TARGET})
EXIT_ORIGINS = frozenset({Origin.CLOSE, Origin.EXIT})


class AccountFacts(Struct, frozen=True):
    """The account as the broker showed it at one moment; `seq` is the journal's place before."""

    account: Account
    orders: tuple[Order, ...]
    positions: Mapping[str, Position]
    clock: Clock | None
    seq: int
    read_at: datetime

    def held(self, symbol: str) -> Decimal:
        """The signed quantity of a symbol; 0 when there is none."""
        position = self.positions.get(position_key(symbol))
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
        table: SessionTable,
        *,
        now: Callable[[], datetime],
        live_allowed: bool = False,
    ) -> None:
        self.client = client
        self.journal = journal
        self.settings = settings
        self.mode = mode
        self.table = table
        self.now = now
        self.live_allowed = live_allowed
        self._account: AccountFacts | None = None
        self._assets: dict[str, Asset] = {}

    def read(self, request: OrderRequest, *, asset: Asset | None = None) -> BrokerFacts:
        """Ask for everything one order needs. Raises BrokerError.

        An exit needs no price and no asset to be judged, so nothing more is asked that could
        fail and hold it back.
        """
        if asset is not None:
            self._assets[request.symbol] = asset
        account = self.account_facts(fresh=self._moved(request))
        held = account.held(request.symbol)
        if purpose_of_order(request, held) is Purpose.EXIT:
            symbol = SymbolFacts(self._assets.get(request.symbol), None)
        else:
            symbol = self._symbol_facts(request.symbol, account)
        return BrokerFacts(account, symbol, self.market_time(account))

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
        if kept is not None and not fresh and (self.now() - kept.read_at).total_seconds() < most:
            return kept
        seq = self.journal.last_seq()
        read_at = self.now()
        orders = tuple(self.client.list_orders(OrderQuery(status="open")))
        positions = index_positions(self.client.get_positions())
        account = self.client.get_account()
        clock = self.client.get_clock()
        self._account = AccountFacts(account, orders, positions, clock, seq, read_at)
        return self._account

    def asset(self, symbol: str) -> Asset:
        """The asset; remembered for the life of this reader. Raises BrokerError if unknown."""
        if symbol not in self._assets:
            self._assets[symbol] = self.client.get_asset(symbol)
        return self._assets[symbol]

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
                and position_key(order.symbol) not in account.positions
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
        return account.clock.timestamp + (self.now() - account.read_at)

    # --- inside the transaction ------------------------------------------------------------

    def complete(self, request: OrderRequest, read: BrokerFacts) -> Facts:
        """Add what the journal knows now. Called inside the transaction that writes the intent."""
        account, symbol = read.account, read.symbol
        own_id = request.client_order_id
        crypto = symbol.asset is not None and symbol.asset.is_crypto
        market = (
            crypto_now(read.market_at)
            if crypto
            else agreed_now(self.table, read.market_at, account.clock)
        )
        book = halts.book_from_json(self.journal.meta_get(HALTS_KEY))
        return Facts(
            now=self.now(),
            mode=self.mode,
            market=market,
            account=account.account,
            asset=symbol.asset,
            quote=symbol.quote,
            last_price=symbol.last_price,
            positions=account.positions,
            pending=tuple(
                order
                for order in self._pending(account)
                if not own_id or order.client_order_id != own_id
            ),
            prices=symbol.prices,
            kill_switch=kill_switch.read(self.journal.meta_get(kill_switch.META_KEY)),
            halt=book.halted(request.symbol, read.market_at),
            band=book.band(request.symbol, read.market_at),
            counters=self._counters(request, account),
            live_allowed=self.live_allowed,
            atr=symbol.atr,
        )

    def _pending(self, account: AccountFacts) -> tuple[PendingOrder, ...]:
        changed = self.journal.changed_since(account.seq)
        records = {r.client_order_id: r for r in self.journal.orders("open")}
        for name in changed - records.keys():
            record = self.journal.order_by_client_id(name)
            if record is not None:
                records[name] = record
        ours = []
        for name, record in records.items():
            held = account.held(record.symbol)
            pending = _pending_of(record, held)
            if name in changed:
                pending = counted_in_full(pending, record.order)
                sent_since = record.sent_at is not None and record.sent_at >= account.read_at
                pending = replace(pending, sent_since=sent_since)
            ours.append((pending, name in changed))
        theirs = [
            pending_from_order(order, held_qty=account.held(order.symbol))
            for order in account.orders
        ]
        return merge_pending(ours, theirs)

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


_GONE = frozenset(
    {
        OrderStatus.DENIED,
        OrderStatus.NEVER_SENT,
        OrderStatus.CANCELED,
        OrderStatus.REJECTED,
        OrderStatus.EXPIRED,
    }
)
"""How an order can end without anything left of it. A replaced one lives on in its successor."""


def _came_to_nothing(record: OrderRecord) -> bool:
    """Nothing was bought or sold and nothing will be: giving it again doubles nothing."""
    return record.status in _GONE and not record.order.filled_qty


def _pending_of(record: OrderRecord, held: Decimal) -> PendingOrder:
    protective = record.role in _PROTECTIVE
    leaves = protective or record.role == Role.EXIT or record.origin in EXIT_ORIGINS
    purpose = None
    if leaves:
        purpose = Purpose.EXIT
    elif record.role == Role.ENTRY:
        purpose = Purpose.ENTRY
    return pending_from_order(
        record.order,
        held_qty=held,
        protective=protective,
        purpose=purpose or purpose_of_order(record.order, held),
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
    return datetime.combine(eastern(now).date(), time(0), tzinfo=new_york())
