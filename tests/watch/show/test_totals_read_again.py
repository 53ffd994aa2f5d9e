"""Goal: the totals above the positions are read again soon after a position has changed.

Method: a server, a desk beside it, pauses that would outlast the test.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.processes import Server, execbot
from support.waiting import eventually

from execbot.desk import account_totals
from execbot.desk.account import open_desk
from execbot.desk.account_totals import AccountTotals
from execbot.desk.look.totals import Totals


def test_what_is_held_otherwise_is_counted_soon(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_totals, "PAUSE_SECONDS", 3600.0)
    monkeypatch.setattr(account_totals, "SOONEST_SECONDS", 0.0)
    env = server.environment(tmp_path, key=tmp_path.name)
    desk = open_desk(env=env)
    totals = AccountTotals(desk)

    def positions(held: frozenset[object]) -> int | None:
        found: Totals | None = totals(held)
        return None if found is None else int(found.positions[0] or 0)

    try:
        assert eventually(lambda: positions(frozenset()) == 0)
        bought = execbot(["submit", "AAPL", "--qty", "1", "--wait", "20", "--json"], env)
        assert bought.data["outcome"] == "filled"
        assert positions(frozenset()) == 0
        assert eventually(lambda: positions(frozenset({("AAPL", 1)})) == 1)
    finally:
        desk.close()
