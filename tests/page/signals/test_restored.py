"""Goal: what the webhook has answered 202 outlives the machine, by the backup: each id is known as
before, what waited is carried out once or told to be too old, and nothing is carried out twice.

Method: an exchange, a page with its door and the real commands, as processes. The machine's loss is
its state directory deleted; the exchange's own list of orders is the judge. Its clock runs sixty
times as fast: a signal that is good for a minute is too old after a second.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from page.signals.listening import CONFIG, Doors
from page.signals.making import body
from support.processes import Server, done, exchange, execbot
from support.waiting import eventually

A_WEEK = 7 * 24 * 3600
HANGS = """
  order_management: {settle_quiet_seconds: 3}
  broker: {timeout_seconds: 2}
"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Server]:
    with exchange(tmp_path, "--speed", "60") as running:
        yield running


@pytest.fixture
def doors(served: Server, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Doors]:
    """Ten shares that a signal has bought; then a sale of two that hangs, its request or its reply
    lost, and behind it, each kept, what waits its turn."""
    home = tmp_path / "page"
    home.mkdir()
    running = Doors(served, home, config=CONFIG + HANGS)
    post(running, "r-bought", "buy", 10)
    assert eventually(lambda: running.outcome("r-bought")["outcome"] == "filled")
    rule = {"kind": request.param, "method": "POST", "path": "/v2/orders", "count": 1}
    fault = served.call("POST", "/sim/faults", {**rule, "params": {"seconds": 1}})["id"]
    post(running, "r-begun", "sell", 2)
    assert eventually(lambda: served.has_fired(fault))
    post(running, "r-waited", "sell", 3)
    post(running, "r-entry", "buy", 1)
    post(running, "r-old", "sell", 4, ttl_seconds=60)
    yield running
    running.process.kill()


def post(doors: Doors, name: str, side: str, qty: int, *, ttl_seconds: int = A_WEEK) -> None:
    sent = body(id=name, symbol="AAPL", side=side, qty=qty, ttl_seconds=ttl_seconds)
    assert doors.post(sent).status == 202


def backed_up(doors: Doors, path: Path) -> Any:
    return done(doors.env, "journal", "backup", str(path))


def state_of(doors: Doors) -> Path:
    return Path(doors.env["XDG_STATE_HOME"])


def made(served: Server) -> list[tuple[str, str]]:
    orders = [(str(o["client_order_id"]), str(o["filled_qty"])) for o in served.orders()]
    return sorted((name, qty) for name, qty in orders if name.startswith("execbot-signal-"))


@pytest.mark.parametrize("doors", ["request_lost"], indirect=True)
def test_a_machine_that_dies_with_signals_waiting_loses_none(
    served: Server, doors: Doors, tmp_path: Path
) -> None:
    saved = backed_up(doors, tmp_path / "saved.db")
    assert (saved["signals"], saved["signals_waiting"], saved["signals_problem"]) == (5, 4, None)
    copy = tmp_path / "saved.signals.db"
    assert copy.stat().st_mode & 0o777 == 0o600 and not list(tmp_path.glob("*.part*"))
    doors.kill()
    shutil.rmtree(state_of(doors))

    restored = done(doors.env, "journal", "restore", str(tmp_path / "saved.db"))
    assert (restored["signals"], restored["signals_waiting"]) == (5, 4)
    assert made(served) == [("execbot-signal-r-bought", "10")], "a restore sends nothing"
    done(doors.env, "resume")
    doors.start()
    found = {name: doors.outcome(f"r-{name}") for name in ("begun", "waited", "entry", "old")}
    said = {name: (one["outcome"], one["reason"]) for name, one in found.items()}
    assert said["entry"] == ("not_sent", "signal.restored"), "it may have gone before the loss"
    assert said["old"] == ("not_sent", "signal.stale")
    assert eventually(lambda: made(served) == [
        ("execbot-signal-r-begun", "2"),
        ("execbot-signal-r-bought", "10"),
        ("execbot-signal-r-waited", "3"),
    ]), (made(served), found)  # fmt: skip
    assert doors.state("r-bought")["outcome"] == "filled", "its outcome came back with its id"
    assert doors.post(body(id="r-bought", symbol="AAPL", side="buy", qty=10)).status == 200
    assert doors.end() == 0


@pytest.mark.parametrize("doors", ["reply_lost"], indirect=True)
def test_what_was_carried_out_after_the_backup_is_not_carried_out_again(
    served: Server, doors: Doors, tmp_path: Path
) -> None:
    backed_up(doors, tmp_path / "saved.db")
    for name in ("begun", "waited", "entry", "old"):
        doors.outcome(f"r-{name}")
    restore = ["journal", "restore", str(tmp_path / "saved.db"), "--json"]
    refused = execbot(restore, doors.env)
    assert (refused.code, refused.error["kind"]) == (9, "signals.already_running")
    assert doors.end() == 0
    sent = made(served)
    assert {name for name, _ in sent} >= {"execbot-signal-r-begun", "execbot-signal-r-waited"}

    shutil.rmtree(state_of(doors))
    for _ in range(2):  # given again it adds nothing
        assert execbot(restore, doors.env).code == 0
    assert execbot(restore, doors.env).data["signals"] == 0
    done(doors.env, "resume")
    doors.start()
    for name in ("begun", "waited", "entry", "old"):
        doors.outcome(f"r-{name}")
    assert doors.post(body(id="r-waited", symbol="AAPL", side="sell", qty=3)).status == 200
    assert doors.end() == 0
    assert made(served) == sent
