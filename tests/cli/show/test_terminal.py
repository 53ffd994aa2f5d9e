"""Goal: on a terminal people get tables, colour and questions, and can say no.

Method: real processes in a pseudo-terminal; what they draw is read back as text.
"""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping
from decimal import Decimal
from fcntl import ioctl
from pathlib import Path

import pytest
from support.processes import EXECBOT, Server, clean_environment, exchange, execbot

from execbot.cli.show.long_words import broken_behind_slashes, rooms_for_words
from execbot.model.amounts import even

PRICES = ("101.50", "9.00", "0.2500")
CTRL_C = "\x03"
COLOR = re.compile(r"\x1b\[[0-9;]*m")


def is_reading(pid: int) -> bool:
    """It waits in read(0, ...): a signal that comes a moment earlier is seen only afterwards."""
    try:
        number, descriptor, *_ = Path(f"/proc/{pid}/syscall").read_text().split()
    except PermissionError:
        pytest.skip("the state of a process may not be looked at here")
    except (OSError, ValueError):
        return False
    return descriptor == "0x0" and number in ("0", "63")  # read on x86-64 and on arm64


def hear_ctrl_c() -> None:
    """In the new process: the terminal is its own, and SIGINT is not ignored as in a background."""
    ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def typed(
    arguments: list[str], env: Mapping[str, str], answer: str = "", columns: int = 120
) -> tuple[int, str]:
    """Run in a terminal, type the answer when a question is asked; exit code and the screen."""
    controller, terminal = pty.openpty()
    ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        [*EXECBOT, *arguments],
        env=dict(env),
        cwd=env["HOME"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=hear_ctrl_c,
    )
    os.close(terminal)
    shown = ""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        ready, _, _ = select.select([controller], [], [], 0.2)
        if ready:
            try:
                shown += os.read(controller, 65536).decode()
            except OSError:  # the other side is gone
                break
        if answer and "[y/N]" in shown and (answer != CTRL_C or is_reading(process.pid)):
            os.write(controller, answer.encode())
            answer = ""
        if not ready and process.poll() is not None:
            break
    os.close(controller)
    return process.wait(timeout=60), shown


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    found = clean_environment(tmp_path, TERM="xterm-256color", EXECBOT_MODE="sim")
    del found["NO_COLOR"], found["COLUMNS"]
    return found


def test_positions_are_a_table_in_colour(env: dict[str, str]) -> None:
    assert execbot(["submit", "AAPL", "--qty", "3", "--wait", "20"], env).code == 0
    code, shown = typed(["positions"], env)
    assert code == 0
    assert COLOR.search(shown)
    text = COLOR.sub("", shown)
    assert "─" in text
    assert re.search(r"AAPL\s+long\s+3\b", text)
    assert "\t" not in text


@pytest.mark.parametrize("off", ["NO_COLOR", "TERM", "--no-color"])
def test_colour_can_be_switched_off(env: dict[str, str], off: str) -> None:
    if off == "NO_COLOR":
        env["NO_COLOR"] = "1"
    elif off == "TERM":
        env["TERM"] = "dumb"
    flags = [off] if off.startswith("--") else []
    code, shown = typed(["orders", "nonsense", *flags], env)
    assert code == 2
    assert "\x1b" not in shown
    _, listed = typed(["config", "show", "--changed", *flags], env)
    assert not COLOR.search(listed)


def test_a_watch_on_a_dumb_terminal_prints_lines(env: dict[str, str]) -> None:
    env["TERM"] = "dumb"
    code, shown = typed(["watch", "--seconds", "2"], env)
    assert code == 0
    assert "\x1b" not in shown
    assert [line for line in shown.splitlines() if "\tWATCH\twatching sim" in line]


def test_errors_are_red_on_a_terminal(env: dict[str, str]) -> None:
    code, shown = typed(["submit", "AAPL", "--qty", "0"], env)
    assert (code, "\x1b[1;31mError:" in shown) == (2, True)


def test_cancel_all_lists_and_asks_and_takes_no_for_an_answer(env: dict[str, str]) -> None:
    order = ["submit", "MSFT", "--qty", "1", "--limit", "350", "--client-order-id", "keep"]
    assert execbot(order, env).code == 0
    code, shown = typed(["cancel-all"], env, answer="n\n")
    assert code == 11
    assert "keep" in shown
    assert execbot(["orders", "--status", "open", "--json"], env).data != []
    code, _ = typed(["cancel-all"], env, answer="y\n")
    assert code == 0
    assert execbot(["orders", "--status", "open", "--json"], env).data == []


@pytest.mark.skipif(not Path("/proc/self/syscall").exists(), reason="needs Linux's /proc")
def test_ctrl_c_at_the_question_is_a_no(env: dict[str, str]) -> None:
    order = ["submit", "MSFT", "--qty", "1", "--limit", "350", "--client-order-id", "keep"]
    assert execbot(order, env).code == 0
    code, shown = typed(["cancel-all"], env, answer=CTRL_C)
    assert code == 11
    assert "nothing was canceled" in shown
    assert execbot(["orders", "--status", "open", "--json"], env).data != []


def test_nothing_open_needs_no_answer(env: dict[str, str]) -> None:
    code, shown = typed(["cancel-all"], env)
    assert (code, "[y/N]" in shown) == (0, False)


def test_a_live_order_is_reviewed_and_needs_a_yes(tmp_path: Path, server: Server) -> None:
    env = server.environment(tmp_path, ALPACA_LIVE_TRADE="true", TERM="xterm")
    env["EXECBOT_MODE"] = "live"
    order = ["submit", "AAPL", "--qty", "3", "--limit", "150"]
    for answer in ("n\n", "\n", "maybe\n"):
        code, shown = typed(order, env, answer=answer)
        assert code == 11
        assert "LIVE account" in shown
        assert "buy 3 AAPL limit 150" in shown
    assert server.get("/sim/log") == []
    code, _ = typed(order, env, answer="y\n")
    assert code == 0
    assert len(server.get("/sim/log")) == 1
    assert execbot([*order[:-1], "151", "--yes"], env).code in (0, 5)


@pytest.mark.parametrize("columns", [30, 60, 80])
def test_a_narrow_terminal_loses_no_digit(env: dict[str, str], columns: int) -> None:
    order = ["submit", "DOGE/USD", "--qty", "123456.5", "--limit", "0.0101", "--yes"]
    assert execbot(order, env).code == 0
    _, shown = typed(["orders"], env, columns=columns)
    squeezed = re.sub(r"\s", "", COLOR.sub("", shown))
    assert "DOGE/USDbuy123456.50.0101" in squeezed


def test_money_has_even_decimals_in_tables_and_all_digits_elsewhere(
    env: dict[str, str],
) -> None:
    for symbol, limit in (("AAPL", "101.5"), ("MSFT", "9"), ("DOGE/USD", "0.25")):
        order = ["submit", symbol, "--qty", "50", "--limit", limit, "--tif", "gtc"]
        assert execbot(order, env).code == 0
    _, shown = typed(["orders"], env)
    rows = [line for line in COLOR.sub("", shown).splitlines() if " buy " in line]
    ends = {row.index(price) + len(price) for row in rows for price in PRICES if price in row}
    assert len(rows) == 3 and len(ends) == 1  # all three end in one column
    plain = execbot(["orders"], env).out
    assert all(f"\t{price}\t" in plain for price in PRICES)
    exact = execbot(["orders", "--csv", "--columns", "limit_price"], env).out.splitlines()
    assert set(exact[1:]) == {"101.5", "9", "0.25"}
    listed = execbot(["orders", "--json"], env).data
    assert {row["limit_price"] for row in listed} == {"101.5", "9", "0.25"}


@pytest.mark.parametrize("term", ["xterm-256color", "dumb"])
def test_stops_and_targets_are_whole_and_fit_80_columns_whatever_the_terminal_can_do(
    env: dict[str, str], term: str
) -> None:
    order = ["submit", "NVDA", "--qty", "4", "--wait", "20", "--stop-loss", "2%"]
    levels = ["--take-profit", "1R", "--take-profit", "2R"]
    assert execbot([*order, *levels], env).code == 0
    (row,) = execbot(["exits", "--json"], env).data
    _, shown = typed(["exits"], env | {"TERM": term}, columns=80)
    table = COLOR.sub("", shown).split("Exits")[1].split("NVDA stop")[0]
    (line,) = [line for line in table.splitlines() if line.startswith(" NVDA")]
    levels = [row["entry_price"], row["stop"]["price"], *(t["price"] for t in row["targets"])]
    assert {row["guarded"], *(even(Decimal(level)) for level in levels)} <= set(table.split())
    assert even(Decimal(row["stop"]["price"])) in line.split()
    assert max(len(line) for line in table.splitlines()) <= 80


@pytest.mark.parametrize("term", ["xterm-256color", "dumb"])
def test_the_checks_of_a_signal_have_their_whole_names_at_80_columns(
    env: dict[str, str], term: str
) -> None:
    signal = ["signal", "AAPL", "buy", "--strength", "82", "--dry-run"]
    checks = execbot([*signal, "--json"], env).data["verdict"]["checks"]
    _, shown = typed([*signal, "--all-checks"], env | {"TERM": term}, columns=80)
    lines = COLOR.sub("", shown).splitlines()
    applied = [check["code"] for check in checks if check["applies"]]
    assert applied and set(applied) <= {word for line in lines for word in line.split()}
    assert max(len(line) for line in lines if line.startswith((" OK", " FAIL"))) <= 80


def test_the_queue_fits_80_columns(tmp_path: Path) -> None:
    with exchange(tmp_path, "--calendar", "exchange", "--at", "2026-10-10 12:00") as server:
        there = server.environment(tmp_path)
        sent = execbot(["submit", "AAPL", "--qty", "2", "--json"], there)
        _, shown = typed(["queue"], there | {"TERM": "xterm", "COLUMNS": "80"}, columns=80)
        head = COLOR.sub("", shown).split("Warning")[0].splitlines()
        assert any(sent.data["client_order_id"][-8:] in line for line in head)
        assert max(map(len, head)) <= 80
        off = execbot(["queue"], there).out
        assert sent.data["client_order_id"] in off


def test_a_missing_stop_is_told_once(env: dict[str, str]) -> None:
    order = ["submit", "AAPL", "--qty", "3", "--wait", "20", "--stop-loss", "2%"]
    assert execbot(order, env).code == 0
    assert execbot(["cancel-all", "--yes"], env).code == 0
    said = execbot(["exits"], env).err
    assert said.count("3 of 3 have no stop (cancel-all)") == 1


def test_one_of_a_kind_is_not_told_as_many(env: dict[str, str]) -> None:
    assert execbot(["submit", "AAPL", "--qty", "3", "--wait", "20"], env).code == 0
    said = execbot(["reconcile"], env).out
    assert "Checked 1 order and 1 position, added 1 fill." in said


def test_tables_of_a_report_are_told_apart_off_a_terminal(env: dict[str, str]) -> None:
    assert execbot(["submit", "AAPL", "--qty", "3", "--wait", "20"], env).code == 0
    parts = execbot(["report"], env).out.strip().split("\n\n")
    titles = [part.splitlines()[0] for part in parts]
    assert titles[:4] == ["# Summary", "# Orders", "# Fills", "# Positions"]
    for part in parts[:4]:
        header, *rows = part.splitlines()[1:]
        assert all(row.count("\t") == header.count("\t") for row in rows)
    assert not execbot(["positions"], env).out.startswith("#")


def test_what_contracts_came_to_fits_80_columns(tmp_path: Path) -> None:
    """Their names are long."""
    clock = ("--calendar", "exchange", "--at", "2026-10-07 10:00", "--speed", "0")
    with exchange(tmp_path, *clock) as server:
        env = server.environment(tmp_path)
        chain = json.loads(execbot(["option", "chain", "AAPL", "--json"], env).out)["data"]
        middle = min(chain, key=lambda c: abs(float(c["strike"]) - float(c["underlying_price"])))
        contract, ask = middle["symbol"], middle["ask"]
        for line in (
            f"submit {contract} --qty 1 --limit {ask}",
            f"close {contract} --qty 1",
            f"submit {contract} --qty 1 --limit {ask}",
        ):
            assert execbot(line.split(), env).code == 0, line
            server.call("POST", "/sim/clock", {"step": 5})
        for words in ("report", f"trades show {contract}", "trades --lots fifo", "option held"):
            code, screen = typed(words.split(), {**env, "COLUMNS": "80"}, columns=80)
            lines = COLOR.sub("", screen).splitlines()
            assert code == 0 and any(contract in line for line in lines), screen
            assert max(map(len, lines)) <= 80, screen


def test_no_name_in_a_path_is_cut_at_80_columns(tmp_path: Path) -> None:
    home = tmp_path / "a-trader-with-a-long-name" / "accounts-of-the-family"
    home.mkdir(parents=True)
    env = clean_environment(home, TERM="xterm", COLUMNS="80", EXECBOT_MODE="sim")
    _, shown = typed(["doctor"], env, columns=80)
    lines = [line.rstrip() for line in COLOR.sub("", shown).splitlines()]
    assert max(map(len, lines)) <= 80
    words = {name for line in lines for word in line.split() for name in word.split("/")}
    assert {"a-trader-with-a-long-name", "accounts-of-the-family"} <= words


AT_80 = (
    *(
        "account",
        "positions",
        "orders",
        "orders --status all",
        "exits",
        "report",
        "stats",
        "trades",
    ),
    *("health", "doctor", "profiles", "config show", "journal size", "reconcile", "market"),
    *("quote AAPL", "queue", "alerts list", "submit AAPL --qty 1 --dry-run", "chart AAPL"),
)


def test_no_table_breaks_at_80_columns(tmp_path: Path) -> None:
    """With a position that has exits, one that has none and a next step for it, an order that
    rests, and a home that is deep. A path in a sentence stays whole."""
    home = tmp_path / "a-trader-with-a-long-name" / "accounts-of-the-family"
    home.mkdir(parents=True)
    env = clean_environment(home, TERM="xterm", COLUMNS="80", EXECBOT_MODE="sim")
    for order in ("AAPL --qty 3 --stop-loss 2% --take-profit 4%", "MSFT --qty 2",
                  "KO --qty 5 --limit 20 --strategy a-strategy-with-a-long-name"):  # fmt: skip
        assert execbot(["submit", *order.split()], env).code == 0
    for command in AT_80:
        _, shown = typed(command.split(), env, columns=80)
        lines = [line.rstrip() for line in COLOR.sub("", shown).splitlines()]
        wide = [line for line in lines if len(line) > 80 and len(line.split()) > 1]
        assert not wide, f"{command}\n{shown}"


@pytest.mark.parametrize(
    ("text", "room", "shown"),
    [
        ("kept in /a/bc/d", 20, "kept in /a/bc/d"),
        ("kept in /abc/defg/hi", 6, "kept in /abc/\ndefg/\nhi"),
        ("/abc/" + "x" * 9, 6, "/abc/\n" + "x" * 9),
        ("no-slash-in-it", 5, "no-slash-in-it"),
        ("", 3, ""),
    ],
)
def test_a_long_path_goes_on_name_by_name(text: str, room: int, shown: str) -> None:
    assert broken_behind_slashes(text, room) == shown


def test_columns_get_room_for_their_longest_words_the_short_ones_first() -> None:
    texts = {0: ["detail", "in " + "p" * 40], 1: ["next", "execbot reconcile-all"]}
    assert rooms_for_words(texts, 70, 16) == {0: 43, 1: 21}
    assert rooms_for_words(texts, 60, 16) == {0: 40, 1: 20}
    assert rooms_for_words(texts, 45, 16) == {0: 32, 1: 13}
    assert rooms_for_words(texts, 10, 16) == {0: 16, 1: 13}
