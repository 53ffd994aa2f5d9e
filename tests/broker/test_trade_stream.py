"""Goal: no update is lost or invented on our side of the socket. Method: servers that misbehave."""

from __future__ import annotations

import signal
import threading
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from support.streams import (
    DeafServer,
    Serve,
    StreamServer,
    authorization,
    listening,
    log_in,
    say,
    update,
    wait_for_goodbye,
)

from execbot.broker.errors import AuthenticationError, StreamError
from execbot.broker.port import TradeUpdate
from execbot.broker.stream import TradeStream, Unreadable, parse_frame
from execbot.broker.stream_states import Connected, Disconnected, Gap
from execbot.broker.stream_times import StreamTimes

FAST = StreamTimes(
    backoff=0.01, backoff_max=0.02, silence=30, pong=5, open=5, close=1, taken=0.01, stable=60
)


def stream(url: str, **options: Any) -> TradeStream:
    options.setdefault("times", FAST)
    return TradeStream(url, "key", "secret", now=lambda: datetime.now(UTC), **options)


def take(source: TradeStream, count: int) -> list[Any]:
    """The next `count` messages, and the stream closed after them."""
    messages = source.messages()
    found = [next(messages) for _ in range(count)]
    source.close()
    assert list(messages) == []
    return found


def shape(messages: list[Any]) -> list[Any]:
    """Messages without their times: updates as (event, id), states by type."""
    return [
        (message.event, message.order.id) if isinstance(message, TradeUpdate) else type(message)
        for message in messages
    ]


@pytest.mark.parametrize("binary", [False, True])
def test_logs_in_listens_and_reads_text_and_binary_frames(serve: Serve, binary: bool) -> None:
    def session(conn: Any) -> None:
        log_in(server, conn)
        fill = {"execution_id": "e-1", "price": "186.42", "qty": "3", "position_qty": "-3"}
        say(conn, update(1), binary=binary)
        say(conn, update(1, "fill", **fill), binary=binary)
        wait_for_goodbye(conn)

    server = serve(session)
    found = take(stream(server.url), 3)
    assert shape(found) == [Connected, ("new", "order-1"), ("fill", "order-1")]
    assert (found[2].price, found[2].qty, found[2].position_qty) == (Decimal("186.42"), 3, -3)
    assert found[2].execution_id == "e-1"
    assert found[2].at == datetime(2026, 11, 20, 15, 0, 0, 500000, UTC)
    assert server.heard == [
        {"action": "auth", "key": "key", "secret": "secret"},
        {"action": "listen", "data": {"streams": ["trade_updates"]}},
    ]


def test_wrong_keys_end_the_stream_and_are_not_tried_again(serve: Serve) -> None:
    def session(conn: Any) -> None:
        server.hear(conn)
        say(conn, authorization("unauthorized"))
        wait_for_goodbye(conn)

    server = serve(session)
    with pytest.raises(AuthenticationError) as caught:
        list(stream(server.url).messages())
    assert caught.value.kind == "auth.rejected"
    assert "secret" not in str(caught.value) + repr(stream(server.url))
    assert server.connections == 1


@pytest.mark.parametrize("status", [401, 403])
def test_wrong_keys_at_the_upgrade_end_the_stream(serve: Serve, status: int) -> None:
    server = serve(wait_for_goodbye, upgrades=(status,))
    with pytest.raises(AuthenticationError):
        list(stream(server.url).messages())


def test_taken_place_is_waited_for(serve: Serve) -> None:
    def session(conn: Any) -> None:
        log_in(server, conn)
        wait_for_goodbye(conn)

    server = serve(session, upgrades=(429, 429, None))
    times = StreamTimes(backoff=0.001, backoff_max=0.001, taken=0.03, open=5, close=1)
    first, second, third = take(stream(server.url, times=times), 3)
    assert isinstance(first, Disconnected)
    assert "another connection" in first.reason
    assert 0.03 < first.retry_in_seconds < 0.032
    assert 0.03 < second.retry_in_seconds < 0.032
    assert isinstance(third, Connected)


def test_wrong_address_is_an_error_at_first_and_a_drop_later(serve: Serve) -> None:
    server = serve(wait_for_goodbye, upgrades=(404,))
    with pytest.raises(StreamError) as caught:
        list(stream(server.url).messages())
    assert caught.value.kind == "stream.not_found"

    def short(conn: Any) -> None:
        log_in(second, conn)

    second = serve(short, upgrades=(None, 404, None))
    found = take(stream(second.url), 4)
    assert shape(found) == [Connected, Disconnected, Disconnected, Connected]


def test_server_that_does_not_offer_trade_updates_is_not_called_connected(serve: Serve) -> None:
    def session(conn: Any) -> None:
        server.hear(conn)
        say(conn, authorization())
        server.hear(conn)
        say(conn, listening())
        wait_for_goodbye(conn)

    server = serve(session)
    (found,) = take(stream(server.url), 1)
    assert isinstance(found, Disconnected)
    assert "does not offer" in found.reason


def test_update_that_overtakes_the_listening_reply_is_kept(serve: Serve) -> None:
    def session(conn: Any) -> None:
        server.hear(conn)
        say(conn, authorization())
        server.hear(conn)
        say(conn, update(1))
        say(conn, listening("trade_updates"))
        say(conn, update(2))
        wait_for_goodbye(conn)

    server = serve(session)
    found = take(stream(server.url), 3)
    assert shape(found) == [Connected, ("new", "order-1"), ("new", "order-2")]


def test_broken_connections_are_made_again_and_each_says_connected(serve: Serve) -> None:
    def short(conn: Any) -> None:
        log_in(server, conn)
        say(conn, update(server.connections))

    def abrupt(conn: Any) -> None:
        log_in(server, conn)
        conn.socket.close()

    def failing(conn: Any) -> None:
        log_in(server, conn)
        say(conn, {"action": "error", "data": {"error_message": "internal server error"}})
        wait_for_goodbye(conn)

    def early(conn: Any) -> None:
        server.hear(conn)
        say(conn, authorization("unauthorized", "listen"))
        wait_for_goodbye(conn)

    def silent(conn: Any) -> None:
        pass

    server = serve(short, abrupt, failing, short)
    found = take(stream(server.url), 8)
    assert shape(found) == [
        Connected,
        ("new", "order-1"),
        Disconnected,
        Connected,
        Disconnected,
        Connected,
        Disconnected,
        Connected,
    ]
    assert "internal server error" in found[6].reason
    server = serve(silent, silent, short)
    assert shape(take(stream(server.url), 3)) == [Disconnected, Disconnected, Connected]


def test_server_that_is_away_is_tried_until_it_is_there(serve: Serve) -> None:
    away = serve(wait_for_goodbye)
    away.stop()
    found = take(stream(away.url), 3)
    assert shape(found) == [Disconnected] * 3
    assert all(0 < message.retry_in_seconds <= 0.02 for message in found)


def test_frame_that_cannot_be_read_is_a_gap_and_the_stream_goes_on(serve: Serve) -> None:
    def session(conn: Any) -> None:
        log_in(server, conn)
        conn.send(b"\xff\xfe")
        say(conn, {"stream": "trade_updates", "data": {"event": "fill"}})
        say(conn, {"stream": "account_updates", "data": {}})
        say(conn, update(1, "an_event_of_2027"))
        wait_for_goodbye(conn)

    server = serve(session)
    found = take(stream(server.url), 4)
    assert shape(found) == [Connected, Gap, Gap, ("an_event_of_2027", "order-1")]


def test_socket_that_answers_no_ping_is_given_up() -> None:
    server = DeafServer(authorization(), listening("trade_updates"))
    times = StreamTimes(silence=0.05, pong=0.1, backoff=0.01, backoff_max=0.01, close=0.1)
    found = take(stream(server.url, times=times), 3)
    assert shape(found) == [Connected, Disconnected, Connected]
    assert "silent" in found[1].reason
    server.stop()


def test_server_that_never_answers_the_log_in_is_given_up() -> None:
    server = DeafServer()
    times = StreamTimes(open=0.2, backoff=0.01, backoff_max=0.01, close=0.1)
    (found,) = take(stream(server.url, times=times), 1)
    assert isinstance(found, Disconnected)
    assert "log-in" in found.reason
    server.stop()


def test_silent_stream_is_made_anew_when_rest_knows_better(serve: Serve) -> None:
    def session(conn: Any) -> None:
        log_in(server, conn)
        wait_for_goodbye(conn)

    server = serve(session)
    answers = [True, True, False]
    times = StreamTimes(silence=0.02, pong=5, backoff=0.01, backoff_max=0.01, close=1)
    found = take(stream(server.url, times=times, probe=lambda: answers.pop(0)), 3)
    assert shape(found) == [Connected, Disconnected, Connected]
    assert "account changed" in found[1].reason
    assert answers == []


def quiet(serve: Serve) -> StreamServer:
    def session(conn: Any) -> None:
        log_in(server, conn)
        wait_for_goodbye(conn)

    server = serve(session)
    return server


def test_close_from_another_thread_says_goodbye_and_leaves_no_thread(serve: Serve) -> None:
    server = quiet(serve)
    before = set(threading.enumerate())
    for _ in range(5):
        source = stream(server.url)
        connected = threading.Event()
        found: list[Any] = []

        def read(source: TradeStream = source, on: threading.Event = connected) -> None:
            for message in source.messages():
                found.append(message)  # noqa: B023 - read and joined inside of this turn
                on.set()

        reader = threading.Thread(target=read)
        reader.start()
        assert connected.wait(5)
        source.close()
        source.close()
        reader.join(5)
        assert not reader.is_alive()
        assert shape(found) == [Connected]
    assert server.goodbyes(5) == [1000] * 5
    left = set(threading.enumerate()) - before
    for thread in left:  # the server's side takes a moment longer
        thread.join(10)
    assert [thread for thread in left if thread.is_alive()] == []


def test_close_inside_of_the_loop_and_from_a_signal_handler(serve: Serve) -> None:
    server = quiet(serve)
    source = stream(server.url)
    for _ in source.messages():
        source.close()
    other = stream(server.url)
    kept = signal.signal(signal.SIGUSR1, lambda number, frame: other.close())
    try:
        for _ in other.messages():
            threading.Timer(0.05, signal.raise_signal, [signal.SIGUSR1]).start()
    finally:
        signal.signal(signal.SIGUSR1, kept)
    assert server.goodbyes(2) == [1000, 1000]


def test_close_while_waiting_to_reconnect(serve: Serve) -> None:
    away = serve(wait_for_goodbye)
    away.stop()
    source = stream(away.url, times=StreamTimes(backoff=600, backoff_max=600))
    waiting = threading.Event()

    def read() -> None:
        for _ in source.messages():
            waiting.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert waiting.wait(5)
    source.close()
    reader.join(10)
    assert not reader.is_alive()


def test_reader_that_stops_reading_closes_the_connection(serve: Serve) -> None:
    server = quiet(serve)
    messages = stream(server.url).messages()
    assert isinstance(next(messages), Connected)
    messages.close()  # type: ignore[attr-defined]
    assert server.goodbyes(1) == [1000]


def test_burst_larger_than_any_queue_is_read_whole(serve: Serve) -> None:
    def session(conn: Any) -> None:
        log_in(server, conn)
        for number in range(3000):
            say(conn, update(number), binary=True)
        wait_for_goodbye(conn)

    server = serve(session)
    found = take(stream(server.url), 3001)
    assert [message.order.id for message in found[1:]] == [f"order-{n}" for n in range(3000)]


def test_back_off_of_a_stream_starts_at_half_and_ends_at_its_cap() -> None:
    wait = StreamTimes(backoff=1, backoff_max=30).before_reconnect
    assert (wait.least, wait.first, wait.most) == (0.5, 1, 30)


def test_stream_that_fails_again_and_again_waits_longer_and_never_twice_the_same(
    serve: Serve,
) -> None:
    server = serve(lambda conn: conn.close())
    times = replace(FAST, backoff=0.001, backoff_max=0.004)
    found = take(stream(server.url, times=times), 40)
    waits = [message.retry_in_seconds for message in found]
    assert all(0.0005 <= wait <= 0.004 for wait in waits)
    assert max(waits) > 0.001
    assert len(set(waits)) == len(waits)


@given(st.one_of(st.binary(max_size=60), st.text(max_size=60)))
def test_no_frame_breaks_the_reader(frame: str | bytes) -> None:
    assert parse_frame(frame) is not None


@pytest.mark.parametrize(
    "frame", ["", "[]", "1", '{"stream": "trade_updates", "data": {"order": {"id": "x"}}}']
)
def test_frames_without_sense_are_unreadable(frame: str) -> None:
    assert isinstance(parse_frame(frame), Unreadable)


@pytest.mark.parametrize("url", ["http://x", "ws://example.com/stream", "stream"])
def test_unusable_stream_urls_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        stream(url)
