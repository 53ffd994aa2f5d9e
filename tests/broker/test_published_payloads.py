"""Goal: what Alpaca really sends is read. Method: recorded and documented payloads, if present."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from execbot.broker.bulk import bulk_result
from execbot.broker.data_stream import DataError, TradingStatus, parse_data_frame
from execbot.broker.market_stream import LimitBand
from execbot.broker.port import TradeUpdate
from execbot.broker.stream import Authorization, Listening, ServerError, parse_frame
from execbot.broker.stream_errors import DATA_STREAM_ROWS
from execbot.model.account import Account, Activity, Asset, CalendarDay, Position
from execbot.model.enums import OrderStatus
from execbot.model.order import Order
from execbot.model.quote import Quote, Trade

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def load(payloads: Path, name: str) -> Any:
    data = json.loads((payloads / name).read_text(encoding="utf-8"))
    return data["body"] if isinstance(data, dict) and {"status", "body"} <= set(data) else data


def orders_in(data: Any) -> list[dict[str, Any]]:
    """Every order object anywhere inside of a payload."""
    if isinstance(data, list):
        return [order for item in data for order in orders_in(item)]
    if not isinstance(data, dict):
        return []
    found = [data] if "client_order_id" in data and "status" in data else []
    return found + [order for value in data.values() for order in orders_in(value)]


def test_every_published_order_is_read_with_a_known_status(payloads: Path) -> None:
    seen = 0
    for path in sorted((payloads / "rest").glob("*.json")):
        for row in orders_in(json.loads(path.read_text(encoding="utf-8"))):
            order = Order.from_wire(row)
            assert order.id == row["id"], path.name
            assert order.status is not OrderStatus.UNKNOWN, path.name
            assert order.submitted_at is not None, path.name
            assert len(order.legs) == len(row.get("legs") or []), path.name
            seen += 1
    assert seen > 40


def test_cancel_all_with_legs_finds_the_leg_inside_its_parent(payloads: Path) -> None:
    items = load(payloads, "rest/rec_2021_delete_all_orders_207.json")
    for item in items:
        result = bulk_result(item, NOW)
        assert result.ok
        assert result.order is not None
        assert result.order.id == result.id == item["id"]


def test_close_all_with_an_open_bracket_tells_the_orders_from_the_position(payloads: Path) -> None:
    name = "rest/rec_2021_delete_all_positions_207_with_open_bracket.json"
    results = [bulk_result(item, NOW) for item in load(payloads, name)]
    refused = [result for result in results if not result.ok]
    assert {result.symbol for result in results} == {"AMZN"}
    assert [result.failure.kind for result in refused if result.failure] == [
        "broker.qty_held_for_orders"
    ]


def test_mixed_207_bodies_keep_each_items_error(payloads: Path) -> None:
    closed = [
        bulk_result(item, NOW)
        for item in load(payloads, "rest/sdk_close_all_positions_207_mixed.json")
    ]
    kinds = [result.failure.kind if result.failure else None for result in closed]
    assert kinds == [None, "broker.qty_held_for_orders", "broker.short_not_allowed"]
    canceled = [
        bulk_result(item, NOW) for item in load(payloads, "rest/sdk_cancel_orders_207_mixed.json")
    ]
    assert [result.ok for result in canceled] == [True, False]


def test_accounts_of_2026_are_read_without_the_removed_fields(payloads: Path) -> None:
    for name in ("rec_2026-07_account_fresh_paper", "rec_2026-10_account_after_trading"):
        account = Account.from_wire(load(payloads, f"rest/{name}.json"))
        assert account.status == "ACTIVE"
        assert account.cash is not None and account.cash > 0
        assert account.pattern_day_trader is None


def test_positions_assets_activities_and_calendar_are_read(payloads: Path) -> None:
    for name in ("rec_2021_get_positions", "rec_2026-10_positions_fractional"):
        for row in load(payloads, f"rest/{name}.json"):
            assert Position.from_wire(row).qty == Decimal(row["qty"])
    shorts = load(payloads, "rest/syn_position_short.json")
    assert [Position.from_wire(row).qty < 0 for row in shorts] == [True]
    for row in load(payloads, "rest/rec_2026-10_activities_fill.json"):
        activity = Activity.from_wire(row)
        assert activity.at is not None
        assert activity.price == Decimal(row["price"])
    for row in load(payloads, "rest/rec_2021_get_calendar.json"):
        assert CalendarDay.from_wire(row).date == row["date"]
    assert Asset.from_wire(load(payloads, "rest/rec_2021_get_asset_by_symbol.json")).symbol


def test_trade_update_frames_are_read_as_text_and_as_binary(payloads: Path) -> None:
    for path in sorted((payloads / "trade_updates").glob("*_*.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        if "handshake" in path.name:
            continue
        text = json.dumps(data)
        update = parse_frame(text)
        assert isinstance(update, TradeUpdate), path.name
        assert update == parse_frame(text.encode()), path.name
        assert update.event == data["data"]["event"]
        assert update.at is not None
    fill = parse_frame((payloads / "trade_updates" / "rec_2026-07_fill.json").read_text())
    assert isinstance(fill, TradeUpdate)
    assert (fill.price, fill.qty, fill.position_qty) == (Decimal("737.91"), 1, 1)
    assert fill.execution_id


def test_handshake_replies_are_read(payloads: Path) -> None:
    rows = load(payloads, "trade_updates/doc_handshake_server.json")
    found = [parse_frame(json.dumps(row)) for row in rows]
    assert found == [
        Authorization(True, "authenticate"),
        Authorization(False, "authenticate"),
        Authorization(False, "listen"),
        Listening(("trade_updates",)),
        ServerError("internal server error"),
    ]


def test_data_messages_are_read_with_decimals(payloads: Path) -> None:
    stocks = parse_data_frame((payloads / "data_ws" / "doc_stock_messages.json").read_bytes())
    kinds = [type(message) for message in stocks]
    assert kinds == [Trade, Quote, TradingStatus]
    trade = stocks[0]
    assert isinstance(trade, Trade)
    assert trade.price == Decimal("126.55")
    more = parse_data_frame((payloads / "data_ws" / "doc_stock_messages_2.json").read_bytes())
    assert [type(message) for message in more] == [LimitBand]
    crypto = parse_data_frame((payloads / "data_ws" / "doc_crypto_messages.json").read_bytes())
    assert [message.symbol for message in crypto if isinstance(message, Quote)] == ["BAT/USD"]


def test_every_documented_error_code_of_the_data_stream_is_known(payloads: Path) -> None:
    for frame in load(payloads, "data_ws/doc_errors.json"):
        (error,) = parse_data_frame(json.dumps(frame))
        assert isinstance(error, DataError)
        assert error.code in DATA_STREAM_ROWS
