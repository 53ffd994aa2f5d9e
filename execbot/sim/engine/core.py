"""The live state of the exchange and what every part of it needs: agenda, events, lookups.

The agenda holds what is scheduled: `(at, rank, seq of the order, kind, order id)`. The rank
settles ties at one instant (an execution before a cancel, a cancel before an expiry), so that
what happens does not depend on the steps in which time is advanced. An entry counts only while
the order's `due[kind]` says the same instant; rescheduling needs no search.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from heapq import heapify, heappush
from typing import Any

from execbot.sim.calendar import days_to_settle, new_york_date
from execbot.sim.chains.book import OptionBook
from execbot.sim.chains.contract import MULTIPLIER, TAIL, Contract
from execbot.sim.engine.accounts.account import (
    DEFAULT_CONFIGURATIONS,
    LEGACY_CONFIGURATIONS,
    Account,
)
from execbot.sim.engine.accounts.archive import Activity, Archive
from execbot.sim.engine.config import ExchangeConfig, FaultKind, OrderFault
from execbot.sim.engine.ids import Ids, named_uuid
from execbot.sim.engine.order import Order, OrderType, Side, Status
from execbot.sim.engine.orders.hours import Hours, Window, window_of
from execbot.sim.engine.past import Past
from execbot.sim.engine.render import CENT, activity_prefix, stamp_micro, text
from execbot.sim.types import (
    ApiError,
    Asset,
    AssetDirectory,
    Calendar,
    Ns,
    PriceSource,
    StreamEvent,
)

RANK = {
    "ack": 0,
    "route": 0,
    "wake": 0,
    "look": 1,
    "touch": 1,
    "race": 1,
    "auction": 1,
    "drop": 2,
    "swap": 2,
    "reject": 3,
    "cancel": 3,
    "follow": 4,
    "expire": 5,
}
AGENDA_SLACK = 256
ONE = Decimal(1)
Entry = tuple[Ns, int, int, str, str]


@dataclass(slots=True)
class ExchangeCore:
    """All that the parts of the engine share: accounts, orders, agenda, events, and what was found
    ahead of the clock. `Exchange` is what everybody else calls.
    """

    prices: PriceSource
    assets: AssetDirectory
    calendar: Calendar
    config: ExchangeConfig
    archive: Archive
    now: Ns
    hours: Hours
    ids: Ids
    options: OptionBook
    accounts: dict[str, Account] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    agenda: list[Entry] = field(default_factory=list)
    watch: list[tuple[Ns, int, str]] = field(default_factory=list)
    trailing: dict[str, Order] = field(default_factory=dict)
    # Up to when no print moves a trailing stop's mark or fires it; found ahead of the clock.
    quiet: dict[str, Ns] = field(default_factory=dict)
    events: deque[StreamEvent] = field(default_factory=deque)
    event_seq: int = 0
    order_seq: int = 0
    activity_seq: int = 0
    halted: dict[str, str] = field(default_factory=dict)
    bands: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)  # crypto pairs whose reference price is stale
    renamed: dict[str, str] = field(default_factory=dict)  # symbols that became another
    splits: dict[str, list[tuple[Ns, Decimal]]] = field(default_factory=dict)
    faults: list[OrderFault] = field(default_factory=list)
    past: Past = field(default_factory=Past)
    # Activities whose rows come later than they happen: when, account, kind, row.
    late_rows: list[tuple[Ns, str, str, dict[str, Any]]] = field(default_factory=list)
    # Dates on which contracts that somebody holds expire, and up to when they were looked at.
    option_days: set[str] = field(default_factory=set)
    option_looked_at: Ns = 0
    settle_dates: dict[tuple[str, int], str] = field(default_factory=dict)

    # --- time ------------------------------------------------------------------------------

    def schedule(self, order: Order, kind: str, at: Ns) -> None:
        order.due[kind] = at
        heappush(self.agenda, (at, RANK[kind], order.seq, kind, order.id))

    def compact(self) -> None:
        """Drops what finished orders left in the agenda, before it outgrows the live ones."""
        if len(self.agenda) <= AGENDA_SLACK + 8 * len(self.orders):
            return
        self.agenda = [
            (at, RANK[kind], order.seq, kind, order.id)
            for order in self.orders.values()
            for kind, at in order.due.items()
        ]
        heapify(self.agenda)

    def entry_order(self, entry: Entry) -> Order | None:
        """The order of an agenda entry that still counts."""
        order = self.orders.get(entry[4])
        return order if order is not None and order.due.get(entry[3]) == entry[0] else None

    def rest(self, order: Order, seen: Ns) -> None:
        """The order waits for the market; it has been searched up to `seen`."""
        order.due.pop("touch", None)
        order.active = True
        order.seen = seen
        if order.type is OrderType.TRAILING_STOP and not order.triggered:
            self.trailing[order.id] = order
            self.quiet.pop(order.id, None)
        else:
            heappush(self.watch, (seen, order.seq, order.id))

    def look_again(self, symbol: str | None = None) -> None:
        """Resting orders look at the market anew from this very instant on."""
        for order in self.orders.values():
            if order.active and symbol in (None, order.symbol):
                self.rest(order, self.now - 1)

    def stop_watching(self, order: Order) -> None:
        order.active = False
        order.due.pop("touch", None)
        order.due.pop("look", None)
        self.trailing.pop(order.id, None)
        self.quiet.pop(order.id, None)

    # --- lookups ---------------------------------------------------------------------------

    def asset_of(self, order: Order) -> Asset:
        symbol = order.symbol
        if not symbol:  # of an order in several contracts
            leg = self.find(order.legs[0])
            symbol = "" if leg is None else leg.symbol
        asset = self.assets.get(symbol)
        assert asset is not None, f"{symbol} vanished from the directory"
        return asset

    def find(self, order_id: str | None) -> Order | None:
        """A live or finished order."""
        if order_id is None:
            return None
        return self.orders.get(order_id) or self.archive.get_order(order_id)

    def window(self, order: Order) -> Window:
        account = self.accounts[order.account_id]
        allowed = not account.configurations["disable_overnight_trading"]
        return window_of(order, self.asset_of(order), allowed)

    def working(self, account: Account, symbol: str, side: Side) -> Iterator[Order]:
        """Open orders on one side of a symbol that are not legs waiting for their trigger."""
        for order in account.on_side(symbol, side):
            if order.status is not Status.HELD:
                yield order

    def price(self, symbol: str, at: Ns) -> Decimal:
        """What a position is valued at: the last trade, else the middle of the quote. Contracts
        trade too seldom for the first.
        """
        last = self.prices.last_trade(symbol, at) if len(symbol) <= TAIL else None
        if last is not None:
            return last.price
        quote = self.prices.quote(symbol, at)
        if quote is None:
            return Decimal(0)
        return (quote.bid + quote.ask) / 2 if quote.bid and quote.ask else quote.bid + quote.ask

    def contract(self, symbol: str) -> Contract | None:
        """What an OCC symbol says at this exchange, on which splits may have changed roots."""
        return Contract.parse(symbol, self.options.roots) if len(symbol) > TAIL else None

    def multiplier(self, symbol: str) -> Decimal:
        """Dollars that a position is worth for each dollar of its price: 100 for contracts."""
        return ONE if len(symbol) <= TAIL else MULTIPLIER

    def watch_contract(self, symbol: str) -> None:
        """A contract has come into an account: its last day is to be watched."""
        contract = self.contract(symbol)
        if contract is not None and contract.expires >= new_york_date(self.now):
            self.option_days.add(contract.expires)

    def adjusted_price(self, symbol: str, at: Ns) -> Decimal:
        """The price of a past moment in the shares of today: splits since then taken out."""
        came = self.options.came_from.get(symbol)
        if came is not None and at < came.at:  # the contract bore another name
            return (self.adjusted_price(came.symbol, at) / came.ratio).quantize(CENT)
        price = self.price(symbol, at)
        for since, ratio in self.splits.get(symbol, ()):
            if at < since:
                price = (price / ratio).quantize(CENT)
        return price

    def listed(self, symbol_or_id: str) -> Asset | None:
        """An asset as it is now: one that was renamed is no longer active."""
        asset = self.assets.get(symbol_or_id)
        if asset is not None and asset.symbol in self.renamed:
            return replace(asset, active=False, tradable=False)
        return asset

    def strike(self, kind: FaultKind, order: Order) -> OrderFault | None:
        """Uses up one injected fault that matches the order."""
        for fault in self.faults:
            if fault.kind is kind and fault.matches(order.account_id, order.symbol):
                fault.count -= 1
                if fault.count <= 0:
                    self.faults.remove(fault)
                return fault
        return None

    # --- results ---------------------------------------------------------------------------

    def reason(self, text: str) -> dict[str, str]:
        """Why something happened to an order, where events say so."""
        return {"reason": text} if text and self.config.event_reasons else {}

    def record_activity(
        self,
        account: Account,
        kind: str,
        data: dict[str, Any],
        order_id: str | None = None,
        *,
        at: Ns | None = None,
    ) -> None:
        """Adds a row to the account's activities, of `at` where that is not now."""
        at = self.now if at is None else at
        activity_id = f"{activity_prefix(at)}::{self.ids.uuid()}"
        self.activity_seq += 1
        at -= at % 1000
        body = {"id": activity_id, "activity_type": kind, **data}
        self.archive.put_activity(
            Activity(account.id, self.activity_seq, activity_id, kind, at, order_id, body)
        )

    def record_flow(
        self, account: Account, kind: str, body: Mapping[str, Any], *, row_after: Ns = 0
    ) -> None:
        """Adds the row of something that is no trade, or puts it by until later."""
        row = {"date": account.day, "description": "", "status": "executed", "currency": "USD"}
        at = self.now + row_after
        if row_after > 0:
            self.late_rows.append((at, account.id, kind, {**row, **body}))
            return
        self.record_activity(account, kind, {**row, "created_at": stamp_micro(at), **body})

    def write_late_rows(self) -> None:
        """Adds the rows whose time has come."""
        for late in [row for row in self.late_rows if row[0] <= self.now]:
            self.late_rows.remove(late)
            at, account_id, kind, body = late
            written = {**body, "created_at": stamp_micro(at)}
            self.record_activity(self.accounts[account_id], kind, written, at=at)

    def retire(self, order: Order) -> None:
        """A finished order leaves the live state."""
        assert not order.is_open
        self.stop_watching(order)
        order.due.clear()
        self.orders.pop(order.id, None)
        self.accounts[order.account_id].remove(order)
        self.archive.put_order(order)

    def check_client_id(self, account_id: str, client_order_id: str) -> None:
        """Raises `ApiError` when the id was ever used by the account."""
        used = client_order_id in self.accounts[account_id].client_ids
        if used or self.archive.order_by_client_id(account_id, client_order_id) is not None:
            raise ApiError(422, 40010001, "client_order_id must be unique")

    def settle_date(self, symbol: str) -> str:
        """When a trade of now settles: shares by the rule of the day, contracts a day later.
        Money moves on weekdays, also where the market never closes.
        """
        day = self.hours.trading_date(self.now)
        later = 1 if len(symbol) > TAIL else days_to_settle(day)
        if (day, later) not in self.settle_dates:
            base = date.fromisoformat(day)
            first = (base + timedelta(days=1)).isoformat()
            last = (base + timedelta(days=17)).isoformat()
            following = [
                found.date
                for found in self.calendar.days(first, last)
                if date.fromisoformat(found.date).weekday() < 5
            ]
            self.settle_dates[day, later] = following[later - 1]
        return self.settle_dates[day, later]

    # --- accounts --------------------------------------------------------------------------

    def open_account(self, key: str) -> Account:
        """The account of a key; a new one starts with the configured cash."""
        account_id = named_uuid(self.config.seed, f"account/{key}")
        account = self.accounts.get(account_id)
        if account is not None:
            return account
        configurations = dict(DEFAULT_CONFIGURATIONS)
        if self.config.day_trading_rule:
            configurations.update(LEGACY_CONFIGURATIONS)
        account = Account(
            id=account_id,
            key=key,
            number="PA" + account_id.replace("-", "").upper()[:10],
            created_at=self.now,
            cash=self.config.starting_cash,
            day=self.hours.trading_date(self.now),
            last_equity=self.config.starting_cash,
            configurations=configurations,
            roots=self.options.roots,
        )
        self.accounts[account_id] = account
        # `last_equity` has it already: it came before today, and before the day of trading, which
        # on a Sunday is tomorrow.
        today = min(account.day, new_york_date(self.now))
        before = date.fromisoformat(today) - timedelta(days=1)
        came = {"net_amount": text(account.cash), "date": before.isoformat()}
        self.record_flow(account, "JNLC", came)
        return account
