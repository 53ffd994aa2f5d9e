"""Goal: after any failure we know whether a write may have happened. Method: failing sockets.

The same tests run over both transports.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from execbot.broker.addresses import check_base_url
from execbot.broker.alpaca import AlpacaClient
from execbot.broker.errors import BadReply, BrokerError, HeldUp, NetworkError, RateLimited
from execbot.broker.http import (
    DirectTransport,
    SdkTransport,
    SecretHeaders,
    TransportFailure,
)
from execbot.broker.port import ReplaceRequest
from execbot.model.enums import Side
from execbot.model.order import OrderRequest

Make = Callable[..., AlpacaClient]
ORDER = OrderRequest("AAPL", Side.BUY, qty=Decimal(1), client_order_id="mine-1")
TAKEN = {
    "id": "b-1",
    "client_order_id": "mine-1",
    "symbol": "AAPL",
    "side": "buy",
    "status": "pending_new",
}


def failure_of_post(client: AlpacaClient) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        client.place_order(ORDER)
    assert caught.value.client_order_id == "mine-1"
    return caught.value


def test_refused_connection_sent_nothing(make_client: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    error = failure_of_post(make_client(f"http://127.0.0.1:{port}"))
    assert error.kind == "network.refused"
    assert not error.in_doubt


def test_unknown_host_sent_nothing(make_client: Make) -> None:
    error = failure_of_post(make_client("https://no-such-host.invalid"))
    assert error.kind == "network.dns"
    assert not error.in_doubt


def test_hanging_server_is_a_timeout_in_doubt(make_client: Make, wire: Any, kit: Any) -> None:
    wire.script(kit.hang)
    error = failure_of_post(make_client(wire.url, timeout_seconds=0.3))
    assert error.kind == "network.timeout"
    assert error.in_doubt
    assert len(wire.asked) == 1


def test_reset_after_the_request_is_in_doubt_and_never_sent_again(
    make_client: Make, wire: Any, kit: Any
) -> None:
    wire.script(kit.reset)
    error = failure_of_post(make_client(wire.url))
    assert error.kind == "network.reset"
    assert error.in_doubt
    assert len(wire.asked) == 1


def test_connection_closed_without_an_answer_is_in_doubt(
    make_client: Make, wire: Any, kit: Any
) -> None:
    wire.script(kit.hang_up)
    assert failure_of_post(make_client(wire.url)).in_doubt
    assert len(wire.asked) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_failure_of_a_post_is_in_doubt_and_never_sent_again(
    make_client: Make, wire: Any, kit: Any, status: int
) -> None:
    wire.script(kit.reply(status, b"<html>sorry</html>"))
    error = failure_of_post(make_client(wire.url))
    assert error.in_doubt
    assert error.status == status
    assert len(wire.asked) == 1


def test_rate_limit_of_a_post_is_not_executed_and_not_repeated(
    make_client: Make, wire: Any, kit: Any
) -> None:
    wire.script(kit.reply(429, {"message": "too many requests."}, Retry_After="3"))
    error = failure_of_post(make_client(wire.url))
    assert isinstance(error, RateLimited)
    assert not error.in_doubt
    assert error.retry_after_seconds == 3
    assert len(wire.asked) == 1


@pytest.mark.parametrize("body", [b"", b"<html>ok</html>", b'{"id": "b-1"', b"[1, 2]", b'"x"'])
def test_unreadable_success_of_a_post_is_in_doubt(
    make_client: Make, wire: Any, kit: Any, body: bytes
) -> None:
    wire.script(kit.reply(200, body))
    error = failure_of_post(make_client(wire.url))
    assert isinstance(error, BadReply)
    assert error.in_doubt


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
    ],
)
def test_answer_that_is_cut_or_not_http_is_in_doubt(
    make_client: Make, wire: Any, kit: Any, data: bytes
) -> None:
    wire.script(kit.raw(data))
    assert failure_of_post(make_client(wire.url)).in_doubt


def test_redirect_is_not_followed(make_client: Make, wire: Any, kit: Any) -> None:
    wire.script(kit.reply(307, b"", Location=f"{wire.url}/elsewhere"))
    assert failure_of_post(make_client(wire.url)).kind == "broker.redirected"
    assert [asked.path for asked in wire.asked] == ["/v2/orders"]


def test_connection_is_kept_and_used_again(make_client: Make, wire: Any, kit: Any) -> None:
    wire.script(kit.reply(200, TAKEN))
    client = make_client(wire.url)
    for _ in range(5):
        assert client.place_order(ORDER).id == "b-1"
    assert wire.connections == 1


def test_connection_that_the_server_closed_meanwhile_is_not_used(
    make_client: Make, wire: Any, kit: Any
) -> None:
    wire.script(kit.reply(200, TAKEN, Connection="close"), kit.reply(200, TAKEN))
    client = make_client(wire.url)
    for _ in range(3):
        assert client.place_order(ORDER).id == "b-1"
    assert len(wire.asked) == 3


def test_idle_connection_closed_without_notice_costs_no_order(
    make_client: Make, wire: Any, kit: Any
) -> None:
    def reply_and_hang_up(conn: socket.socket, asked: Any) -> bool:
        kit.reply(200, TAKEN)(conn, asked)
        return False

    wire.script(reply_and_hang_up)
    client = make_client(wire.url)
    for _ in range(3):
        assert client.place_order(ORDER).id == "b-1"
        wire._threads[-1].join(5)  # the server's end of that connection is closed now
    assert wire.connections == 3


def test_the_sent_body_is_exactly_once_json_with_decimal_text(
    make_client: Make, wire: Any, kit: Any
) -> None:
    wire.script(kit.reply(200, {**TAKEN, "client_order_id": "é/ß"}))
    make_client(wire.url).place_order(
        OrderRequest("BRK.B", Side.SELL, qty=Decimal("0.10"), client_order_id="é/ß")
    )
    assert wire.asked[0].json == {
        "symbol": "BRK.B",
        "side": "sell",
        "type": "market",
        "time_in_force": "day",
        "qty": "0.1",
        "client_order_id": "é/ß",
    }
    assert wire.asked[0].headers["apca-api-key-id"] == kit.key
    assert wire.asked[0].headers["apca-api-secret-key"] == kit.secret


def test_secrets_show_in_no_error_and_no_repr(make_client: Make, wire: Any, kit: Any) -> None:
    client = make_client(wire.url, timeout_seconds=0.2)
    echo = {"message": f"bad key {kit.key} with {kit.secret}", "key": kit.secret}
    for answer in (kit.reply(403, echo), kit.reply(500, echo), kit.reset, kit.hang):
        wire.script(answer)
        error = failure_of_post(client)
        shown = [repr(error), str(error), repr(client), repr(error.__context__)]
        assert not [text for text in shown if kit.secret in text or kit.key in text]
    assert kit.secret not in repr(SecretHeaders({"APCA-API-SECRET-KEY": kit.secret}))


def test_made_up_keys_of_a_local_exchange_do_not_garble_its_messages(wire: Any, kit: Any) -> None:
    wire.script(kit.reply(422, {"message": "fractional orders must be simple orders"}))
    client = AlpacaClient("s", "sim", trading_url=wire.url)
    assert failure_of_post(client).kind == "broker.fractional_class"
    client.close()


def test_dribbling_server_does_not_hold_us_beyond_the_timeout(wire: Any, kit: Any) -> None:
    wire.script(kit.dribble)
    client = AlpacaClient("k", "s", trading_url=wire.url, timeout_seconds=0.3)
    error = failure_of_post(client)
    assert isinstance(error, NetworkError)
    assert error.kind == "network.timeout"
    client.close()


def test_dribbled_header_does_not_hold_us_beyond_the_timeout(wire: Any) -> None:
    left_early = threading.Event()

    def dribble(conn: socket.socket, asked: Any) -> bool:
        """Twenty seconds of header."""
        try:
            conn.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            for _ in range(1000):
                conn.sendall(b"a")
                left_early.wait(0.02)
        except OSError:
            left_early.set()
        return False

    wire.script(dribble)
    client = AlpacaClient("k", "s", trading_url=wire.url, timeout_seconds=0.3)
    assert failure_of_post(client).kind == "network.timeout"
    client.close()
    assert left_early.wait(5)


def test_the_sdk_neither_repeats_nor_waits_for_ever_in_its_own_methods(wire: Any, kit: Any) -> None:
    import requests
    from alpaca.common.exceptions import APIError

    transport = SdkTransport(wire.url, "k", "s", timeout_seconds=0.2)
    wire.script(kit.reply(504, b""))
    with pytest.raises(APIError):
        transport.client.get_account()
    assert len(wire.asked) == 1
    wire.script(kit.hang)
    with pytest.raises(requests.exceptions.ReadTimeout):
        transport.client.get_account()
    transport.close()


def test_a_request_line_cannot_be_split(wire: Any) -> None:
    with pytest.raises(ValueError, match="line break"):
        DirectTransport(wire.url).send("GET", "/v2/assets/A\r\nX: y")
    assert wire.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x",
        "paper-api.alpaca.markets",
        "http://paper-api.alpaca.markets",
        "https://k:s@paper-api.alpaca.markets",
        "https://paper-api..markets",
        "https://" + "a" * 64 + ".markets",
        "",
    ],
)
def test_unusable_or_unsafe_urls_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        check_base_url(url)


def test_request_that_is_too_late_by_the_time_it_could_leave_sends_nothing(
    make_client: Make, wire: Any, kit: Any
) -> None:
    """Goal: the deadline goes with the request to just before the send: nothing leaves after it."""
    wire.script(kit.reply(200, {**TAKEN, "id": "o1", "client_order_id": "mine"}))
    late = [False]
    client = make_client(wire.url)
    request = OrderRequest("AAPL", Side.BUY, qty=Decimal(1), client_order_id="mine")
    assert client.place_order(request, is_late=lambda: late[0]).id == "o1"
    late[0] = True
    for send in (
        lambda: client.place_order(request, is_late=lambda: late[0]),
        lambda: client.replace_order("o1", ReplaceRequest(qty=Decimal(2)), is_late=lambda: late[0]),
    ):
        with pytest.raises(NetworkError) as caught:
            send()
        assert caught.value.kind == "network.held_up"
        assert not caught.value.in_doubt
    assert len(wire.asked) == 1


def test_lateness_is_asked_when_the_connection_stands(wire: Any, kit: Any) -> None:
    """Goal: connecting may take seconds, so it is asked after that, right before the first byte."""
    transport = DirectTransport(wire.url)
    connect, steps = transport._connected, list[str]()

    def connected(timeout_seconds: float) -> Any:
        steps.append("connected")
        return connect(timeout_seconds)

    def is_late() -> bool:
        steps.append("asked")
        return True

    transport._connected = connected  # type: ignore[method-assign]
    with pytest.raises(TransportFailure) as caught:
        transport.send("POST", "/v2/orders", body=b"{}", is_late=is_late)
    assert steps == ["connected", "asked"]
    assert (caught.value.sent, type(caught.value.cause)) == (False, HeldUp)
    transport.close()
    assert wire.asked == []
