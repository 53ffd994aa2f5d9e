"""Goal: each call asks the right thing and reads the answer. Method: a scripted server.

The same tests run over both transports.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from execbot.broker.alpaca import DATA_STREAM_URL, AlpacaClient
from execbot.broker.errors import BrokerError, NotFound
from execbot.broker.port import OrderQuery, ReplaceRequest
from execbot.broker.session import Exchanged
from execbot.model.enums import OrderStatus, Side, TimeInForce
from execbot.model.order import Order, OrderRequest
from execbot.model.timer import Timer

Make = Callable[..., AlpacaClient]
START = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)


def order(order_id: str, **fields: Any) -> dict[str, Any]:
    plain = {"symbol": "AAPL", "side": "buy", "status": "new"}
    return {"id": order_id, "client_order_id": f"c-{order_id}", **plain, **fields}


def query_of(asked: Any) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(asked.target).query).items()}


def test_urls_follow_the_mode_and_each_other() -> None:
    paper, live = AlpacaClient("k", "s"), AlpacaClient("k", "s", paper=False)
    assert paper.trading_url == "https://paper-api.alpaca.markets"
    assert live.trading_url == "https://api.alpaca.markets"
    assert live.stream_url == "wss://api.alpaca.markets/stream"
    assert live.data_stream_url == DATA_STREAM_URL
    local = AlpacaClient(
        "k", "s", trading_url="http://127.0.0.1:9/v2", data_url="http://127.0.0.1:9/"
    )
    assert local.trading_url == "http://127.0.0.1:9"
    assert local.stream_url == "ws://127.0.0.1:9/stream"
    assert local.data_stream_url == "ws://127.0.0.1:9"
    given = AlpacaClient("k", "s", data_stream_url="ws://127.0.0.1:9/v2/sip")
    assert "ws://127.0.0.1:9/v2/sip" in repr(given.market_data())
    assert "ws://127.0.0.1:9/v1beta3/crypto/us" in repr(given.market_data("crypto"))


@pytest.mark.parametrize("secret", ["", "two words", "line\nbreak", "€uro"])
def test_keys_that_cannot_be_keys_are_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(ValueError, match="key") as caught:
        AlpacaClient("k", secret)
    assert not secret or secret not in str(caught.value)


def test_account_without_the_removed_fields_is_read(make_client: Make, wire: Any, kit: Any) -> None:
    wire.script(kit.reply(200, {"id": "a", "status": "ACTIVE", "cash": "12.5", "new_field": 1}))
    account = make_client(wire.url).get_account()
    assert account.cash == Decimal("12.5")
    assert account.pattern_day_trader is None
    assert account.raw["new_field"] == 1


def test_lookup_by_client_id_quotes_it_and_knows_absence(
    make_client: Make, wire: Any, kit: Any
) -> None:
    client = make_client(wire.url)
    wire.script(kit.reply(404, {"code": 40410000, "message": "order not found for a b/c&d"}))
    with pytest.raises(NotFound) as caught:
        client.get_order_by_client_id("a b/c&d")
    assert caught.value.kind == "broker.order_not_found"
    assert wire.asked[0].path == "/v2/orders:by_client_order_id"
    assert query_of(wire.asked[0]) == {"client_order_id": "a b/c&d"}


def test_pair_is_quoted_in_paths_and_read_back_with_its_slash(
    make_client: Make, wire: Any, kit: Any
) -> None:
    client = make_client(wire.url)
    position = {"symbol": "BTCUSD", "qty": "0.5", "side": "long", "asset_class": "crypto"}
    wire.script(kit.reply(200, position))
    held = client.get_position("BTC/USD")
    assert held is not None
    assert held.symbol == "BTC/USD"
    assert wire.asked[0].target == "/v2/positions/BTC%2FUSD"
    wire.script(kit.reply(200, {"symbol": "BTC/USD", "class": "crypto"}))
    assert client.get_asset("BTC/USD").is_crypto
    assert wire.asked[1].target == "/v2/assets/BTC%2FUSD"


def test_no_position_is_none_and_other_failures_are_errors(
    make_client: Make, wire: Any, kit: Any
) -> None:
    client = make_client(wire.url)
    wire.script(kit.reply(404, {"code": 40410000, "message": "position does not exist"}))
    assert client.get_position("AAPL") is None
    wire.script(kit.reply(404, {"code": 40410000, "message": "symbol not found: AAPLL"}))
    with pytest.raises(BrokerError) as caught:
        client.get_position("AAPLL")
    assert caught.value.kind == "broker.unknown_symbol"


def test_replace_sends_only_what_changes(make_client: Make, wire: Any, kit: Any) -> None:
    wire.script(kit.reply(200, order("new", replaces="old", status="pending_new")))
    request = ReplaceRequest(limit_price=Decimal("10.50"), time_in_force=TimeInForce.GTC)
    assert make_client(wire.url).replace_order("old", request).replaces == "old"
    assert (wire.asked[0].method, wire.asked[0].path) == ("PATCH", "/v2/orders/old")
    assert wire.asked[0].json == {"limit_price": "10.5", "time_in_force": "gtc"}


def test_cancel_takes_an_empty_answer(make_client: Make, wire: Any, kit: Any) -> None:
    wire.script(kit.reply(204), kit.reply(200, b""))
    client = make_client(wire.url)
    client.cancel_order("one")
    client.cancel_order("two")
    assert [asked.target for asked in wire.asked] == ["/v2/orders/one", "/v2/orders/two"]


def test_an_empty_id_or_symbol_is_never_sent_because_it_would_mean_all_of_them(
    make_client: Make, wire: Any
) -> None:
    client = make_client(wire.url)
    asked: list[Callable[[], object]] = [
        lambda: client.cancel_order(""),
        lambda: client.get_order(""),
        lambda: client.replace_order("", ReplaceRequest(qty=Decimal(1))),
        lambda: client.close_position(""),
    ]
    for ask in asked:
        with pytest.raises(NotFound):
            ask()
    assert wire.asked == []


def test_a_success_that_is_no_order_leaves_a_write_in_doubt(
    make_client: Make, wire: Any, kit: Any
) -> None:
    wire.script(kit.reply(200, {"message": "scheduled maintenance"}))
    client = make_client(wire.url)
    request = OrderRequest("AAPL", Side.BUY, qty=Decimal(1), client_order_id="mine")
    with pytest.raises(BrokerError) as caught:
        client.place_order(request)
    assert caught.value.kind == "broker.bad_reply"
    assert caught.value.in_doubt
    with pytest.raises(BrokerError) as caught:
        client.get_order_by_client_id("mine")
    assert not caught.value.in_doubt


def test_cancel_all_reads_each_items_own_outcome(make_client: Make, wire: Any, kit: Any) -> None:
    parent = order("parent", status="filled", legs=[order("leg", status="pending_cancel")])
    items = [
        {"id": "one", "status": 200, "body": order("one", status="pending_cancel")},
        {"id": "leg", "status": 200, "body": parent},
        {"id": "bare", "status": 200},
        {"id": "gone", "status": 404, "body": {"code": 40410000, "message": "order not found"}},
        {"id": "done", "status": 422, "body": {"message": 'order is already in "filled" state'}},
        {"id": "odd", "status": 500},
    ]
    wire.script(kit.reply(207, items))
    one, leg, bare, gone, done, odd = make_client(wire.url).cancel_all_orders()
    assert one.ok and one.order is not None and one.order.status is OrderStatus.PENDING_CANCEL
    assert leg.order is not None and leg.order.id == leg.id == "leg"
    assert bare.ok and bare.order is None
    assert gone.failure is not None and gone.failure.kind == "broker.order_not_found"
    assert done.failure is not None and done.failure.kind == "broker.order_already_done"
    assert odd.failure is not None and odd.failure.in_doubt


def test_close_all_tells_canceled_orders_from_closed_positions(
    make_client: Make, wire: Any, kit: Any
) -> None:
    held = {"code": 40310000, "message": "insufficient qty available for order", "symbol": "SQQQ"}
    items = [
        {"symbol": "0f6c-order", "status": 200, "body": order("0f6c-order")},
        {"symbol": "BTCUSD", "status": 200, "body": order("close", symbol="BTC/USD")},
        {"symbol": "SQQQ", "status": 403, "body": held},
    ]
    wire.script(kit.reply(207, items))
    canceled, closed, refused = make_client(wire.url).close_all_positions(cancel_orders=True)
    assert (canceled.id, canceled.symbol) == ("0f6c-order", "AAPL")
    assert (closed.id, closed.symbol) == ("close", "BTC/USD")
    assert (refused.symbol, refused.order) == ("SQQQ", None)
    assert refused.failure is not None
    assert refused.failure.kind == "broker.qty_held_for_orders"
    assert query_of(wire.asked[0]) == {"cancel_orders": "true"}


def test_nothing_to_cancel_is_an_empty_list(make_client: Make, wire: Any, kit: Any) -> None:
    wire.script(kit.reply(207, []), kit.reply(204))
    client = make_client(wire.url)
    assert client.cancel_all_orders() == []
    assert client.cancel_all_orders() == []


def test_close_position_in_part(make_client: Make, wire: Any, kit: Any) -> None:
    wire.script(kit.reply(200, order("x", side="sell", status="pending_new")))
    make_client(wire.url).close_position("AAPL", qty=Decimal("1.50"))
    assert (wire.asked[0].method, wire.asked[0].target) == ("DELETE", "/v2/positions/AAPL?qty=1.5")


def test_quotes_of_stocks_and_pairs_come_from_their_own_places(
    make_client: Make, wire: Any, kit: Any
) -> None:
    wire.script(
        kit.reply(200, b'{"quotes":{"AAPL":{"bp":0,"ap":186.43,"t":"2026-11-20T15:00:00Z"}}}'),
        kit.reply(200, b'{"quotes":{"BTC/USD":{"bp":0.1,"ap":0.30000000000000004}}}'),
    )
    quotes = make_client(wire.url, feed="iex").latest_quotes(["BTC/USD", "AAPL", "NOPE"])
    assert sorted(quotes) == ["AAPL", "BTC/USD"]
    assert quotes["AAPL"].ask == Decimal("186.43")
    assert not quotes["AAPL"].is_two_sided
    assert quotes["BTC/USD"].ask == Decimal("0.30000000000000004")
    stocks, pairs = wire.asked
    assert stocks.path == "/v2/stocks/quotes/latest"
    assert query_of(stocks) == {"symbols": "AAPL,NOPE", "feed": "iex"}
    assert pairs.path == "/v1beta3/crypto/us/latest/quotes"
    assert query_of(pairs) == {"symbols": "BTC/USD"}


def test_many_symbols_are_asked_for_in_parts(make_client: Make, wire: Any, kit: Any) -> None:
    names = [f"S{number}" for number in range(250)]
    wire.script(kit.reply(200, {"trades": {}}))
    assert make_client(wire.url).latest_trades(names) == {}
    asked = [query_of(one)["symbols"].split(",") for one in wire.asked]
    assert [len(part) for part in asked] == [100, 100, 50]
    assert [name for part in asked for name in part] == names


def test_plan_without_fresh_sip_prices_is_served_from_iex(
    make_client: Make, wire: Any, kit: Any
) -> None:
    refusal = {"message": "subscription does not permit querying recent SIP data"}
    bars = {"bars": {"SPY": [{"t": "2026-11-20T05:00:00Z", "o": 1, "h": 2, "l": 1, "c": 2}]}}
    wire.script(kit.reply(403, refusal), kit.reply(200, {**bars, "next_page_token": None}))
    client = make_client(wire.url)
    assert len(client.get_bars("SPY", "1Day", start=START)) == 1
    client.get_bars("SPY", "1Day", start=START)
    assert [query_of(asked).get("feed") for asked in wire.asked] == [None, "iex", "iex"]
    assert query_of(wire.asked[0])["adjustment"] == "split"


def test_bars_are_read_over_all_pages_up_to_the_limit(
    make_client: Make, wire: Any, kit: Any
) -> None:
    bar = {"t": "2026-11-20T05:00:00Z", "o": 1, "h": 2, "l": 1, "c": 1.5, "v": 10}
    first = {"bars": {"BTC/USD": [bar, bar]}, "next_page_token": "t1"}
    last = {"bars": {"BTC/USD": [bar]}, "next_page_token": None}
    wire.script(kit.reply(200, first), kit.reply(200, last))
    client = make_client(wire.url)
    assert len(client.get_bars("BTC/USD", "1Min", start=START)) == 3
    assert query_of(wire.asked[1])["page_token"] == "t1"
    wire.script(kit.reply(200, first))
    assert len(client.get_bars("BTC/USD", "1Min", start=START, limit=2)) == 2


def test_clock_and_calendar(make_client: Make, wire: Any, kit: Any) -> None:
    client = make_client(wire.url)
    wire.script(kit.reply(200, {"is_open": True, "next_close": "2026-11-20T16:00:00-05:00"}))
    assert client.get_clock().next_close == datetime(2026, 11, 20, 21, tzinfo=UTC)
    wire.script(kit.reply(200, [{"date": "2026-11-27", "open": "09:30", "close": "13:00"}]))
    days = client.get_calendar(date(2026, 11, 26), date(2026, 11, 27))
    assert [(day.date, day.close) for day in days] == [("2026-11-27", "13:00")]
    assert query_of(wire.asked[1]) == {"start": "2026-11-26", "end": "2026-11-27"}


def test_reads_are_tried_again_after_harmless_failures(
    make_client: Make, wire: Any, kit: Any
) -> None:
    naps: list[float] = []
    ok = kit.reply(200, {"id": "a"})
    client = make_client(wire.url, timer=Timer(sleep=naps.append), requests_per_minute=None)
    for answers in ((kit.reset, ok), (kit.reply(503, b""), kit.reply(504, b""), ok)):
        wire.script(*answers)
        assert client.get_account().id == "a"
    wire.script(kit.reply(429, {"message": "x"}, Retry_After="2"), ok)
    assert client.get_account().id == "a"
    assert 2 <= naps[-1] <= 2.25


def test_reads_give_up_after_three_attempts_and_at_once_when_slow(
    make_client: Make, wire: Any, kit: Any
) -> None:
    client = make_client(
        wire.url,
        timer=Timer(sleep=lambda seconds: None),
        timeout_seconds=0.3,
        requests_per_minute=None,
    )
    wire.script(kit.reply(500, b""))
    with pytest.raises(BrokerError):
        client.get_account()
    assert len(wire.asked) == 3
    for answer in (kit.hang, kit.reply(429, b"", Retry_After="60"), kit.reply(401, {})):
        wire.asked.clear()
        wire.script(answer)
        with pytest.raises(BrokerError):
            client.get_account()
        assert len(wire.asked) == 1


def test_an_observer_sees_each_exchange_with_its_request_id(
    make_client: Make, wire: Any, kit: Any
) -> None:
    seen: list[Exchanged] = []
    wire.script(kit.reply(404, {"message": "order not found"}, X_Request_ID="r-7"))
    with pytest.raises(NotFound):
        make_client(wire.url, observer=seen.append).get_order("x")
    assert [(one.method, one.path, one.status, one.request_id, one.error) for one in seen] == [
        ("GET", "/v2/orders/x", 404, "r-7", "broker.order_not_found")
    ]


def test_activities_are_sorted_and_filtered_even_by_a_server_that_ignores_the_filter(
    make_client: Make, wire: Any, kit: Any
) -> None:
    fill = {"activity_type": "FILL", "symbol": "AAPL", "side": "buy", "qty": "1", "price": "9"}
    rows = [
        {**fill, "id": "3", "order_id": "o1", "transaction_time": "2026-11-20T15:00:02Z"},
        {**fill, "id": "1", "order_id": "o1", "transaction_time": "2026-11-20T15:00:00Z"},
        {**fill, "id": "2", "order_id": "o2", "transaction_time": "2026-11-20T15:00:01Z"},
    ]
    wire.script(kit.reply(200, rows))
    found = make_client(wire.url).get_activities(after=START, order_id="o1")
    assert [activity.id for activity in found] == ["1", "3"]
    asked = query_of(wire.asked[0])
    assert asked["activity_types"] == "FILL"
    assert asked["after"] == "2026-11-20T14:30:00.000000Z"
    assert asked["order_id"] == "o1"


def test_one_client_serves_many_threads(make_client: Make, wire: Any, kit: Any) -> None:
    wire.script(kit.reply(200, order("x", status="new")))
    client = make_client(wire.url, requests_per_minute=None)
    found: list[Order] = []
    threads = [
        threading.Thread(
            target=lambda: found.extend(client.get_order("x") for _ in range(20)), daemon=True
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == len(wire.asked) == 80


def test_orders_are_listed_oldest_first_with_their_filters(
    make_client: Make, wire: Any, kit: Any
) -> None:
    rows = [
        order("late", submitted_at="2026-11-20T15:00:01Z"),
        order("early", submitted_at="2026-11-20T15:00:00Z"),
    ]
    wire.script(kit.reply(200, rows))
    query = OrderQuery(status="all", symbols=["AAPL", "BTC/USD"], after=START, nested=False)
    assert [one.id for one in make_client(wire.url).list_orders(query)] == ["early", "late"]
    assert query_of(wire.asked[0]) == {
        "status": "all",
        "symbols": "AAPL,BTC/USD",
        "after": "2026-11-20T14:30:00.000000Z",
        "nested": "false",
        "limit": "500",
        "direction": "desc",
    }
