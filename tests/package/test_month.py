"""Goal: the shipped month is what today's execbot makes of it, and tells nothing of the machine on
which it was played.

Method: the files are read, and held against today's style and columns; its first two sessions are
played anew, and their trades must be the shipped ones to the last digit.
"""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from support.paths import EXAMPLES
from support.processes import clean_environment

from execbot.cli.show.report_page import POLICY
from execbot.cli.show.report_style import STYLE
from execbot.desk.look.trade_json import COLUMNS

MONTH = EXAMPLES / "month"
MADE = ("report.html", "report.txt", "trades.csv")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", MADE)
def test_a_file_names_no_place_of_a_machine_and_stays_small(name: str) -> None:
    text = (MONTH / name).read_text(encoding="utf-8")
    assert not re.search(r"/(home|root|tmp|work|usr|var|mnt|Users)/", text)
    assert 10_000 < len(text) < 300_000


def test_the_page_is_of_todays_form_and_shows_what_a_month_can_have() -> None:
    page = (MONTH / "report.html").read_text(encoding="utf-8")
    assert f"<style>{STYLE}</style>" in page, "play it again, or write its page again"
    assert POLICY in page
    titles = set(re.findall(r"<h2>(.*?)</h2>", page))
    assert titles >= {
        *("Equity", "Net profit by day", "Scorecard", "Summary", "Days", "Execution", "Failures"),
        *("Protection", "Limits hit", "Operation", "Trades"),
        *("Open trades", "Best trades", "Worst trades"),
    }


def test_page_text_and_trades_tell_one_story() -> None:
    trades = rows_of(MONTH / "trades.csv")
    text = (MONTH / "report.txt").read_text(encoding="utf-8")
    page = (MONTH / "report.html").read_text(encoding="utf-8")
    assert tuple(trades[0]) == COLUMNS
    closed = [row for row in trades if row["closed_at"]]
    net = sum(Decimal(row["net_pl"]) for row in closed)
    won = sum(Decimal(row["net_pl"]) > 0 for row in closed)
    said = " ".join(text.split())
    assert f"Trades: {len(closed)} closed ({won} won, {len(closed) - won} lost)" in said
    assert f"net {net:.2f} USD" in said
    assert f"{len(closed)} ({won} won)" in page
    assert {row["side"] for row in trades} == {"long", "short"}
    assert {row["reason"] for row in closed} >= {"stop", "target 1", "by_hand"}


def test_two_sessions_played_anew_have_the_shipped_trades(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(MONTH / "play.py"), "--into", str(tmp_path), "--sessions", "2"],
        env=clean_environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    shipped = {row["id"]: row for row in rows_of(MONTH / "trades.csv")}
    closed = [row for row in rows_of(tmp_path / "trades.csv") if row["closed_at"]]
    assert len(closed) >= 4
    for row in closed:
        assert row == shipped[row["id"]]
    assert "<title>execbot report, 2026-10-01 to 2026-10-31</title>" in (
        tmp_path / "report.html"
    ).read_text(encoding="utf-8")
