"""The acceptance list: what a broker must do for execbot, as numbered cards.

Each card says its precondition, the action and what is expected, and can be run against any account
that is safe to trade on: a real paper account (`tests/paper`) or the built-in exchange
(`tests/broker`). A card touches only orders and positions of its own.
"""

from __future__ import annotations

import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from execbot.broker.alpaca import AlpacaClient
from execbot.broker.errors import AuthenticationError, BrokerError, DuplicateClientOrderId
from execbot.broker.port import OrderQuery, ReplaceRequest, TradeUpdate
from execbot.broker.remedy import Remedy
from execbot.broker.stream_states import Connected
from execbot.model.enums import OrderClass, OrderStatus, OrderType, Side, TimeInForce
from execbot.model.numbers import CENT, round_down
from execbot.model.order import Order, OrderRequest, StopLoss, TakeProfit

STOCK = "SPY"
PAIR = "BTC/USD"
PATIENCE_SECONDS = 60.0
"""How long the broker may take for what it does at once in an ordinary hour."""


@dataclass
class Desk:
    """What a card works with. `with_keys` makes another client or stream with other keys."""

    client: AlpacaClient
    with_keys: Callable[[str, str], AlpacaClient]
    used: list[str] = field(default_factory=list)

    def new_id(self) -> str:
        self.used.append(f"execbot-acceptance-{uuid.uuid4().hex[:16]}")
        return self.used[-1]

    def require_open_market(self) -> None:
        if not self.client.get_clock().is_open:
            pytest.skip("the stock market is closed")

    def price(self, symbol: str) -> Decimal:
        trade = self.client.latest_trade(symbol)
        assert trade is not None
        return trade.price

    def resting_buy(self, **fields: Any) -> OrderRequest:
        """One share far below the market: it rests, and should it ever fill it is cheap."""
        limit = round_down(self.price(STOCK) / 2, CENT)
        usual = {
            "qty": Decimal(1),
            "type": OrderType.LIMIT,
            "limit_price": limit,
            "client_order_id": self.new_id(),
        }
        return OrderRequest(STOCK, Side.BUY, **{**usual, **fields})

    def until(self, order_id: str, *wanted: OrderStatus) -> Order:
        """The order as soon as it has one of these statuses."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            order = self.client.get_order(order_id)
            if order.status in wanted or time.monotonic() > deadline:
                assert order.status in wanted, order
                return order
            time.sleep(0.1)

    def acknowledged(self, order_id: str) -> Order:
        return self.until(order_id, OrderStatus.NEW, OrderStatus.ACCEPTED)

    def qty(self, symbol: str) -> Decimal:
        position = self.client.get_position(symbol)
        return Decimal(0) if position is None else position.qty

    def refusal(self, request: OrderRequest) -> BrokerError:
        with pytest.raises(BrokerError) as caught:
            self.client.place_order(request)
        return caught.value

    @contextmanager
    def listening(self) -> Iterator[queue.Queue[TradeUpdate]]:
        """Trade updates from here on, read by a thread that ends with the block."""
        stream = self.client.trade_updates()
        updates: queue.Queue[TradeUpdate] = queue.Queue()
        connected = threading.Event()

        def read() -> None:
            for message in stream.messages():
                if isinstance(message, Connected):
                    connected.set()
                elif isinstance(message, TradeUpdate):
                    updates.put(message)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            assert connected.wait(PATIENCE_SECONDS)
            yield updates
        finally:
            stream.close()
            reader.join(PATIENCE_SECONDS)

    def tidy(self) -> None:
        """Cancel what a failed card may have left."""
        for client_order_id in self.used:
            try:
                order = self.client.get_order_by_client_id(client_order_id)
                if order.is_working:
                    self.client.cancel_order(order.id)
            except BrokerError as error:
                if error.remedy not in (Remedy.NOT_FOUND, Remedy.ALREADY_DONE):
                    raise


@dataclass(frozen=True)
class Card:
    number: str
    title: str
    precondition: str
    action: str
    expected: str
    run: Callable[[Desk], None]


CARDS: list[Card] = []


def card(
    number: str, title: str, *, precondition: str, action: str, expected: str
) -> Callable[[Callable[[Desk], None]], Callable[[Desk], None]]:
    def keep(run: Callable[[Desk], None]) -> Callable[[Desk], None]:
        CARDS.append(Card(number, title, precondition, action, expected, run))
        return run

    return keep


def next_with(updates: queue.Queue[TradeUpdate], order_id: str, *events: str) -> TradeUpdate:
    """The next update of this order that is one of these events."""
    while True:
        update = updates.get(timeout=PATIENCE_SECONDS)
        if update.order.id == order_id and update.event in events:
            return update


@card(
    "A-01",
    "The account is readable",
    precondition="keys of an account that may trade",
    action="read the account",
    expected="status ACTIVE, cash and buying power as decimals, nothing blocked",
)
def account(desk: Desk) -> None:
    found = desk.client.get_account()
    assert found.status == "ACTIVE"
    assert found.cash is not None and found.buying_power is not None
    assert not (found.trading_blocked or found.account_blocked)


@card(
    "A-02",
    "Wrong keys are told as such",
    precondition="none",
    action="read the account, then open the stream, with keys that do not exist",
    expected="AuthenticationError of kind auth.rejected both times, and no further attempt",
)
def wrong_keys(desk: Desk) -> None:
    stranger = desk.with_keys("PKDOESNOTEXIST000000", "nor-does-this-secret")
    with pytest.raises(AuthenticationError) as caught:
        stranger.get_account()
    assert caught.value.kind == "auth.rejected"
    with pytest.raises(AuthenticationError):
        list(stranger.trade_updates().messages())
    stranger.close()


@card(
    "A-03",
    "Clock and calendar",
    precondition="none",
    action="read the clock, and the calendar of ten days",
    expected="the next close lies ahead; trading days with opening and closing times",
)
def clock_and_calendar(desk: Desk) -> None:
    clock = desk.client.get_clock()
    assert clock.timestamp is not None and clock.next_close is not None
    assert clock.next_close > clock.timestamp
    today = clock.timestamp.date()
    days = desk.client.get_calendar(today, today + timedelta(days=10))
    assert len(days) >= 4
    assert all(day.open < day.close for day in days)


@card(
    "A-04",
    "Assets by symbol",
    precondition="none",
    action="look up a stock, a pair with its slash, and a symbol that does not exist",
    expected="tradable; crypto; a refusal of kind broker.unknown_symbol",
)
def assets(desk: Desk) -> None:
    assert desk.client.get_asset(STOCK).tradable
    assert desk.client.get_asset(PAIR).is_crypto
    with pytest.raises(BrokerError) as caught:
        desk.client.get_asset("ZZZZQ")
    assert caught.value.kind == "broker.unknown_symbol"


@card(
    "A-05",
    "Prices of stocks and pairs in one call",
    precondition="none",
    action="latest quotes and trades of a stock and a pair; daily bars of the last weeks",
    expected="both symbols with positive prices; bars in ascending order",
)
def prices(desk: Desk) -> None:
    assert set(desk.client.latest_quotes([STOCK, PAIR])) == {STOCK, PAIR}
    trades = desk.client.latest_trades([STOCK, PAIR])
    assert all(trade.price > 0 for trade in trades.values())
    now = desk.client.get_clock().timestamp or datetime.now(UTC)
    bars = desk.client.get_bars(STOCK, "1Day", start=now - timedelta(days=30))
    times = [bar.at for bar in bars if bar.at is not None]
    assert len(times) >= 10
    assert times == sorted(times)


@card(
    "A-06",
    "A resting order, from submission to cancel",
    precondition="none",
    action="a limit buy far below the market; look it up in three ways; cancel it",
    expected="accepted under our id, found by both ids and in the open list, then canceled, and the"
    " stream reports the cancel",
)
def resting_order(desk: Desk) -> None:
    with desk.listening() as updates:
        request = desk.resting_buy()
        placed = desk.client.place_order(request)
        assert placed.client_order_id == request.client_order_id
        assert desk.client.get_order_by_client_id(request.client_order_id).id == placed.id
        desk.acknowledged(placed.id)
        listed = desk.client.list_orders(OrderQuery(status="open", nested=False))
        assert placed.id in [order.id for order in listed]
        desk.client.cancel_order(placed.id)
        assert desk.until(placed.id, OrderStatus.CANCELED).filled_qty == 0
        assert next_with(updates, placed.id, "canceled").order.status is OrderStatus.CANCELED


@card(
    "A-07",
    "An id is taken for ever",
    precondition="none",
    action="submit, submit again under the same client_order_id, cancel, submit a third time",
    expected="the second and third are refused as duplicates; one order exists",
)
def duplicate(desk: Desk) -> None:
    request = desk.resting_buy()
    placed = desk.client.place_order(request)
    assert isinstance(desk.refusal(request), DuplicateClientOrderId)
    desk.client.cancel_order(placed.id)
    desk.until(placed.id, OrderStatus.CANCELED)
    assert isinstance(desk.refusal(request), DuplicateClientOrderId)
    assert desk.client.get_order_by_client_id(request.client_order_id).id == placed.id


@card(
    "A-08",
    "An id that was never used",
    precondition="none",
    action="look up a fresh client_order_id",
    expected="kind broker.order_not_found, which is the proof that nothing was sent",
)
def absent(desk: Desk) -> None:
    with pytest.raises(BrokerError) as caught:
        desk.client.get_order_by_client_id(desk.new_id())
    assert caught.value.kind == "broker.order_not_found"
    assert caught.value.remedy is Remedy.NOT_FOUND


@card(
    "A-09",
    "A replace is a new order",
    precondition="the stock market is open",
    action="change the limit price of a resting order, then cancel",
    expected="a new id that replaces the old one; the old one ends as replaced",
)
def replace(desk: Desk) -> None:
    desk.require_open_market()
    request = desk.resting_buy()
    placed = desk.client.place_order(request)
    desk.until(placed.id, OrderStatus.NEW)
    assert request.limit_price is not None
    lower = ReplaceRequest(limit_price=request.limit_price - 1, client_order_id=desk.new_id())
    changed = desk.client.replace_order(placed.id, lower)
    assert changed.id != placed.id
    assert changed.replaces == placed.id
    assert desk.until(placed.id, OrderStatus.REPLACED).replaced_by == changed.id
    desk.acknowledged(changed.id)
    desk.client.cancel_order(changed.id)
    desk.until(changed.id, OrderStatus.CANCELED)


@card(
    "A-10",
    "A cancel that comes too late",
    precondition="none",
    action="cancel an order that is canceled already",
    expected="either taken silently or refused as already done; never an unknown error",
)
def late_cancel(desk: Desk) -> None:
    placed = desk.client.place_order(desk.resting_buy())
    desk.client.cancel_order(placed.id)
    desk.until(placed.id, OrderStatus.CANCELED)
    try:
        desk.client.cancel_order(placed.id)
    except BrokerError as error:
        assert error.remedy is Remedy.ALREADY_DONE, error


@card(
    "A-11",
    "Refusals have names",
    precondition="none",
    action="an unknown symbol, a price finer than a cent, an order beyond all means",
    expected="broker.unknown_symbol, broker.sub_penny, broker.insufficient_buying_power; none"
    " of them exists afterwards",
)
def refusals(desk: Desk) -> None:
    wrong = {
        "broker.unknown_symbol": OrderRequest(
            "ZZZZQ", Side.BUY, qty=Decimal(1), client_order_id=desk.new_id()
        ),
        "broker.sub_penny": desk.resting_buy(limit_price=Decimal("11.055")),
        "broker.insufficient_buying_power": desk.resting_buy(qty=Decimal(1_000_000)),
    }
    for kind, request in wrong.items():
        assert desk.refusal(request).kind == kind
        with pytest.raises(BrokerError) as caught:
            desk.client.get_order_by_client_id(request.client_order_id)
        assert caught.value.kind == "broker.order_not_found"


@card(
    "A-12",
    "A market order fills and everybody agrees",
    precondition="the stock market is open; no open order in the symbol",
    action="buy one share at market, then sell it",
    expected="each fill on the stream once with an execution id, the position one share more"
    " and back, the fills among the activities of the order",
)
def market_order(desk: Desk) -> None:
    desk.require_open_market()
    before = desk.qty(STOCK)
    for side, expected in ((Side.BUY, before + 1), (Side.SELL, before)):
        with desk.listening() as updates:
            request = OrderRequest(STOCK, side, qty=Decimal(1), client_order_id=desk.new_id())
            placed = desk.client.place_order(request)
            fill = next_with(updates, placed.id, "fill")
            assert fill.execution_id
            assert fill.qty == 1 and fill.price is not None and fill.price > 0
            assert fill.position_qty == expected
        assert desk.until(placed.id, OrderStatus.FILLED).filled_avg_price == fill.price
        assert desk.qty(STOCK) == expected
        (activity,) = desk.client.get_activities(order_id=placed.id)
        assert (activity.qty, activity.price) == (fill.qty, fill.price)


@card(
    "A-13",
    "Crypto round the clock",
    precondition="the account may trade crypto; no position in the pair",
    action="buy for 20 USD at market, close the position",
    expected="filled to up to nine decimals, the position named with its slash, and gone",
)
def crypto(desk: Desk) -> None:
    if desk.qty(PAIR) != 0:
        pytest.skip(f"there is a position in {PAIR} already")
    request = OrderRequest(
        PAIR,
        Side.BUY,
        notional=Decimal(20),
        time_in_force=TimeInForce.GTC,
        client_order_id=desk.new_id(),
    )
    placed = desk.client.place_order(request)
    assert desk.until(placed.id, OrderStatus.FILLED).filled_qty > 0
    position = desk.client.get_position(PAIR)
    assert position is not None and position.symbol == PAIR
    assert PAIR in [held.symbol for held in desk.client.get_positions()]
    closing = desk.client.close_position(PAIR)
    assert closing.side is Side.SELL
    desk.until(closing.id, OrderStatus.FILLED)
    assert desk.qty(PAIR) == 0


@card(
    "A-14",
    "A bracket keeps its legs with it",
    precondition="no position and no open order in the symbol",
    action="a resting entry with stop and target; read it by id; cancel the entry",
    expected="two legs, the stop held; both end when the entry is canceled",
)
def bracket(desk: Desk) -> None:
    if desk.qty(STOCK) != 0:
        pytest.skip(f"there is a position in {STOCK} already")
    plain = desk.resting_buy()
    assert plain.limit_price is not None
    request = desk.resting_buy(
        order_class=OrderClass.BRACKET,
        take_profit=TakeProfit(plain.limit_price + 10),
        stop_loss=StopLoss(plain.limit_price - 10),
        limit_price=plain.limit_price,
        time_in_force=TimeInForce.GTC,
    )
    placed = desk.client.place_order(request)
    legs = desk.client.get_order(placed.id).legs
    assert sorted(leg.type.value for leg in legs) == ["limit", "stop"]
    assert {leg.side for leg in legs} == {Side.SELL}
    desk.client.cancel_order(placed.id)
    desk.until(placed.id, OrderStatus.CANCELED)
    for leg in legs:
        desk.until(leg.id, OrderStatus.CANCELED, OrderStatus.EXPIRED)


@card(
    "A-15",
    "The whole order history, each order once",
    precondition="an account with some history",
    action="list all orders of the last week",
    expected="no id twice, oldest first",
)
def history(desk: Desk) -> None:
    now = desk.client.get_clock().timestamp or datetime.now(UTC)
    query = OrderQuery(status="all", after=now - timedelta(days=7), nested=False)
    orders = desk.client.list_orders(query)
    assert len({order.id for order in orders}) == len(orders)
    times = [order.submitted_at for order in orders if order.submitted_at is not None]
    assert times == sorted(times)
