"""Goal: `signal - --follow` tells later what became of each signal.

Method: real processes on a served exchange whose symbols are halted and resumed, so that orders
rest; the lines are compared with the exchange's own orders.
"""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support.processes import Server, execbot, start_execbot
from support.waiting import eventually


class Following:
    """`execbot signal - --json --follow` with its pipe open, and what it has printed."""

    def __init__(self, env: Mapping[str, str], *more: str) -> None:
        self.lines: list[dict[str, Any]] = []
        self.process = start_execbot(
            ["signal", "-", "--json", "--follow", *more], env, stdin=subprocess.PIPE
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(json.loads(line))

    def give(self, **fields: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"strength": 90, "side": "buy", **fields}) + "\n")
        self.process.stdin.flush()

    def of(self, name: str, kind: str = "signal_update") -> list[dict[str, Any]]:
        return [line for line in self.lines if line["signal_id"] == name and line["type"] == kind]

    def is_final(self, name: str) -> bool:
        return any(line["final"] for line in self.of(name))

    def end(self) -> tuple[int, str]:
        assert self.process.stdin is not None and self.process.stderr is not None
        self.process.stdin.close()
        code = self.process.wait(90)
        self._reader.join(10)
        return code, self.process.stderr.read()


def halt(server: Server, symbol: str) -> None:
    """Orders of it rest at the exchange. `execbot` without a `watch` does not know of it."""
    server.call("POST", "/sim/halt", {"symbol": symbol})


def test_what_fills_later_is_told_while_the_pipe_is_open(
    server: Server, env: dict[str, str]
) -> None:
    halt(server, "AAPL")
    following = Following(env)
    following.give(id="rests", symbol="AAPL", qty=3)
    following.give(id="weak", symbol="MSFT", strength=5)
    assert eventually(lambda: following.of("weak", "signal_result"))
    assert eventually(lambda: following.of("rests", "signal_result"))
    assert following.of("rests", "signal_result")[0]["outcome"] == "accepted"
    assert not any(line["final"] for line in following.of("rests"))
    server.call("POST", "/sim/resume", {"symbol": "AAPL"})
    assert eventually(lambda: following.is_final("rests"))
    assert following.process.poll() is None
    last = following.of("rests")[-1]
    [there] = [row for row in server.orders() if row["symbol"] == "AAPL"]
    assert (last["outcome"], last["filled_qty"], last["line"]) == ("filled", "3", 1)
    assert last["filled_avg_price"] == there["filled_avg_price"]
    assert (last["order_id"], last["client_order_id"]) == (there["id"], there["client_order_id"])
    assert following.end() == (0, "")
    assert following.of("weak") == []
    assert [line["final"] for line in following.of("rests")].count(True) == 1


@pytest.mark.parametrize("watched", [False, True], ids=["alone", "beside watch"])
def test_after_the_input_it_goes_on_until_every_order_has_ended(
    server: Server, env: dict[str, str], watched: bool
) -> None:
    watching = start_execbot(["watch", "--json"], env) if watched else None
    if watching is not None and watching.stdout is not None:
        assert any('"stream"' in line for line in iter(watching.stdout.readline, ""))
        threading.Thread(target=watching.stdout.read, daemon=True).start()
    halt(server, "AAPL")
    following = Following(env)
    following.give(id="rests", symbol="AAPL", qty=3)
    assert eventually(lambda: following.of("rests", "signal_result"))
    first = following.of("rests", "signal_result")[0]["outcome"]
    assert first in ("queued", "accepted") if watched else first == "accepted"
    ended: list[tuple[int, str]] = []
    threading.Thread(target=lambda: ended.append(following.end()), daemon=True).start()
    server.call("POST", "/sim/resume", {"symbol": "AAPL"})
    assert eventually(lambda: ended)
    assert ended == [(0, "")] and following.of("rests")[-1]["outcome"] == "filled"
    if watching is not None:
        watching.terminate()
        watching.wait(30)


def test_an_order_that_was_replaced_is_followed_into_what_it_became(
    server: Server, env: dict[str, str], tmp_path: Path
) -> None:
    # A parent with legs takes no other quantity, so this entry is to have none.
    config = tmp_path / "no_stop.yaml"
    config.write_text("trading_execution:\n  exits:\n    protect_signals: false\n")
    halt(server, "AAPL")
    following = Following({**env, "EXECBOT_CONFIG": str(config)})
    following.give(id="moved", symbol="AAPL", qty=3)
    assert eventually(lambda: following.of("moved", "signal_result"))
    first = following.of("moved", "signal_result")[0]
    changed = server.call("PATCH", f"/v2/orders/{first['order_id']}", {"qty": "2"})
    assert eventually(
        lambda: "replaced" in [row["status"] for row in server.orders() if row["symbol"] == "AAPL"]
    )
    server.call("POST", "/sim/resume", {"symbol": "AAPL"})
    assert eventually(lambda: following.is_final("moved"))
    last = following.of("moved")[-1]
    assert (last["order_id"], last["filled_qty"]) == (changed["id"], "2")
    assert following.end()[0] == 0


def test_what_is_rejected_later_counts_as_failed(server: Server, env: dict[str, str]) -> None:
    server.call("POST", "/sim/faults", {"kind": "accepted_then_rejected", "count": 1})
    following = Following(env)
    following.give(id="refused", symbol="AAPL", qty=3)
    code, _ = following.end()
    last = [line for line in following.lines if line["signal_id"] == "refused"][-1]
    assert (code, last["outcome"]) == (12, "rejected"), following.lines


def test_the_following_ends_with_its_time_and_names_what_is_left(
    server: Server, env: dict[str, str]
) -> None:
    halt(server, "AAPL")
    lines = json.dumps({"id": "rests", "symbol": "AAPL", "side": "buy", "strength": 90, "qty": 3})
    done = execbot(["signal", "-", "--follow", "--wait", "1"], env, stdin=lines + "\n")
    assert done.code == 0 and "1 order has not ended" in done.err
    assert [row["status"] for row in server.orders()] == ["new"]


def test_ctrl_c_ends_the_following_and_not_the_order(server: Server, env: dict[str, str]) -> None:
    halt(server, "AAPL")
    following = Following(env)
    following.give(id="rests", symbol="AAPL", qty=3)
    assert eventually(lambda: following.of("rests", "signal_result"))
    assert following.process.stdin is not None
    following.process.stdin.close()
    assert not eventually(lambda: following.process.poll() is not None, 2)
    following.process.send_signal(signal.SIGINT)
    assert following.process.wait(30) == 0
    assert [row["status"] for row in server.orders()] == ["new"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["AAPL", "buy", "--strength", "90", "--follow"],
        ["AAPL", "buy", "--strength", "90", "--wait", "5"],
        ["-", "--wait", "5"],
        ["-", "--follow", "--wait", "-1"],
    ],
)
def test_following_is_for_lines(env: dict[str, str], arguments: list[str]) -> None:
    assert execbot(["signal", *arguments], env).code == 2
