"""Goal: no page in a browser can reach the exchange behind its user's back; clients still can.
Method: the rule as a table, then the same requests on real sockets.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from execbot.sim.doors.guard import Guard, is_loopback

KEYS = {"apca-api-key-id": "k", "apca-api-secret-key": "s"}
BASIC = {"authorization": "Basic ZGVtbzpkZW1v"}
BEARER = {"authorization": "Bearer demo"}
HERE = {"host": "127.0.0.1:8080"}
EVIL = {"origin": "http://evil.example"}


@pytest.mark.parametrize(
    ("path", "headers", "passes"),
    [
        # Programs: no origin, this machine's own names.
        ("/sim/price", HERE, True),
        ("/sim/price", {"host": "localhost:8080"}, True),
        ("/sim/price", {"host": "[::1]:8080"}, True),
        ("/sim/price", {"host": "127.3.2.1"}, True),
        ("/sim/price", {}, True),
        ("/v2/stocks/AAPL/quotes/latest", HERE, True),
        # A page that was served from here.
        ("/sim/price", {**HERE, "origin": "http://127.0.0.1:8080"}, True),
        ("/sim/price", {**HERE, "sec-fetch-site": "same-origin"}, True),
        # Pages of others.
        ("/sim/price", {**HERE, **EVIL}, False),
        ("/sim/price", {**HERE, "origin": "null"}, False),
        ("/sim/price", {**HERE, "origin": "http://127.0.0.1:3000"}, False),
        ("/sim/price", {**HERE, "sec-fetch-site": "cross-site"}, False),
        ("/sim/price", {**HERE, **EVIL, **KEYS}, False),
        ("/sim", {**HERE, **EVIL}, False),
        ("/stream", {**HERE, **EVIL}, False),
        ("/v2/orders", {**HERE, **EVIL}, False),
        ("/v2/orders", {**HERE, **EVIL, **BASIC}, False),
        ("/v1beta3/crypto/us/latest/quotes", {**HERE, **EVIL}, False),
        # A name of theirs that points at this machine.
        ("/sim/price", {"host": "evil.example:8080"}, False),
        ("/sim/price", {"host": "127.evil.example"}, False),
        ("/sim/price", {"host": "127.0.0.1.evil.example"}, False),
        ("/sim/price", {"host": "evil.example", "origin": "http://evil.example"}, False),
        ("/v2/stocks/AAPL/quotes/latest", {"host": "evil.example"}, False),
        ("/sim/price", {"host": "[::1"}, False),
        ("/sim/price", {"host": "192.168.1.5:8080"}, False),
        # Alpaca's paths with keys that no page can send.
        ("/v2/orders", {**HERE, **EVIL, **KEYS}, True),
        ("/v2/orders", {"host": "evil.example", **KEYS}, True),
        ("/v2/orders", {"host": "evil.example", **BEARER}, True),
        ("/stream", {"host": "evil.example", **KEYS}, True),
    ],
)
def test_who_may_come_in(path: str, headers: dict[str, str], passes: bool) -> None:
    assert (Guard().refusal(path, headers) is None) is passes


@pytest.mark.parametrize(
    ("host", "passes"),
    [
        ("192.168.1.5:8080", True),
        ("[fe80::1]:8080", True),
        ("exchange:8080", True),  # a container's name
        ("desk.lan", True),  # named in the settings
        ("evil.example", False),
        ("192.168.1.5.evil.example", False),
    ],
)
def test_other_machines_call_a_public_one_by_address_or_by_a_name_of_theirs(
    host: str, passes: bool
) -> None:
    guard = Guard(public=True, names=("desk.lan",))
    assert (guard.refusal("/sim/price", {"host": host}) is None) is passes
    assert guard.refusal("/sim/price", {"host": host, **EVIL}) is not None


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True),
        ("0.0.0.0", False), ("::", False), ("127.evil.example", False), ("", False),
    ],
)  # fmt: skip
def test_what_means_this_machine(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


# --- on sockets --------------------------------------------------------------------------------


def post(server: Any, path: str, headers: dict[str, str], body: str = "{}") -> tuple[int, str]:
    where = urlsplit(server["rest"])
    connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=60)
    connection.request("POST", path, body=body, headers=headers)
    reply = connection.getresponse()
    found = reply.status, reply.read().decode()
    connection.close()
    return found


PRICE = json.dumps({"symbol": "AAPL", "price": 1})
TEXT = {"Content-Type": "text/plain"}


@pytest.mark.parametrize(
    "headers",
    [{**TEXT, "Origin": "http://evil.example"}, {**TEXT, "Host": "evil.example"}],
)
def test_a_page_cannot_set_a_price(exchange: Any, headers: dict[str, str]) -> None:
    status, text = post(exchange, "/sim/price", headers, PRICE)
    assert status == 403 and "message" in json.loads(text)
    status, _ = post(exchange, "/sim/price", TEXT, json.dumps({"symbol": "MSFT", "price": 5}))
    assert status == 200


@pytest.mark.parametrize("path", ["/stream", "/v2/iex", "/v1beta3/crypto/us"])
def test_a_page_cannot_open_a_stream(exchange: Any, path: str) -> None:
    base = exchange["stream"].removesuffix("/stream")
    with pytest.raises(InvalidStatus) as refusal:
        connect(f"{base}{path}", origin="http://evil.example", open_timeout=60)
    assert refusal.value.response.status_code == 403
    with connect(f"{base}{path}", open_timeout=60):
        pass


def test_a_name_from_the_settings_is_let_in(serve: Callable[..., Any]) -> None:
    server = serve(seed=1, allowed_hosts=["desk.lan"])
    assert post(server, "/sim/price", {"Host": "desk.lan"}, PRICE)[0] == 200
    assert post(server, "/sim/price", {"Host": "evil.lan"}, PRICE)[0] == 403


# --- bodies ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"\xff\xfe", {}, 400),
        (b"[" * 100_000, {}, 400),
        (b'{"client_order_id": "\\ud800"}', {}, 400),
        (b"no gzip", {"Content-Encoding": "gzip"}, 400),
        (b'{"a": "' + b"x" * (1 << 21) + b'"}', {}, 413),
    ],
)
@pytest.mark.parametrize("path", ["/v2/orders", "/sim/price"])
def test_a_spoilt_body_is_a_refusal_not_a_failure_of_the_server(
    exchange: Any, path: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    where = urlsplit(exchange["rest"])
    connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=60)
    keys = {"APCA-API-KEY-ID": "k", "APCA-API-SECRET-KEY": "s"}
    connection.request("POST", path, body=body, headers={**keys, **headers})
    assert connection.getresponse().status == status
    connection.close()
    assert post(exchange, "/sim/clock", {}, '{"speed": 1}')[0] == 200
