"""Goal: the table of evidence, the code and the tests name the same rows and the same numbers.

Method: docs/evidence.md read as text, beside the sources and the constants that it names.
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from execbot.model import plausible
from execbot.oms import recounts
from execbot.oms.machine import alarms, amended_rows, identity
from execbot.oms.sync import late_fills
from execbot.risk import facts
from execbot.risk.asking import kept_facts, session_word

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "evidence.md").read_text()
ROWS = re.findall(r"^\| (E-[A-Z]+-\d+) \|", PAGE, re.MULTILINE)
NAMED = re.compile(r"\bE-[A-Z]+-\d+\b")


def named_in(*folders: str) -> dict[str, set[str]]:
    """By row: the files that name it."""
    found: dict[str, set[str]] = {}
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            for name in NAMED.findall(path.read_text()):
                found.setdefault(name, set()).add(str(path.relative_to(ROOT)))
    return found


def test_each_row_has_an_id_of_its_own() -> None:
    assert len(ROWS) == len(set(ROWS)) > 80


def test_every_row_that_is_named_is_on_the_page() -> None:
    named = named_in("execbot", "tests")
    assert {name: files for name, files in named.items() if name not in ROWS} == {}
    on_the_page = set(NAMED.findall(PAGE))
    assert on_the_page == set(ROWS), "a row refers to one that is not there"


def test_every_row_has_a_test_that_names_it() -> None:
    tested = named_in("tests")
    assert [name for name in ROWS if name not in tested] == []


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("`SAME_INSTANT` 100 µs", timedelta(microseconds=100) == identity.SAME_INSTANT),
        ("`SAME_FILL_SECONDS` (2 s)", amended_rows.SAME_FILL_SECONDS == 2),
        ("`TRIES_MAX` (2000)", amended_rows.TRIES_MAX == 2000),
        ("Two seconds younger", timedelta(seconds=2) == alarms.FILLED_LESS_AFTER),
        ("`LOOKS_APART` 3 s", timedelta(seconds=3) == recounts.LOOKS_APART),
        ("`LOOKS_SOON_FOR` 10 s", timedelta(seconds=10) == recounts.LOOKS_SOON_FOR),
        ("`LIST_SETTLES` 8 s", timedelta(seconds=8) == late_fills.LIST_SETTLES),
        ("`AVERAGE_MAY_DIFFER` 0.005 USD", Decimal("0.005") == alarms.AVERAGE_MAY_DIFFER),
        ("`AVERAGE_SHARE_MAX` 0.1 %", Decimal("0.001") == alarms.AVERAGE_SHARE_MAX),
        ("`STUCK_AFTER` 15 minutes", timedelta(minutes=15) == alarms.STUCK_AFTER),
        ("`NUMBER_MAX` 10^12", Decimal(10) ** 12 == plausible.NUMBER_MAX),
        ("`DIGITS_MAX` 30", plausible.DIGITS_MAX == 30),
        ("`QTY_DECIMALS` 9", plausible.QTY_DECIMALS == 9),
        ("`TIME_MIN` 1990", plausible.TIME_MIN.year == 1990),
        ("`TIME_AHEAD` one day", timedelta(days=1) == plausible.TIME_AHEAD),
        ("`ID_MAX` 128", plausible.ID_MAX == 128),
        ("`READING_SECONDS_MAX` 15 s", facts.READING_SECONDS_MAX == 15),
        ("`CLOCK_KEPT_MAX` 10 min", timedelta(minutes=10) == kept_facts.CLOCK_KEPT_MAX),
        ("`QUOTED_WITHIN` 1 min", timedelta(minutes=1) == session_word.QUOTED_WITHIN),
    ],
)
def test_numbers_on_the_page_are_those_of_the_code(words: str, value: bool) -> None:
    assert words in PAGE
    assert value
