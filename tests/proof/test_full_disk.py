"""Goal: on a full disk what is said is what was done, and shares keep their stops.

Method: a small file system of its own for the journal, with 44 to 160 kB left or nothing at all;
commands and `watch` as processes against a served exchange, whose record is the judge.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from desk.sim_account import Said, Seen, in_motion
from desk.test_journal_fails_midway import judge
from support.harness.small_disk import SmallDisk, small_disk
from support.processes import Server, exchange, execbot, start_execbot
from support.waiting import PATIENCE_SECONDS, eventually

from execbot.cli.exit_codes import ExitCode

LEFT_KILOBYTES = (44, 52, 60, 68, 80, 96, 128, 160)
COMMANDS: Mapping[str, str] = {
    "submit": "submit KO --qty 1 --client-order-id new",
    "submit_with_exits": "submit KO --qty 2 --stop-loss 2% --client-order-id new --wait 5",
    "signal": "signal KO buy --strength 90 --qty 2 --id s1",
    "replace": "replace resting --limit 101",
    "cancel": "cancel resting",
    "cancel_all": "cancel-all --yes",
    "close": "close AAPL",
    "close_without": "close AAPL --without-journal",
    "halt": "halt --reason test --cancel --flatten --yes",
    "halt_without": "halt --reason test --cancel --flatten --yes --without-journal",
    "move": "exits move AAPL --stop 7%",
}
LONG = pytest.mark.long
LIVE = ("new", "accepted", "held", "pending_new")


class Account:
    """An account at a shared exchange whose journal is on the small disk.

    What the accounts before it left there is taken away: the disk is as large for each of them.
    """

    def __init__(self, server: Server, disk: SmallDisk, name: str) -> None:
        self.server, self.disk, self.key = server, disk, name
        for left in disk.outside.iterdir():
            shutil.rmtree(left)
        self.home = disk.outside / name
        self.home.mkdir()
        self.env = server.environment(disk.inside / name, key=name)

    def run(self, line: str) -> Said:
        done = execbot(
            [*line.split(), "--json"], self.env, prefix=self.disk.prefix, cwd=Path("/"),
            timeout=PATIENCE_SECONDS,
        )  # fmt: skip
        return Said(done.code, done.out, done.err)

    def prepare(self) -> None:
        for line in (
            "submit AAPL --qty 4 --stop-loss 10% --client-order-id held --wait 20",
            "submit MSFT --qty 1 --limit 100 --client-order-id resting",
            "reconcile",
        ):
            done = self.run(line)
            assert done.code == 0, done

    def get(self, path: str) -> Any:
        return self.server.get(path, key=self.key)

    def seen(self) -> Seen:
        """After what moves has come to rest."""
        assert eventually(lambda: not any(map(in_motion, self.get("/v2/orders?status=open"))))
        listed = self.get("/v2/orders?status=all&limit=500&direction=asc")
        held = {row["symbol"]: row["qty"] for row in self.get("/v2/positions")}
        return Seen({row["client_order_id"]: row for row in listed}, held)

    def stops(self) -> list[dict[str, Any]]:
        rows = self.get("/v2/orders?status=all&limit=500")
        return [r for r in rows if r["type"] == "stop" and r["status"] in LIVE]

    def use_up(self) -> None:
        """Orders of another program, placed and canceled: the journal writes down each."""
        order = {"symbol": "KO", "qty": "1", "side": "buy", "type": "limit", "limit_price": "10",
                 "time_in_force": "day"}  # fmt: skip
        for _ in range(10):
            placed = self.server.call("POST", "/v2/orders", order, key=self.key)
            self.server.call("DELETE", f"/v2/orders/{placed['id']}", key=self.key)

    def cancel_stop(self) -> None:
        """In another program."""
        for row in self.stops():
            self.server.call("DELETE", f"/v2/orders/{row['id']}", key=self.key)
        assert self.stops() == []


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, SmallDisk]]:
    folder = tmp_path_factory.mktemp("disk")
    with small_disk(folder) as disk, exchange(folder) as server:
        for symbol, price in (("AAPL", "187.5"), ("MSFT", "400"), ("KO", "60")):
            server.call("POST", "/sim/price", {"symbol": symbol, "price": price, "hold": True})
        yield server, disk


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_said_on_an_almost_full_disk_is_what_was_done(
    pytestconfig: pytest.Config, shared: tuple[Server, SmallDisk], name: str
) -> None:
    """One size of what is left for each, together all of them; `--disk-sizes 8` plays all."""
    server, disk = shared
    line, found = COMMANDS[name], []
    many = int(pytestconfig.getoption("--disk-sizes"))
    first, step = [*COMMANDS].index(name), max(len(LEFT_KILOBYTES) // many, 1)
    sizes = (LEFT_KILOBYTES * 2)[first % len(LEFT_KILOBYTES) :: step][:many]
    for kilobytes in sizes:
        account = Account(server, disk, f"{name}-{kilobytes}")
        account.prepare()
        before = account.seen()
        disk.leave(kilobytes)
        try:
            said = account.run(line)
        finally:
            disk.make_room()
        after = account.seen()
        found += [f"{kilobytes}: {one}: {said}" for one in judge(line, said, before, after)]
        again = account.run("reconcile")
        if again.code not in (0, ExitCode.BREAKS):
            found.append(f"{kilobytes}: afterwards: {again}")
    assert not found, "\n\n".join(found)


# --- watch --------------------------------------------------------------------------------------


@contextmanager
def watching(account: Account, log: Path) -> Iterator[subprocess.Popen[str]]:
    process = start_execbot(
        ["watch", "--json"], account.env, account.disk.prefix, cwd="/",
        stdout=log.open("w"), stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield process
        assert process.poll() is None, log.read_text()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=PATIENCE_SECONDS)


def told(log: Path, **facts: str) -> list[dict[str, Any]]:
    lines = [json.loads(x) for x in log.read_text().splitlines(keepends=True) if x.endswith("\n")]
    return [line for line in lines if all(line.get(k) == v for k, v in facts.items())]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kilobytes", [0, 100, *(pytest.param(k, marks=LONG) for k in (44, 160))])
def test_watch_keeps_protecting_while_the_disk_is_full(
    shared: tuple[Server, SmallDisk], tmp_path: Path, kilobytes: int
) -> None:
    server, disk = shared
    account = Account(server, disk, f"watch-{kilobytes}")
    account.prepare()
    log = tmp_path / "watch.ndjson"
    with watching(account, log):
        assert eventually(lambda: told(log, type="guard", state="protected")), log.read_text()
        disk.leave(kilobytes) if kilobytes else disk.fill()
        try:
            if kilobytes:
                account.use_up()
            account.cancel_stop()  # once: canceled again it would be taken as a wish
            assert eventually(account.stops), log.read_text()
            if not kilobytes:
                assert eventually(lambda: told(log, type="alarm", kind="journal"))
                [first, *_] = told(log, type="alarm", kind="journal")
                assert "AAPL" in first["symbols"]
        finally:
            disk.make_room()
        [stop] = account.stops()
        assert stop["qty"] == "4"

        def written() -> bool:
            return stop["client_order_id"] in account.run("orders --status all").out

        assert eventually(written), log.read_text()
    done = account.run("reconcile")
    assert done.code == 0, done
    names = [row["client_order_id"] for row in account.get("/v2/orders?status=all&limit=500")]
    assert len(names) == len(set(names))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kilobytes", [0, *(pytest.param(k, marks=LONG) for k in (44, 100))])
def test_watch_that_begins_on_a_full_disk_protects_or_says_that_it_cannot(
    shared: tuple[Server, SmallDisk], tmp_path: Path, kilobytes: int
) -> None:
    server, disk = shared
    account = Account(server, disk, f"begins-{kilobytes}")
    account.prepare()
    account.cancel_stop()
    disk.leave(kilobytes) if kilobytes else disk.fill()
    log = tmp_path / "watch.ndjson"
    try:
        process = start_execbot(
            ["watch", "--json"], account.env, disk.prefix, cwd="/",
            stdout=log.open("w"), stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert eventually(lambda: account.stops() or process.poll() is not None)
        is_protected = bool(account.stops())
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=PATIENCE_SECONDS)
    finally:
        disk.make_room()
    if not is_protected:
        assert code == ExitCode.CONFIG or '"journal.' in log.read_text(), log.read_text()
        assert "Traceback" not in log.read_text()
    assert account.run("reconcile").code in (0, ExitCode.BREAKS)
