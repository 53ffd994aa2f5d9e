"""The port: what execbot needs of a broker, small enough to implement in an afternoon.

Every method may raise `BrokerError` (see `execbot.broker.errors`), which says whether the outcome
is known. Methods are synchronous; times are UTC-aware; quantities and prices are Decimal.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from execbot.broker.budget import RequestPriority
from execbot.broker.stream_states import StreamState
from execbot.model.account import Account, Activity, Asset, CalendarDay, Clock, Position
from execbot.model.enums import TimeInForce
from execbot.model.order import Order, OrderRequest
from execbot.model.quote import Bar, Quote, Trade
from execbot.model.struct import Reported

if TYPE_CHECKING:
    from execbot.broker.errors import BrokerError
    from execbot.broker.http import IsLate
    from execbot.broker.market_stream import MarketDataStream
    from execbot.model.options.contract import Contract, ContractQuery
    from execbot.model.options.snapshot import Snapshot


class OrderQuery(Struct, frozen=True):
    """Which orders to list. `after` and `until` are exclusive and compare submission time.

    With `nested` legs come inside their parent, so `open` hides the working exits of an entry that
    has filled (its parent is closed): ask for open orders with `nested=False`. The stop leg of a
    bracket is `held` and not in the open list at all; read it through its parent.
    """

    status: Literal["open", "closed", "all"] = "open"
    symbols: Sequence[str] = ()
    after: datetime | None = None
    until: datetime | None = None
    nested: bool = True
    limit: int | None = None


class ReplaceRequest(Struct, frozen=True):
    """Only what changes; None leaves a field alone. `qty` is the chain's total."""

    qty: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail: Decimal | None = None
    time_in_force: TimeInForce | None = None
    client_order_id: str | None = None


class BulkResult(Struct, frozen=True):
    """One item of a 207 reply: HTTP `status` per item, `order` where the body was one.

    A status of 200 means that the request was taken; the order may still be `pending_cancel`.
    `failure` is the typed error of an item that was refused, `error` its message.
    """

    id: str
    status: int
    order: Order | None = None
    symbol: str | None = None
    error: str | None = None
    failure: BrokerError | None = None

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


class TradeUpdate(Reported, frozen=True):
    """One `trade_updates` frame. `event` stays text: Alpaca adds events over time.

    `price`, `qty`, `execution_id` belong to this execution only; `order` is the order after it.
    """

    event: str
    order: Order
    at: datetime | None
    execution_id: str | None = None
    price: Decimal | None = None
    qty: Decimal | None = None
    position_qty: Decimal | None = None
    reason: str | None = None
    event_id: str | None = None


class BrokerClient(ABC):
    """A broker account."""

    @abstractmethod
    def place_order(
        self,
        request: OrderRequest,
        *,
        priority: RequestPriority = RequestPriority.ENTRY,
        is_late: IsLate | None = None,
    ) -> Order:
        """Send one order. Never retried inside: the submit pipeline owns that.

        `priority` is for the rate limit only: an order that closes says EXIT, a protective one
        PROTECT, so that it never queues behind entries. `is_late` is asked as late as can be, right
        before the first byte: when it says so, nothing leaves, and NetworkError
        `network.held_up` is raised.
        """

    @abstractmethod
    def get_order(self, order_id: str, *, nested: bool = True) -> Order: ...

    @abstractmethod
    def get_order_by_client_id(self, client_order_id: str) -> Order:
        """Raises BrokerError of kind `broker.order_not_found` when it does not exist."""

    @abstractmethod
    def list_orders(self, query: OrderQuery) -> list[Order]:
        """All matching orders, oldest first, however many pages that takes."""

    @abstractmethod
    def replace_order(
        self, order_id: str, request: ReplaceRequest, *, is_late: IsLate | None = None
    ) -> Order:
        """Change an order; see `place_order` for `is_late`."""

    @abstractmethod
    def cancel_order(self, order_id: str) -> None:
        """Ask for a cancel. Returning means the request was taken, not that it is canceled."""

    @abstractmethod
    def cancel_all_orders(self) -> list[BulkResult]: ...

    @abstractmethod
    def get_positions(self) -> list[Position]: ...

    @abstractmethod
    def get_position(self, symbol: str) -> Position | None:
        """The position, or None when there is none."""

    @abstractmethod
    def close_position(
        self, symbol: str, *, qty: Decimal | None = None, percentage: Decimal | None = None
    ) -> Order: ...

    @abstractmethod
    def close_all_positions(self, *, cancel_orders: bool) -> list[BulkResult]: ...

    @abstractmethod
    def get_account(self) -> Account: ...

    @abstractmethod
    def get_clock(self) -> Clock: ...

    @abstractmethod
    def get_calendar(self, start: date, end: date) -> list[CalendarDay]: ...

    @abstractmethod
    def get_asset(self, symbol: str) -> Asset: ...

    @abstractmethod
    def get_assets(self, symbols: Collection[str]) -> dict[str, Asset]:
        """The active stocks among them, from one list of all: a large answer, for many symbols."""

    @abstractmethod
    def latest_quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        """Symbols without a quote are absent. Equities and crypto pairs may be mixed."""

    @abstractmethod
    def latest_trades(self, symbols: Sequence[str]) -> dict[str, Trade]: ...

    @abstractmethod
    def get_bars(
        self,
        symbol: str,
        timeframe: str,
        *,
        start: datetime,
        end: datetime | None = None,
        limit: int | None = None,
        newest: bool = False,
    ) -> list[Bar]:
        """Bars ascending; `timeframe` in Alpaca's words (`1Min`, `1Hour`, `1Day`).

        Of more than `limit` the oldest from `start` on, or the `newest`. Adjusted for splits.
        """

    @abstractmethod
    def get_activities(
        self,
        types: Sequence[str] = ("FILL",),
        *,
        after: datetime | None = None,
        until: datetime | None = None,
        order_id: str | None = None,
    ) -> list[Activity]:
        """Account activities, oldest first, all pages."""

    @abstractmethod
    def trade_updates(self) -> TradeUpdateStream: ...

    @abstractmethod
    def market_data(self, kind: Literal["stocks", "crypto"] = "stocks") -> MarketDataStream:
        """A stream of live quotes, trades and halts. One connection a kind is allowed."""

    def quote_at(self, symbol: str, at: datetime, *, within: timedelta) -> Quote | None:
        """The last quote at or before a past moment, at most `within` older; None where there is
        none, or where the broker keeps no quotes."""
        return None

    # Options: a broker without them says so

    def get_contract(self, symbol: str) -> Contract:
        """Raises NotFound where there is no such contract."""
        raise no_options()

    def get_contracts(self, query: ContractQuery) -> list[Contract]:
        """The active contracts of one underlying, by expiry and strike, all pages."""
        raise no_options()

    def option_snapshots(self, symbols: Sequence[str]) -> dict[str, Snapshot]:
        """Contracts of which nothing is known are absent."""
        raise no_options()

    def option_chain(self, query: ContractQuery) -> dict[str, Snapshot]:
        """The snapshots of one underlying's contracts, all pages."""
        raise no_options()

    def cash_dividends(self, symbols: Sequence[str], start: date, end: date) -> dict[str, Decimal]:
        """Cash dividends that go ex between two days, both included, in USD a share, by symbol; a
        symbol without one is absent."""
        raise no_options()

    def exercise(self, symbol: str) -> None:
        """Exercise every long contract that is free, at once. Not repeatable blindly: it has no
        id; look at the position first."""
        raise no_options()

    def do_not_exercise(self, symbol: str) -> None:
        """Let a long contract expire that would be exercised; on its last day."""
        raise no_options()

    def has_room(self) -> bool:
        """Whether the rate limit leaves room for requests that can as well be made later."""
        return True

    def latest_quote(self, symbol: str) -> Quote | None:
        return self.latest_quotes([symbol]).get(symbol)

    def latest_trade(self, symbol: str) -> Trade | None:
        return self.latest_trades([symbol]).get(symbol)


def no_options() -> BrokerError:
    from execbot.broker.errors import BrokerError

    return BrokerError(
        kind="broker.no_options",
        message="This broker has no options",
        hint="Nothing was sent.",
        next_step="trade options at Alpaca, or at the built-in exchange",
    )


class TradeUpdateStream(ABC):
    """Trade updates of one account, reconnecting by itself."""

    probe: Callable[[], bool] | None = None
    """Asked, in the reading thread, when the stream is silent although its socket lives: False
    says that REST knows of something the stream did not tell, and it connects anew."""

    @abstractmethod
    def messages(self) -> Iterator[TradeUpdate | StreamState]:
        """Block and yield until `close` is called from any thread.

        Nothing is replayed by the broker: fill the gap from REST at each Connected and Gap. Raises
        BrokerError when reconnecting cannot help, above all when the keys are not accepted.
        """

    @abstractmethod
    def close(self) -> None: ...
