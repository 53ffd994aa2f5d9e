"""Goal: what the page itself fails at is a 500 that says where to look and nothing else, is in the
log without a secret, and leaves everything else as it was.

Method: a page as a process; rows of its journal are written as nobody writes them, which its reader
takes and its published answer cannot say.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from support.harness.live_page import LivePage
from support.waiting import eventually

NEVER_WRITTEN = "what this row says, <b>nobody</b> may read on a screen"


def test_a_row_that_no_answer_can_say_is_a_500_without_a_word_of_it(unwatched: LivePage) -> None:
    [journal] = Path(unwatched.env["HOME"]).glob("state/execbot/*/journal.db")
    origin = {"Origin": unwatched.url, "Sec-Fetch-Site": "same-origin"}
    cookie = unwatched.ask("/login", {"token": unwatched.token}, origin)[2]["set-cookie"].partition(
        ";"
    )[0]
    with closing(sqlite3.connect(journal, isolation_level=None, timeout=30)) as opened:
        opened.execute(
            "INSERT INTO audit (at, kind, subject, rule, facts, result) "
            "SELECT at, 'odd', subject, rule, ?, result FROM audit WHERE subject = 'first' LIMIT 1",
            (f'["{NEVER_WRITTEN}"]',),
        )
    for headers in (None, {"Cookie": cookie}):
        assert eventually(
            lambda given=headers: unwatched.ask("/api/order?id=first", None, given)[0] == 500
        )
        _, text, answered = unwatched.ask("/api/order?id=first", None, headers)
        assert text == "The page failed at this: see page.log in the account's directory.\n"
        assert answered["content-type"].startswith("text/plain")
        assert answered["content-security-policy"] and answered["cache-control"] == "no-store"
    assert unwatched.ask("/api/trades")[0] == 200 and unwatched.board["positions"]
    log = (journal.parent / "page.log").read_text()
    assert "/api/order failed" in log and "Traceback" in log
    for secret in (unwatched.token, cookie.partition("=")[2]):
        assert secret not in log
