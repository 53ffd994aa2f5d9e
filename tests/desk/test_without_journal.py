"""Goal: a trader sees the account and gets flat although the journal is broken, sells nothing
twice, and finds everything in the books after the repair.

Method: real processes against a served exchange, whose own record is the witness. The journal is
damaged, locked and made read-only for real; root is made to obey permissions.
"""

from __future__ import annotations

import contextlib
import json
import resource
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cli.commands.test_bad_input import obey_permissions, run
from support.processes import Outcome, Server, exchange, execbot, start_execbot

STOP = ("submit", "AAPL", "--qty", "4", "--stop-loss", "10%", "--wait", "60")
FLAT = ("close", "AAPL", "--without-journal", "--wait", "60")


@pytest.fixture
def held(env: dict[str, str]) -> Path:
    """Four AAPL with a stop at the broker; the path of the journal that knows of it."""
    bought = execbot([*STOP, "--json"], env)
    assert bought.data["status"] == "filled", bought
    assert execbot(["reconcile", "--json"], env).code == 0
    return next(Path(env["XDG_STATE_HOME"]).rglob("journal.db"))


@contextlib.contextmanager
def damaged(journal: Path) -> Iterator[None]:
    kept = {path: path.read_bytes() for path in journal.parent.glob("journal.db*")}
    for path in kept:
        path.unlink()
    journal.write_bytes(b"this was a journal once" * 1000)
    yield
    for path in journal.parent.glob("journal.db*"):
        path.unlink()
    for path, content in kept.items():
        path.write_bytes(content)


@contextlib.contextmanager
def damaged_inside(journal: Path) -> Iterator[None]:
    """Head and schema are sound; a table that is read only later is not."""
    with contextlib.closing(sqlite3.connect(journal)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = other.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'order_events'"
        ).fetchone()
        (size,) = other.execute("PRAGMA page_size").fetchone()
    kept = journal.read_bytes()
    start = (page - 1) * size
    journal.write_bytes(kept[:start] + b"\xff" * size + kept[start + size :])
    yield
    for path in journal.parent.glob("journal.db*"):
        path.unlink()
    journal.write_bytes(kept)


@contextlib.contextmanager
def locked(journal: Path) -> Iterator[None]:
    with contextlib.closing(sqlite3.connect(journal, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextlib.contextmanager
def read_only(journal: Path) -> Iterator[None]:
    for path in journal.parent.iterdir():
        path.chmod(0o400)
    journal.parent.chmod(0o500)
    try:
        yield
    finally:
        journal.parent.chmod(0o700)
        for path in journal.parent.iterdir():
            path.chmod(0o600)


Break = Callable[[Path], contextlib.AbstractContextManager[None]]
ALL = pytest.mark.parametrize("breaking", [damaged, damaged_inside, locked, read_only])
READABLE = pytest.mark.parametrize("breaking", [locked, read_only])


def obeying(env: dict[str, str], *arguments: str) -> Outcome:
    return run([*arguments, "--json"], env, prepare=obey_permissions)


def sells(server: Server) -> list[dict[str, Any]]:
    return [o for o in server.orders() if o["side"] == "sell" and o["type"] == "market"]


@ALL
def test_a_position_is_closed_without_the_journal_and_found_after_the_repair(
    server: Server, env: dict[str, str], held: Path, breaking: Break
) -> None:
    with breaking(held):
        done = obeying(env, *FLAT)
        assert done.code == 0, done
        answer = done.json
        assert (answer["data"]["status"], answer["data"]["recorded"]) == ("filled", False)
        assert answer["data"]["client_order_id"].startswith("flat-AAPL-")
        told = " ".join(answer["warnings"])
        assert "WITHOUT THE JOURNAL" in told
        assert answer["data"]["client_order_id"] in told
        assert "execbot reconcile" in told
        again = obeying(env, *FLAT)
        assert (again.code, again.data["outcome"]) == (0, "not_sent")
    assert server.get("/v2/positions") == []
    assert len(sells(server)) == 1
    assert execbot(["reconcile", "--json"], env).data["breaks"] == []
    shown = execbot(["orders", "show", answer["data"]["client_order_id"], "--json"], env)
    assert shown.data["filled_qty"] == "4"


@pytest.mark.parametrize(
    ("breaking", "code", "command", "way_out"),
    [
        (damaged, 3, "close AAPL", "execbot close AAPL --without-journal"),
        (read_only, 3, "halt --reason test", "--flatten --without-journal"),
        (locked, 10, "close --all", "execbot close --all --without-journal"),
    ],
)
def test_without_the_flag_nothing_is_sent_and_the_way_out_is_named(
    server: Server,
    env: dict[str, str],
    held: Path,
    breaking: Break,
    code: int,
    command: str,
    way_out: str,
) -> None:
    before = len(server.orders())
    with breaking(held):
        refused = obeying(env, *command.split())
        assert (refused.code, refused.error["outcome"]) == (code, "not_sent")
        assert way_out in refused.error["next"]
    assert len(server.orders()) == before


@READABLE
def test_everything_is_closed_and_one_halt_does_both(
    server: Server, env: dict[str, str], held: Path, breaking: Break
) -> None:
    assert execbot(["submit", "MSFT", "--qty", "2", "--wait", "60", "--json"], env).code == 0
    with breaking(held):
        done = obeying(
            env, "halt", "--reason", "disk", "--cancel", "--flatten", "--without-journal"
        )
        assert done.code == 12
        data = done.data
        assert not data["recorded"]
        assert {item["symbol"] for item in data["closed"]} == {"AAPL", "MSFT"}
        assert "not recorded" in data["failed"][0]["error"]
        assert obeying(env, "close", "--all", "--without-journal").code == 0
    assert sorted(o["symbol"] for o in sells(server)) == ["AAPL", "MSFT"]


def test_two_at_once_sell_once(server: Server, env: dict[str, str], held: Path) -> None:
    with damaged(held):
        running = [start_execbot([*FLAT, "--json"], env) for _ in range(3)]
        ended = [process.communicate(timeout=120) for process in running]
    assert server.get("/v2/positions") == [], ended
    filled = [o for o in sells(server) if o["filled_qty"] != "0"]
    assert [o["filled_qty"] for o in filled] == ["4"]


def test_a_close_that_waits_for_the_open_is_not_given_twice(tmp_path: Path) -> None:
    with exchange(tmp_path) as server:
        env = server.environment(tmp_path)
        assert execbot([*STOP, "--json"], env).data["status"] == "filled"
        journal = next(Path(env["XDG_STATE_HOME"]).rglob("journal.db"))
        server.call("POST", "/sim/halt", {"symbol": "AAPL"})
        with damaged(journal):
            first = obeying(env, *FLAT[:-2])
            assert first.data["outcome"] == "accepted", first
            second = obeying(env, *FLAT[:-2])
            assert second.data["id"] == first.data["id"]
            assert "being closed already" in " ".join(second.json["warnings"])
        assert len(sells(server)) == 1


def test_with_a_sound_journal_the_flag_changes_nothing(
    server: Server, env: dict[str, str], held: Path
) -> None:
    done = execbot([*FLAT, "--json"], env)
    assert (done.code, done.data["recorded"], done.json["warnings"]) == (0, True, [])
    assert not done.data["client_order_id"].startswith("flat-")


def test_an_answer_that_is_lost_is_found_under_the_same_id(
    server: Server, env: dict[str, str], held: Path
) -> None:
    fault = {"kind": "reset_after", "method": "POST", "path": "/v2/orders", "count": 1}
    server.call("POST", "/sim/faults", fault)
    with damaged(held):
        done = obeying(env, *FLAT)
    assert (done.code, done.data["status"]) == (0, "filled"), done
    assert len(sells(server)) == 1


# --- looking -------------------------------------------------------------------------------


@READABLE
def test_orders_and_positions_are_read_with_what_is_new_at_the_broker(
    server: Server, env: dict[str, str], held: Path, breaking: Break
) -> None:
    before = execbot(["positions", "--json"], env).data
    with breaking(held):
        elsewhere = {"symbol": "MSFT", "side": "buy", "qty": "1", "type": "limit",
                     "limit_price": "100", "time_in_force": "day"}  # fmt: skip
        order = server.call("POST", "/v2/orders", elsewhere)
        positions = obeying(env, "positions")
        assert positions.code == 0, positions
        assert [row["stop"] for row in positions.data] == [row["stop"] for row in before]
        assert positions.data[0]["age_seconds"] is not None
        assert "nothing is recorded" in positions.json["warnings"][0]
        orders = obeying(env, "orders")
        listed = {row["id"] for row in orders.data}
        assert order["id"] in listed
        assert len(listed) == 2
        entry = next(row for row in orders.data if row["symbol"] == "AAPL")
        shown = obeying(env, "orders", "show", entry["client_order_id"])
        assert shown.data["history"]
        report = obeying(env, "report", "--daily")
        assert (report.code, len(report.data["fills"])) == (0, 1)


def test_of_a_damaged_journal_the_broker_s_word_is_shown(
    server: Server, env: dict[str, str], held: Path
) -> None:
    with damaged(held):
        positions = obeying(env, "positions")
        assert positions.data[0]["qty"] == "4"
        assert positions.data[0]["stop"] is not None
        assert "the broker's word alone" in positions.json["warnings"][0]
        assert obeying(env, "orders").data[0]["symbol"] == "AAPL"
        assert obeying(env, "report").code == 3  # a day is more than what the broker remembers
        lines = execbot(["positions"], env)
        assert "the broker's word alone" in lines.err


def test_a_cancel_goes_through_with_every_kind_of_broken_journal(
    server: Server, env: dict[str, str], held: Path
) -> None:
    for breaking in (damaged, locked, read_only):
        order = ["submit", "MSFT", "--qty", "1", "--limit", "100", "--allow-duplicate", "--json"]
        mine = execbot(order, env).data["client_order_id"]
        with breaking(held):
            done = obeying(env, "cancel", mine)
            assert (done.code, done.data["status"]) == (0, "canceled")
            assert mine in " ".join(done.json["warnings"])
        assert execbot(["orders", "show", mine, "--json"], env).data["status"] == "canceled"


def test_a_running_watch_is_named(server: Server, env: dict[str, str], held: Path) -> None:
    watching = start_execbot(["watch", "--json"], env)
    try:
        assert watching.stdout is not None
        pid = json.loads(watching.stdout.readline())["pid"]
        drained = threading.Thread(target=watching.stdout.read, daemon=True)
        drained.start()
        with locked(held):
            done = obeying(env, *FLAT)
            assert f"kill {pid}" in " ".join(done.json["warnings"])
    finally:
        watching.terminate()
        watching.wait(timeout=60)


def no_space() -> None:
    """No file may grow beyond this, as on a full disk; SQLite reports it as an I/O error."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


def test_on_a_full_disk_one_sees_the_account_and_gets_flat(
    server: Server, env: dict[str, str], held: Path
) -> None:
    seen = run(["positions", "--json"], env, prepare=no_space)
    assert (seen.code, seen.data[0]["qty"]) == (0, "4"), seen
    assert "nothing is recorded" in seen.json["warnings"][0]
    done = run([*FLAT, "--json"], env, prepare=no_space)
    assert (done.code, done.data["status"]) == (0, "filled"), done
    assert server.get("/v2/positions") == []
    assert execbot(["reconcile", "--json"], env).data["breaks"] == []
