"""What a command costs over a network: whole processes behind a relay that delays each way.

    python tests/benchmarks/network.py [runs] [round trips in ms, as 0,20,50,100,tls50]

A connection costs a round trip, each message half of one. The baseline is the shortest script that
submits the same order with alpaca-py, over the same relay, in turn; ratios are taken pair by pair,
by the clock and by processor time. The load of the machine is printed: compare within one run.
`tls50` is 50 ms with TLS. Then one `execbot signal` answers a burst of 40 entries at 50 ms. Prints
requests to the trading host and connections besides: 200 requests a minute are allowed.
"""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.harness.relay import Line, Relay, make_certificate, relay
from support.processes import EXECBOT, Server, exchange, start_execbot

from benchmarks.commands import LIMITS_OFF
from benchmarks.measure import Run, compare, run_once

GOALS = {"50": "<= 0.60", "100": "<= 0.78", "0": "<= 0.30"}
SIGNALS = 40
BURST_ROUND_TRIP_MS = 50
BURST_LIMITS = LIMITS_OFF + "  broker: {requests_per_minute: 1000000}\n"
SUBMIT = [*EXECBOT, "submit", "AAPL", "--qty", "1", "--json"]
OTHER = [*EXECBOT, "submit", "KO", "--qty", "1", "--json"]
"""An entry in another stock right before: the watch has just read the account for it."""
SDK = [sys.executable, str(Path(__file__).with_name("submit_with_sdk.py"))]


@dataclass(frozen=True)
class Network:
    """A trader's environment, with the lines to the trading host and to that of the data."""

    env: Mapping[str, str]
    trading: Line
    data: Line


def network(server: Server, lines: Relay, folder: Path, name: str, config: str) -> Network:
    """`name` is a round trip in ms, `tls` before it where TLS goes over the line. Each has a home
    of its own: where a `watch` has run, a cold command looks at what the script did meanwhile."""
    home = folder / f"home-{name}-{len(list(folder.iterdir()))}"
    home.mkdir()
    (home / "trading.yaml").write_text(config)
    round_trip = float(name.removeprefix("tls")) / 1000
    port = urlsplit(server.rest).port
    assert port is not None
    extra, scheme = {"EXECBOT_CONFIG": str(home / "trading.yaml")}, "http"
    there = port
    if name.startswith("tls"):
        key, cert = make_certificate(home)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        there, scheme = lines.tls(port, context), "https"
        extra |= {"SSL_CERT_FILE": str(cert), "REQUESTS_CA_BUNDLE": str(cert)}
    trading, data = lines.line(there, round_trip), lines.line(there, round_trip)
    env = server.environment(home, **extra)
    env |= {
        "ALPACA_TRADING_URL": f"{scheme}://127.0.0.1:{trading.port}",
        "ALPACA_DATA_URL": f"{scheme}://127.0.0.1:{data.port}",
        "ALPACA_TRADING_WS_URL": f"ws{scheme[4:]}://127.0.0.1:{trading.port}/stream",
    }
    return Network(env, trading, data)


def submit_row(found: Network, name: str, runs: int) -> None:
    ours, theirs, ratio = compare(SUBMIT, SDK, found.env, runs=runs)
    print(_row(name, "submit, cold", ours, theirs, ratio, GOALS.get(name, "")))
    trading, data = _asked_once(found, SUBMIT)
    print(f"         {sum(trading.values())} requests to the trading host ({_words(trading)}), "
          f"{sum(data.values())} to that of the data")  # fmt: skip


def through_watch_row(found: Network, name: str, runs: int) -> None:
    """The same while a `watch` runs that takes such requests over; nothing where none can."""
    if not has_door():
        print(f"{name:>6}   submit, through a running watch: this build has no such door")
        return
    with _watching(found):
        ours, theirs, ratio = compare(SUBMIT, SDK, found.env, runs=runs)
        print(_row(name, "submit, through watch", ours, theirs, ratio, "<= 0.55"))
        trading, data = _asked_once(found, SUBMIT)
        print(f"         {_words(trading)}, {sum(data.values())} to that of the data, with those "
              "of the watch itself")  # fmt: skip
        ours, theirs, ratio = compare(
            SUBMIT, SDK, found.env, runs=runs, before=lambda: run_once(OTHER, found.env)
        )
        print(_row(name, "same, facts under 1 s", ours, theirs, ratio, "<= 0.42"))


def has_door() -> bool:
    """Whether `submit` can be told to go round the door of a running `watch`."""
    said = subprocess.run([*EXECBOT, "submit", "--help"], capture_output=True, text=True)
    return "--direct" in said.stdout


@contextmanager
def _watching(found: Network) -> Iterator[None]:
    process = start_execbot(["watch", "--json"], found.env, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield
    finally:
        process.terminate()
        process.communicate(timeout=60)


def burst_row(server: Server, found: Network) -> None:
    """One `execbot signal` and its entries, first answer to last, and the start besides."""
    rows = server.get("/v2/assets?status=active&asset_class=us_equity")
    symbols = [row["symbol"] for row in rows if row["tradable"] and row["symbol"] != "AAPL"]
    made = [
        {
            "id": f"burst-{time.time_ns()}-{number}",
            "symbol": symbol,
            "side": "buy",
            "strength": 90,
            "strategy_id": "bench",
            "qty": "1",
            "created_at": datetime.now(UTC).isoformat(),
        }
        for number, symbol in enumerate(symbols[:SIGNALS])
    ]
    home = Path(found.env["HOME"])
    (home / "signals.jsonl").write_text("".join(json.dumps(one) + "\n" for one in made))
    found.trading.requests.clear()
    found.data.requests.clear()
    began = time.perf_counter()
    process = start_execbot(
        ["signal", "--file", str(home / "signals.jsonl"), "--json"],
        found.env,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    answers = Counter(str(json.loads(line)["outcome"]) for line in process.stdout)
    ended = time.perf_counter()
    process.wait()
    count = sum(answers.values())
    print(
        f"burst of {count} entries ({_words(answers)}): {count / (ended - began):.1f} signals"
        " a second, the start included   goal: >= 12"
    )
    asked = Counter(_without_ids(one) for one in found.trading.requests)
    print(
        f"         {asked.total() / count:.2f} requests a signal to the trading host   goal: <= 1.2"
        f"   ({_words(asked)}), {len(found.data.requests) / count:.2f} to the other"
    )


def _asked_once(found: Network, command: list[str]) -> tuple[Counter[str], Counter[str]]:
    found.trading.requests.clear()
    found.data.requests.clear()
    subprocess.run(command, env=dict(found.env), stdout=subprocess.DEVNULL, check=True)
    return Counter(found.trading.requests), Counter(found.data.requests)


def _without_ids(request: str) -> str:
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]+", "ID", request)


def _words(counted: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counted.most_common())


def _row(name: str, what: str, ours: Run, theirs: Run, ratio: Run, goal: str) -> str:
    return (
        f"{name:>6}   {what:<22} {ours.wall_seconds:6.3f} s   script {theirs.wall_seconds:6.3f} s"
        f"   ratio {ratio.wall_seconds:5.2f} (processor {ratio.cpu_seconds:4.2f})"
        f"   load {os.getloadavg()[0]:4.1f}   {'goal: ' + goal if goal else ''}"
    )


def main(runs: int = 7, names: str = "0,20,50,100,tls50") -> None:
    with tempfile.TemporaryDirectory() as folder, relay() as lines:
        home = Path(folder)
        with exchange(home) as server:
            for name in names.split(","):
                found = network(server, lines, home, name, LIMITS_OFF)
                submit_row(found, name, runs)
                if name != "0":
                    through_watch_row(found, name, runs)
            burst = network(server, lines, home, str(BURST_ROUND_TRIP_MS), BURST_LIMITS)
            burst_row(server, burst)


if __name__ == "__main__":
    os.environ.setdefault("NO_COLOR", "1")
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 7,
        sys.argv[2] if len(sys.argv) > 2 else "0,20,50,100,tls50",
    )
