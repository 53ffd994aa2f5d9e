"""Goal: each status of the page beside those of who may look is answered to a real request, in
words, and the page goes on afterwards.

Method: a page as a process, without a watch; its journal is made unreadable and readable again.
"""

from __future__ import annotations

import json
import socket
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from support.harness.live_page import LivePage
from support.waiting import eventually


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/order?id=first", None, 200),
        ("GET", "/api/order?id=nobody", None, 409),
        ("GET", "/api/order", None, 422),
        ("GET", "/api/report?date=yesterday", None, 409),
        ("GET", "/api/report?date=0001-01-01", None, 409),
        ("GET", "/api/report?date=9999-12-31", None, 409),
        ("GET", "/api/report?date=2026-W01", None, 409),
        ("GET", "/api/report?date=2026-11-20", None, 200),
        ("GET", "/nowhere", None, 404),
        ("GET", "/static/nothing.js", None, 404),
        ("DELETE", "/api/board", None, 405),
        ("POST", "/api/actions/review", {}, 422),
        ("POST", "/api/actions/review", {"kind": "close", "subject": "KO"}, 409),
        ("POST", "/api/actions/agree", {"ticket": "none"}, 409),
        ("POST", "/api/actions/review", {"kind": "halt", "reason": "\ud800"}, 422),
        ("POST", "/login", {}, 422),
        ("POST", "/login", {"token": float("nan")}, 422),
        ("POST", "/login", {"token": "\ud800"}, 422),
    ],
)
def test_what_cannot_be_answered_says_so(
    unwatched: LivePage, method: str, path: str, body: object, status: int
) -> None:
    found, text, _ = unwatched.ask(path, body, method=method)
    assert found == status, text
    assert "Traceback" not in text
    if status == 409:
        said = json.loads(text)
        assert said["ok"] is False and said["words"] and (said["why"] or said["next"])


def test_what_was_sent_is_not_told_back(unwatched: LivePage) -> None:
    """A token that is posted as something else than it should be is in no answer and no log."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json"):
        headers = {"Origin": unwatched.url, "Content-Type": kind}
        for body in ({"token": [unwatched.token]}, [unwatched.token], unwatched.token):
            status, text, _ = unwatched.ask("/login", body, headers)
            assert status == 422 and unwatched.token not in text, text
    [log] = Path(unwatched.env["HOME"]).glob("state/execbot/*/page.log")
    assert unwatched.token not in log.read_text()


def test_a_chart_tells_stop_and_targets_to_draw_and_as_a_table(unwatched: LivePage) -> None:
    found = unwatched.json("/api/chart?symbol=aapl")
    assert [row["what"] for row in found["rows"]] == ["entry"]
    assert {level["kind"] for level in found["levels"]} == {"stop", "target"}
    assert {row["what"] for row in found["stands"]} == {level["word"] for level in found["levels"]}


def test_what_is_no_http_is_answered_400(unwatched: LivePage) -> None:
    with socket.create_connection(("127.0.0.1", unwatched.port), 30) as line:
        line.sendall(b"GET \x00\x01 nonsense\r\n\r\n")
        assert b" 400 " in line.recv(4096).splitlines()[0]


def test_a_journal_that_cannot_be_read_is_told_with_503_until_it_can(unwatched: LivePage) -> None:
    [journal] = Path(unwatched.env["HOME"]).glob("state/execbot/*/journal.db")

    def rename(old: str, new: str) -> None:
        with closing(sqlite3.connect(journal, isolation_level=None, timeout=30)) as opened:
            opened.execute("PRAGMA legacy_alter_table = ON")
            opened.execute(f"ALTER TABLE {old} RENAME TO {new}")

    rename("audit", "elsewhere")
    try:
        assert eventually(lambda: unwatched.ask("/api/order?id=first")[0] == 503)
        said = json.loads(unwatched.ask("/api/order?id=first")[1])
        assert said["ok"] is False and said["words"]
        assert eventually(lambda: "journal cannot" in unwatched.board["account_line"]["trouble"])
        time.sleep(6)  # beyond a look at the broker, which went well
        assert "journal cannot" in unwatched.board["account_line"]["trouble"]
    finally:
        rename("elsewhere", "audit")
    assert eventually(lambda: unwatched.ask("/api/order?id=first")[0] == 200)
    assert eventually(lambda: not unwatched.board["account_line"]["trouble"])
