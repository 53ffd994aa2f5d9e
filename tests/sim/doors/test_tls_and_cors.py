"""Goal: with --tls the server is Alpaca by name to whoever trusts its authority and nobody else;
with --cors a page of another origin may trade and read, and still not steer.

Method: one server with both, over real sockets.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import Iterator
from http.client import HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import websockets
from support.processes import clean_environment, start_execbot

ORIGIN = {"Origin": "https://charts.example"}
KEYS = {"APCA-API-KEY-ID": "k", "APCA-API-SECRET-KEY": "s"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    home = tmp_path_factory.mktemp("home")
    process = start_execbot(["sim", "serve", "--tls", "--cors", "--json"], clean_environment(home))
    assert process.stdout is not None
    yield json.loads(process.stdout.readline())
    process.terminate()
    process.communicate(timeout=60)


def line(served: dict[str, Any], name: str) -> HTTPSConnection:
    """A connection to the server under a name of Alpaca's."""
    found = HTTPSConnection(name, context=ssl.create_default_context(cafile=served["authority"]))
    port = urlsplit(served["rest"]).port
    found._create_connection = lambda *_: socket.create_connection(("127.0.0.1", port))  # type: ignore[attr-defined]
    return found


def asked(
    served: dict[str, Any], method: str, path: str, headers: dict[str, str]
) -> tuple[HTTPResponse, bytes]:
    connection = line(served, "paper-api.alpaca.markets")
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    return response, response.read()


def test_it_is_alpaca_by_name_to_whoever_trusts_its_authority(served: dict[str, Any]) -> None:
    assert served["rest"].startswith("https://") and served["stream"].startswith("wss://")
    response, body = asked(served, "GET", "/v2/account", KEYS)
    assert response.status == 200 and json.loads(body)["cash"] == "100000"
    response, body = asked(served, "HEAD", "/v2/account", KEYS)
    assert response.status == 200 and body == b"" and int(response.headers["Content-Length"]) > 100
    with pytest.raises(ssl.SSLCertVerificationError):
        line(served, "api.example.com").connect()
    stranger = HTTPSConnection("127.0.0.1", urlsplit(served["rest"]).port)
    with pytest.raises(ssl.SSLCertVerificationError):
        stranger.connect()
    folder = Path(served["authority"]).parent
    assert [path.name for path in folder.iterdir()] == ["authority.pem"]
    assert "PRIVATE" not in (folder / "authority.pem").read_text()


def test_its_streams_are_wss(served: dict[str, Any]) -> None:
    async def greeting() -> Any:
        context = ssl.create_default_context(cafile=served["authority"])
        port = urlsplit(served["rest"]).port
        url = "wss://stream.data.alpaca.markets/v1beta1/news"
        async with websockets.connect(url, ssl=context, host="127.0.0.1", port=port) as ws:
            return json.loads(await ws.recv())

    assert asyncio.run(greeting()) == [{"T": "success", "msg": "connected"}]


def test_a_page_of_another_origin_may_trade_and_read_but_not_steer(served: dict[str, Any]) -> None:
    asks = {"Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "apca-api-key-id,content-type"}  # fmt: skip
    response, body = asked(served, "OPTIONS", "/v2/orders", {**ORIGIN, **asks})
    assert (response.status, body) == (204, b"")
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "PATCH" in response.headers["Access-Control-Allow-Methods"]
    assert (
        response.headers["Access-Control-Allow-Headers"] == asks["Access-Control-Request-Headers"]
    )
    response, _ = asked(served, "GET", "/v2/account", {**ORIGIN, **KEYS})
    assert response.status == 200 and response.headers["Access-Control-Allow-Origin"] == "*"
    assert "X-Request-ID" in response.headers["Access-Control-Expose-Headers"]
    for method in ("OPTIONS", "GET"):
        response, _ = asked(served, method, "/sim/status", {**ORIGIN, **asks})
        assert response.status == 403
        assert "Access-Control-Allow-Origin" not in response.headers
