"""Goal: through the watch a command says, ends with and writes what it would have by itself.

Method: the same commands as processes at two exchanges whose clock and prices stand still, each
beside a running `watch`: once handed over, once with `--direct`. Output, exit code and
the journal's own rows are compared, with ids and times masked.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cli.golden_records import Recorder, recorder
from support.processes import Server, execbot, start_execbot
from support.waiting import eventually
from support.watching import Watching, watching

STORY: tuple[tuple[str, ...], ...] = (
    ("submit", "AAPL", "--qty", "2", "--limit", "100", "--client-order-id", "one"),
    ("submit", "AAPL", "--qty", "2", "--limit", "100", "--client-order-id", "one"),
    ("replace", "one", "--limit", "101"),
    ("cancel", "one"),
    ("cancel", "nobody"),
    ("submit", "AAPL", "--qty", "900000"),
    ("submit", "NOSUCH", "--qty", "1"),
    ("submit", "AAPL", "--qty", "4", "--stop-loss", "2%", "--take-profit", "4%"),
    ("submit", "TSLA", "--qty", "2"),
    ("close", "TSLA", "--qty", "100"),
    ("close", "TSLA", "--client-order-id", "out"),
    ("close", "KO"),
    ("buy", "KO", "--qty", "2", "--limit", "60"),
    ("sell", "AAPL", "--qty", "100"),
    ("short", "TSLA", "--qty", "2", "--stop-loss", "2%"),
    ("signal", "MSFT", "buy", "--strength", "90", "--id", "s1", "--qty", "2"),
    ("signal", "MSFT", "buy", "--strength", "90", "--id", "s1", "--qty", "2"),
    ("signal", "KO", "buy", "--strength", "20", "--id", "s2"),
)
"""One after the other; what each finds follows from those before it."""


def played(home: Path, *more: str) -> tuple[list[dict[str, Any]], Path]:
    """What was said to each line of the story, masked, on an exchange of its own."""
    with recorder(home, {}) as x:
        x.quietly("account")
        with watching(x.env) as watch:
            for line in STORY:
                x.run(" ".join([*line, *more]))
                assert eventually(partial(is_quiet, x))
            seen = watch.log.count("door: ")
            assert seen == (0 if more else len(STORY)), watch.log
            return x.cases, watch.directory / "journal.db"


def is_quiet(x: Recorder) -> bool:
    """Whether nothing moves at the exchange; what does, gets the time for it: exits may have been
    placed after the clock was stepped for the command."""
    orders = x.server.orders()
    family = [order for parent in orders for order in (parent, *(parent["legs"] or ()))]
    moving = {"pending_new", "pending_cancel", "pending_replace"}
    if any(order["status"] in moving for order in family):
        x.server.call("POST", "/sim/clock", {"step": 1})
        return False
    return True


def as_told(case: dict[str, Any]) -> dict[str, Any]:
    """But for how it was called, the number of the request at the broker, and whether `watch` had
    begun to follow the halts of the symbol by then."""
    error = case["stderr"]
    if isinstance(error, dict):
        error = {name: value for name, value in error.items() if name != "request_id"}
    out = case["stdout"]
    if isinstance(out, dict) and "halts_known" in (data := out["data"]):
        notes = [words for words in data.get("notes", ()) if "halted" not in words]
        out = {**out, "data": {**data, "halts_known": None, "notes": notes}}
    return {**case, "stdout": out, "stderr": error, "command": ""}


def journal_of(path: Path) -> dict[str, list[Any]]:
    """What was written of the commands: orders and events of ours, decisions, signals.

    Not in the order of their times: legs that the watch hears of first get the time of its last
    look, and beside `--direct` it has no reason to look while the exchange's clock is stepped.
    """
    with closing(sqlite3.connect(path)) as connection:
        return {
            "orders": connection.execute(
                "SELECT symbol, side, type, time_in_force, status, qty, filled_qty, limit_price, "
                "origin, strategy_id, reason IS NULL, role, cancel_after, for_the_day FROM orders "
                "WHERE origin IN ('submit', 'signal', 'close') "
                "ORDER BY symbol, type, side, status, qty"
            ).fetchall(),
            "acts": connection.execute(
                "SELECT kind, count(*) FROM order_events WHERE kind IN ('intent', 'deny', "
                "'cancel_requested', 'replace_requested', 'refuse', 'doubt', 'send') "
                "AND client_order_id NOT LIKE 'execbot-x-%' GROUP BY kind"
            ).fetchall(),
            "signals": connection.execute(
                "SELECT signal_id, symbol, outcome, reason IS NULL FROM signals ORDER BY signal_id"
            ).fetchall(),
            "decisions": connection.execute(
                "SELECT kind, result, count(*) FROM audit WHERE kind IN ('risk', 'gate', 'signal', "
                "'sizing', 'recovery') GROUP BY kind, result"
            ).fetchall(),
        }


@pytest.mark.timeout(900)
def test_handed_over_and_direct_say_end_and_write_the_same(tmp_path: Path) -> None:
    for name in ("direct", "handed"):
        (tmp_path / name).mkdir()
    direct, journal = played(tmp_path / "direct", "--direct")
    handed, other_journal = played(tmp_path / "handed")
    for line, one, other in zip(STORY, direct, handed, strict=True):
        there, here = (json.dumps(as_told(case), indent=1) for case in (other, one))
        assert there.splitlines() == here.splitlines(), " ".join(line)
    assert {case["exit"] for case in direct} >= {0, 2, 5, 6}
    assert journal_of(other_journal) == journal_of(journal)


def names_at(server: Server) -> list[str]:
    return sorted(order["client_order_id"] for order in server.orders())


def revoked(watch: Watching) -> list[str]:
    with closing(sqlite3.connect(watch.directory / "journal.db")) as connection:
        rows = connection.execute("SELECT name FROM hand_overs WHERE client_order_id = ''")
        return [str(row[0]) for row in rows]


LINES: Sequence[tuple[str, ...]] = (
    ("submit", "AAPL", "--qty", "1", "--stop-loss", "2%", "--client-order-id", "mine"),
    ("signal", "AAPL", "buy", "--strength", "90", "--id", "mine", "--qty", "1"),
)


@pytest.mark.parametrize("line", LINES, ids=["submit", "signal"])
def test_a_watch_that_sleeps_is_not_waited_for_and_sends_nothing_when_it_wakes(
    server: Server, env: dict[str, str], line: tuple[str, ...]
) -> None:
    execbot(["account"], env)
    with watching(env) as watch:
        watch.suspend()
        sent = execbot([*line, "--json"], env)
        assert sent.code == 0, sent.err
        assert len(revoked(watch)) == 1
        watch.wake()
        after = execbot(["submit", "MSFT", "--qty", "1", "--client-order-id", "later"], env)
        assert after.code == 0, after.err
        assert watch.did("later")
        names = [name for name in names_at(server) if not name.startswith("execbot-x-")]
        assert sorted(names)[0] == revoked(watch)[0] or revoked(watch)[0] in names
        assert len([n for n in names if n in (*revoked(watch), "later")]) == 2


@pytest.mark.parametrize("line", LINES, ids=["submit", "signal"])
def test_a_watch_killed_after_its_post_is_looked_up_and_its_order_told(
    server: Server, env: dict[str, str], line: tuple[str, ...]
) -> None:
    execbot(["account"], env)
    with watching(env) as watch:
        late = {"kind": "reply_delayed", "method": "POST", "path": "/v2/orders", "count": 1}
        server.call("POST", "/sim/faults", {**late, "params": {"seconds": 60}})
        command = start_execbot([*line, "--json"], env)
        assert eventually(lambda: names_at(server))
        watch.kill()
        out, err = command.communicate(timeout=90)
        assert command.returncode == 0, err
        told = json.loads(out)["data"]
        sent = [
            order
            for order in server.orders()
            if not order["client_order_id"].startswith("execbot-x-")
        ]
        assert [order["client_order_id"] for order in sent] == [told["client_order_id"]]
        assert told["outcome"] in ("accepted", "filled")
        assert not told.get("already")
        assert revoked(watch) == []


def test_the_door_is_left_alone_where_that_is_wished(server: Server, env: dict[str, str]) -> None:
    execbot(["account"], env)
    with watching(env) as watch:
        for symbol, more in (("KO", "--direct"), ("JPM", "--dry-run")):
            assert execbot(["submit", symbol, "--qty", "1", more], env).code == 0
        switched = {**env, "EXECBOT__ORDER_MANAGEMENT__THROUGH_WATCH": "false"}
        assert execbot(["submit", "MSFT", "--qty", "1"], switched).code == 0
        assert "door: " not in watch.log


def test_other_settings_go_their_own_way_and_say_so_in_one_line(
    server: Server, env: dict[str, str]
) -> None:
    execbot(["account"], env)
    with watching(env) as watch:
        tighter = {**env, "EXECBOT__RISK__MAX_ORDER_QTY": "5"}
        sent = execbot(["submit", "KO", "--qty", "1"], tighter)
        assert sent.code == 0, sent.err
        assert sent.err.count("other settings") == 1
        assert "door: " not in watch.log
        asked = execbot(["doctor", "--json", "--stream-seconds", "30"], tighter)
        [door] = [check for check in asked.data["checks"] if check["check"] == "door"]
        assert door["status"] == "WARN"
        [door] = [
            check
            for check in execbot(["doctor", "--json", "--stream-seconds", "30"], env).data["checks"]
            if check["check"] == "door"
        ]
        assert door["status"] == "OK"
        assert "open" in door["detail"]


def test_two_commands_of_one_id_through_the_door_make_one_order(
    server: Server, env: dict[str, str]
) -> None:
    execbot(["account"], env)
    with watching(env) as watch:
        command = ["submit", "AAPL", "--qty", "1", "--client-order-id", "same", "--json"]
        both = [start_execbot(command, env) for _ in range(2)]
        ended = [process.communicate(timeout=60) for process in both]
        assert [process.returncode for process in both] == [0, 0], ended
        assert names_at(server) == ["same"]
        assert watch.did("same")


def test_a_killed_watch_leaves_a_socket_that_holds_nobody_up(
    server: Server, env: dict[str, str]
) -> None:
    execbot(["account"], env)
    with watching(env) as watch:
        watch.kill()
        assert watch.socket.exists()
        sent = execbot(["submit", "AAPL", "--qty", "1"], env)
        assert sent.code == 0, sent.err
        watch.start()
        assert execbot(["submit", "MSFT", "--qty", "1", "--client-order-id", "b"], env).code == 0
        assert watch.did("b")
