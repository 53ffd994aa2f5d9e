"""Goal: the history of an order is read on a terminal; what fills screens is told under --json.

Method: a decision about a size, as the journal keeps it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from execbot.cli.show.order_views import history_table
from execbot.journal.records import AuditRow

AT = datetime(2026, 10, 7, 15, tzinfo=UTC)


def test_a_size_is_told_in_a_few_words() -> None:
    steps = [["risk", "42.64", "10015.77", "200 USD at risk"], ["rounding", "42", "9864.54", ""]]
    facts = {"method": "risk", "qty": "42", "notional": None, "steps": steps}
    row = AuditRow(1, AT, "sizing", "one", "max_position_size_pct", facts, "sized")
    (cells,) = history_table([], [row]).rows
    assert cells[-1] == "max_position_size_pct: sized (method=risk, qty=42)"
