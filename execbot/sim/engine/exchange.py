"""The exchange: one object that takes requests at a moment and lets time pass.

Deterministic: the same seed, the same calls at the same moments give the same answers, ids and
events, in whatever steps `advance` is called between them. No I/O; prices, assets, calendar and
the archive are handed in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from execbot.sim.chains.book import OptionAssets, OptionBook, OptionPrices
from execbot.sim.engine import clockwork, snapshot
from execbot.sim.engine.accounts import corporate, margin, settings
from execbot.sim.engine.accounts.account import Account
from execbot.sim.engine.accounts.archive import Archive, MemoryArchive
from execbot.sim.engine.answers import history, listing, views
from execbot.sim.engine.answers.calendar_rows import calendar_rows
from execbot.sim.engine.back_office import BackOffice
from execbot.sim.engine.config import ExchangeConfig, OrderFault
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.ids import Ids, is_uuid
from execbot.sim.engine.options import instructions
from execbot.sim.engine.order import Order
from execbot.sim.engine.orders import amend, bulk
from execbot.sim.engine.orders.hours import Hours
from execbot.sim.engine.orders.place import place
from execbot.sim.engine.parse import malformed
from execbot.sim.engine.render import text
from execbot.sim.types import (
    ApiError,
    AssetDirectory,
    Calendar,
    Ns,
    PriceSource,
    StreamEvent,
)


class Exchange:
    """Accounts, orders and positions on a market. Every refusal raises `ApiError`.

    Results are plain dicts with Alpaca's fields. The caller advances the exchange to the moment
    of a request before it makes the request.
    """

    def __init__(
        self,
        *,
        prices: PriceSource,
        assets: AssetDirectory,
        calendar: Calendar,
        config: ExchangeConfig | None = None,
        start: Ns,
        archive: Archive | None = None,
        optionable: Collection[str] = (),
    ) -> None:
        """`optionable`: underlyings with chains of contracts beside the twenty of the list."""
        config = config or ExchangeConfig()
        options = OptionBook(config.seed, prices, calendar, frozenset(optionable))
        self.core = ExchangeCore(
            prices=OptionPrices(prices, options),
            assets=OptionAssets(assets, options),
            calendar=calendar,
            config=config,
            archive=archive if archive is not None else MemoryArchive(),
            now=start,
            hours=Hours(calendar),
            ids=Ids(config.seed),
            options=options,
            splits=options.splits,
        )
        self.back_office = BackOffice(self.core)

    @property
    def options(self) -> OptionBook:
        """The contracts that trade here."""
        return self.core.options

    # --- time ------------------------------------------------------------------------------

    @property
    def now(self) -> Ns:
        return self.core.now

    def advance(self, to: Ns) -> None:
        """Lets everything happen that is due up to and including `to`, in time order.

        Raises `ValueError` for a moment before `now`.
        """
        clockwork.advance(self.core, to)
        self.core.write_late_rows()

    def next_event_at(self, until: Ns) -> Ns | None:
        """When something happens next, not later than `until`. Changes nothing."""
        found = clockwork.next_event_at(self.core, until)
        times = [at for at, *_ in self.core.late_rows if at <= until]
        return min(times if found is None else [found, *times], default=None)

    def market_changed(self, symbol: str | None = None) -> None:
        """Forgets what was found ahead of time. Call it after prices were forced: resting orders
        look at the market again from this very instant on.
        """
        self.core.look_again(symbol)

    # --- accounts --------------------------------------------------------------------------

    def account_id(self, key: str) -> str:
        """The account of a key, opened with the starting cash when first seen."""
        return self.core.open_account(key).id

    def _account(self, account_id: str) -> Account:
        account = self.core.accounts.get(account_id)
        if account is None:
            raise ApiError(404, 40410000, f"account not found for {account_id}")
        margin.roll(self.core, account)
        return account

    def account(self, account_id: str) -> dict[str, Any]:
        return views.account_view(self.core, self._account(account_id))

    def configurations(self, account_id: str) -> dict[str, Any]:
        return dict(self._account(account_id).configurations)

    def set_configurations(self, account_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """`PATCH /v2/account/configurations`: partial, answers the whole object."""
        account = self._account(account_id)
        nights = account.configurations["disable_overnight_trading"]
        settings.configure(account, body)
        if account.configurations["disable_overnight_trading"] is not nights:
            self.market_changed()  # resting orders have other hours now
        return dict(account.configurations)

    def deposit(self, account_id: str, amount: Decimal) -> None:
        """Puts money in (or takes it out): a CSD or CSW activity. Raises `ApiError` 422."""
        self.back_office.move_cash(account_id, "CSD" if amount > 0 else "CSW", amount)

    def set_switches(self, account_id: str, **switches: bool) -> None:
        """`account_blocked`, `trading_blocked`, `transfers_blocked`, `liquidation_only`,
        `suspended` (the user's own `suspend_trade`). Raises `ApiError` 422 for others."""
        settings.switch(self._account(account_id), switches)

    def portfolio_history(self, account_id: str, query: Mapping[str, str]) -> dict[str, Any]:
        return history.portfolio_history(self.core, self._account(account_id), query)

    def activities(
        self, account_id: str, types: Sequence[str] | None, query: Mapping[str, str]
    ) -> list[dict[str, Any]]:
        """Newest first; `page_token` is the id of the last row seen."""
        return listing.activities(self.core, self._account(account_id), types, query)

    # --- orders ----------------------------------------------------------------------------

    def place(self, account_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """`POST /v2/orders`: the order with its legs, `pending_new` or `accepted`."""
        order = place(self.core, self._account(account_id), body)
        return views.rest_order(self.core, order, legs=True)

    def replace(self, account_id: str, order_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """`PATCH /v2/orders/{id}`: the new order."""
        account = self._account(account_id)
        old = self._order(account_id, order_id)
        new = amend.request_replace(self.core, account, old, body)
        return views.rest_order(self.core, new, legs=False)

    def cancel(self, account_id: str, order_id: str) -> None:
        """`DELETE /v2/orders/{id}`: returning means 204, a promise only."""
        self._account(account_id)
        amend.request_cancel(self.core, self._order(account_id, order_id))

    def cancel_all(self, account_id: str) -> list[dict[str, Any]]:
        """`DELETE /v2/orders`: one item per open order; for a leg the body is its parent."""
        return bulk.cancel_all(self.core, self._account(account_id))

    def order(self, account_id: str, order_id: str, nested: bool = False) -> dict[str, Any]:
        self._account(account_id)
        order = self._order(account_id, order_id)
        return views.rest_order(self.core, order, legs=nested)

    def order_by_client_id(self, account_id: str, client_order_id: str) -> dict[str, Any]:
        account = self._account(account_id)
        live_id = account.client_ids.get(client_order_id, "")
        found = account.live.get(live_id) or self.core.archive.order_by_client_id(
            account_id, client_order_id
        )
        if found is None:
            raise ApiError(404, 40410000, f"order not found for {client_order_id}")
        return views.rest_order(self.core, found, legs=False)

    def orders(self, account_id: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        return listing.orders(self.core, self._account(account_id), query)

    def order_at(self, order_id: str, at: Ns) -> Mapping[str, Any] | None:
        """An order as it was answered at `at`, without its legs; None where that is not known.
        Reaches back only as far as `remember` was asked to.
        """
        return self.core.past.order_at(order_id, at)

    def taken_at(self, order_id: str) -> Ns:
        """When an order was taken, its legs with their parent. 0 for one that is not known."""
        order = self.core.find(order_id)
        return 0 if order is None else order.created_at

    def remember(self, for_: Ns) -> None:
        """Keeps what orders and positions look like from now on for so long; 0 forgets."""
        past = self.core.past
        starts = for_ and not past.keep
        past.keep = for_
        if not for_:
            past.forget()
        if starts:
            for order in self.core.orders.values():
                body = views.rest_order(self.core, order, legs=False)
                past.note_order(order.id, body, self.now)

    def _order(self, account_id: str, order_id: str) -> Order:
        if not is_uuid(order_id):
            raise malformed("order_id is missing")
        order = self.core.find(order_id.lower())
        if order is None or order.account_id != account_id:
            raise ApiError(404, 40410000, f"order not found for {order_id}")
        return order

    # --- positions -------------------------------------------------------------------------

    def positions(self, account_id: str) -> list[dict[str, Any]]:
        account = self._account(account_id)
        held = sorted(account.positions.values(), key=lambda position: position.symbol)
        return [views.position_view(self.core, account, position) for position in held]

    def positions_at(
        self, account_id: str, at: Ns, symbol: str | None = None
    ) -> list[dict[str, Any]]:
        """What `positions` would answer had nothing been traded since `at`: of one symbol, or of
        all. Reaches back only as far as `remember` was asked to.
        """
        account = self._account(account_id)
        held = dict(account.positions)
        for earlier in self.core.past.positions_at(account_id, at):
            if symbol in (None, earlier.symbol):
                held[earlier.symbol] = earlier
        rows = sorted((found for found in held.values() if found.qty), key=lambda p: p.symbol)
        return [views.position_view(self.core, account, position) for position in rows]

    def position(self, account_id: str, symbol_or_asset_id: str) -> dict[str, Any]:
        account = self._account(account_id)
        asset = bulk.held_asset(self.core, account, symbol_or_asset_id)
        return views.position_view(self.core, account, account.positions[asset.symbol])

    def close_position(
        self, account_id: str, symbol_or_asset_id: str, query: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """`DELETE /v2/positions/{symbol}`: a plain market order of the other side."""
        account = self._account(account_id)
        return bulk.close_position(self.core, account, symbol_or_asset_id, query or {})

    def close_all(self, account_id: str, cancel_orders: bool = False) -> list[dict[str, Any]]:
        """`DELETE /v2/positions`: canceled orders first (their id as `symbol`), then positions."""
        return bulk.close_all(self.core, self._account(account_id), cancel_orders)

    def exercise(self, account_id: str, symbol_or_id: str) -> None:
        """`POST /v2/positions/{…}/exercise`: all contracts held that are free."""
        instructions.exercise(self.core, self._account(account_id), symbol_or_id)

    def do_not_exercise(self, account_id: str, symbol_or_id: str) -> None:
        """`POST /v2/positions/{…}/do-not-exercise`, on the last day."""
        instructions.abandon(self.core, self._account(account_id), symbol_or_id)

    # --- the market's facts ----------------------------------------------------------------

    def asset(self, symbol_or_id: str) -> dict[str, Any]:
        asset = self.core.listed(symbol_or_id)
        if asset is None:
            raise ApiError(404, 40410000, f"asset not found for {symbol_or_id}")
        return views.asset_view(asset)

    def assets(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """Filters: status, asset_class, exchange, attributes (any of a comma list)."""
        return listing.assets(self.core, query)

    def clock(self) -> dict[str, Any]:
        return views.clock_view(self.core)

    def calendar_days(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """Trading days of `start` to `end`, both inclusive; New York wall times."""
        start, end = query.get("start") or "1970-01-01", query.get("end") or "2029-12-31"
        try:
            first, last = (date.fromisoformat(day[:10]) for day in (start, end))
            rows = max(first, date(1970, 1, 1)), min(last, date(2100, 12, 31))
            return calendar_rows(self.core.calendar, *(day.isoformat() for day in rows))
        except ValueError:
            raise malformed("invalid start or end") from None

    # --- control ---------------------------------------------------------------------------

    def halt(self, symbol: str, reason: str = "T1") -> None:
        """Nothing trades in the symbol until `resume`; orders are taken and wait."""
        self.core.halted[symbol] = reason

    def resume(self, symbol: str) -> None:
        self.core.halted.pop(symbol, None)
        self.market_changed(symbol)

    def halted(self) -> Mapping[str, str]:
        return dict(self.core.halted)

    def set_band(self, symbol: str, low: Decimal | None, high: Decimal | None) -> None:
        """Limit-up / limit-down: nothing trades outside `low..high`; None for both lifts it."""
        if low is None or high is None:
            self.core.bands.pop(symbol, None)
        else:
            self.core.bands[symbol] = (low, high)
        self.market_changed(symbol)

    def set_stale(self, symbol: str, stale: bool) -> None:
        """The reference price of a crypto pair is stale: what is about to trade is canceled."""
        self.core.stale.discard(symbol)
        if stale:
            self.core.stale.add(symbol)
        self.market_changed(symbol)

    def split(self, symbol: str, new: Decimal, old: Decimal) -> None:
        """`new` shares for `old` ones; the caller has moved the price. Raises `ApiError` 422."""
        corporate.split(self.core, symbol, new, old)
        self.market_changed(symbol)

    def dividend(self, symbol: str, per_share: Decimal) -> None:
        """Cash to those who hold the stock, from those who are short. Raises `ApiError` 422."""
        corporate.dividend(self.core, symbol, per_share)

    def rename(self, symbol: str, new_symbol: str) -> None:
        """One stock becomes another one of the list. Raises `ApiError` 422."""
        corporate.rename(self.core, symbol, new_symbol)
        self.market_changed()

    def interest(self, account_id: str, amount: Decimal) -> None:
        """Charged when negative, paid when positive."""
        corporate.interest(self.core, self._account(account_id), amount)

    def liquidate(self, account_id: str, symbol: str | None = None) -> list[dict[str, Any]]:
        """The broker closes positions by itself; the orders it sent. Raises `ApiError` 422."""
        sent = corporate.liquidate(self.core, self._account(account_id), symbol)
        return [views.rest_order(self.core, order, legs=False) for order in sent]

    def margin(self, account_id: str) -> dict[str, Any]:
        """The margin call in force and the end of a freeze; None where there is none."""
        account = self._account(account_id)
        call = account.margin_call
        return {
            "margin_call": None
            if call is None
            else {"since": call.since, "amount": text(call.amount), "due": call.due},
            "frozen_until": account.frozen_until or None,
        }

    def inject(self, fault: OrderFault) -> None:
        """Makes the next matching orders misbehave (see `FaultKind`)."""
        self.core.faults.append(fault)

    def clear_faults(self) -> None:
        self.core.faults.clear()

    # --- events ----------------------------------------------------------------------------

    @property
    def events(self) -> deque[StreamEvent]:
        """The last `event_buffer` events, oldest first."""
        return self.core.events

    @property
    def last_seq(self) -> int:
        return self.core.event_seq

    def events_since(self, seq: int, account_id: str | None = None) -> list[StreamEvent]:
        """Events after number `seq` that are still kept, of one account or of all."""
        found: list[StreamEvent] = []
        for event in reversed(self.core.events):
            if event.seq <= seq:
                break
            if account_id is None or event.account_id == account_id:
                found.append(event)
        found.reverse()
        return found

    # --- keeping ---------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """The live state as JSON values; finished orders and activities are in the archive."""
        return snapshot.dump(self.core)

    @classmethod
    def load(
        cls,
        state: Mapping[str, Any],
        *,
        prices: PriceSource,
        assets: AssetDirectory,
        calendar: Calendar,
        config: ExchangeConfig | None = None,
        archive: Archive | None = None,
        optionable: Collection[str] = (),
    ) -> Exchange:
        """An exchange that goes on where `dump` was called, given the same surroundings.

        Events from before are gone; their numbers go on.
        """
        found = cls(
            prices=prices,
            assets=assets,
            calendar=calendar,
            config=config,
            start=state["now"],
            archive=archive,
            optionable=optionable,
        )
        snapshot.restore(found.core, state)
        return found
