"""Goal: the real `watch`, killed again and again, leaves every share protected in the end.

Method: a served exchange whose prices the test moves; `watch` runs in a pseudo-terminal, is
killed with SIGKILL at random moments and started again. What is protected is read from the
exchange over plain HTTP. The screen is read back through a terminal emulator at two sizes.
"""

from __future__ import annotations

import fcntl
import os
import pty
import random
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pyte
import pytest
from support.processes import EXECBOT, Server, ended_well, exchange, execbot, start_execbot
from support.waiting import eventually

D = Decimal
STOPS = {"stop", "stop_limit", "trailing_stop"}
LIVE = {"new", "accepted", "partially_filled", "held", "pending_new", "pending_replace"}


class Terminal:
    """A program in a pseudo-terminal of a size, and what it has drawn so far."""

    def __init__(self, env: Mapping[str, str], columns: int, rows: int) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.said = b""
        self.pid, self._file = pty.fork()
        if self.pid == 0:
            os.chdir(env["HOME"])
            asked = {name: value for name, value in env.items() if name != "COLUMNS"}
            os.execve(EXECBOT[0], [*EXECBOT, "watch"], {**asked, "TERM": "xterm-256color"})
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._file, termios.TIOCSWINSZ, size)

    def read(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            ready, _, _ = select.select([self._file], [], [], left)
            if not ready:
                return
            try:
                data = os.read(self._file, 65536)
            except OSError:
                return
            self.said += data
            self._stream.feed(data)

    def shows(self, words: str, seconds: float = 60) -> bool:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.read(0.2)
            if any(words in line for line in self.screen.display):
                return True
        return False

    def press(self, keys: str) -> None:
        os.write(self._file, keys.encode())

    def end(self, number: int) -> int:
        """Send a signal and wait; the exit code, or minus the signal that ended it."""
        os.kill(self.pid, number)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            self.read(0.1)
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                self.read(0.1)
                os.close(self._file)
                return os.waitstatus_to_exitcode(status)
        raise AssertionError(f"watch did not end after signal {number}")


def uncovered(server: Server) -> dict[str, Decimal]:
    """Shares without a stop, by the exchange's own positions and orders."""
    found = {}
    for position in server.get("/v2/positions"):
        symbol, missing = position["symbol"], D(position["qty"])
        for row in server.orders():
            family = [row, *(row["legs"] or ())]
            armed = row["order_class"] not in ("bracket", "oto") or row["status"] == "filled"
            for order in family:
                closing = order["symbol"] == symbol and order["side"] == "sell"
                if closing and armed and order["type"] in STOPS and order["status"] in LIVE:
                    missing -= D(order["qty"]) - D(order["filled_qty"])
        if missing > 0:
            found[symbol] = missing
    return found


def set_price(server: Server, symbol: str, price: str) -> None:
    server.call("POST", "/sim/price", {"symbol": symbol, "price": price})


@pytest.mark.timeout(240)
def test_watch_killed_at_random_protects_everything_again(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    rng = random.Random(f"kills-{request.config.getoption('--seed')}")
    with exchange(tmp_path) as server:
        env = server.environment(tmp_path)
        set_price(server, "AAPL", "200")
        set_price(server, "MSFT", "400")
        terminal = Terminal(env, 100, 30)
        assert terminal.shows("q quit")
        sent = execbot(["submit", "AAPL", "--qty", "7", "--stop-loss", "3%"], env)
        assert sent.code == 0, sent.err
        assert execbot(["submit", "MSFT", "--qty", "4", "--wait", "10"], env).code == 0
        targets = ["--stop", "5%", "--target", "4%", "--target", "8%"]
        assert execbot(["protect", "MSFT", *targets], env).code == 0
        for _ in range(3):
            time.sleep(rng.uniform(0.05, 1.0))
            execbot(["exits", "move", "AAPL", "--stop", f"{rng.uniform(1, 4):.2f}%"], env)
            assert terminal.end(signal.SIGKILL) == -signal.SIGKILL
            set_price(server, "MSFT", str(round(rng.uniform(395, 414), 2)))
            terminal = Terminal(env, 100, 30)
            time.sleep(rng.uniform(0.2, 2.0))
        assert eventually(lambda: not uncovered(server)), uncovered(server)
        set_price(server, "MSFT", "417")
        assert eventually(lambda: any(p["qty"] == "2" for p in server.get("/v2/positions")))
        set_price(server, "AAPL", "150")
        assert eventually(lambda: len(server.get("/v2/positions")) == 1)
        assert eventually(lambda: not uncovered(server)), uncovered(server)
        assert terminal.shows("q quit")
        assert ended_well(terminal.end(signal.SIGTERM))
        names = [row["client_order_id"] for row in server.orders()]
        assert len(names) == len(set(names))
        check = execbot(["reconcile", "--json"], env)
        assert check.code == 0, check.out


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (160, 50)])
def test_the_screen_shows_position_stop_target_and_keys_at_its_size(
    tmp_path: Path, columns: int, rows: int
) -> None:
    with exchange(tmp_path) as server:
        env = server.environment(tmp_path)
        set_price(server, "AAPL", "200")
        legs = ["--stop-loss", "190", "--take-profit", "220"]
        sent = execbot(["submit", "AAPL", "--qty", "10", *legs, "--wait", "10"], env)
        assert sent.code == 0, sent.err
        terminal = Terminal(env, columns, rows)
        assert terminal.shows("protected")
        assert terminal.shows("├")
        lines = [line.rstrip() for line in terminal.screen.display]
        [row] = [line for line in lines if "AAPL" in line and "├" in line]
        for fact in ("10", "190.00", "220.00", "●", "┤", "protected"):
            assert fact in row, lines
        assert all(len(line) <= columns for line in lines)
        assert "q quit" in lines[-1]
        assert lines[0] == " SAFE  the position is protected"
        assert "stream" in lines[1]
        terminal.press("?")
        assert terminal.shows("Protection")
        terminal.press("?")
        assert terminal.shows("q quit")
        terminal.press("x")
        assert terminal.shows("close position number")
        terminal.press("1\r")
        assert terminal.shows("close AAPL")
        terminal.press("y\r")
        assert eventually(lambda: server.get("/v2/positions") == [])
        assert ended_well(terminal.end(signal.SIGINT))


def test_a_second_watch_of_the_account_ends_with_9_and_the_holders_pid(tmp_path: Path) -> None:
    with exchange(tmp_path) as server:
        env = server.environment(tmp_path)
        first = start_execbot(["watch", "--json"], env)
        assert first.stdout is not None
        assert '"type": "started"' in first.stdout.readline()
        second = execbot(["watch", "--json"], env)
        assert second.code == 9
        assert second.error["pid"] == first.pid
        assert second.error["kind"] == "watch.already_running"
        first.send_signal(signal.SIGTERM)
        rest, _ = first.communicate(timeout=60)
        assert ended_well(first.returncode), rest
        third = start_execbot(["watch", "--json", "--seconds", "1"], env)
        out, _ = third.communicate(timeout=60)
        assert third.returncode == 0, out
