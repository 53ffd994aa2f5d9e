"""Goal: adapter and built-in exchange agree over real sockets. Method: a served exchange.

The acceptance list that a paper account is tested with runs here too, over both transports, and
then what a paper account cannot be made to do: lost replies, cut streams, long histories.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from support.acceptance import CARDS, Card, Desk
from support.processes import Server, exchange

from execbot.broker.alpaca import AlpacaClient
from execbot.broker.clock import BrokerClock
from execbot.broker.errors import BrokerError, RateLimited
from execbot.broker.port import OrderQuery, TradeUpdate
from execbot.broker.stream_states import Connected, Disconnected
from execbot.broker.stream_times import StreamTimes
from execbot.model.enums import OrderType, Side
from execbot.model.order import OrderRequest
from execbot.model.quote import Quote

BAD_KEY = "PKDOESNOTEXIST000000"
FAST = StreamTimes(backoff=0.02, backoff_max=0.05, taken=0.02, close=1)
Connect = Callable[..., AlpacaClient]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("exchange")
    with exchange(home, "--bad-key", BAD_KEY) as running:
        yield running


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An exchange whose clock stands still: every order has the same time."""
    home = tmp_path_factory.mktemp("frozen")
    with exchange(home, "--speed", "0", "--at", "2026-10-08 10:30") as running:
        yield running


@contextmanager
def clients(sdk: bool) -> Iterator[Callable[..., AlpacaClient]]:
    made: list[AlpacaClient] = []

    def make(server: Server, key: str = "", secret: str = "s", **options: Any) -> AlpacaClient:
        options = {"requests_per_minute": None, "stream_times": FAST, **options}
        client = AlpacaClient(
            key or f"PK{uuid4().hex}",
            secret,
            trading_url=server.rest,
            stream_url=server.stream,
            data_url=server.data,
            data_stream_url=server.data_stream,
            sdk=sdk,
            **options,
        )
        made.append(client)
        return client

    try:
        yield make
    finally:
        for client in made:
            client.close()


@pytest.fixture(params=["direct", "sdk"])
def connect_both(request: pytest.FixtureRequest) -> Iterator[Connect]:
    with clients(request.param == "sdk") as make:
        yield make


@pytest.fixture
def connect() -> Iterator[Connect]:
    with clients(False) as make:
        yield make


def fault(server: Server, kind: str, **fields: Any) -> None:
    """One fault of the exchange's control plane; none without it."""
    request = urllib.request.Request(
        f"{server.rest}/sim/faults",
        data=json.dumps({"kind": kind, **fields}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as reply:
        assert reply.status == 200


def resting(number: int) -> OrderRequest:
    return OrderRequest(
        "AAPL",
        Side.BUY,
        qty=Decimal(1),
        type=OrderType.LIMIT,
        limit_price=Decimal("1.00"),
        client_order_id=f"rest-{number}",
    )


@pytest.mark.parametrize("card", CARDS, ids=lambda card: f"{card.number} {card.title}")
def test_card(card: Card, server: Server, connect_both: Connect) -> None:
    def with_keys(api_key: str, secret_key: str) -> AlpacaClient:
        return connect_both(server, api_key, secret_key)

    desk = Desk(connect_both(server), with_keys)
    card.run(desk)
    desk.tidy()


def test_more_than_a_page_of_orders_of_one_moment_is_listed_whole(
    frozen: Server, connect: Connect
) -> None:
    client = connect(frozen)
    with ThreadPoolExecutor(4) as pool:
        placed = list(pool.map(client.place_order, map(resting, range(620))))
    assert len({order.submitted_at for order in placed}) == 1
    for query in (OrderQuery(), OrderQuery(status="all"), OrderQuery(nested=False)):
        found = client.list_orders(query)
        assert len(found) == 620
        assert {order.id for order in found} == {order.id for order in placed}
    assert len(client.list_orders(OrderQuery(limit=510))) == 510


def test_more_than_a_page_of_fills_is_listed_whole(server: Server, connect: Connect) -> None:
    client = connect(server)
    seen: list[Any] = []
    stream = client.trade_updates()
    for message in stream.messages():
        if isinstance(message, Connected):
            with ThreadPoolExecutor(4) as pool:
                requests = (
                    OrderRequest("AAPL", Side.BUY, qty=Decimal(1), client_order_id=f"fill-{n}")
                    for n in range(230)
                )
                list(pool.map(client.place_order, requests))
        elif isinstance(message, TradeUpdate) and message.execution_id and message.price:
            seen.append(message)
            if sum(update.qty or 0 for update in seen) == 230:
                stream.close()
    activities = client.get_activities()
    assert sum(activity.qty or 0 for activity in activities) == 230
    assert len({activity.id for activity in activities}) == len(activities) == len(seen)
    times = [activity.at for activity in activities if activity.at]
    assert times == sorted(times)
    position = client.get_position("AAPL")
    assert position is not None and position.qty == 230


def failing_post(client: AlpacaClient, request: OrderRequest) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        client.place_order(request)
    return caught.value


def test_lost_reply_is_in_doubt_and_the_look_up_finds_the_order(
    server: Server, connect_both: Connect
) -> None:
    client = connect_both(server, timeout_seconds=0.5)
    for number, how in enumerate(("hang", "reset")):
        fault(server, "reply_lost", method="POST", path="/v2/orders", count=1, how=how, seconds=2)
        error = failing_post(client, resting(number))
        assert error.in_doubt, error
        assert error.client_order_id == f"rest-{number}"
        assert client.get_order_by_client_id(f"rest-{number}").client_order_id


def test_request_that_was_not_carried_out_is_proven_absent(
    server: Server, connect_both: Connect
) -> None:
    client = connect_both(server)
    for kind, fields in (("reset_before", {}), ("server_error", {"status": 504})):
        fault(server, kind, method="POST", path="/v2/orders", count=1, **fields)
        assert failing_post(client, resting(7)).in_doubt
        with pytest.raises(BrokerError) as caught:
            client.get_order_by_client_id("rest-7")
        assert caught.value.kind == "broker.order_not_found"


def test_broken_success_is_in_doubt_and_the_order_is_there(
    server: Server, connect_both: Connect
) -> None:
    client = connect_both(server)
    for number, kind in enumerate(("html_body", "truncated_json")):
        fault(server, kind, method="POST", path="/v2/orders", count=1)
        assert failing_post(client, resting(number)).in_doubt
        assert client.get_order_by_client_id(f"rest-{number}").id


def test_rate_limit_is_not_executed(server: Server, connect_both: Connect) -> None:
    client = connect_both(server)
    fault(server, "rate_limited", method="POST", path="/v2/orders", count=1, retry_after=3)
    error = failing_post(client, resting(1))
    assert (error.kind, error.in_doubt, error.retry_after_seconds) == (
        "broker.rate_limited",
        False,
        3,
    )


def test_cancels_go_through_when_entries_have_used_their_share(
    tmp_path: Path, connect: Connect
) -> None:
    with exchange(tmp_path, "--rate-limit", "40") as limited:
        client = connect(limited, requests_per_minute=40, timeout_seconds=0.5)
        placed = []
        with pytest.raises(RateLimited) as held_back:
            for number in range(100):
                placed.append(client.place_order(resting(number)))
        assert held_back.value.status is None  # our own restraint, not a 429
        assert 30 <= len(placed) < 40
        client.cancel_order(placed[0].id)
        canceled = {result.id for result in client.cancel_all_orders() if result.ok}
        assert canceled >= {order.id for order in placed[1:]}


def test_stream_cut_in_the_middle_reconnects_and_says_so(server: Server, connect: Connect) -> None:
    client = connect(server)
    stream = client.trade_updates()
    states: list[type] = []
    for message in stream.messages():
        if isinstance(message, TradeUpdate):
            continue
        states.append(type(message))
        if len(states) == 1:
            fault(server, "stream_cut", count=1)
            client.place_order(resting(1))
        elif len(states) == 3:
            stream.close()
    assert states == [Connected, Disconnected, Connected]


def test_second_stream_of_an_account_waits_for_the_first(tmp_path: Path, connect: Connect) -> None:
    with exchange(tmp_path, "--single-stream") as single:
        client = connect(single, "PKONE")
        first, second = client.trade_updates(), client.trade_updates()
        one = first.messages()
        assert isinstance(next(one), Connected)
        two = second.messages()
        refused = next(two)
        assert isinstance(refused, Disconnected)
        assert "429" in refused.reason
        first.close()
        assert list(one) == []
        while not isinstance(next(two), Connected):
            pass
        second.close()
        assert list(two) == []


def test_live_quotes_arrive_for_stocks_and_pairs(server: Server, connect: Connect) -> None:
    client = connect(server)
    for kind, symbol in (("stocks", "AAPL"), ("crypto", "BTC/USD")):
        stream = client.market_data(kind)  # type: ignore[arg-type]
        stream.subscribe(quotes=[symbol], trades=[symbol], statuses=[symbol])
        for message in stream.messages():
            if isinstance(message, Quote):
                assert message.symbol == symbol
                assert message.ask >= message.bid > 0
                stream.close()


def test_clock_follows_an_exchange_that_stands_still_and_one_that_runs(
    frozen: Server, tmp_path: Path
) -> None:
    """Goal: the exchange's clock rules, also between replies. Method: our seconds pass by hand."""
    seconds = [1000.0]
    with clients(sdk=False) as make:
        clock = BrokerClock(monotonic=lambda: seconds[0])
        make(frozen, clock=clock).get_account()
        stands = clock()
        seconds[0] += 3600
        assert clock() == stands
        assert stands.isoformat() == "2026-10-08T14:30:00+00:00"
        with exchange(tmp_path, "--speed", "60", "--at", "2026-10-08 10:30") as fast:
            clock = BrokerClock(monotonic=lambda: seconds[0])
            make(fast, clock=clock).get_account()
            runs = clock()
            seconds[0] += 10
            assert (clock() - runs).total_seconds() == 600
            fast.call("POST", "/sim/faults", {"kind": "rate_limited", "count": 9})
            with pytest.raises(RateLimited) as refused:
                make(fast, clock=clock).get_account()
            assert 0 <= (refused.value.retry_after_seconds or 9) <= 1  # a minute of the exchange's
