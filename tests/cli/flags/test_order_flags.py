"""Goal: what cannot be a valid order is refused with exit 2 before anything is contacted.

Method: tables of flags given to the pure translation; a property over arbitrary words.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execbot.cli.errors import Failure, failure_of
from execbot.cli.exit_codes import ExitCode
from execbot.cli.flags.exit_flags import read_exits
from execbot.cli.flags.order_flags import OrderFlags, to_request
from execbot.desk.errors import BadExits
from execbot.exits.levels import LevelError
from execbot.model.enums import OrderType, Side, TimeInForce
from execbot.model.order import OrderRequest


def request(symbol: str = "AAPL", **flags: Any) -> OrderRequest:
    if "qty" not in flags and "notional" not in flags:
        flags["qty"] = "10"
    return to_request(OrderFlags(symbol=symbol, **flags))


def refused(symbol: str = "AAPL", **flags: Any) -> Failure:
    with pytest.raises(Failure) as caught:
        request(symbol, **flags)
    assert caught.value.exit_code is ExitCode.USAGE
    assert caught.value.outcome == "not_sent"
    return caught.value


def test_the_plain_order_buys_at_market_for_the_day() -> None:
    assert request().to_wire() == {
        "symbol": "AAPL",
        "side": "buy",
        "type": "market",
        "time_in_force": "day",
        "qty": "10",
    }


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"limit": "187.5"}, {"type": "limit", "limit_price": "187.5"}),
        ({"stop": "180"}, {"type": "stop", "stop_price": "180"}),
        (
            {"stop": "180", "limit": "179.99"},
            {"type": "stop_limit", "stop_price": "180", "limit_price": "179.99"},
        ),
        ({"trail_percent": "1.5%"}, {"type": "trailing_stop", "trail_percent": "1.5"}),
        ({"trail_price": "2"}, {"type": "trailing_stop", "trail_price": "2"}),
        ({"type": OrderType.LIMIT, "limit": "1"}, {"type": "limit"}),
        ({"type": OrderType.MARKET}, {"type": "market"}),
        ({"limit": "0.1234"}, {"limit_price": "0.1234"}),
        ({"limit": "1e1"}, {"limit_price": "10"}),
        ({"qty": "0.123456789"}, {"qty": "0.123456789"}),
        ({"qty": "10.000"}, {"qty": "10"}),
        ({"notional": "500.25"}, {"notional": "500.25"}),
        ({"side": Side.SELL, "tif": TimeInForce.GTC}, {"side": "sell", "time_in_force": "gtc"}),
        ({"limit": "1", "extended_hours": True}, {"extended_hours": True}),
        ({"client_order_id": "my-id"}, {"client_order_id": "my-id"}),
    ],
)
def test_flags_imply_the_type(flags: dict[str, Any], expected: dict[str, Any]) -> None:
    wire = request(**flags).to_wire()
    assert {name: wire.get(name) for name in expected} == expected


def test_symbols_are_read_in_any_case_and_pairs_are_good_till_canceled() -> None:
    assert request("brk.b").symbol == "BRK.B"
    pair = request("btc/usd", notional="100")
    assert (pair.symbol, pair.time_in_force) == ("BTC/USD", TimeInForce.GTC)


@pytest.mark.parametrize(
    "qty", ["0", "-1", "-0.5", "nan", "inf", "-inf", "ten", "", " ", "1,5", "0.0000000001", "1e20"]
)
def test_an_impossible_quantity_is_refused(qty: str) -> None:
    assert "--qty" in refused(qty=qty).message


@pytest.mark.parametrize("notional", ["0", "-5", "nan", "0.5", "10.001", "x", "1e30"])
def test_an_impossible_amount_is_refused(notional: str) -> None:
    assert "--notional" in refused(notional=notional).message


def test_exactly_one_of_quantity_and_amount_is_needed() -> None:
    assert refused(qty="1", notional="5").kind == "usage.size"
    with pytest.raises(Failure) as caught:
        to_request(OrderFlags(symbol="AAPL"))
    assert caught.value.kind == "usage.size"


@pytest.mark.parametrize(
    ("flag", "price"),
    [("limit", "187.505"), ("stop", "187.505"), ("limit", "0.12345"), ("trail_price", "1.005")],
)
def test_a_sub_penny_price_is_refused(flag: str, price: str) -> None:
    assert refused(**{flag: price}).kind == "usage.sub_penny"


@pytest.mark.parametrize("price", ["0", "-1", "nan", "abc", "1e12"])
def test_an_impossible_price_is_refused(price: str) -> None:
    assert "--limit" in refused(limit=price).message


@pytest.mark.parametrize(
    ("kind", "needs"),
    [
        (OrderType.LIMIT, "--limit"),
        (OrderType.STOP, "--stop"),
        (OrderType.STOP_LIMIT, "--limit and --stop"),
        (OrderType.TRAILING_STOP, "--trail-percent"),
    ],
)
def test_a_type_without_its_price_is_refused(kind: OrderType, needs: str) -> None:
    failure = refused(type=kind)
    assert failure.kind == "usage.missing_price"
    assert needs in failure.message


@pytest.mark.parametrize(
    "flags",
    [
        {"type": OrderType.MARKET, "limit": "5"},
        {"type": OrderType.LIMIT, "stop": "5"},
        {"type": OrderType.STOP, "stop": "5", "limit": "5"},
        {"type": OrderType.TRAILING_STOP, "limit": "5"},
        {"trail_percent": "1", "trail_price": "1"},
        {"trail_percent": "1", "limit": "5"},
        {"trail_percent": "1", "stop": "5"},
        {"trail_percent": "100"},
    ],
)
def test_flags_that_contradict_each_other_are_refused(flags: dict[str, Any]) -> None:
    refused(**flags)


@pytest.mark.parametrize(
    ("symbol", "flags"),
    [
        ("BTC/USD", {"tif": TimeInForce.DAY}),
        ("BTC/USD", {"stop": "5"}),
        ("BTC/USD", {"trail_percent": "1"}),
        ("BTC/USD", {"limit": "5", "extended_hours": True}),
        ("AAPL", {"extended_hours": True}),
        ("AAPL", {"limit": "5", "extended_hours": True, "tif": TimeInForce.IOC}),
        ("AAPL", {"qty": "0.5", "tif": TimeInForce.GTC}),
        ("AAPL", {"notional": "5", "tif": TimeInForce.GTC}),
        ("AAPL", {"qty": "0.5", "trail_percent": "1"}),
        ("AAPL", {"trail_percent": "1", "tif": TimeInForce.IOC}),
        ("AAPL", {"stop": "5", "tif": TimeInForce.OPG}),
        ("AAPL", {"stop": "5", "tif": TimeInForce.FOK}),
    ],
)
def test_what_alpaca_never_takes_is_refused_here(symbol: str, flags: dict[str, Any]) -> None:
    assert refused(symbol, **flags).kind == "usage.order"


@pytest.mark.parametrize("symbol", ["", " ", "AA PL", "A" * 40, "--qty", "AAPL\n", "ÄPFEL", "/USD"])
def test_a_word_that_is_no_symbol_is_refused(symbol: str) -> None:
    if symbol == "AAPL\n":
        assert request(symbol).symbol == "AAPL"
        return
    assert refused(symbol).kind == "usage.symbol"


@pytest.mark.parametrize("identifier", ["", "a b", "x" * 129, "tab\t"])
def test_an_unusable_client_order_id_is_refused(identifier: str) -> None:
    assert "--client-order-id" in refused(client_order_id=identifier).message


@pytest.mark.parametrize(
    ("symbol", "flags", "stop", "target"),
    [
        ("BTC/USD", {}, "2%", None),
        ("AAPL", {"notional": "50"}, "2%", None),
        ("AAPL", {"qty": "1.5"}, "2%", None),
        ("AAPL", {"stop": "5"}, "2%", None),
        ("AAPL", {"tif": TimeInForce.IOC}, "2%", None),
        ("AAPL", {"limit": "5", "extended_hours": True}, "2%", None),
        ("AAPL", {}, None, "2R"),
        ("AAPL", {}, "180.001", None),
    ],
)
def test_impossible_legs_are_refused(
    symbol: str, flags: dict[str, Any], stop: str | None, target: str | None
) -> None:
    parent = request(symbol, **flags)
    with pytest.raises((BadExits, Failure)) as caught:
        read_exits(parent, stop, [target] if target else [])
    assert failure_of(caught.value).exit_code is ExitCode.USAGE


@pytest.mark.parametrize("word", ["", "abc", "-2%", "0", "2X"])
def test_a_level_that_cannot_be_read_is_refused(word: str) -> None:
    with pytest.raises(LevelError):
        read_exits(request(), word, [])


words = st.text(max_size=12) | st.decimals().map(str) | st.floats().map(str)


@settings(max_examples=300, deadline=None)
@given(
    symbol=st.sampled_from(["AAPL", "BTC/USD"]) | words,
    qty=st.none() | words,
    notional=st.none() | words,
    limit=st.none() | words,
    stop=st.none() | words,
    trail=st.none() | words,
    tif=st.none() | st.sampled_from(TimeInForce),
    kind=st.none() | st.sampled_from(OrderType),
)
def test_any_words_give_an_order_that_alpaca_could_take_or_a_usage_failure(
    symbol: str,
    qty: str | None,
    notional: str | None,
    limit: str | None,
    stop: str | None,
    trail: str | None,
    tif: TimeInForce | None,
    kind: OrderType | None,
) -> None:
    flags = OrderFlags(
        symbol=symbol,
        qty=qty,
        notional=notional,
        limit=limit,
        stop=stop,
        trail_percent=trail,
        tif=tif,
        type=kind,
    )
    try:
        found = to_request(flags)
    except Failure as failure:
        assert failure.exit_code is ExitCode.USAGE
        return
    wire = found.to_wire()
    assert ("qty" in wire) != ("notional" in wire)
    for name in ("qty", "notional", "limit_price", "stop_price", "trail_percent"):
        if name in wire:
            assert Decimal(wire[name]) > 0
            assert "e" not in wire[name].lower()
