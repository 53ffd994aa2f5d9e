"""Goal: an answer or a frame with a value that cannot be is not read, and says why; the rest is.

Method: tables of spoilt rows and frames; a server at the level of sockets that sends them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from execbot.broker.alpaca import AlpacaClient
from execbot.broker.data_stream import NotRead, parse_data_frame
from execbot.broker.errors import UnreadRow
from execbot.broker.port import OrderQuery, TradeUpdate
from execbot.broker.stream import Unreadable, messages_of, parse_frame
from execbot.broker.stream_states import Gap
from execbot.model import border
from execbot.model.account import Account, Clock
from execbot.model.enums import Side
from execbot.model.order import Order, OrderRequest
from execbot.model.unread import Unread, unread_about, unread_of

NOW = datetime(2026, 10, 7, 14, 0, tzinfo=UTC)
ORDER: dict[str, Any] = {
    "id": "b-1",
    "client_order_id": "mine",
    "symbol": "AAPL",
    "side": "buy",
    "type": "market",
    "status": "filled",
    "qty": "10",
    "filled_qty": "10",
    "filled_avg_price": "187.25",
    "updated_at": "2026-10-07T13:59:59.123456789Z",
}
POSITION = {"symbol": "AAPL", "qty": "10", "avg_entry_price": "187.25", "market_value": "1872.5"}
FILL = {
    "id": "20261007::x",
    "activity_type": "FILL",
    "order_id": "b-1",
    "symbol": "AAPL",
    "side": "buy",
    "qty": "10",
    "price": "187.25",
    "transaction_time": "2026-10-07T13:59:59Z",
}
UPDATE = {
    "event": "fill",
    "timestamp": "2026-10-07T13:59:59Z",
    "execution_id": "e-1",
    "qty": "10",
    "price": "187.25",
    "order": ORDER,
}
DIGITS = "9" * 3000
Make = Callable[..., AlpacaClient]


def frame(**data: Any) -> str:
    return json.dumps({"stream": "trade_updates", "data": {**UPDATE, **data}})


# --- rows ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        ({"id": "../../x"}, "id: an id with characters that no id has"),
        ({"id": 7}, "id: not a text"),
        ({"client_order_id": None}, "client_order_id: there is none"),
        ({"client_order_id": "x\ufffd\n"}, "client_order_id: an id with characters that no id has"),
        ({"symbol": "\ufffd"}, "symbol: not a symbol"),
        ({"symbol": ""}, "symbol: there is none"),
        ({"side": "sideways"}, "side: neither buy nor sell"),
        ({"side": None}, "side: there is none"),
        ({"status": 7}, "status: not a word"),
        ({"qty": "1e30"}, "qty: beyond reason"),
        ({"qty": float("inf")}, "qty: not a number"),
        ({"qty": "-1"}, "qty: below zero"),
        ({"filled_qty": DIGITS}, "filled_qty: beyond reason"),
        ({"filled_qty": "1e-999999999"}, "filled_qty: more digits than any price has"),
        ({"filled_avg_price": "1e999999999999"}, "filled_avg_price: beyond reason"),
        ({"filled_avg_price": {}}, "filled_avg_price: not a number"),
        ({"stop_price": True}, "stop_price: not a number"),
        ({"replaced_by": "a/b"}, "replaced_by: an id with characters that no id has"),
        ({"extended_hours": "no"}, "extended_hours: neither true nor false"),
        ({"legs": 7}, "legs: not a list"),
        ({"legs": [7]}, "legs: no order"),
        ({"legs": [{**ORDER, "qty": "NaN"}]}, "legs: qty: not a number"),
    ],
)
def test_order_that_cannot_be(spoilt: dict[str, Any], why: str) -> None:
    """E-VAL-1, E-VAL-3."""
    row = {**ORDER, **spoilt}
    found = border.read_order(row, NOW)
    assert isinstance(found, Unread)
    assert (found.what, found.why, found.raw) == ("order", why, row)
    assert found.symbol == ("" if "symbol" in spoilt else "AAPL")


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        ({"qty": "1e999"}, "qty: beyond reason"),
        ({"qty": None}, "qty: there is none"),
        ({"qty": "1.0000000001"}, "qty: more than 9 decimals"),
        ({"side": 7}, "side: neither long nor short"),
        ({"symbol": "\ud800"}, "symbol: not a symbol"),
        ({"avg_entry_price": "-1"}, "avg_entry_price: below zero"),
        ({"asset_class": {}}, "asset_class: not a word"),
    ],
)
def test_position_that_cannot_be(spoilt: dict[str, Any], why: str) -> None:
    found = border.read_position({**POSITION, **spoilt})
    assert isinstance(found, Unread) and found.why == why


def test_what_nobody_books_is_unknown_alone() -> None:
    found = border.read_position({**POSITION, "market_value": "1e999", "current_price": {}})
    assert not isinstance(found, Unread)
    assert (found.qty, found.market_value, found.current_price) == (Decimal(10), None, None)


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        ({"transaction_time": "9999-12-31T23:59:59Z"}, "transaction_time: an impossible time"),
        ({"transaction_time": "2026-11-07T00:00:00Z"}, "transaction_time: an impossible time"),
        ({"transaction_time": None}, "transaction_time: there is none"),
        ({"id": None}, "id: there is none"),
        ({"price": None}, "price: there is none"),
        ({"side": 1}, "side: neither buy nor sell"),
        ({"order_id": "../x"}, "order_id: an id with characters that no id has"),
    ],
)
def test_fill_row_that_cannot_be(spoilt: dict[str, Any], why: str) -> None:
    """E-VAL-2: an execution at a time that cannot be would stay at it."""
    found = border.read_activity({**FILL, **spoilt}, NOW)
    assert isinstance(found, Unread) and found.why == why


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z", "soon", 7, {}])
def test_order_with_a_time_that_cannot_be_is_untimed(at: Any) -> None:
    """E-VAL-2: were it younger than every report to come, none of them would count."""
    found = border.read_order({**ORDER, "updated_at": at}, NOW)
    assert isinstance(found, Order) and found.updated_at is None
    ahead = (NOW + timedelta(days=2)).isoformat()
    found = border.read_order({**ORDER, "updated_at": ahead, "expires_at": ahead}, NOW)
    assert isinstance(found, Order)
    assert found.updated_at is None and found.expires_at is not None


def test_account_and_clock_keep_what_can_be() -> None:
    account = Account.from_wire({"id": "a", "equity": "1e999", "cash": "7", "daytrade_count": "x"})
    assert (account.equity, account.cash, account.daytrade_count) == (None, Decimal(7), None)
    clock = Clock.from_wire({"timestamp": "2150-01-01T00:00:00Z", "is_open": 7}, NOW)
    assert (clock.timestamp, clock.is_open) == (None, False)


def test_nameless_position_may_be_any_that_is_not_listed() -> None:
    """E-ALL-3: the symbol is unknown, not absent."""
    rows = border.read_positions([{**POSITION, "symbol": "MSFT"}, {**POSITION, "symbol": "\ud800"}])
    assert [position.symbol for position in rows] == ["MSFT"]
    assert unread_about("AAPL", rows.unread, ["MSFT"]) is rows.unread[0]
    assert unread_about("MSFT", rows.unread, ["MSFT"]) is None
    named = Unread("order", "BTC/USD", "qty: beyond reason")
    assert unread_about("BTCUSD", [named], []) is named
    assert unread_about("ETHUSD", [named], []) is None


# --- answers -------------------------------------------------------------------------------


def test_list_with_one_row_that_cannot_be_keeps_the_others(
    make_client: Make, wire: Any, kit: Any
) -> None:
    rows = [ORDER, {**ORDER, "id": "b-2", "qty": "1e30"}, 7]
    wire.script(kit.reply(200, rows))
    found = make_client(wire.url, now=lambda: NOW).list_orders(OrderQuery("all"))
    assert [order.id for order in found] == ["b-1"]
    assert {(row.symbol, row.why) for row in unread_of(found)} == {
        ("AAPL", "qty: beyond reason"),
        ("", "id: there is none"),
    }


def test_answer_about_another_order_leaves_a_write_in_doubt(
    make_client: Make, wire: Any, kit: Any
) -> None:
    wire.script(kit.reply(200, {**ORDER, "client_order_id": "theirs"}))
    client = make_client(wire.url, now=lambda: NOW)
    request = OrderRequest("AAPL", Side.BUY, qty=Decimal(10), client_order_id="mine")
    with pytest.raises(UnreadRow, match="another one") as caught:
        client.place_order(request)
    assert caught.value.in_doubt
    with pytest.raises(UnreadRow, match="another one"):
        client.get_order("b-2")
    wire.script(kit.reply(200, {**POSITION, "symbol": "MSFT"}))
    with pytest.raises(UnreadRow, match="another one"):
        client.get_position("AAPL")


@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b'{"id":' + b"[" * 60 + b"]" * 60 + b"}", b'{"id":"\xff"', b"9" * 5000],
)
def test_nesting_and_digits_without_end_are_no_answer(
    make_client: Make, wire: Any, kit: Any, body: bytes
) -> None:
    wire.script(kit.reply(200, body))
    client = make_client(wire.url)
    for ask in (client.get_account, client.get_clock, client.get_positions):
        with pytest.raises(Exception, match="could not be read"):
            ask()


def test_half_a_character_becomes_the_sign_for_an_unknown_one(
    make_client: Make, wire: Any, kit: Any
) -> None:
    wire.script(kit.reply(200, b'{"id": "a", "status": "AC\\ud800", "\\udfff": ["\\ud800"]}'))
    account = make_client(wire.url).get_account()
    assert account.status == "AC\ufffd"
    assert json.dumps(dict(account.raw), ensure_ascii=False).encode()


# --- frames --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spoilt",
    [
        {"order": {**ORDER, "legs": 7}},
        {"order": 7},
        {"event": {}},
        {"qty": "1e999"},
        {"price": float("inf")},
        {"position_qty": DIGITS},
        {"execution_id": 7},
        {"execution_id": "\ud800"},
        {"timestamp": "9999-12-31T23:59:59Z"},
        {"legs": {}},
        {"legs": [{"qty": "NaN"}]},
    ],
)
def test_frame_that_cannot_be_leaves_a_gap_with_its_symbol(spoilt: dict[str, Any]) -> None:
    [gap] = messages_of(frame(**spoilt), NOW)
    assert isinstance(gap, Gap) and gap.unread is not None
    assert gap.unread.symbol == ("" if spoilt.get("order") == 7 else "AAPL")
    assert gap.unread.raw["execution_id"]


def test_frame_of_more_shares_than_its_own_total_is_not_read() -> None:
    """E-VAL-5: the order is asked for instead."""
    [gap] = messages_of(frame(qty="11", order={**ORDER, "filled_qty": "10"}), NOW)
    assert isinstance(gap, Gap) and gap.unread is not None
    [update] = messages_of(frame(qty="10", order={**ORDER, "filled_qty": "10"}), NOW)
    assert isinstance(update, TradeUpdate)


def test_frame_that_can_be_is_read() -> None:
    [update] = messages_of(frame(new_field={"a": [1]}), NOW)
    assert isinstance(update, TradeUpdate) and update.qty == Decimal(10)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100 + "1" + "}" * 100, "9" * 5000])
def test_frame_without_end_is_unreadable(text: str) -> None:
    assert isinstance(parse_frame(text), Unreadable)
    assert all(isinstance(item, NotRead) for item in parse_data_frame(text))


@pytest.mark.parametrize(
    "row",
    [
        '{"T":"t","S":"AAPL","p":null}',
        '{"T":"t","S":"AAPL","p":1e999}',
        '{"T":"t","S":"AAPL","p":0}',
        '{"T":"t","S":7,"p":1}',
        '{"T":"l","S":"AAPL","u":{},"d":1}',
        "7",
    ],
)
def test_price_that_cannot_be_fires_nothing(row: str) -> None:
    """E-PX-2: a trade at 0 would set off every stop."""
    [found] = parse_data_frame(f"[{row}]", NOW)
    assert isinstance(found, NotRead)
