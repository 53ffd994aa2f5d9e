"""Goal: behind a proxy REST and streams work, by one way, and its password shows nowhere.

Method: a TLS server under a name that only the tests' own proxy can reach; no request finds
another way out. Rules of the variables by a table.
"""

from __future__ import annotations

import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from support.harness.connect_proxy import ConnectProxy
from support.processes import execbot
from support.streams import StreamServer, log_in, wait_for_goodbye

from execbot.broker.alpaca import AlpacaClient
from execbot.broker.errors import NetworkError
from execbot.broker.proxy import ProxyUnusable, proxy_for
from execbot.broker.stream import TradeStream
from execbot.broker.stream_states import Connected, Disconnected

HOST = "broker.test"
PAPER = "paper-api.alpaca.markets"
LOGIN = "trader:s3cret%2Fpass"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is needed to make a certificate")
    home = tmp_path_factory.mktemp("tls")
    key, cert = home / "key.pem", home / "cert.pem"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={HOST}"
    command += f" -addext subjectAltName=DNS:{HOST},DNS:{PAPER} -keyout {key} -out {cert}"
    subprocess.run(command.split(), check=True, capture_output=True)
    return key, cert


@pytest.fixture
def context(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    key, cert = certificate
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(cert, key)
    return made


class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[tuple[str, dict[str, str]]]] = []

    def do_GET(self) -> None:
        self.asked.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
        body = b'{"id": "behind", "account_number": "PA1", "status": "ACTIVE"}'
        body = b"[]" if "positions" in self.path else body
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Tests print nothing."""


@pytest.fixture
def api(context: ssl.SSLContext) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.daemon_threads = True
    server.handle_error = lambda *args: None  # type: ignore[method-assign]
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    Api.asked = []
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def proxy(
    api: int, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[ConnectProxy]:
    made = ConnectProxy({HOST: api}, login="trader:s3cret/pass")
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
    monkeypatch.setenv("HTTPS_PROXY", made.url(LOGIN))
    yield made
    made.stop()


@pytest.mark.parametrize("sdk", [False, True])
def test_requests_go_through_the_proxy_over_tls(
    proxy: ConnectProxy, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, sdk: bool
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[1]))  # what requests trusts
    client = AlpacaClient("key", "secret", trading_url=f"https://{HOST}", sdk=sdk)
    assert [client.get_account().id for _ in range(2)] == ["behind"] * 2
    client.close()
    assert proxy.opened[-1] == f"CONNECT {HOST}:443"
    assert all(first[:1] == b"\x16" for first in proxy.first_lines), "TLS, and nothing readable"
    _, headers = Api.asked[0]
    assert headers["host"] == HOST
    assert "proxy-authorization" not in headers, "the broker is not told of the proxy's password"


def test_one_way_serves_many_requests(proxy: ConnectProxy) -> None:
    client = AlpacaClient("key", "secret", trading_url=f"https://{HOST}")
    for _ in range(5):
        client.get_account()
    client.close()
    assert proxy.opened == [f"CONNECT {HOST}:443"]


@pytest.mark.parametrize(
    ("login", "names", "said"),
    [
        ("trader:wrong", None, "407"),
        (LOGIN, {}, "502"),
    ],
)
def test_a_proxy_that_refuses_is_named_without_its_password_and_nothing_was_sent(
    proxy: ConnectProxy,
    monkeypatch: pytest.MonkeyPatch,
    login: str,
    names: dict[str, int] | None,
    said: str,
) -> None:
    proxy.names = proxy.names if names is None else names
    monkeypatch.setenv("HTTPS_PROXY", proxy.url(login))
    client = AlpacaClient("key", "secret", trading_url=f"https://{HOST}")
    with pytest.raises(NetworkError) as caught:
        client.cancel_order("x")
    error = caught.value
    assert error.kind == "network.proxy"
    assert not error.in_doubt
    words = f"{error.message} {error.hint} {error}"
    assert said in words and f"127.0.0.1:{proxy.port}" in words
    assert "wrong" not in words and "s3cret" not in words
    assert Api.asked == []


def test_a_proxy_that_is_not_there_is_named(
    proxy: ConnectProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy.stop()
    client = AlpacaClient("key", "secret", trading_url=f"https://{HOST}")
    with pytest.raises(NetworkError) as caught:
        client.get_account()
    assert caught.value.kind == "network.proxy"
    assert f"127.0.0.1:{proxy.port}" in caught.value.hint


def test_the_stream_goes_the_same_way(
    proxy: ConnectProxy, context: ssl.SSLContext, certificate: tuple[Path, Path]
) -> None:
    def session(conn: Any) -> None:
        log_in(server, conn)
        wait_for_goodbye(conn)

    server = StreamServer(session, tls=context)
    proxy.names[HOST] = server.port
    stream = TradeStream(f"wss://{HOST}/stream", "k", "s", now=lambda: datetime.now(UTC))
    first = next(iter(stream.messages()))
    stream.close()
    server.stop()
    assert isinstance(first, Connected)
    assert proxy.opened[0] == f"CONNECT {HOST}:443"


def test_a_stream_that_the_proxy_refuses_says_so(
    proxy: ConnectProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.url("trader:wrong"))
    stream = TradeStream(f"wss://{HOST}/stream", "k", "s", now=lambda: datetime.now(UTC))
    first = next(iter(stream.messages()))
    stream.close()
    assert isinstance(first, Disconnected)
    assert "407" in first.reason and "wrong" not in first.reason


@pytest.fixture
def env(proxy: ConnectProxy, certificate: tuple[Path, Path], tmp_path: Path) -> dict[str, str]:
    """A trader's, whose only way to Alpaca is the proxy."""
    proxy.names = {PAPER: proxy.names[HOST]}
    return {
        "HOME": str(tmp_path),
        "COLUMNS": "200",
        "ALPACA_API_KEY": "k" * 20,
        "ALPACA_SECRET_KEY": "s" * 40,
        "HTTPS_PROXY": proxy.url(LOGIN),
        "SSL_CERT_FILE": str(certificate[1]),
    }


def test_a_command_finds_its_way(proxy: ConnectProxy, env: dict[str, str]) -> None:
    done = execbot(["positions", "--json"], env)
    assert done.code == 0, done
    assert set(proxy.opened) == {f"CONNECT {PAPER}:443"}


def test_doctor_says_by_which_way_and_whom_it_trusts(
    proxy: ConnectProxy, env: dict[str, str]
) -> None:
    done = execbot(["doctor", "--json"], env)
    checks = {row["check"]: row for row in done.data["checks"]}
    way = checks["way out"]
    assert f"trading by http://127.0.0.1:{proxy.port} (from HTTPS_PROXY)" in way["detail"]
    assert f"{env['SSL_CERT_FILE']} (SSL_CERT_FILE)" in way["detail"]
    assert "s3cret" not in done.out + done.err


def test_doctor_says_that_a_proxy_cannot_be_used(env: dict[str, str]) -> None:
    done = execbot(["doctor", "--json"], {**env, "HTTPS_PROXY": "socks5://u:hidden@p:1080"})
    checks = {row["check"]: row for row in done.data["checks"]}
    assert checks["way out"]["status"] == "FAIL"
    assert "socks5://p:1080 is none" in checks["way out"]["detail"]
    assert "hidden" not in done.out + done.err


@pytest.mark.parametrize(
    ("url", "environment", "expected"),
    [
        ("https://api.alpaca.markets", {}, None),
        ("https://api.alpaca.markets", {"HTTPS_PROXY": ""}, None),
        ("https://api.alpaca.markets", {"HTTPS_PROXY": "http://p:3128"}, "http://p:3128"),
        ("wss://stream.alpaca.markets", {"https_proxy": "http://p:3128"}, "http://p:3128"),
        ("https://a.b", {"HTTPS_PROXY": "http://upper", "https_proxy": "http://lower"},
         "http://lower:80"),
        ("https://a.b", {"ALL_PROXY": "p:8080"}, "http://p:8080"),
        ("https://a.b", {"ALL_PROXY": "http://all", "HTTPS_PROXY": "http://one"}, "http://one:80"),
        ("https://a.b", {"HTTP_PROXY": "http://p"}, None),
        ("https://a.b", {"HTTPS_PROXY": "http://[::1]:3128"}, "http://[::1]:3128"),
        ("https://a.b", {"HTTPS_PROXY": "http://u:p%40ss@p:1"}, "http://p:1"),
        ("https://127.0.0.1:8000", {"HTTPS_PROXY": "http://p"}, None),
        ("http://localhost:8000", {"HTTPS_PROXY": "http://p"}, None),
        ("https://api.a.b", {"HTTPS_PROXY": "http://p", "NO_PROXY": "c.d, a.b"}, None),
        ("https://api.a.b", {"HTTPS_PROXY": "http://p", "no_proxy": ".a.b"}, None),
        ("https://a.b", {"HTTPS_PROXY": "http://p", "NO_PROXY": "*"}, None),
        ("https://a.b", {"HTTPS_PROXY": "http://p", "NO_PROXY": "a.b:443"}, None),
        ("https://a.b", {"HTTPS_PROXY": "http://p", "NO_PROXY": "a.b:8080"}, "http://p:80"),
        ("https://a.b:8080", {"HTTPS_PROXY": "http://p", "NO_PROXY": "a.b:8080"}, None),
        ("wss://A.b.", {"HTTPS_PROXY": "http://p", "NO_PROXY": " a.B "}, None),
        ("https://xa.b", {"HTTPS_PROXY": "http://p", "NO_PROXY": "a.b"}, "http://p:80"),
        ("https://a.b", {"HTTPS_PROXY": "http://p", "NO_PROXY": ""}, "http://p:80"),
    ],
)  # fmt: skip
def test_which_proxy_the_variables_name(
    url: str, environment: dict[str, str], expected: str | None
) -> None:
    found = proxy_for(url, environment)
    assert (found and found.shown) == expected
    assert "p%40ss" not in repr(found) and "p@ss" not in repr(found)


@pytest.mark.parametrize("text", ["socks5://u:hid@p:1080", "https://u:hid@p", "http://p:99999"])
def test_a_proxy_of_another_kind_is_refused_by_name(text: str) -> None:
    with pytest.raises(ProxyUnusable, match="HTTPS_PROXY must name a proxy") as caught:
        proxy_for("https://a.b", {"HTTPS_PROXY": text})
    assert "hid" not in str(caught.value)
