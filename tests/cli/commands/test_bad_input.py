"""Goal: each bad input ends with a clear error, the right exit code, and nothing sent.

Method: real processes against a served exchange; that nothing was sent is read from the exchange's
own log of order requests. Broken servers and broken disks are made, not mocked.
"""

from __future__ import annotations

import contextlib
import ctypes
import http.server
import json
import os
import resource
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.processes import EXECBOT, Outcome, Server, exchange, execbot

BUY = ("submit", "AAPL", "--qty", "1")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("exchange")
    with exchange(home, "--bad-key", "wrong-key") as running:
        yield running


@pytest.fixture
def env(server: Server, tmp_path: Path) -> dict[str, str]:
    return server.environment(tmp_path)


@pytest.fixture
def nothing_sent(server: Server) -> Iterator[None]:
    """Whatever the test does, the exchange's log of order requests does not grow."""
    before = len(server.get("/sim/log"))
    yield
    assert len(server.get("/sim/log")) == before


def refused(
    env: Mapping[str, str], code: int, kind: str, *arguments: str, **options: Any
) -> dict[str, Any]:
    outcome = run([*arguments, "--json"], env, **options)
    assert (outcome.code, outcome.out) == (code, ""), outcome
    error: dict[str, Any] = json.loads(outcome.err)
    assert error["kind"] == kind or error["kind"].startswith(f"{kind}."), error
    assert (error["exit_code"], error["outcome"]) == (code, "not_sent"), error
    assert error["error"]
    assert "Traceback" not in outcome.err
    return error


def run(
    arguments: list[str],
    env: Mapping[str, str],
    prepare: Callable[[], None] | None = None,
    timeout: float = 60,
) -> Outcome:
    done = subprocess.run(
        [*EXECBOT, *arguments],
        env=dict(env),
        cwd=env["HOME"],
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        preexec_fn=prepare,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.mark.usefixtures("nothing_sent")
@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (("AAPL", "--qty", "0"), "usage.value"),
        (("AAPL", "--qty", "-5"), "usage.value"),
        (("AAPL", "--qty", "ten"), "usage.value"),
        (("AAPL", "--qty", "nan"), "usage.value"),
        (("AAPL", "--qty", "1.0000000001"), "usage.value"),
        (("AAPL",), "usage.size"),
        (("AAPL", "--qty", "1", "--notional", "100"), "usage.size"),
        (("AAPL", "--qty", "1", "--type", "limit"), "usage.missing_price"),
        (("AAPL", "--qty", "1", "--limit", "187.501"), "usage.sub_penny"),
        (("AAPL", "--qty", "1", "--type", "market", "--limit", "187"), "usage.type"),
        (("AAPL", "--qty", "1", "--limmit", "187"), "usage.arguments"),
        (("AAPL", "--qty", "1", "--side", "hold"), "usage.arguments"),
        (("AAPL", "MSFT", "--qty", "1"), "usage.arguments"),
        (("--qty", "1"), "usage.arguments"),
        (("AAPL", "--qty", "1", "--mode", "demo"), "mode.unknown"),
    ],
)
def test_what_is_wrong_on_the_command_line_is_refused(
    env: dict[str, str], arguments: tuple[str, ...], kind: str
) -> None:
    refused(env, 3 if kind.startswith("mode.") else 2, kind, "submit", *arguments)


def test_a_part_of_a_strike_is_refused(env: dict[str, str]) -> None:
    error = refused(env, 2, "usage.value", "option", "chain", "AAPL", "--near", "1.5")
    assert "--near" in error["error"]


def test_an_unknown_flag_is_answered_with_the_nearest_one(env: dict[str, str]) -> None:
    error = refused(env, 2, "usage.arguments", *BUY, "--limmit", "187")
    assert error["hint"] == "Did you mean --limit?"


def test_a_file_of_signals_without_its_flag_is_told_the_flag(env: dict[str, str]) -> None:
    error = refused(env, 2, "usage.signal", "signal", "today.ndjson")
    assert error["next"] == "execbot signal --file today.ndjson"
    assert "--file" not in refused(env, 2, "usage.signal", "signal", "BRK.B")["next"]


def test_a_quantity_without_its_flag_is_told_the_flag(env: dict[str, str]) -> None:
    error = refused(env, 2, "usage.arguments", "submit", "KO", "5")
    assert "--qty 5" in error["hint"]


@pytest.mark.usefixtures("nothing_sent")
def test_an_unknown_symbol_is_refused_before_anything_is_sent(env: dict[str, str]) -> None:
    refused(env, 2, "broker.unknown_symbol", "submit", "QQQQQ", "--qty", "1")


@pytest.mark.usefixtures("nothing_sent")
@pytest.mark.parametrize(
    "text", ["", "trading_execution:\n  max_positions: [", "trading_execution:\n  nonsense: 1\n"]
)
def test_a_broken_configuration_is_refused(tmp_path: Path, env: dict[str, str], text: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    refused(env, 3, "config", *BUY, "--config", str(path))
    refused({**env, "EXECBOT_CONFIG": str(path)}, 3, "config", *BUY)


@pytest.mark.usefixtures("nothing_sent")
def test_a_missing_configuration_that_was_asked_for_is_refused(env: dict[str, str]) -> None:
    refused(env, 3, "config.not_found", *BUY, "--config", "missing.yaml")
    refused({**env, "EXECBOT_CONFIG": "missing.yaml"}, 3, "config.not_found", *BUY)


@pytest.mark.usefixtures("nothing_sent")
def test_no_variable_loosens_a_limit(env: dict[str, str]) -> None:
    refused({**env, "EXECBOT__MAX_POSITIONS": "50"}, 3, "config.loosens_limit", *BUY)


@pytest.mark.usefixtures("nothing_sent")
def test_half_a_key_pair_is_refused(env: dict[str, str]) -> None:
    del env["ALPACA_SECRET_KEY"]
    error = refused(env, 4, "auth.half_pair", *BUY)
    assert "ALPACA_SECRET_KEY" in error["error"]
    del env["EXECBOT_MODE"]
    refused(env, 4, "auth.half_pair", *BUY)


@pytest.mark.usefixtures("nothing_sent")
def test_no_keys_at_all_are_refused_on_paper(env: dict[str, str]) -> None:
    del env["ALPACA_API_KEY"], env["ALPACA_SECRET_KEY"]
    refused(env, 4, "auth.no_credentials", *BUY)


@pytest.mark.usefixtures("nothing_sent")
def test_wrong_keys_are_refused(env: dict[str, str]) -> None:
    error = refused({**env, "ALPACA_API_KEY": "wrong-key"}, 4, "auth", *BUY)
    assert "wrong-key" not in json.dumps(error)
    assert "test-secret" not in json.dumps(error)


@pytest.mark.usefixtures("nothing_sent")
@pytest.mark.parametrize("gate", ["", "1", "false"])
def test_live_without_both_switches_is_refused(env: dict[str, str], gate: str) -> None:
    refused({**env, "ALPACA_LIVE_TRADE": gate}, 3, "mode.live_gate", *BUY, "--mode", "live")


@pytest.mark.usefixtures("nothing_sent")
def test_a_live_order_off_a_terminal_needs_yes(env: dict[str, str]) -> None:
    env["ALPACA_LIVE_TRADE"] = "true"
    refused(env, 11, "confirm.needed", *BUY, "--mode", "live")


@pytest.mark.usefixtures("nothing_sent")
def test_a_url_of_another_mode_or_a_stranger_is_refused(env: dict[str, str]) -> None:
    for url in ("https://api.alpaca.markets", "https://paper-api.example"):
        refused({**env, "ALPACA_TRADING_URL": url}, 3, "mode.url_contradiction", *BUY)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def at(env: Mapping[str, str], url: str, **more: str) -> dict[str, str]:
    moved = {**env, "ALPACA_TRADING_URL": url, "ALPACA_DATA_URL": url, **more}
    del moved["ALPACA_TRADING_WS_URL"]
    return moved


def test_a_server_that_is_down_is_told_as_transient(env: dict[str, str]) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    error = refused(at(env, url), 10, "network.refused", *BUY)
    assert error["url"] == url
    assert error["error"].endswith(url)
    assert "Connection refused" in error["hint"]
    told = execbot(BUY, at(env, url)).err
    assert len(told.strip().splitlines()) == 3
    assert url in told


@pytest.mark.usefixtures("nothing_sent")
def test_of_two_servers_the_one_that_is_down_is_named(env: dict[str, str]) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    error = refused({**env, "ALPACA_DATA_URL": url}, 10, "network.refused", *BUY)
    assert error["url"] == url


@contextlib.contextmanager
def strange_server(answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> Iterator[Any]:
    """A server that answers every request in its own way; gives its URL and what was posted."""
    posted: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def do_POST(self) -> None:
            posted.append(self.path)
            answer(self)

        def log_message(self, *_: object) -> None:
            """Keeps the test's output clean."""

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.daemon_threads = True
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_address[1]}", posted
    finally:
        running.shutdown()
        running.server_close()


def test_a_server_that_hangs_is_told_as_transient(env: dict[str, str]) -> None:
    with strange_server(lambda request: time.sleep(30)) as (url, posted):
        moved = at(env, url, EXECBOT__BROKER__TIMEOUT_SECONDS="0.3")
        error = refused(moved, 10, "network.timeout", *BUY)
        assert url in error["error"]
        assert posted == []


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, "<html><title>Welcome</title></html>"), (200, '{"half": '), (502, "<html>Bad</html>")],
)
def test_a_server_that_answers_something_else_is_told_plainly(
    env: dict[str, str], status: int, body: str
) -> None:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Type", "text/html")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body.encode())

    with strange_server(answer) as (url, posted):
        error = refused(at(env, url), 10, "broker", *BUY)
        assert (error["status"], error["url"]) == (status, url)
        assert status != 200 or url in error["hint"]
        assert posted == []


# --- the journal ---------------------------------------------------------------------------


@pytest.fixture
def journal(tmp_path: Path, env: dict[str, str]) -> Path:
    """The journal of an account that has been used before."""
    assert execbot(["reconcile", "--json"], env).code == 0
    (path,) = (tmp_path / "state").rglob("journal.db")
    return path


@pytest.mark.usefixtures("nothing_sent")
def test_a_corrupt_journal_stops_the_order(env: dict[str, str], journal: Path) -> None:
    for path in journal.parent.glob("journal.db*"):
        path.unlink()
    journal.write_bytes(b"this was a journal once" * 1000)
    refused(env, 3, "journal.corrupt", *BUY)
    checked = execbot(["doctor", "--json"], env)
    failed = {row["check"] for row in checked.data["checks"] if row["status"] == "FAIL"}
    assert (checked.code, failed) == (3, {"journal"})


@pytest.mark.usefixtures("nothing_sent")
def test_a_locked_journal_stops_the_order(env: dict[str, str], journal: Path) -> None:
    with contextlib.closing(sqlite3.connect(journal, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        refused(env, 10, "journal.locked", *BUY)


@pytest.mark.usefixtures("nothing_sent")
def test_a_read_only_journal_stops_the_order(env: dict[str, str], journal: Path) -> None:
    for path in journal.parent.iterdir():
        path.chmod(0o400)
    journal.parent.chmod(0o500)
    try:
        refused(env, 3, "journal.read_only", *BUY, prepare=obey_permissions)
    finally:
        journal.parent.chmod(0o700)


def obey_permissions() -> None:
    """Root may write anywhere; without CAP_DAC_OVERRIDE it obeys the permissions like all."""
    if os.geteuid() == 0:
        prctl_capbset_drop, cap_dac_override = 24, 1
        ctypes.CDLL(None).prctl(prctl_capbset_drop, cap_dac_override, 0, 0, 0)


@pytest.mark.usefixtures("nothing_sent")
def test_a_full_disk_stops_the_order(env: dict[str, str], journal: Path) -> None:
    def no_more_space() -> None:
        """No file may grow beyond this: the write-ahead log soon would, as on a full disk."""
        resource.setrlimit(resource.RLIMIT_FSIZE, (16 * 1024, 16 * 1024))

    refused(env, 3, "journal", *BUY, prepare=no_more_space)


@pytest.mark.usefixtures("nothing_sent")
def test_a_state_directory_that_cannot_be_made_stops_the_order(
    tmp_path: Path, env: dict[str, str]
) -> None:
    (tmp_path / "file").write_text("not a directory")
    error = refused(
        {**env, "EXECBOT_STATE_DIR": str(tmp_path / "file" / "below")}, 3, "config.state_dir", *BUY
    )
    assert "EXECBOT_STATE_DIR" in error["hint"]


def test_errors_for_people_are_three_lines_without_a_traceback(env: dict[str, str]) -> None:
    outcome = run(["submit", "AAPL", "--qty", "0"], env)
    assert (outcome.code, outcome.out) == (2, "")
    first, second, third = outcome.err.splitlines()
    assert first.startswith("Error: --qty was '0'")
    assert second.startswith("  why:  ")
    assert third.startswith("  next: ")
    assert "Traceback" in run(["submit", "AAPL", "--qty", "0", "--debug"], env).err


def test_the_environment_of_these_tests_can_trade_at_all(
    server: Server, env: dict[str, str]
) -> None:
    before = len(server.get("/sim/log"))
    outcome = execbot([*BUY, "--json"], env)
    assert outcome.code == 0, outcome.err
    assert len(server.get("/sim/log")) == before + 1
