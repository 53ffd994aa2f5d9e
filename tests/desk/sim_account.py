"""An account of sim mode, prepared once and copied for each command that is run on it in process.

What the exchange has before and after is read from the exchange itself.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from desk.failing_file import Fails, Faults, failing
from msgspec import Struct
from support.processes import clean_environment, execbot
from support.waiting import eventually

from execbot.cli.main import run
from execbot.config.paths import exchange_directory, state_root
from execbot.desk.opening.exchange import control
from execbot.desk.opening.in_process import KEY
from execbot.sim.doors.transport import open_shared


class Seen(Struct, frozen=True):
    """What the exchange has: its orders by the id that people use, and what is held."""

    orders: Mapping[str, Mapping[str, Any]]
    held: Mapping[str, Any]

    def changed_since(self, before: Seen) -> set[str]:
        return {
            name
            for name, order in self.orders.items()
            if name not in before.orders or (
                before.orders[name]["status"] != order["status"]
                and order["status"] in ("canceled", "pending_cancel", "replaced")
            )
        }  # fmt: skip

    def bare(self) -> set[str]:
        """Symbols of which shares have no stop."""
        stops = [o for o in self.orders.values() if o["type"] == "stop" and o["status"] in WORKING]
        return {
            symbol
            for symbol, qty in self.held.items()
            if sum(float(o["qty"]) for o in stops if o["symbol"] == symbol) < float(qty)
        }


def in_motion(order: Mapping[str, Any]) -> bool:
    """It is on its way to another state, or fills in a moment."""
    return order["type"] == "market" or order["status"].startswith("pending")


WORKING = ("new", "accepted", "held", "pending_new", "pending_replace", "pending_cancel")


class Said(Struct, frozen=True):
    code: int
    out: str
    err: str

    @property
    def everything(self) -> str:
        return self.out + self.err

    @property
    def outcome(self) -> str:
        if self.err:
            return str(json.loads(self.err.strip().splitlines()[-1])["outcome"])
        data = json.loads(self.out)["data"]
        return str(data.get("outcome", "")) if isinstance(data, dict) else ""


class Account:
    """An account in a state directory of its own, and the exchange that it trades at."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.env = clean_environment(home, EXECBOT_MODE="sim")

    def prepare(self) -> None:
        """Four AAPL with a stop at the broker, and an entry that rests; prices that stand still."""
        for symbol, price in (("AAPL", "187.5"), ("MSFT", "400"), ("KO", "60")):
            body = {"symbol": symbol, "price": price, "hold": True}
            control("POST", "price", body, env=self.env)
        self.settled("submit AAPL --qty 4 --stop-loss 10% --client-order-id held --wait 20")
        self.settled("submit MSFT --qty 1 --limit 100 --client-order-id resting")
        self.settled("reconcile")

    def settled(self, line: str) -> None:
        done = execbot([*line.split(), "--json"], self.env)
        assert done.code == 0, done

    def copy(self, home: Path) -> Account:
        shutil.copytree(self.home, home)
        return Account(home)

    def seen(self) -> Seen:
        with contextlib.closing(open_shared(exchange_directory(state_root(self.env)))) as exchange:

            def get(path: str) -> Any:
                headers = {"APCA-API-KEY-ID": KEY, "APCA-API-SECRET-KEY": KEY}
                return json.loads(exchange.request("GET", path, headers, None)[2])

            assert eventually(lambda: not any(map(in_motion, get("/v2/orders?status=open"))))
            listed = get("/v2/orders?status=all&limit=500&direction=asc")
            held = {row["symbol"]: row["qty"] for row in get("/v2/positions")}
        return Seen({row["client_order_id"]: row for row in listed}, held)


class Harness:
    """Runs one command on a copy of the account, with a journal that fails at one step."""

    def __init__(
        self,
        prepared: Account,
        folder: Path,
        patch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        self.prepared, self._folder = prepared, folder
        self._patch, self._capsys = patch, capsys
        self._runs = 0

    def run(
        self,
        line: str,
        kind: Fails = Fails.LOCKED,
        at: int = 0,
        *,
        damage: Callable[[Path], None] = lambda journal: None,
    ) -> tuple[Said, Seen, Seen, Faults]:
        """What was said, what the exchange had before and after, and the steps that were made.

        `damage` is done to the journal before the command.
        """
        self._runs += 1
        account = self.prepared.copy(self._folder / f"run-{self._runs}")
        for name, value in account.env.items():
            self._patch.setenv(name, value)
        self._patch.chdir(account.home)
        before = account.seen()
        damage(next((account.home / "state").rglob("journal.db")))
        self._capsys.readouterr()
        with failing(self._patch, kind, at) as faults, pytest.raises(SystemExit) as ended:
            run([*line.split(), "--json"])
        out, err = self._capsys.readouterr()
        after = account.seen()
        shutil.rmtree(account.home)
        return Said(int(ended.value.code or 0), out, err), before, after, faults
