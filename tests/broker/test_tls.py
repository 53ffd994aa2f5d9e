"""Goal: TLS is verified, and works where it can be. Method: a server with its own certificate."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from execbot.broker.alpaca import AlpacaClient
from execbot.broker.errors import NetworkError

Make = Callable[..., AlpacaClient]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = b'{"id": "tls", "status": "ACTIVE"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Tests print nothing."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is needed to make a certificate")
    home = tmp_path_factory.mktemp("tls")
    key, cert = home / "key.pem", home / "cert.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    command += f" -addext subjectAltName=DNS:localhost -keyout {key} -out {cert}"
    subprocess.run(command.split(), check=True, capture_output=True)
    return key, cert


@pytest.fixture
def url(certificate: tuple[Path, Path]) -> Iterator[str]:
    key, cert = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *args: None  # type: ignore[method-assign]
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"https://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(5)


def test_unknown_certificate_is_refused_with_nothing_sent(make_client: Make, url: str) -> None:
    with pytest.raises(NetworkError) as caught:
        make_client(url).get_account()
    assert caught.value.kind == "network.tls"
    with pytest.raises(NetworkError) as written:
        make_client(url).cancel_order("x")
    assert not written.value.in_doubt


def test_known_certificate_is_accepted_and_the_connection_kept(
    url: str, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
    client = AlpacaClient("k", "s", trading_url=url)
    assert [client.get_account().id for _ in range(3)] == ["tls"] * 3
    client.close()


def test_plain_http_behind_an_https_url_sends_no_request(
    make_client: Make, wire: Any, kit: Any
) -> None:
    client = make_client(wire.url.replace("http:", "https:"), timeout_seconds=1)
    wire.script(kit.hang_up)
    with pytest.raises(NetworkError):
        client.cancel_order("x")
    assert [asked for asked in wire.asked if asked.method == "DELETE"] == []
