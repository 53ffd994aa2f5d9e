"""Goal: `execbot journal rebuild` shows what differs, says how to go on, and changes nothing.

Method: real processes on the built-in exchange; the journal is damaged between them.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.processes import clean_environment, execbot


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    env = clean_environment(tmp_path, EXECBOT_MODE="sim")
    more = ["--client-order-id", "mine", "--wait", "30"]
    bought = execbot(["submit", "AAPL", "--qty", "3", *more], env)
    assert bought.code == 0, bought
    return env


def answer(arguments: list[str], env: dict[str, str]) -> tuple[int, dict[str, Any]]:
    done = execbot([*arguments, "--json"], env)
    return done.code, json.loads(done.out)["data"]


def test_the_journal_says_where_it_is_and_what_is_in_it(env: dict[str, str]) -> None:
    code, facts = answer(["journal"], env)
    assert code == 0
    assert Path(facts["path"]).name == "journal.db" and Path(facts["path"]).exists()
    assert (facts["orders"], facts["fills"], facts["problems"]) == (1, 1, [])


def test_sound_journal_ends_with_0(env: dict[str, str]) -> None:
    code, found = answer(["journal", "rebuild"], env)
    assert code == 0
    assert found["same"] and not found["steps"]
    assert Path(found["rebuilt"]).exists()


def test_damaged_journal_ends_with_8_and_its_steps_heal_it(
    env: dict[str, str], tmp_path: Path
) -> None:
    _, facts = answer(["journal"], env)
    journal = Path(facts["path"])
    with closing(sqlite3.connect(journal)) as connection:
        connection.execute("UPDATE fills SET net_qty = '30'")
        connection.execute("UPDATE positions SET qty = '30'")
        connection.commit()
    target = tmp_path / "copy.db"
    code, found = answer(["journal", "rebuild", "--to", str(target)], env)
    assert code == 8
    assert {(d["table"], d["column"], d["was"], d["now"]) for d in found["differences"]} == {
        ("fills", "net_qty", "30", "3"),
        ("positions", "qty", "30", "3"),
    }
    assert found["steps"][-1] == "execbot reconcile"
    with closing(sqlite3.connect(journal)) as connection:
        assert connection.execute("SELECT qty FROM positions").fetchone() == ("30",)
    shutil.move(target, journal)
    assert execbot(["reconcile"], env).code == 0
    again = execbot(["journal", "rebuild", "--to", str(tmp_path / "again.db")], env)
    assert again.code == 0
    assert "Nothing differs" in again.out


def test_a_file_that_is_there_is_refused(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "there").write_text("precious")
    done = execbot(["journal", "rebuild", "--to", str(tmp_path / "there")], env)
    assert done.code != 0
    assert "there is a file already" in done.err
    assert (tmp_path / "there").read_text() == "precious"
