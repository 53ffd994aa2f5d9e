"""Goal: commands print what their schemas say when they fail, half succeed, or wait.

Method: real processes against the built-in exchange, each test on an account of its own. Each
answer and error is judged by the pydantic model and by the JSON Schema, and no field may be printed
that is described nowhere. What each command prints when it works is judged in the same way where
the golden sessions are played (`tests/cli/test_golden_json.py`).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.processes import Server, clean_environment, exchange, execbot, start_execbot
from support.schema_judge import complaints, judge
from support.waiting import eventually


class Recorder:
    """Runs commands under --json and keeps what is wrong with what they print."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = env
        self.wrong: dict[str, list[str]] = {}

    def __call__(
        self, words: str, code: int = 0, *, env: Mapping[str, str] | None = None, **more: Any
    ) -> Any:
        """The answer's data, or the error."""
        outcome = execbot([*words.split(), "--json"], env or self.env, **more)
        assert outcome.code == code, (words, outcome)
        found = judge(outcome)
        if found:
            self.wrong[words] = found
        return outcome.data if outcome.out else outcome.error


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    with exchange(home) as running:
        yield running


@pytest.fixture
def run(server: Server, home: Path, request: pytest.FixtureRequest) -> Iterator[Recorder]:
    recorder = Recorder(server.environment(home, key=request.node.name))
    yield recorder
    server.call("DELETE", "/sim/faults")
    assert not recorder.wrong, recorder.wrong


def fault(server: Server, **rule: Any) -> None:
    server.call("POST", "/sim/faults", rule)


def test_answers_of_orders_and_positions(run: Recorder) -> None:
    assert run("orders") == run("positions") == run("exits") == run("queue") == []
    assert run("cancel-all --yes")["canceled"] == []
    run("submit AAPL --qty 10 --stop-loss 2% --take-profit 2R --client-order-id a1 --wait 20")
    run("submit AAPL --qty 10 --stop-loss 2% --take-profit 2R --client-order-id a1")  # already
    run("submit SPY --notional 500 --wait 20 --client-order-id dollars")
    run("submit MSFT --qty 2 --limit 1 --tif gtc --client-order-id m1")
    run("buy KO --qty 2 --stop-loss 2% --wait 20")
    run("sell SPY --notional 100 --wait 20")
    run("short TSLA --qty 1 --stop-loss 2% --wait 20")
    run("orders --status all")
    run("orders show a1")
    run("orders show m1")
    run("positions")
    run("account")
    run("quote AAPL BTC/USD AAPL261218C00190000")
    run("quote AAPL NOPE1", 12)
    run("positions --symbol AAPL")
    run("positions history AAPL")
    run("replace m1 --limit 1.10")
    run("cancel m1")
    run("submit AMD --qty 2 --limit 1 --tif gtc --client-order-id m2")
    run("cancel m2")
    run("orders --status closed")
    run("orders retry m2")


def test_errors(run: Recorder, server: Server, home: Path) -> None:
    run("submit AAPL --qty 2 --wait 20 --client-order-id a1")
    run("submit AAPL --qty 0", 2)
    run("submit AAPL --colour red", 2)
    run("sbmit AAPL", 2)
    run("submit NOPE --qty 1", 2)
    run("signal --file nobody.jsonl", 2)
    run("help nobody", 2)
    run("submit AAPL --qty 1", 5)  # a position is held: with every check
    run("signal GOOG buy --strength 90 --notional 1", 5)  # not one whole share
    run("orders show nothing", 2)
    run("cancel a1", 6)
    run("exits move GOOG --stop 1", 2)
    run("queue cancel nothing", 2)
    run("positions --mode live", 3)
    bad = home / "bad.yaml"
    bad.write_text("trading_execution:\n  max_positins: 5\n  risk: {max_daily_orders: -1}\n")
    run(f"config check --config {bad}", 3)
    run("doctor --stream-seconds 2", 3, env={**run.env, "EXECBOT_CONFIG": str(bad)})
    run("positions", 4, env={**run.env, "ALPACA_SECRET_KEY": ""})
    down = {**run.env, "ALPACA_TRADING_URL": "http://127.0.0.1:9", "EXECBOT_STATE_DIR": "elsewhere"}
    run("positions", 10, env=down)
    fault(server, kind="accepted_then_rejected", count=1)
    run("submit GOOG --qty 1 --wait 20", 6)
    body = {"code": 40310000, "message": "account is not authorized to trade"}
    fault(server, kind="canned_reply", method="POST", path="/v2/orders", status=403, body=body,
          count=1)  # fmt: skip
    run("submit GOOG --qty 1 --allow-duplicate", 6)
    fault(server, kind="server_error", method="POST", path="/v2/orders", handled=True, count=9)
    fault(server, kind="server_error", method="GET", path="/v2/orders:by_client_order_id", count=99)
    doubt = run("submit GOOG --qty 1 --allow-duplicate --client-order-id doubt", 7)
    assert doubt["outcome"] == "in_doubt"
    server.call("DELETE", "/sim/faults")
    watching = start_execbot(["watch", "--json"], run.env)
    assert watching.stdout is not None and "started" in watching.stdout.readline()
    assert run("watch", 9)["pid"] == watching.pid
    watching.terminate()
    watching.communicate(timeout=60)


def test_what_is_partly_done(run: Recorder, server: Server) -> None:
    run("submit AAPL --qty 2 --wait 20")
    run("submit SPY --qty 2 --wait 20")
    rests = run("submit GOOG --qty 1 --limit 1 --tif gtc")["id"]
    refusal = [{"id": rests, "status": 500, "body": {"code": 50010000, "message": "internal"}}]
    fault(server, kind="canned_reply", method="DELETE", status=207, body=refusal)
    fault(server, kind="server_error", method="DELETE", path="/v2/orders/*")
    assert run("cancel-all --yes --wait 1", 12)["failed"]
    server.call("DELETE", "/sim/faults")
    fault(server, kind="canned_reply", method="POST", path="/v2/orders", status=403,
          body={"code": 40310000, "message": "insufficient qty available for order"},
          symbol="SPY")  # fmt: skip
    assert run("close --all --yes --wait 20", 12)["failed"]
    server.call("DELETE", "/sim/faults")
    fault(server, kind="server_error", method="DELETE", path="/v2/orders*")
    assert run("halt --reason news --cancel --flatten --yes", 12)["failed"]
    server.call("DELETE", "/sim/faults")
    run("submit AMD --qty 1", 5)
    run("resume --reason better")
    run("close GOOG")


def test_what_waits_for_the_open(home: Path) -> None:
    at = ("--calendar", "exchange", "--at", "2026-11-20 18:00")
    with exchange(home, *at) as closed:
        run = Recorder(closed.environment(home, key="evening"))
        run("submit AAPL --qty 2 --client-order-id q1 --stop-loss 2% --take-profit 1R "
            "--take-profit 2R")  # fmt: skip
        run("signal MSFT buy --strength 90")
        assert len(run("queue")) == 2
        run("queue list")
        run("queue release")
        run("queue cancel q1")
        run("orders abandon " + run("queue")[0]["client_order_id"])
        run("market")
        assert not run.wrong, run.wrong


def test_a_break_and_a_journal_that_cannot_be_used(server: Server, home: Path) -> None:
    env = server.environment(home, key="broken")
    run = Recorder(env)
    run("submit AAPL --qty 3 --wait 20")
    run("submit MSFT --qty 1 --limit 1 --tif gtc --client-order-id rests")
    [journal] = [p for p in home.glob("state/execbot/paper-*/journal.db") if is_of(p, "rests")]
    kept = journal.read_bytes()
    journal.write_bytes(b"not a database at all" * 1000)
    for path in journal.parent.glob("journal.db-*"):
        path.unlink()
    run("positions")
    run("orders")
    run("submit AAPL --qty 1", 3)
    run("close AAPL --qty 1 --without-journal --wait 20")
    run("close XYZ --without-journal")
    run("cancel-all --yes")
    run("halt --reason x --cancel --flatten --without-journal --yes", 12)
    journal.write_bytes(kept)
    server.call("POST", "/sim/reset", {})
    assert run("reconcile", 8)["breaks"]
    run("report")
    assert not run.wrong, run.wrong


def is_of(journal: Path, name: str) -> bool:
    return name.encode() in b"".join(p.read_bytes() for p in journal.parent.glob("journal.db*"))


def test_the_line_of_a_served_exchange(home: Path) -> None:
    process = start_execbot(["sim", "serve", "--port", "0", "--json"], clean_environment(home))
    assert process.stdout is not None
    line = json.loads(process.stdout.readline())
    process.terminate()
    process.wait(30)
    assert complaints("sim-serve", line) == []


def test_lines_of_signals(server: Server, home: Path) -> None:
    env = server.environment(home, key="lines")
    given = [
        {"id": "l1", "symbol": "AAPL", "side": "buy", "strength": 90, "qty": 2},
        {"id": "l1", "symbol": "AAPL", "side": "buy", "strength": 90},
        {"symbol": "MSFT", "side": "buy", "strength": 3},
        {"symbol": "NOPE", "side": "buy", "strength": 90},
        {"symbol": "AAPL", "side": "sideways", "strength": 90},
        {"id": "l2", "symbol": "AAPL", "side": "sell", "strength": 90},
    ]
    lines = "\n".join([*map(json.dumps, given), "no json"]) + "\n"
    done = execbot(["signal", "-", "--json", "--follow"], env, stdin=lines)
    printed = [json.loads(line) for line in done.out.splitlines()]
    assert [complaints("signal-lines", line) for line in printed] == [[]] * len(printed)
    assert {line["type"] for line in printed} == {"signal_result", "signal_update"}
    assert sum(line["type"] == "signal_result" for line in printed) == len(given) + 1


def test_lines_of_watch(server: Server, home: Path) -> None:
    env = server.environment(home, key="watched")
    process = start_execbot(["watch", "--json"], env)
    lines: list[dict[str, Any]] = []

    def read() -> None:
        assert process.stdout is not None
        lines.extend(map(json.loads, process.stdout))

    threading.Thread(target=read, daemon=True).start()

    def is_reported(*kinds: str) -> bool:
        return eventually(lambda: set(kinds) <= {line["type"] for line in lines})

    execbot(["submit", "AAPL", "--qty", "4", "--stop-loss", "5%", "--wait", "20"], env)
    assert is_reported("guard")
    [stop] = [r for r in server.orders(key="watched")[0]["legs"] if r["type"] == "stop"]
    server.call("PATCH", f"/v2/orders/{stop['id']}", {"stop_price": "150"}, key="watched")
    assert is_reported("moved_at_broker", "alarm")
    server.call("POST", "/sim/halt", {"symbol": "AAPL"})
    assert is_reported("halt")
    server.call("POST", "/sim/resume", {"symbol": "AAPL"})
    server.call("POST", "/sim/streams/cut", {"key": "watched"})
    execbot(["close", "AAPL", "--wait", "20"], env)
    process.terminate()
    process.wait(60)
    assert eventually(lambda: lines[-1]["type"] == "stopped")
    assert [found for line in lines if (found := complaints("watch", line))] == []
    assert {"started", "reconciled", "session", "stopped"} <= {line["type"] for line in lines}


def test_answers_about_the_page(run: Recorder) -> None:
    run("page link", 3)
    run("page 127.0.0.1:0 --with-watch")
    serving = start_execbot(["page", "127.0.0.1:0"], run.env)
    try:
        assert serving.stdout is not None and "#token=" in serving.stdout.readline()
        assert run("page link")["pid"] == serving.pid
    finally:
        serving.terminate()
        serving.communicate(timeout=60)


def test_lines_of_watch_at_its_start_and_about_prices(home: Path) -> None:
    """A split that is booked, a break, prices that were lost and are streamed again."""
    with exchange(home) as market:
        env = market.environment(home, key="started")
        env["EXECBOT__STREAM__LOST_ALARM_SECONDS"] = "0.2"
        execbot(["submit", "AAPL", "--qty", "3", "--wait", "20"], env)
        execbot(["submit", "MSFT", "--qty", "3", "--wait", "20"], env)
        execbot(["reconcile"], env)
        market.call("POST", "/sim/split", {"symbol": "AAPL", "new": 4})
        gone = {"type": "JNLS", "symbol": "MSFT", "qty": -1, "row_after": 3600}
        market.call("POST", "/sim/flow", gone, key="started")
        process = start_execbot(["watch", "--json"], env)
        lines: list[dict[str, Any]] = []

        def read() -> None:
            assert process.stdout is not None
            lines.extend(map(json.loads, process.stdout))

        threading.Thread(target=read, daemon=True).start()

        def is_reported(**facts: str) -> bool:
            return eventually(lambda: any(facts.items() <= line.items() for line in lines.copy()))

        try:
            assert is_reported(type="booked") and is_reported(type="break", kind="position.qty")
            assert is_reported(type="reconciled")
            fault(market, kind="stream_refused", path="/v2/iex", count=3)

            def prices_are_lost() -> bool:
                market.call("POST", "/sim/streams/cut", {"data": True})
                return any(line.get("kind") == "prices_lost" for line in lines.copy())

            assert eventually(prices_are_lost), lines
            assert is_reported(type="prices", state="streamed"), lines
        finally:
            process.terminate()
            process.wait(60)
        assert [found for line in lines if (found := complaints("watch", line))] == []
