"""Goal: live prices and halts arrive, and refusals mean what they say. Method: scripted servers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.streams import Serve, StreamServer, say, wait_for_goodbye

from execbot.broker.data_stream import CRYPTO_CHANNELS, DataStream, parse_data_frame
from execbot.broker.errors import AuthenticationError, StreamError
from execbot.broker.market_stream import DataWarning, LimitBand, TradingStatus
from execbot.broker.stream_errors import DATA_STREAM_ROWS, StreamAfter
from execbot.broker.stream_states import Connected, Disconnected, Gap
from execbot.broker.stream_times import StreamTimes
from execbot.model.quote import Quote, Trade

FAST = StreamTimes(
    backoff=0.01, backoff_max=0.02, silence=30, pong=5, open=5, close=1, taken=0.01, stable=60
)
QUOTE = {"T": "q", "S": "AAPL", "bp": 186.41, "bs": 200, "ap": 186.43, "as": 100}
TRADE = {"T": "t", "S": "BTC/USD", "p": 96000.123456789, "s": 0.000000001, "i": 1}
HALT = {"T": "s", "S": "AAPL", "sc": "H", "sm": "Halt", "rc": "T1", "rm": "News", "z": "C"}
BAND = {"T": "l", "S": "AAPL", "u": 195.74, "d": 177.1, "i": "B", "z": "C"}


def stream(server: StreamServer, **options: Any) -> DataStream:
    options.setdefault("times", FAST)
    return DataStream(server.url, "key", "secret", now=lambda: datetime.now(UTC), **options)


def greet(server: StreamServer, conn: Any) -> None:
    say(conn, [{"T": "success", "msg": "connected"}])
    server.hear(conn)
    say(conn, [{"T": "success", "msg": "authenticated"}])


def error(code: int, msg: str = "no") -> list[dict[str, Any]]:
    return [{"T": "error", "code": code, "msg": msg}]


def take(source: DataStream, count: int) -> list[Any]:
    messages = source.messages()
    found = [next(messages) for _ in range(count)]
    source.close()
    assert list(messages) == []
    return found


def test_logs_in_subscribes_and_reads_every_kind_of_message(serve: Serve) -> None:
    def session(conn: Any) -> None:
        greet(server, conn)
        server.hear(conn)
        say(conn, [{"T": "subscription", "quotes": ["AAPL"]}])
        say(conn, [QUOTE, TRADE, {"T": "b", "S": "AAPL", "o": 1}], binary=True)
        say(conn, [HALT, BAND])
        wait_for_goodbye(conn)

    server = serve(session)
    source = stream(server)
    source.subscribe(quotes=["AAPL"], trades=["BTC/USD"], statuses=["*"], lulds=["*"])
    connected, quote, trade, halt, band = take(source, 5)
    assert isinstance(connected, Connected)
    assert isinstance(quote, Quote)
    assert (quote.bid, quote.ask) == (Decimal("186.41"), Decimal("186.43"))
    assert isinstance(trade, Trade)
    assert (trade.price, trade.size) == (Decimal("96000.123456789"), Decimal("1E-9"))
    assert halt == TradingStatus("AAPL", None, "H", "Halt", "T1", "News", "C")
    assert band == LimitBand("AAPL", None, Decimal("195.74"), Decimal("177.1"), "B", "C")
    assert server.heard == [
        {"action": "auth", "key": "key", "secret": "secret"},
        {
            "action": "subscribe",
            "quotes": ["AAPL"],
            "trades": ["BTC/USD"],
            "statuses": ["*"],
            "lulds": ["*"],
        },
    ]


def test_nothing_wanted_sends_no_subscription_and_changes_are_sent_as_they_come(
    serve: Serve,
) -> None:
    def session(conn: Any) -> None:
        greet(server, conn)
        for _ in range(3):
            server.hear(conn)
        say(conn, [QUOTE])
        wait_for_goodbye(conn)

    server = serve(session)
    source = stream(server)
    messages = source.messages()
    assert isinstance(next(messages), Connected)
    source.subscribe(quotes=["AAPL", "MSFT"])
    source.subscribe(quotes=["AAPL"])  # known already: nothing to say
    source.subscribe(trades=["AAPL"])
    source.unsubscribe(quotes=["MSFT", "TSLA"])
    assert isinstance(next(messages), Quote)
    source.close()
    assert server.heard[1:] == [
        {"action": "subscribe", "quotes": ["AAPL", "MSFT"]},
        {"action": "subscribe", "trades": ["AAPL"]},
        {"action": "unsubscribe", "quotes": ["MSFT"]},
    ]


def test_a_stream_that_is_found_deaf_is_made_anew(serve: Serve) -> None:
    def session(conn: Any) -> None:
        greet(server, conn)
        wait_for_goodbye(conn)

    server = serve(session)
    source = stream(server)
    messages = source.messages()
    assert isinstance(next(messages), Connected)
    source.renew("REST has younger prices")
    lost = next(messages)
    assert isinstance(lost, Disconnected) and lost.reason == "REST has younger prices"
    assert isinstance(next(messages), Connected)
    source.close()
    assert list(messages) == []


def test_everything_wanted_is_subscribed_again_after_a_reconnect(serve: Serve) -> None:
    def short(conn: Any) -> None:
        greet(server, conn)
        server.hear(conn)

    def session(conn: Any) -> None:
        short(conn)
        say(conn, [QUOTE])
        wait_for_goodbye(conn)

    server = serve(short, session)
    source = stream(server)
    source.subscribe(quotes=["AAPL"])
    messages = source.messages()
    assert isinstance(next(messages), Connected)
    assert isinstance(next(messages), Disconnected)
    source.subscribe(quotes=["MSFT"])
    assert isinstance(next(messages), Connected)
    assert isinstance(next(messages), Quote)  # the server has heard the subscription by now
    source.close()
    list(messages)
    assert server.heard[-1] == {"action": "subscribe", "quotes": ["AAPL", "MSFT"]}


def test_crypto_asks_for_no_halts(serve: Serve) -> None:
    def session(conn: Any) -> None:
        greet(server, conn)
        server.hear(conn)
        wait_for_goodbye(conn)

    server = serve(session)
    source = stream(server, channels=CRYPTO_CHANNELS)
    source.subscribe(quotes=["BTC/USD"], statuses=["*"], lulds=["BTC/USD"])
    take(source, 1)
    assert server.goodbyes(1) == [1000]
    assert server.heard[-1] == {"action": "subscribe", "quotes": ["BTC/USD"]}


def fails_with(code: int, server_of: list[StreamServer]) -> Callable[[Any], None]:
    def session(conn: Any) -> None:
        server = server_of[0]
        if code == 402:
            say(conn, [{"T": "success", "msg": "connected"}])
            server.hear(conn)
            say(conn, error(code))
        else:
            greet(server, conn)
            say(conn, error(code))
            say(conn, [QUOTE])
        wait_for_goodbye(conn)

    return session


@pytest.mark.parametrize("code", sorted(DATA_STREAM_ROWS))
def test_each_error_code_does_what_the_table_says(serve: Serve, code: int) -> None:
    row = DATA_STREAM_ROWS[code]
    holder: list[StreamServer] = []
    holder.append(serve(fails_with(code, holder)))
    source = stream(holder[0])
    if row.after is StreamAfter.STOP:
        with pytest.raises(AuthenticationError if code == 402 else StreamError) as caught:
            list(source.messages())
        assert (caught.value.kind, caught.value.code) == (row.kind, code)
        assert caught.value.next_step
        assert holder[0].connections == 1
        return
    expected = {
        StreamAfter.IGNORE: [Connected, Quote],
        StreamAfter.WARN: [Connected, DataWarning, Quote],
        StreamAfter.RECONNECT: [Connected, Disconnected, Connected],
        StreamAfter.WAIT: [Connected, Disconnected, Connected],
    }[row.after]
    assert [type(message) for message in take(source, len(expected))] == expected


def test_another_connection_in_the_place_is_waited_for_at_the_log_in(serve: Serve) -> None:
    def taken(conn: Any) -> None:
        say(conn, [{"T": "success", "msg": "connected"}])
        server.hear(conn)
        say(conn, error(406, "connection limit exceeded"))

    def session(conn: Any) -> None:
        greet(server, conn)
        wait_for_goodbye(conn)

    server = serve(taken, session)
    first, second = take(stream(server), 2)
    assert isinstance(first, Disconnected)
    assert "another connection" in first.reason
    assert isinstance(second, Connected)


def test_frame_that_cannot_be_read_is_a_gap(serve: Serve) -> None:
    def session(conn: Any) -> None:
        greet(server, conn)
        conn.send("[{")
        say(conn, [QUOTE, 5])
        wait_for_goodbye(conn)

    server = serve(session)
    found = take(stream(server), 4)
    assert [type(message) for message in found] == [Connected, Gap, Quote, Gap]


def test_subscribing_from_many_threads_while_reading(serve: Serve) -> None:
    names = [f"S{number}" for number in range(40)]
    told: set[str] = set()

    def session(conn: Any) -> None:
        greet(server, conn)
        while told != set(names):
            told.update(json.loads(conn.recv(timeout=60)).get("quotes", []))
        say(conn, [QUOTE])
        wait_for_goodbye(conn)

    server = serve(session)
    source = stream(server)
    threads = [
        threading.Thread(target=source.subscribe, kwargs={"quotes": [name]}) for name in names
    ]
    messages = source.messages()
    for thread in threads[:20]:
        thread.start()
    assert isinstance(next(messages), Connected)
    for thread in threads[20:]:
        thread.start()
    assert isinstance(next(messages), Quote)
    source.close()
    assert told == set(names)


@given(st.one_of(st.binary(max_size=60), st.text(max_size=60)))
def test_no_frame_breaks_the_reader(frame: str | bytes) -> None:
    assert isinstance(parse_data_frame(frame), list)
