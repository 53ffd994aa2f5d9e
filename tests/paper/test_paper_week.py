"""Goal: the week for a real paper account does what it says: small orders, its limits, an end that
is flat, a report; and it begins nowhere else.

Method: the same code in real time against the built-in exchange, cut short, with a `watch` that is
killed and a loss of power in it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from paper.account import NotSafe, PaperAccount, PaperVenue
from paper.week_on_paper import SYMBOLS, PaperWanted, run
from support.processes import Server
from week.summary import summary


def account_at(server: Server) -> PaperAccount:
    return PaperAccount("PKPAPERWEEK", "secret", server.rest, server.data, server.stream)


def test_a_week_cut_short_keeps_its_limits_and_ends_flat(server: Server, tmp_path: Path) -> None:
    account = account_at(server)
    today = datetime.now(UTC).date()
    days = ((today - timedelta(days=1)).isoformat(), (today + timedelta(days=1)).isoformat())
    wanted = PaperWanted(weeks=(days,), signal_seconds=1.0, minutes=0.25, max_cost=Decimal(50))
    week, verdict = run(wanted, account, tmp_path / "run", lambda line: None)
    assert not verdict.problems, summary(week, verdict, 0)
    assert verdict.record is not None
    assert any(row["status"] == "filled" for row in verdict.record.orders)
    assert not verdict.record.positions
    assert {row["symbol"] for row in verdict.record.flat} <= set(SYMBOLS)
    assert all(Decimal(row["qty"]) <= 2 for row in verdict.record.flat)
    assert week.off, "the power was not lost"
    assert "no problem" in summary(week, verdict, 0)


def test_it_begins_nowhere_else_and_not_beside_holdings_of_its_symbols(server: Server) -> None:
    with pytest.raises(NotSafe, match="neither"):
        PaperAccount("PKX", "secret", "https://api.alpaca.markets")
    with pytest.raises(NotSafe, match="begin with PK"):
        PaperAccount("AKX", "secret")
    order = {"symbol": SYMBOLS[0], "qty": "1", "side": "buy", "type": "market"}
    account = account_at(server)
    server.call("POST", "/v2/orders", {**order, "time_in_force": "day"}, account.api_key)
    with pytest.raises(NotSafe, match=SYMBOLS[0]):
        PaperVenue(account, SYMBOLS).check_free()
