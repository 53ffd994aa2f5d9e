"""Goal: the judge of a week finds what is wrong. Method: records by hand with one fault in each."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest
from week import journal_side
from week.course import Course, course_of
from week.journal_side import Books, differences
from week.judge import _compared
from week.record import Record, moment
from week.troubles import Kind, plan

AT = datetime(2026, 10, 29, 14, 0, tzinfo=UTC)
DAY = date(2026, 10, 29)
RENAMES = [("KO", "PEP")]


def at(seconds: float) -> str:
    return (AT + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def order(name: str, side: str, type: str, qty: int, begun: float, **more: Any) -> dict[str, Any]:
    base = {"id": name, "client_order_id": name, "symbol": "AAPL", "order_class": "", "legs": None}
    times = dict.fromkeys(("filled_at", "canceled_at", "expired_at", "replaced_at", "failed_at"))
    return {
        **base, "side": side, "type": type, "qty": str(qty), "filled_qty": "0", "status": "new",
        "extended_hours": False, "created_at": at(begun), **times, **more,
    }  # fmt: skip


def fill(order_id: str, side: str, qty: int, price: str, seconds: float) -> dict[str, Any]:
    return {"activity_type": "FILL", "transaction_time": at(seconds), "symbol": "AAPL",
            "side": side, "qty": str(qty), "price": price, "order_id": order_id}  # fmt: skip


def record(orders: list[Any], rows: list[Any], held: dict[str, int]) -> Record:
    listed = [{"symbol": symbol, "qty": str(qty)} for symbol, qty in held.items()]
    return Record(orders, rows, listed, AT + timedelta(hours=1))


ENTRY = order("e", "buy", "market", 4, 0, filled_at=at(1), status="filled", filled_qty="4")


def test_the_time_without_a_stop_is_measured_between_its_end_and_the_next() -> None:
    first = order("s1", "sell", "stop", 4, 3, canceled_at=at(100), status="canceled")
    second = order("s2", "sell", "stop", 4, 130)
    found = record([ENTRY, first, second], [fill("e", "buy", 4, "100", 1)], {"AAPL": 4}).spells()
    assert [(spell.seconds, spell.qty) for spell in found] == [(2, 4), (30, 4)]


def test_a_stop_for_less_than_is_held_is_a_time_without_one() -> None:
    small = order("s1", "sell", "stop", 3, 1)
    [spell] = record([ENTRY, small], [fill("e", "buy", 4, "100", 1)], {"AAPL": 4}).spells()
    assert (spell.qty, spell.seconds) == (1, 3599)


def test_the_leg_of_an_entry_counts_from_its_fill_on_and_one_that_fired_to_its_own() -> None:
    leg = order("l", "sell", "stop", 4, 0, filled_at=at(50), status="filled")
    entry = {**ENTRY, "order_class": "oto", "legs": [leg]}
    rows = [fill("e", "buy", 4, "100", 1), fill("l", "sell", 4, "98", 50)]
    [spell] = record([entry], rows, {}).spells()
    assert spell.seconds == pytest.approx(0.04)


def test_a_leg_that_was_replaced_counts_although_no_parent_lists_it_any_more() -> None:
    old = order("l1", "sell", "stop", 4, 0, replaced_at=at(90), status="replaced")
    new = order("l2", "sell", "stop", 4, 95, replaces="l1")
    entry = {**ENTRY, "order_class": "oto", "legs": [new]}
    rows = [fill("e", "buy", 4, "100", 1)]
    held = [{"symbol": "AAPL", "qty": "4"}]
    found = Record([entry], rows, held, AT + timedelta(hours=1), [ENTRY, old, new]).spells()
    assert [round(spell.seconds, 2) for spell in found] == [0.04, 5]


def test_more_sold_than_held_and_rows_that_do_not_add_up_are_found() -> None:
    rows = [fill("e", "buy", 4, "100", 1), fill("x", "sell", 5, "101", 9)]
    found = record([ENTRY], rows, {})
    assert len(found.oversold()) == 1
    assert found.differs_from_rows()


def test_money_of_a_day_goes_by_average_cost_through_a_split_and_a_new_name() -> None:
    def moved(kind: str, symbol: str, qty: int, group: str) -> dict[str, Any]:
        return {"activity_type": kind, "created_at": at(60), "date": DAY.isoformat(),
                "symbol": symbol, "qty": str(qty), "group_id": group}  # fmt: skip

    rows = [
        fill("e", "buy", 4, "100", 1),
        moved("SPLIT", "AAPL", -4, "g1"), moved("SPLIT", "AAPL", 8, "g1"),
        moved("NC", "AAPL", -8, "g2"), moved("NC", "IBM", 8, "g2"),
        {**fill("x", "sell", 8, "55", 90), "symbol": "IBM"},
        {"activity_type": "FEE", "date": DAY.isoformat(), "net_amount": "-0.02"},
    ]  # fmt: skip
    day = record([ENTRY], rows, {}).day(DAY)
    assert (day.fills, day.bought, day.sold) == (2, 400, 440)
    assert (day.realized, day.fees) == (40, Fraction(2, 100))


def test_cash_is_what_every_row_has_left() -> None:
    rows = [
        {"activity_type": "CSD", "net_amount": "1000"},
        fill("e", "buy", 4, "100", 1),
        fill("x", "sell", 3, "110.5", 9),
        {"activity_type": "FEE", "date": DAY.isoformat(), "net_amount": "-0.02"},
    ]
    assert record([ENTRY], rows, {"AAPL": 1}).cash() == Fraction("931.48")


def test_journal_and_record_are_held_against_each_other() -> None:
    there = record([ENTRY], [fill("e", "buy", 4, "100", 1)], {"AAPL": 4})
    same = Books({"AAPL": Fraction(4)}, {"e": Fraction(4)}, {"e": "filled"}, [])
    assert differences(same, there) == []
    wrong = Books({"AAPL": Fraction(3)}, {"e": Fraction(3)}, {"e": "new"}, ["e"])
    assert len(differences(wrong, there)) == 4
    assert differences(Books({"AAPL": Fraction(4)}, {"e": Fraction(4)}, {}, []), there)


@pytest.mark.parametrize(("seen", "is_clean"), [([1, 0], True), ([1, 1, 1], False)])
def test_what_fills_between_two_reads_is_no_difference_and_what_stays_is(
    monkeypatch: pytest.MonkeyPatch, seen: list[int], is_clean: bool
) -> None:
    """Bought and sold by the rows, and still held by the positions that were read just before."""
    sold = [fill("e", "buy", 1, "100", 1), fill("x", "sell", 1, "100", 9)]
    looks = iter([record([ENTRY], sold, {"AAPL": held} if held else {}) for held in seen])
    week: Any = SimpleNamespace(
        venue=SimpleNamespace(record=lambda: next(looks)), rest=lambda: None
    )
    monkeypatch.setattr(journal_side, "read_books", lambda week: None)
    monkeypatch.setattr(journal_side, "differences", lambda books, record: [])
    _, differs, _ = _compared(week)
    assert (not differs) is is_clean
    assert next(looks, None) is None


def test_nanoseconds_are_cut() -> None:
    assert moment("2026-10-26T13:31:21.7922288Z") == datetime(
        2026, 10, 26, 13, 31, 21, 792_228, tzinfo=UTC
    )


# --- the course and its troubles ----------------------------------------------------------------


def rows_of_a_week() -> list[dict[str, Any]]:
    days = ("2026-11-25", "2026-11-27", "2026-11-30")
    closes = ("16:00", "13:00", "16:00")
    return [{"date": day, "open": "09:30", "close": close}
            for day, close in zip(days, closes, strict=True)]  # fmt: skip


@pytest.mark.parametrize("minutes", [None, 30.0])
@pytest.mark.parametrize("seed", range(20))
def test_what_goes_wrong_goes_wrong_while_the_clock_runs_and_for_every_seed(
    seed: int, minutes: float | None
) -> None:
    course: Course = course_of(rows_of_a_week(), session_minutes=minutes)
    symbols = ("AAPL", "KO", "INTC")
    drawn = plan(list(course.sessions.values()), str(seed), symbols, renames=RENAMES)
    kinds = Counter(trouble.kind for trouble in drawn)
    assert kinds[Kind.POWER_LOST] == 2
    assert all(kinds[kind] == 1 for kind in (Kind.DISK_FULL, Kind.RENAME, Kind.SPLIT))
    assert kinds[Kind.STREAM_CUT] == kinds[Kind.RATE_LIMITED] == 3
    assert drawn == sorted(drawn, key=lambda trouble: trouble.at)
    stepped = (Kind.MAINTENANCE, Kind.WITHDRAWAL)
    assert all(course.played_at(one.at) for one in drawn if one.kind not in stepped)
    again = plan(list(course.sessions.values()), str(seed), symbols, renames=RENAMES)
    assert again == drawn


def test_a_half_day_ends_at_one() -> None:
    course = course_of(rows_of_a_week())
    assert course.sessions[date(2026, 11, 27)].close == datetime(2026, 11, 27, 18, 0, tzinfo=UTC)
    chance = random.Random(1)
    session = course.sessions[date(2026, 11, 27)]
    assert all(session.open <= session.moment(chance) <= session.close for _ in range(50))
