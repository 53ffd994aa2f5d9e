"""Goal: nothing that others wrote steers the terminal that execbot prints on.

Method: the two functions of the border against random text; then real commands whose reasons, ids
and account numbers carry escape sequences, C1 codes, DEL and direction overrides.
"""

from __future__ import annotations

import io
import json
import re
import threading
import unicodedata
from collections.abc import Iterator, Mapping
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.console import Console
from support.exit_views import T0, entry
from support.processes import Server, clean_environment, exchange, execbot

from execbot.cli.show.where import Where, red
from execbot.exits.position_view import Known, position_view
from execbot.model.printable import harmless, harmless_line, json_text
from execbot.watch.core.jobs import Note
from execbot.watch.show.picture import HealthView, OpenOrder, Picture, draw
from execbot.watch.show.screen import ScreenSink
from execbot.watch.show.sinks import JsonSink, PlainSink, open_log

EVIL = "odd\x1b]0;owned\x07 \x9b31m \x7f\x7f \u202egnol\u202c \u2066 \rover"
SHOWN = "odd\\x1b]0;owned\\x07 \\x9b31m \\x7f\\x7f \\u202egnol\\u202c \\u2066 over"
"""As one line; where lines stay, the carriage return is shown by its number."""

ANY = st.text(st.characters())
STEERING = st.text(
    st.sampled_from("\x00\x07\x1b\r\x7f\x80\x9b\u061c\u200f\u202e\u2066\u2028\ud800a\n\t")
)


def steers(text: str, *, but: str = "\n\t") -> list[str]:
    """Characters that move the cursor, colour, rub out, or turn the direction around."""
    turned = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
    bad = ("Cc", "Zl", "Zp", "Cs")
    return [c for c in text if c not in but and (unicodedata.category(c) in bad or turned.match(c))]


@given(ANY | STEERING)
def test_what_is_printed_steers_nothing_and_is_else_unchanged(text: str) -> None:
    shown = harmless(text)
    assert steers(shown) == []
    assert harmless(shown) == shown
    if not steers(text):
        assert shown == text


@given(ANY | STEERING)
def test_a_line_stays_one_line(text: str) -> None:
    assert steers(harmless_line(text), but="") == []


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | ANY | STEERING,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(STEERING, inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_json_escapes_what_steers_and_a_reader_gets_it_back(value: object) -> None:
    """E-VAL-4."""
    line = json_text(value)
    assert steers(line, but="") == []
    assert json.loads(line) == value


def test_json_stays_readable_beyond_ascii() -> None:
    assert json_text({"note": "naïve 株 😀"}) == '{"note": "naïve 株 😀"}'


# --- commands ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with exchange(tmp_path_factory.mktemp("exchange")) as running:
        yield running


@pytest.fixture
def env(server: Server, tmp_path: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    return server.environment(tmp_path, key=f"key-{request.node.name}")


def test_a_reason_that_steers_is_shown_by_its_numbers(env: Mapping[str, str]) -> None:
    done = execbot(["halt", "--reason", EVIL], env)
    assert done.code == 0 and steers(done.out + done.err) == []
    assert "\\x1b]0;owned\\x07" in done.out
    refused = execbot(["submit", "AAPL", "--qty", "1"], env)
    assert refused.code == 5 and steers(refused.out + refused.err) == []
    assert "\\x9b31m" in refused.err
    as_json = execbot(["submit", "AAPL", "--qty", "1", "--json"], env)
    assert steers(as_json.err) == [] and "\x1b]0;owned\x07" in as_json.error["error"]
    debug = execbot(["submit", "AAPL", "--qty", "1", "--debug"], env)
    assert "Traceback" in debug.err and steers(debug.err) == []


def test_bytes_that_are_no_text_in_a_reason_are_no_bug(env: Mapping[str, str]) -> None:
    done = execbot(["halt", "--reason", "odd \udcff"], env)
    assert done.code == 0 and "\\udcff" in done.out
    assert execbot(["resume", "--json"], env).data["before"]["reason"] == "odd \udcff"


def test_a_stream_that_has_no_such_character_gets_its_number(env: Mapping[str, str]) -> None:
    ascii_only = {**env, "PYTHONIOENCODING": "ascii:strict"}
    done = execbot(["halt", "--reason", "naïve 株"], ascii_only)
    assert done.code == 0 and "na\\xefve \\u682a" in done.out


def test_an_id_of_the_broker_that_steers_breaks_no_table(
    server: Server, env: Mapping[str, str]
) -> None:
    order = {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "limit", "limit_price": "1",
             "time_in_force": "gtc", "client_order_id": "theirs\x9b31m\u202e"}  # fmt: skip
    server.call("POST", "/v2/orders", order, key=env["ALPACA_API_KEY"])
    listed = execbot(["orders"], env)
    assert listed.code == 0 and steers(listed.out) == []
    assert "theirs\\x9b31m\\u202e" in listed.out
    as_json = execbot(["orders", "--json"], env)
    assert steers(as_json.out) == []
    assert as_json.data[0]["client_order_id"] == "theirs\x9b31m\u202e"
    watched = execbot(["watch", "--plain", "--seconds", "2"], env)
    assert watched.code == 0 and steers(watched.out) == []


class OddBroker(BaseHTTPRequestHandler):
    """An account whose number is not what a number looks like, and nothing in it."""

    def do_GET(self) -> None:
        account = {"id": "x", "account_number": EVIL, "status": "ACTIVE", "cash": "1000",
                   "equity": "1000", "buying_power": "1000"}  # fmt: skip
        body = json.dumps(account if self.path.startswith("/v2/account") else []).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        return None


def test_the_line_of_mode_and_account_steers_nothing(tmp_path: Path) -> None:
    broker = HTTPServer(("127.0.0.1", 0), OddBroker)
    threading.Thread(target=broker.serve_forever, daemon=True).start()
    env = clean_environment(
        tmp_path,
        EXECBOT_MODE="paper",
        ALPACA_API_KEY="PK1",
        ALPACA_SECRET_KEY="s1",
        ALPACA_TRADING_URL=f"http://127.0.0.1:{broker.server_port}",
    )
    shown = execbot(["positions"], env)
    broker.shutdown()
    assert shown.err.startswith("[paper odd\\x1b]0;owned\\x07"), shown
    assert steers(shown.out + shown.err) == []


def test_what_is_coloured_steers_nothing_but_its_own_colour() -> None:
    """What carries a colour is written as it is: nobody after it takes anything out."""
    where = Where("live", EVIL, EVIL)
    assert where.words == f"[{SHOWN}: live {SHOWN}]"
    for colored, words in ((where.colored, where.words), (red(EVIL), harmless(EVIL))):
        assert colored == f"\x1b[1;31m{words}\x1b[0m"
        assert steers(words) == []


def test_lines_and_log_of_watch_steer_nothing(tmp_path: Path) -> None:
    logger = open_log(tmp_path)
    logger.info("%s", EVIL)
    for handler in logger.handlers:
        handler.close()
    assert steers((tmp_path / "watch.log").read_bytes().decode()) == []
    for kind in (PlainSink, JsonSink):
        out = io.StringIO()
        sink = kind(lambda: T0, out)
        sink.begin({"mode": "sim", "account": EVIL, "pid": 1})
        sink.note(Note("order", EVIL, {"client_order_id": EVIL}), T0)
        sink.end({"message": "bye"})
        lines = out.getvalue()
        assert steers(lines) == [] and len(lines.splitlines()) == 3
        assert kind is JsonSink or f"ORDER\t{SHOWN}" in lines


def test_the_screen_of_watch_steers_nothing() -> None:
    sink = ScreenSink(lambda: T0, lambda name, what: None)
    sink.note(Note("alarm", EVIL, is_alarm=True), T0)
    order = replace(entry("3").order, client_order_id=EVIL, symbol=EVIL)
    row = position_view(EVIL, Decimal(3), Known(price=Decimal(100)), now=T0)
    health = HealthView(differing=[EVIL])
    picture = Picture("watch", T0, "regular", [row], [OpenOrder(order)], list(sink._events), health)
    out = io.StringIO()
    Console(file=out, width=200, color_system=None).print(draw(picture, 200, 40))
    assert steers(out.getvalue()) == [] and "\\x1b]0;owned" in out.getvalue()
