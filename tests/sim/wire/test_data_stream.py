"""Goal: the data stream keeps Alpaca's protocol: greeting, authentication, subscriptions, errors,
messages in both encodings, and nothing twice.
Method: feed a connection messages and times and read the frames; no sockets.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execbot.sim.calendar import AlwaysOpen, ExchangeCalendar, new_york
from execbot.sim.prices.adjustments import Adjustments
from execbot.sim.prices.mixed import build_prices
from execbot.sim.types import SECOND
from execbot.sim.wire.data_feed import feed_of, luld_bands, luld_message, status_message
from execbot.sim.wire.data_stream import DataStream
from execbot.sim.wire.reference.news import Newsroom

NOW = new_york("2026-11-18", 11 * 60)
MINUTE = 60 * SECOND
AUTH = {"action": "auth", "key": "k", "secret": "s"}
CONNECTED = [{"T": "success", "msg": "connected"}]
AUTHENTICATED = [{"T": "success", "msg": "authenticated"}]


@dataclass
class Market:
    prices: Any
    assets: Any
    calendar: Any
    adjustments: Any = field(default_factory=Adjustments)
    newsroom: Any = field(init=False)

    def __post_init__(self) -> None:
        self.newsroom = Newsroom(7, self.assets)


def new_market(calendar=None) -> Market:
    calendar = calendar or AlwaysOpen()
    prices, assets = build_prices(calendar=calendar)
    return Market(prices, assets, calendar)


MARKET = new_market()


def connect(path="/v2/iex", market=MARKET, **options) -> DataStream:
    options.setdefault("authorize", lambda key, secret: None if key == "k" else 402)
    options.setdefault("headers", {})
    return DataStream(feed_of(path), market, NOW, **options)


def say(stream: DataStream, message: Any, now: int = NOW) -> list[Any]:
    text = message if isinstance(message, str | bytes) else json.dumps(message)
    return [json.loads(frame) for frame in stream.receive(text, now)]


def ready(path="/v2/iex", **options) -> DataStream:
    stream = connect(path, **options)
    stream.open()
    assert say(stream, AUTH) == [AUTHENTICATED]
    return stream


def messages(stream: DataStream, until: int) -> list[dict[str, Any]]:
    return [message for frame in stream.advance(until) for message in json.loads(frame)]


def error(code: int, text: str) -> list[Any]:
    return [[{"T": "error", "code": code, "msg": text}]]


def test_the_server_greets_and_takes_keys_by_message_or_header():
    stream = connect()
    assert [json.loads(frame) for frame in stream.open()] == [CONNECTED]
    assert say(stream, AUTH) == [AUTHENTICATED]
    headers = {"apca-api-key-id": "k", "apca-api-secret-key": "s"}
    opened = [json.loads(frame) for frame in connect(headers=headers).open()]
    assert opened == [CONNECTED, AUTHENTICATED]


def test_wrong_keys_end_the_connection():
    stream = connect()
    stream.open()
    assert say(stream, {**AUTH, "key": "x"}) == error(402, "auth failed")
    assert stream.closed
    assert say(stream, AUTH) == [] and stream.advance(NOW + MINUTE) == []
    stream = connect(headers={"apca-api-key-id": "x", "apca-api-secret-key": "s"})
    assert json.loads(stream.open()[1])[0]["code"] == 402 and stream.closed


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (406, "connection limit exceeded"),
        (409, "insufficient subscription"),
    ],
)
def test_the_server_may_refuse_good_keys(code, text):
    stream = connect(authorize=lambda key, secret: code)
    stream.open()
    assert say(stream, AUTH) == error(code, text)
    assert stream.closed


def test_ten_seconds_without_keys_end_the_connection():
    stream = connect()
    stream.open()
    assert stream.active
    assert stream.advance(NOW + 10 * SECOND - 1) == []
    assert [json.loads(f) for f in stream.advance(NOW + 10 * SECOND)] == error(404, "auth timeout")
    assert stream.closed and not stream.active


def test_mistakes_that_leave_the_connection_open():
    stream = connect()
    stream.open()
    assert say(stream, {"action": "subscribe", "trades": ["AAPL"]}) == error(
        401, "not authenticated"
    )
    for broken in ("{", "[]", "5", '{"action":"listen"}', b"\xff\xfe", '{"T":"x"}'):
        assert say(stream, broken) == error(400, "invalid syntax")
    assert say(stream, AUTH) == [AUTHENTICATED]
    assert say(stream, AUTH) == error(403, "already authenticated")
    subscribe = {"action": "subscribe", "trades": "AAPL"}
    assert say(stream, subscribe) == error(400, "invalid syntax")
    assert not stream.closed


def test_a_channel_of_another_feed_is_refused_and_changes_nothing():
    stream = ready()
    say(stream, {"action": "subscribe", "trades": ["AAPL"]})
    refused = error(410, "invalid subscribe action for this feed")
    assert say(stream, {"action": "subscribe", "orderbooks": ["BTC/USD"]}) == refused
    assert stream.subscriptions["trades"] == {"AAPL"}
    crypto = ready("/v1beta3/crypto/us")
    assert say(crypto, {"action": "subscribe", "lulds": ["*"]}) == refused


def test_acknowledgements_show_the_whole_state():
    stream = ready()
    wanted = {
        "action": "subscribe",
        "trades": ["AAPL"],
        "quotes": ["AMD", "AAPL"],
        "bars": ["*"],
    }
    assert say(stream, wanted) == [[{
        "T": "subscription",
        "trades": ["AAPL"],
        "quotes": ["AAPL", "AMD"],
        "bars": ["*"],
        "updatedBars": [],
        "dailyBars": [],
        "statuses": [],
        "lulds": [],
        "corrections": ["AAPL"],
        "cancelErrors": ["AAPL"],
    }]]  # fmt: skip
    gone = say(stream, {"action": "unsubscribe", "quotes": ["AMD", "X"], "trades": ["AAPL"]})
    assert gone[0][0]["quotes"] == ["AAPL"]
    assert gone[0][0]["trades"] == gone[0][0]["corrections"] == []
    sparse = ready(sparse_ack=True)
    assert say(sparse, {"action": "subscribe", "quotes": ["AMD"]}) == [
        [{"T": "subscription", "quotes": ["AMD"]}]
    ]
    crypto = ready("/v1beta3/crypto/us")
    ack = say(crypto, {"action": "subscribe", "orderbooks": ["BTC/USD"]})[0][0]
    assert set(ack) == {
        "T", "trades", "quotes", "orderbooks", "bars", "updatedBars", "dailyBars",
    }  # fmt: skip


def test_too_many_symbols_are_refused_and_the_old_ones_stay():
    stream = ready(symbol_limit=3)
    say(stream, {"action": "subscribe", "trades": ["A", "B"], "bars": ["C", "D", "E"]})
    more = {"action": "subscribe", "quotes": ["A", "B"]}
    assert say(stream, more) == error(405, "symbol limit exceeded")
    assert stream.subscriptions["trades"] == {"A", "B"}
    assert not stream.subscriptions.get("quotes")
    assert not stream.closed


def test_quotes_and_trades_are_those_of_the_market_each_once_and_in_order():
    stream = ready()
    say(stream, {"action": "subscribe", "quotes": ["AAPL", "NOPE"], "trades": ["AAPL", "MSFT"]})
    found = []
    for step in (1, 250_000_000, SECOND, 3 * SECOND, 3 * SECOND + 1, 7 * SECOND):
        found += messages(stream, NOW + step)
    assert messages(stream, NOW + 7 * SECOND) == []
    quotes = [m for m in found if m["T"] == "q"]
    assert [m["bp"] for m in quotes] == [
        float(q.bid) for q in MARKET.prices.quotes("AAPL", NOW + 1, NOW + 7 * SECOND)
    ]
    trades = [m for m in found if m["T"] == "t" and m["S"] == "MSFT"]
    assert [m["s"] for m in trades] == [
        t.size for t in MARKET.prices.trades("MSFT", NOW + 1, NOW + 7 * SECOND)
    ]
    assert [m["t"] for m in found] == sorted(m["t"] for m in found)
    assert set(quotes[0]) == {"T", "S", "bx", "bp", "bs", "ax", "ap", "as", "c", "z", "t"}
    assert set(trades[0]) == {"T", "S", "i", "x", "p", "s", "c", "z", "t"}


def test_a_new_subscription_starts_now_and_an_ended_one_stops():
    stream = ready()
    later = NOW + 5 * SECOND
    say(stream, {"action": "subscribe", "quotes": ["AAPL"]}, later)
    assert len(messages(stream, later + 2 * SECOND)) == 2
    frames = say(stream, {"action": "unsubscribe", "quotes": ["AAPL"]}, later + 3 * SECOND)
    assert [frame[0]["T"] for frame in frames] == ["q", "subscription"]
    assert messages(stream, later + 9 * SECOND) == []
    assert not stream.active


def test_the_star_stands_for_every_symbol_of_the_feed():
    stream = ready()
    say(stream, {"action": "subscribe", "quotes": ["*"]})
    found = {m["S"] for m in messages(stream, NOW + SECOND)}
    assert len(found) > 150 and not any("/" in symbol for symbol in found)
    crypto = ready("/v1beta3/crypto/us")
    say(crypto, {"action": "subscribe", "trades": ["*"]})
    found = {m["S"] for m in messages(crypto, NOW + SECOND)}
    assert len(found) >= 20 and all("/" in symbol for symbol in found)


def test_minute_bars_come_at_the_end_of_their_minute_with_the_running_day():
    stream = ready()
    say(stream, {"action": "subscribe", "bars": ["AAPL"], "dailyBars": ["AAPL"]})
    assert messages(stream, NOW + MINUTE - 1) == []
    bar, day = messages(stream, NOW + MINUTE)
    assert (bar["T"], bar["t"], day["T"]) == ("b", "2026-11-18T16:00:00Z", "d")
    assert day["t"] == "2026-11-18T05:00:00Z" and day["c"] == bar["c"]
    later = messages(stream, NOW + 3 * MINUTE)
    assert [m["T"] for m in later] == ["b", "d", "b", "d"]
    fresh = ready()
    say(fresh, {"action": "subscribe", "dailyBars": ["AAPL"]}, NOW + 2 * MINUTE)
    (again,) = messages(fresh, NOW + 3 * MINUTE)
    assert {k: again[k] for k in "ohlcvn"} == {k: later[-1][k] for k in "ohlcvn"}


def test_equities_are_silent_while_closed_and_crypto_is_not():
    market = new_market(ExchangeCalendar())
    saturday = new_york("2026-11-21", 720)
    for path, symbol, count in (("/v2/iex", "GILD", 0), ("/v1beta3/crypto/us", "BTC/USD", 10)):
        stream = connect(path, market)
        stream.open()
        say(stream, AUTH, NOW)
        say(stream, {"action": "subscribe", "quotes": [symbol]}, saturday)
        assert len(messages(stream, saturday + 10 * SECOND)) == count


def test_crypto_messages_have_their_own_form():
    stream = ready("/v1beta3/crypto/us")
    channels = {"trades": ["BTC/USD"], "quotes": ["BTC/USD"], "orderbooks": ["BTC/USD"]}
    say(stream, {"action": "subscribe", **channels})
    found = {m["T"]: m for m in messages(stream, NOW + SECOND)}
    assert set(found["t"]) == {"T", "S", "p", "s", "t", "i", "tks"}
    assert set(found["q"]) == {"T", "S", "bp", "bs", "ap", "as", "t"}
    assert set(found["o"]) == {"T", "S", "a", "b", "t", "r"}
    assert found["o"]["a"][0]["p"] == found["q"]["ap"]


def test_the_test_stream_has_one_symbol_that_always_trades():
    market = new_market(ExchangeCalendar())
    stream = ready("/v2/test", market=market)
    say(stream, {"action": "subscribe", "quotes": ["*"], "bars": ["FAKEPACA"], "trades": ["AAPL"]})
    found = messages(stream, NOW + MINUTE)
    assert {m["S"] for m in found} == {"FAKEPACA"}
    assert [m["T"] for m in found].count("b") == 1


def test_the_delayed_feed_lies_fifteen_minutes_behind():
    stream = ready("/v2/delayed_sip")
    say(stream, {"action": "subscribe", "quotes": ["AAPL"]})
    (quote,) = messages(stream, NOW + SECOND)
    assert quote["t"] == "2026-11-18T15:45:01Z"


def test_a_jump_of_the_clock_does_not_replay_what_was_missed():
    stream = ready()
    say(stream, {"action": "subscribe", "quotes": ["AAPL"]})
    found = messages(stream, NOW + 86_400 * SECOND)
    assert len(found) <= 301 and found[-1]["t"] == "2026-11-19T16:00:00Z"


def test_halts_and_bands_reach_their_subscribers_only():
    asset = MARKET.assets.get("AAPL")
    halt = status_message("AAPL", asset, NOW, halted=True, reason="T12")
    assert halt == {
        "T": "s", "S": "AAPL", "sc": "H", "sm": "Trading Halt", "rc": "T12",
        "rm": "Trading Halted; For information requested by NASDAQ",
        "t": "2026-11-18T16:00:00Z", "z": "C",
    }  # fmt: skip
    stream = ready()
    assert stream.publish(halt) == []
    say(stream, {"action": "subscribe", "statuses": ["*"], "lulds": ["AAPL"]})
    assert json.loads(stream.publish(halt)[0]) == [halt]
    band = luld_message("MSFT", None, NOW, Decimal(100))
    assert stream.publish(band) == []
    found = messages(stream, NOW + 60 * SECOND)
    assert [m["T"] for m in found] == ["l", "l"]
    assert found[0]["d"] < found[0]["u"]
    ibm = status_message("IBM", MARKET.assets.get("IBM"), NOW, halted=False)
    assert (ibm["sc"], ibm["z"]) == ("3", "A")


def test_bands_widen_for_cheap_stocks():
    assert luld_bands(Decimal("100")) == (Decimal("105.00"), Decimal("95.00"))
    assert luld_bands(Decimal("2")) == (Decimal("2.40"), Decimal("1.60"))
    assert luld_bands(Decimal("0.10")) == (Decimal("0.1750"), Decimal("0.0250"))


def test_a_slow_reader_is_told_and_cut():
    stream = ready()
    assert [json.loads(frame) for frame in stream.fail(407)] == error(407, "slow client")
    assert stream.closed and stream.fail(407) == []


def test_msgpack_clients_get_binary_frames_with_timestamps():
    stream = connect(headers={"content-type": "application/msgpack"})
    assert msgpack.unpackb(stream.open()[0]) == CONNECTED
    assert msgpack.unpackb(stream.receive(msgpack.packb(AUTH), NOW)[0]) == AUTHENTICATED
    subscribe = msgpack.packb({"action": "subscribe", "quotes": ["AAPL"], "bars": ["AAPL"]})
    assert msgpack.unpackb(stream.receive(subscribe, NOW)[0])[0]["quotes"] == ["AAPL"]
    (frame,) = stream.advance(NOW + MINUTE)
    found = msgpack.unpackb(frame)
    assert found[0]["t"] == msgpack.Timestamp.from_unix_nano(NOW + SECOND)
    assert found[-1]["T"] == "b"
    broken = stream.receive(b"\xc1", NOW + MINUTE)
    assert msgpack.unpackb(broken[0])[0]["code"] == 400
    assert msgpack.unpackb(stream.receive(b"\x92\x01", NOW + MINUTE)[0])[0]["code"] == 400


def test_alpacas_own_models_read_the_messages():
    live = pytest.importorskip("alpaca.data.live.websocket")
    reader = live.DataStream("ws://nowhere", "k", "s")
    for path, symbol in (("/v2/iex", "AAPL"), ("/v1beta3/crypto/us", "BTC/USD")):
        stream = connect(path, headers={"content-type": "application/msgpack"})
        stream.receive(msgpack.packb(AUTH), NOW)
        channels = ["trades", "quotes", "bars", "dailyBars"]
        channels.append("orderbooks" if "/" in symbol else "lulds")
        wanted = {"action": "subscribe", **{channel: [symbol] for channel in channels}}
        stream.receive(msgpack.packb(wanted), NOW)
        kinds = set()
        for frame in stream.advance(NOW + MINUTE):
            for message in msgpack.unpackb(frame):
                kinds.add(message["T"])
                assert live._is_market_data(message)
                read = reader._cast(message)
                assert symbol == (read["S"] if isinstance(read, dict) else read.symbol)
        assert kinds == ({"t", "q", "b", "d", "o"} if "/" in symbol else {"t", "q", "b", "d", "l"})


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v2/sip", "sip"),
        ("/v2/iex/", "iex"),
        ("/v2/test", "test"),
        ("/v1beta1/boats", "boats"),
        ("/v1beta1/overnight", "overnight"),
        ("/v1beta3/crypto/us-1", "us-1"),
        ("/v1beta3/crypto/mars", None),
        ("/v2/nothing", None),
        ("/v1beta1/news", "news"),
        ("/v1beta1/nothing", None),
        ("/stream", None),
    ],
)
def test_paths_name_feeds(path, name):
    feed = feed_of(path)
    assert (feed.name if feed else None) == name


CHANNELS = st.sampled_from(["trades", "quotes", "bars", "statuses"])
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["subscribe", "unsubscribe"]),
        CHANNELS,
        st.lists(st.sampled_from(["AAPL", "MSFT", "SPY", "NOPE"]), max_size=3),
        st.integers(0, 5 * SECOND),
    ),
    max_size=8,
)


@settings(deadline=None, max_examples=50)
@given(STEPS)
def test_only_what_is_subscribed_arrives_and_acknowledgements_are_the_state(steps):
    stream, now, model = ready(), NOW, {}
    kinds = {"t": "trades", "q": "quotes", "b": "bars"}
    for action, channel, symbols, delay in steps:
        now += delay
        message = {"action": action, channel: symbols}
        *before, ack = say(stream, message, now)
        for frame in before:
            for item in frame:
                assert item["S"] in model.get(kinds[item["T"]], set())
        held = model.setdefault(channel, set())
        model[channel] = held | set(symbols) if action == "subscribe" else held - set(symbols)
        for name in ("trades", "quotes", "bars", "statuses"):
            assert ack[0][name] == sorted(model.get(name, set()))
