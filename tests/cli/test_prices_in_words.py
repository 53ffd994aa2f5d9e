"""Goal: wherever a command speaks of a price or of dollars, it has its decimals: `149.30`, never
`149.3` or `149`.

Method: each sentence of the golden sessions is searched for a price after the words that prices
come after, and for an amount before `USD`; commands that a sentence names are left out. Sentences
as they were show that the search finds what it looks for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from cli.golden_sessions import GOLDEN

BEFORE_A_PRICE = (
    *("at", "bid", "ask", "stop", "worth", "from", "through", "->"),
    *("stop was", "target was", "worse than", "better than", "debit of", "credit of"),
    r"target(?! \d\b(?!\.))",  # `target 1` is the first of several
)
NUMBER = r"-?\d+(?:,\d{3})*(?:\.\d+)?"
COUNTS = r"(?![\w.,]*\d| ?%|R|ATR|USD| (?:of|to|orders?|shares?|contracts?|days?|with this)\b)"
"""After a number that is no price: `stop 2%`, `trail 2USD`, `from 1 to 3`."""
PRICE = re.compile(
    rf"(?<!\w)(?:{'|'.join(BEFORE_A_PRICE)}) ({NUMBER}){COUNTS}|\$({NUMBER})|({NUMBER}) USD\b"
)
NO_PRICE = re.compile(r"execbot [^:;]*|--[\w-]+ \S+|(?:position|quantity) \S+ -> \S+")
"""Commands, which take what is typed; and what counts shares."""


def sentences(value: Any, key: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from sentences(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from sentences(item, key)
    elif isinstance(value, str) and " " in value and key != "command":
        yield NO_PRICE.sub("", value)


def prices_in(sentence: str) -> list[str]:
    return [next(filter(None, found.groups())) for found in PRICE.finditer(sentence)]


def is_full(price: str) -> bool:
    return len(price.partition(".")[2]) >= 2


@pytest.mark.parametrize(
    "sentence",
    [
        "stop was 250 with the price at 200",
        "risk allows 0.568181818 of WMT at 88, below the minimum",
        "buy 5 MSFT limit 390.00, day, stop 149.3",
        "5 % away from 400",
        "10000 USD left",
        "at a debit of 1.2",
        "AAPL buy 10 market: filled, filled 10 at 200",
        "moved: stop 98.00 -> 97",
    ],
)
def test_the_search_finds_a_price_without_its_decimals(sentence: str) -> None:
    assert not all(map(is_full, prices_in(sentence)))


@pytest.mark.parametrize("session", sorted(path.stem for path in GOLDEN.glob("*.json")))
def test_no_price_in_a_sentence_lacks_its_decimals(session: str) -> None:
    cases = json.loads((GOLDEN / f"{session}.json").read_text())
    for said in sentences(cases):
        assert all(map(is_full, prices_in(said))), said


def test_the_sessions_speak_of_prices() -> None:
    cases = [case for path in GOLDEN.glob("*.json") for case in json.loads(path.read_text())]
    assert sum(len(prices_in(said)) for said in sentences(cases)) > 100
