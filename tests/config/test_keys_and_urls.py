"""Goal: keys and URLs that cannot be used end with exit 3 and a sentence, not with a bug's exit 1.

Method: real processes; nothing is served at the URLs, because nothing may be asked there.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from support.processes import clean_environment, execbot

from execbot.model.hosts import is_loopback

KEYS = {"ALPACA_API_KEY": "PKTEST", "ALPACA_SECRET_KEY": "test-secret"}
HERE = "http://127.0.0.1:9"


def refused(home: Path, kind: str, **env: str) -> dict[str, Any]:
    given = {"EXECBOT_MODE": "paper", "ALPACA_TRADING_URL": HERE, **KEYS, **env}
    outcome = execbot(["positions", "--json"], clean_environment(home, **given))
    assert (outcome.code, outcome.out) == (3, ""), outcome
    assert "Traceback" not in outcome.err
    error: dict[str, Any] = json.loads(outcome.err)
    assert (error["kind"], error["exit_code"], error["outcome"]) == (kind, 3, "not_sent")
    return error


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("ALPACA_TRADING_URL", "http://trader@127.0.0.1:9"),
        ("ALPACA_BASE_URL", "http://trader:hunter2@localhost:9/v2"),
        ("ALPACA_DATA_URL", "http://:hunter2@127.0.0.1:9"),
        ("ALPACA_TRADING_WS_URL", "ws://trader:hunter2@127.0.0.1:9/stream"),
        ("ALPACA_DATA_WS_URL", "ws://trader@127.0.0.1:9"),
    ],
)
def test_a_url_with_a_user_name_is_refused_and_its_password_is_not_shown(
    tmp_path: Path, variable: str, url: str
) -> None:
    error = refused(tmp_path, "config.bad_url", **{variable: url})
    assert "user name" in error["error"] and variable in error["next"]
    assert "hunter2" not in json.dumps(error)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/a b", "http://127.0.0.1:9/\u00e9"])
def test_a_url_with_a_character_that_no_request_line_takes_is_refused(
    tmp_path: Path, url: str
) -> None:
    refused(tmp_path, "config.bad_url", ALPACA_TRADING_URL=url)


@pytest.mark.parametrize(
    "bad",
    ["PK\u2019x", "PK x", "PK\nX-Other: y", "PK\x7fx", "PK\x01x", "Schl\u00fcssel", "PK\udcff"],
)
@pytest.mark.parametrize("half", list(KEYS))
def test_a_key_that_no_header_takes_is_refused_and_not_shown(
    tmp_path: Path, half: str, bad: str
) -> None:
    error = refused(tmp_path, "config.bad_key", **{half: bad})
    assert half in error["error"]
    assert bad not in json.dumps(error, ensure_ascii=False)


@pytest.mark.parametrize("name", ["api_key", "secret_key"])
def test_a_key_of_the_file_that_no_header_takes_is_refused(tmp_path: Path, name: str) -> None:
    pair = {"api_key": "PK1", "secret_key": "s1", name: "PK\u201cx"}
    lines = "\n".join(f"{key} = {value}" for key, value in pair.items())
    path = credentials(tmp_path, f"[paper]\n{lines}\n".encode())
    error = refused(tmp_path, "config.bad_key", EXECBOT_CREDENTIALS=str(path))
    assert name in error["error"]


@pytest.mark.parametrize("content", [b"\xff\xfe[\x00p\x00", b"[paper]\napi_key = \xe9\n"])
def test_a_credentials_file_that_is_not_utf_8_is_refused(tmp_path: Path, content: bytes) -> None:
    path = credentials(tmp_path, content)
    error = refused(tmp_path, "config.unreadable", EXECBOT_CREDENTIALS=str(path))
    assert "UTF-8" in error["error"] and str(path) in error["error"]


def test_a_byte_order_mark_before_the_credentials_is_read_over(tmp_path: Path) -> None:
    from execbot.config.credentials import find_credentials

    path = credentials(tmp_path, b"\xef\xbb\xbf[paper]\napi_key = PK1\nsecret_key = s1\n")
    found = find_credentials("paper", {"EXECBOT_CREDENTIALS": str(path)})
    assert found is not None and found.api_key == "PK1"


def credentials(home: Path, content: bytes) -> Path:
    path = home / "credentials"
    path.write_bytes(content)
    os.chmod(path, 0o600)
    return path


@pytest.mark.parametrize(
    ("host", "is_this_machine"),
    [
        ("localhost", True),
        ("::1", True),
        ("127.0.0.1", True),
        ("127.255.255.254", True),
        ("127.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("127.0.0.256", False),
        ("127.0.0.\u0661", False),
        ("127.1", False),
        ("128.0.0.1", False),
        ("localhost.evil.example", False),
        ("", False),
    ],
)
def test_only_addresses_of_this_machine_are_loopback(host: str, is_this_machine: bool) -> None:
    assert is_loopback(host) is is_this_machine


def test_plain_http_to_a_name_that_begins_like_loopback_never_carries_keys(tmp_path: Path) -> None:
    refused(tmp_path, "mode.url_contradiction", ALPACA_TRADING_URL="http://127.evil.example")


class Stranger(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>not an exchange</html>")

    def log_message(self, *args: object) -> None:
        return None


@pytest.fixture
def stranger() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Stranger)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.mark.parametrize("url", ["http://127.0.0.1:port", "http://me@127.0.0.1:9", "nonsense", ""])
def test_a_url_of_no_exchange_is_told_as_transient(tmp_path: Path, url: str) -> None:
    told_as_transient(tmp_path, url or "http://")


def test_a_server_that_is_no_exchange_is_told_as_transient(tmp_path: Path, stranger: str) -> None:
    told_as_transient(tmp_path, stranger)


def told_as_transient(home: Path, url: str) -> None:
    outcome = execbot(["sim", "status", "--url", url, "--json"], clean_environment(home))
    assert (outcome.code, outcome.error["kind"]) == (10, "network.sim"), outcome
