"""Goal: `execbot sim …` does what its help says. Method: real processes."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.paths import SCENARIOS, market_data
from support.processes import EXECBOT, clean_environment, exchange, execbot
from support.waiting import eventually

from execbot.cli.group import load_command

SCENARIO = SCENARIOS / "rate-limit-exceeded.yaml"


def test_served_urls_are_one_line_of_json_and_sigterm_ends_cleanly(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*EXECBOT, "sim", "serve", "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(tmp_path),
    )
    assert process.stdout is not None
    urls = json.loads(process.stdout.readline())
    assert {"rest", "stream", "data", "data_stream", "control"} <= set(urls)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "", "")


def test_without_json_people_are_told_how_to_point_their_clients_at_it(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*EXECBOT, "sim", "serve"],
        stdout=subprocess.PIPE,
        text=True,
        env=clean_environment(tmp_path),
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Ctrl-C" in line:
            break
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0
    text = "".join(lines)
    assert "TradingClient(" in text and "APCA_API_BASE_URL=http://127.0.0.1:" in text


def test_port_in_use_is_a_clear_error(tmp_path: Path) -> None:
    with exchange(tmp_path) as server:
        port = server.rest.rpartition(":")[2]
        done = execbot(["sim", "serve", "--port", port, "--json"], clean_environment(tmp_path))
    assert done.code == 3
    assert done.error["kind"] == "config.address" and port in done.error["error"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--at", "soon"], "soon"),
        (["--calendar", "moon"], "moon"),
        (["--frames", "pigeon"], "pigeon"),
        (["--data", "/no/such/place"], "/no/such/place"),
        (["--scenario", "/no/such/file.yaml"], "file.yaml"),
        (["--set", "nonsense"], "nonsense"),
        (["--set", "nonsense=1"], "nonsense"),
        (["--set", "exchange.nonsense=1"], "nonsense"),
        (["--speed", "-1", "--at", "2013-10-08"], "speed"),
        (["--set", "exchange.starting_cash=[]"], "starting_cash"),
        (["--host", "0.0.0.0"], "other machines"),
        (["--host", "::"], "other machines"),
    ],
)
def test_wrong_arguments_end_with_2_and_the_reason(
    sim_env: dict[str, str], arguments: list[str], reason: str
) -> None:
    done = execbot(["sim", "serve", "--json", *arguments], sim_env)
    assert done.code == 2, done.err
    assert reason in done.error["error"]


@pytest.mark.parametrize("form", ["--json", "--no-color"])
def test_beyond_loopback_it_is_served_when_asked_for_and_warns(tmp_path: Path, form: str) -> None:
    process = subprocess.Popen(
        [*EXECBOT, "sim", "serve", "--host", "0.0.0.0", "--public", form],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(tmp_path),
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    warning = "0.0.0.0 can be reached from other machines; no key protects it"
    if form == "--json":
        assert json.loads(first)["warnings"] == [warning]
        assert json.loads(first)["rest"].startswith("http://127.0.0.1:")
    else:
        assert f"Warning: {warning}." in err


@pytest.mark.parametrize("ends", ["soon", "late"])
def test_out_of_handles_it_says_so_once_and_goes_on(tmp_path: Path, ends: str) -> None:
    """With 64 handles and 200 connections; after they are gone it answers as before. `late`: it is
    ended while they wait, and a request that it still holds keeps it for more than a second."""
    log = tmp_path / "server.log"
    process = subprocess.Popen(
        ["sh", "-c", f"ulimit -n 64; exec {' '.join(EXECBOT)} sim serve --json"],
        stdout=subprocess.PIPE,
        stderr=log.open("w"),
        text=True,
        env=clean_environment(tmp_path),
    )
    assert process.stdout is not None
    try:
        urls = json.loads(process.stdout.readline())
        where = urlsplit(urls["rest"])
        assert where.hostname and where.port
        if ends == "late":
            held = _held_request(urls)
        crowd = [socket.create_connection((where.hostname, where.port)) for _ in range(200)]
        assert eventually(lambda: "Too many open files" in log.read_text())
        if ends == "soon":
            for connection in crowd:
                connection.close()
            assert eventually(lambda: _answers(urls["control"]))
        else:
            time.sleep(0.85)  # a second after it ran out of handles, the loop tries again
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
    for connection in [*crowd, *([held] if ends == "late" else [])]:
        connection.close()
    lines = log.read_text().splitlines()
    assert 1 <= len(lines) <= 12 and all(len(line) < 300 for line in lines), lines


def _held_request(urls: dict[str, str]) -> socket.socket:
    """A connection whose request is answered in four seconds."""
    rule = {"kind": "reply_delayed", "method": "GET", "path": "/v2/clock"}
    asked = urllib.request.Request(
        f"{urls['control']}/faults",
        json.dumps({**rule, "params": {"seconds": 4}}).encode(),
        {"content-type": "application/json"},
    )
    urllib.request.urlopen(asked, timeout=30).close()
    where = urlsplit(urls["rest"])
    held = socket.create_connection((str(where.hostname), where.port))
    held.sendall(
        b"GET /v2/clock HTTP/1.1\r\nHost: localhost\r\n"
        b"APCA-API-KEY-ID: key\r\nAPCA-API-SECRET-KEY: secret\r\n\r\n"
    )
    assert eventually(lambda: b'"fired":1' in _body(f"{urls['control']}/faults"))
    return held


def _body(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as reply:
        return bytes(reply.read())


def _answers(control: str) -> bool:
    try:
        with urllib.request.urlopen(f"{control}/status", timeout=5) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def test_recorded_prices_are_served_with_a_word_on_limits(tmp_path: Path) -> None:
    (tmp_path / "XYZ_1m.csv").write_text(
        "symbol,timestamp,open,high,low,close,volume\nXYZ,2013-10-08T13:30:00Z,1,1,1,1,100\n"
    )
    process = subprocess.Popen(
        [*EXECBOT, "sim", "serve", "--data", str(tmp_path), "--at", "2013-10-08 09:30"],
        stdout=subprocess.PIPE,
        text=True,
        env=clean_environment(tmp_path),
    )
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if "Ctrl-C" in line:
            break
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0
    assert "a print beyond a resting limit fills it" in text


def test_scenario_and_settings_reach_the_exchange(tmp_path: Path) -> None:
    arguments = ["--scenario", str(SCENARIO), "--set", "exchange.starting_cash=5000"]
    with exchange(tmp_path, *arguments) as server:
        assert server.get("/v2/account")["cash"] == "5000"
        assert server.get("/sim/status")["scenario"] == "rate-limit-exceeded"


def test_commands_steer_the_exchange_of_sim_mode(sim_env: dict[str, str]) -> None:
    assert execbot(["sim", "price", "AAPL", "100", "--json"], sim_env).data["quote"]["ask"] == "100"
    assert execbot(["sim", "deposit", "500", "--json"], sim_env).data["cash"] == "100500"
    assert execbot(["sim", "halt", "AAPL"], sim_env).code == 0
    assert execbot(["sim", "resume", "AAPL"], sim_env).code == 0
    assert execbot(["sim", "price", "AAPL", "--release"], sim_env).code == 0
    status = execbot(["sim", "status", "--json"], sim_env).data
    assert status["accounts"][0]["cash"] == "100500"
    assert execbot(["sim", "reset"], sim_env).code == 11
    assert execbot(["sim", "reset", "--yes"], sim_env).code == 0
    assert execbot(["sim", "status", "--json"], sim_env).data["accounts"] == []


def test_clock_of_sim_mode_is_moved(sim_env: dict[str, str]) -> None:
    execbot(["sim", "clock", "--speed", "0"], sim_env)
    before = execbot(["sim", "clock", "--json"], sim_env).data["now_ns"]
    after = execbot(["sim", "clock", "--step", "60", "--json"], sim_env).data["now_ns"]
    assert after - before == 60 * 10**9


def test_replay_starts_over_on_recorded_prices(sim_env: dict[str, str]) -> None:
    folder = str(market_data().resolve())
    done = execbot(["sim", "replay", folder, "--at", "2013-10-08 09:45", "--json"], sim_env)
    assert done.code == 0, done.err
    assert execbot(["sim", "status", "--json"], sim_env).data["data"] == folder
    assert execbot(["sim", "replay", "/no/such/place"], sim_env).code == 2


def test_commands_steer_a_running_server(tmp_path: Path, sim_env: dict[str, str]) -> None:
    with exchange(tmp_path) as server:
        server.get("/v2/account")
        url = ["--url", server.rest]
        assert execbot(["sim", "deposit", "1", *url, "--json"], sim_env).data["cash"] == "100001"
        assert execbot(["sim", "price", "NOSUCH", "1", *url], sim_env).code == 2
        shown = execbot(["sim", "status", *url], sim_env)
        assert shown.code == 0 and "100001" in shown.out
    gone = execbot(["sim", "status", "--url", server.rest, "--json"], sim_env)
    assert gone.code == 10 and gone.error["kind"] == "network.sim"


def test_served_state_is_kept_in_a_folder_and_shared(tmp_path: Path) -> None:
    place = tmp_path / "kept"
    order = {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "limit", "limit_price": "1"}
    with exchange(tmp_path, "--state-dir", str(place)) as server:
        server.call("POST", "/v2/orders", {**order, "time_in_force": "gtc"})
    with exchange(tmp_path, "--state-dir", str(place)) as server:
        assert [row["qty"] for row in server.orders()] == ["1"]


def test_every_command_has_help_with_an_example() -> None:
    group = load_command("sim")
    for name, command in group.commands.items():  # type: ignore[union-attr]
        assert command.help and re.search(rf"execbot sim {name}\b", command.help), name
        for option in command.params:
            assert getattr(option, "help", None) or option.name == "help", (name, option.name)
