"""Goal: docs/events.md describes the journal's events and decisions as they are.

Method: what it names is collected from the schema, the enums and the calls in the source; its
example reads a real journal.
"""

from __future__ import annotations

import ast
import contextlib
import io

from pages import event_format
from pages.reading import blocks
from pages.test_troubleshooting import literals
from support.desk import Desk
from support.paths import ROOT

from execbot.journal.schema import TABLES
from execbot.model.order import OrderRequest
from execbot.oms.place.denied_exits import KIND as EXITS_DENIED
from execbot.oms.place.placed import SENT_BACK
from execbot.oms.sync.unread_rows import AUDIT_KIND
from execbot.watch.loop import AUDITED

PAGE = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")


def test_every_table_has_its_line() -> None:
    assert set(event_format.TABLES) == set(TABLES)


def test_every_column_and_word_has_its_line() -> None:
    assert list(event_format.EVENT_COLUMNS) == event_format.columns_of("order_events")
    assert list(event_format.AUDIT_COLUMNS) == event_format.columns_of("audit")
    assert set(event_format.ACTS) == set(event_format.Act)


def test_every_kind_of_decision_has_its_line() -> None:
    kept = literals("audit", "_audit") | AUDITED
    kept |= {AUDIT_KIND, EXITS_DENIED, SENT_BACK[0], "pace"}
    assert set(event_format.AUDITS) == kept


def test_the_example_reads_a_journal(desk: Desk) -> None:
    desk.oms.submit(OrderRequest("AAPL", "buy", qty=1))
    part = PAGE.split("<!-- example: read -->", 1)[1].split("<!-- end -->", 1)[0]
    (code,) = blocks(part, "python")
    state = desk.path / "state"
    state.mkdir()
    (state / "account").symlink_to(desk.path)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(ast.parse(code), "events.md", "exec"), {"state": state})
    assert " intent local applied pending" in said.getvalue()
