"""Goal: a row of the store that is damaged is told, answered 500 without a word of what is in it,
and holds up no other signal; and no failure writes the secret of a path into the log.

Method: a page with its door as a process; rows spoilt in its file while it is down.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from page.signals.listening import BEARER, SECRET, Doors
from page.signals.making import body
from support.processes import Server
from support.schema_judge import complaints

SPOILT = "<not a signal any more>"


@pytest.fixture
def doors(served: Server, tmp_path: Path) -> Iterator[Doors]:
    running = Doors(served, tmp_path)
    yield running
    running.kill()


@pytest.mark.parametrize(
    "damage",
    [
        f"line = '{SPOILT}'",
        "received_at = 17",
        f"result = '{SPOILT}', state = 'begun'",
    ],
)
def test_a_damaged_row_is_told_and_holds_up_no_other(
    doors: Doors, tmp_path: Path, damage: str
) -> None:
    for name in ("u-spoilt", "u-fine"):
        assert doors.post(body(id=name, symbol="IBM", strength=1)).status == 202
        doors.outcome(name)
    assert doors.end() == 0
    [path] = tmp_path.rglob("signals.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE signals SET state = 'waiting', result = NULL")
        db.execute(f"UPDATE signals SET {damage} WHERE signal_id = 'u-spoilt'")
    doors.start()
    assert doors.outcome("u-fine")["reason"] == "signal.repeated"
    assert doors.post(body(id="u-next", symbol="IBM", strength=1)).status == 202
    assert doors.outcome("u-next")["reason"] == "signal.weak"

    failed = doors.ask("GET", "/signals/u-spoilt")
    assert failed.status == 500 and complaints("webhook-refused", failed.data) == []
    assert failed.data["kind"] == "internal" and SPOILT not in failed.text
    assert not any(word in failed.text for word in ("Traceback", "sqlite", "signals.db", SECRET))
    assert doors.post(body(id="u-spoilt", symbol="IBM", strength=1)).status == 503
    log = doors.log_text
    assert log.count("signals.unreadable") == 1 and "/signals/... failed" in log
    assert SECRET not in log


def test_no_refusal_and_no_failure_writes_the_secret_of_a_path(
    doors: Doors,
) -> None:
    for path in (f"/signals/{SECRET}", f"/{SECRET}", f"/x/{SECRET}"):
        refused = doors.post(body(), {**BEARER, "Host": "evil.example"}, path=path)
        assert refused.status == 403
    log = doors.log_text
    assert log.count("refused ") == 3 and SECRET not in log
