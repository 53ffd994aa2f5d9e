"""Goal: a batch of entries is sent without a pause for each, and each line still tells its fill.

Method: real processes against a served exchange behind a relay without delay, which counts what is
asked for; no `watch` runs. The exchange's own list is the judge.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from support.harness.relay import Line, Relay, relay
from support.processes import Server, exchange, execbot, start_execbot
from support.waiting import PATIENCE_SECONDS, eventually

SYMBOLS = ("AAPL", "MSFT", "NVDA", "KO", "SPY", "JPM")
ROOM = """
trading_execution:
  max_positions: 100
  max_position_size_pct: 100
  max_account_exposure_pct: 100
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Relay]]:
    with exchange(tmp_path_factory.mktemp("exchange")) as server, relay() as lines:
        yield server, lines


@dataclass
class Account:
    server: Server
    env: dict[str, str]
    key: str
    line: Line
    home: Path

    def signals(self, *rows: Any) -> str:
        return "".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows)

    def run(self, text: str, code: int = 0) -> list[dict[str, Any]]:
        done = execbot(["signal", "-", "--json"], self.env, stdin=text, timeout=PATIENCE_SECONDS)
        assert done.code == code, done.out + done.err
        return [json.loads(line) for line in done.out.splitlines()]

    def filled(self) -> dict[str, str]:
        return {o["symbol"]: o["filled_qty"] for o in self.server.orders(self.key)}


@pytest.fixture
def account(served: tuple[Server, Relay], tmp_path: Path) -> Account:
    server, lines = served
    port = urlsplit(server.rest).port
    assert port is not None
    line = lines.line(port, 0.0)
    (tmp_path / "trading.yaml").write_text(ROOM)
    env = server.environment(
        tmp_path, key=tmp_path.name, EXECBOT_CONFIG=str(tmp_path / "trading.yaml")
    )
    env["ALPACA_TRADING_URL"] = line.url
    return Account(server, env, tmp_path.name, line, tmp_path)


def entry(symbol: str, **more: Any) -> dict[str, Any]:
    made = {"id": f"batch-{symbol}", "symbol": symbol, "side": "buy", "strength": 90, "qty": "1"}
    return {**made, "created_at": datetime.now(UTC).isoformat(), **more}


def test_every_line_of_a_batch_tells_its_fill_in_the_order_of_the_lines(account: Account) -> None:
    told = account.run(account.signals(*(entry(symbol) for symbol in SYMBOLS)))
    assert [row["line"] for row in told] == [1, 2, 3, 4, 5, 6]
    assert [row["outcome"] for row in told] == ["filled"] * 6
    assert account.filled() == dict.fromkeys(SYMBOLS, "1")


def test_no_order_of_a_batch_is_asked_for_by_itself(account: Account) -> None:
    account.run(account.signals(*(entry(symbol) for symbol in SYMBOLS)))
    alone = [r for r in account.line.requests if r.startswith("GET /v2/orders/")]
    assert len(alone) <= 1  # a last line that came when nothing waited any more


def test_lines_that_are_no_entries_keep_their_place(account: Account) -> None:
    rows = [entry("AAPL"), "not JSON\n", entry("AAPL"), entry("KO"), entry("MSFT", strength=5)]
    told = account.run(account.signals(*rows), code=12)
    assert sorted(row["line"] for row in told) == [1, 2, 3, 4, 5]
    by_line = {row["line"]: row for row in told}
    assert by_line[1]["outcome"] == by_line[4]["outcome"] == "filled"
    assert by_line[2]["reason"] == "signal.bad_line"
    assert account.filled() == {"AAPL": "1", "KO": "1"}


def test_answers_come_although_the_input_stays_open(account: Account) -> None:
    process = start_execbot(["signal", "-", "--json"], account.env, stdin=-1)
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(account.signals(*(entry(symbol) for symbol in SYMBOLS[:3])))
        process.stdin.flush()
        told = [json.loads(process.stdout.readline()) for _ in range(3)]
        assert [row["outcome"] for row in told] == ["filled"] * 3
        process.stdin.write(account.signals(entry("SPY")))
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["outcome"] == "filled"
        process.stdin.close()
        assert process.wait(PATIENCE_SECONDS) == 0
    finally:
        process.kill()
        process.wait()


def test_two_orders_are_on_their_way_at_once_and_a_kill_makes_no_second_of_them(
    account: Account,
) -> None:
    account.server.call(
        "POST",
        f"/sim/faults?key={account.key}",
        {"kind": "reply_lost", "method": "POST", "path": "/v2/orders", "count": 2},
    )
    text = account.signals(*(entry(symbol) for symbol in SYMBOLS[:4]))
    (account.home / "signals.jsonl").write_text(text)
    command = ["signal", "--file", str(account.home / "signals.jsonl"), "--json"]
    process = start_execbot(command, account.env)
    try:
        assert eventually(lambda: len(account.filled()) == 2), "neither was answered"
        assert set(account.filled()) == {"AAPL", "MSFT"}, "the first two lines, and no third"
    finally:
        process.kill()
        process.communicate()
    told = account.run(text)
    assert execbot(["reconcile"], account.env).code == 0
    assert sorted(row["outcome"] for row in told[-2:]) == ["filled", "filled"]
    orders = account.server.orders(account.key)
    assert sorted(o["symbol"] for o in orders) == sorted(SYMBOLS[:4]), "each once"
