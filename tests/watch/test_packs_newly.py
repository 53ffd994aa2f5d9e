"""Goal: a journal of an earlier version is written in the newest form once a watch of today runs.

Method: real commands on a journal that is put back to before the form was there.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from support.harness.earlier import made_earlier
from support.processes import clean_environment, done, execbot

from execbot.journal.packing.form import FORM, NEWEST


def forms(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT value FROM meta WHERE key = ?", (FORM,))
        return [row[0] for row in rows]


def test_a_watch_of_today_begins_the_newest_form_and_no_other_command(tmp_path: Path) -> None:
    env = clean_environment(tmp_path, EXECBOT_MODE="sim")
    done(env, "submit", "BTC/USD", "--qty", "0.01", "--tif", "gtc", "--wait", "20")
    path = next((tmp_path / "state").rglob("journal.db"))
    assert forms(path) == [str(NEWEST)]
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM meta WHERE key = ?", (FORM,))
        connection.commit()
    made_earlier(path, "0018_less_room")
    done(env, "close", "BTC/USD", "--wait", "20")
    assert forms(path) == []
    ended = execbot(["watch", "--seconds", "1", "--plain"], env)
    assert ended.code == 0, ended.err
    assert forms(path) == [str(NEWEST)]
