"""Goal (E-OPT-7): contracts that a corporate action has made into others are known by the broker's
list, and nothing else is taken for that.
Method: a table of books and lists, answers by hand.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from execbot.model.options.changed import Held, changed_contracts

D = Decimal
DAY, LATER = "261218", "270115"


def call(strike: str, root: str = "AAPL", day: str = DAY, kind: str = "C") -> str:
    return f"{root}{day}{kind}{int(D(strike) * 1000):08d}"


def told(*rows: tuple[str, int, int]) -> list[tuple[str, str, str]]:
    found = changed_contracts(Held(s, D(ours), D(theirs)) for s, ours, theirs in rows)
    return [(change.old, change.new, str(change.count)) for change in found]


def test_whole_split_of_a_spread_and_a_put() -> None:
    put, divided = call("230", kind="P"), call("57.5", kind="P")
    assert told(
        (call("250"), 1, 0), (call("62.5"), 0, 4),
        (call("260"), -1, 0), (call("65"), 0, -4),
        (put, 3, 0), (divided, 0, 12),
    ) == [
        (call("250"), call("62.5"), "4"),
        (call("260"), call("65"), "4"),
        (put, divided, "4"),
    ]  # fmt: skip


def test_strikes_are_divided_to_the_cent_and_may_meet_what_was_held() -> None:
    assert told((call("250"), 2, 0), (call("83.33"), 0, 6)) == [
        (call("250"), call("83.33"), "3"),
    ]
    assert told((call("240"), 1, 0), (call("120"), 3, 2), (call("60"), 0, 6)) == [
        (call("240"), call("120"), "2"),
        (call("120"), call("60"), "2"),
    ]


def test_other_splits_give_a_digit() -> None:
    assert told(
        (call("250"), -2, 0), (call("250", "AAPL1"), 0, -2),
        (call("9", "AAPL1"), 1, 0), (call("9", "AAPL2"), 0, 1),
    ) == [
        (call("250"), call("250", "AAPL1"), "1"),
        (call("9", "AAPL1"), call("9", "AAPL2"), "1"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "rows",
    [
        [(call("250"), 1, 0)],  # gone alone
        [(call("62.5"), 0, 4)],  # come alone
        [(call("250"), 1, 0), (call("62.5"), 0, 3)],  # another ratio
        [(call("250"), 1, 0), (call("62.5"), 0, -4)],  # another side
        [(call("250"), 1, 0), (call("62.5", kind="P"), 0, 4)],
        [(call("250"), 1, 0), (call("62.5", day=LATER), 0, 4)],
        [(call("250"), 1, 0), (call("255"), 0, 1)],  # a roll
        [(call("250"), 1, 0), (call("62.5"), 0, 4), (call("260"), 2, 1)],  # something is left over
        [(call("250"), 2, 1), (call("250", "AAPL1"), 0, 1)],  # a part
        [(call("250"), 1, 0), (call("250", "MSFT1"), 0, 1)],
        [("AAPL", 100, 400)],
    ],
)
def test_nothing_else_is(rows: list[tuple[str, int, int]]) -> None:
    assert told(*rows) == []
