"""Goal: equity by session is what was sampled; gaps, flows and the broker's word are told apart.

Method: samples by hand on the market's own calendar, holidays and a short day among them.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

from execbot.journal.records import EquitySample
from execbot.market.calendar_cache import load_table
from execbot.market.sessions import TradingDay, trading_days
from execbot.trades.equity import Basis, EquityDay, equity_days

D = Decimal
TABLE = load_table()
WEEK = list(trading_days(TABLE, date(2026, 11, 16), date(2026, 11, 30)))
"""Thanksgiving on the 26th, a short day on the 27th."""


def session(day: int) -> TradingDay:
    return next(found for found in WEEK if found.date == date(2026, 11, day))


def sample(at: datetime, equity: str, last: str | None = None) -> EquitySample:
    return EquitySample(at, D(equity), None if last is None else D(last))


def whole(day: int, equity: str, last: str | None = None) -> list[EquitySample]:
    """Each minute of a session, and its close."""
    found, at = [], session(day).open
    while at <= session(day).close:
        found.append(sample(at, equity, last))
        at += timedelta(minutes=1)
    return found


def of(
    samples: list[EquitySample],
    told: dict[int, str] | None = None,
    opened: int | None = None,
    **flows: str,
) -> tuple[EquityDay, ...]:
    """Flows by day of November: `d18="500"`; `told` are closes by the broker's word of now."""
    moved = {date(2026, 11, int(name[1:])): [D(amount)] for name, amount in flows.items()}
    said = {date(2026, 11, day): D(equity) for day, equity in (told or {}).items()}
    opened_on = None if opened is None else date(2026, 11, opened)
    return equity_days(samples, WEEK, moved, opened_on, said)


def test_a_week_with_a_holiday_has_four_sessions_one_of_them_short() -> None:
    found = of(
        [s for n, day in enumerate((23, 24, 25, 27)) for s in whole(day, str(100 + n), str(99 + n))]
    )
    assert [day.day.day for day in found] == [23, 24, 25, 27]
    assert [day.profit for day in found] == [1, 1, 1, 1]
    assert {day.basis for day in found} == {Basis.OWN}
    assert [len(day.samples) for day in found] == [391, 391, 391, 211]
    assert sum(day.gap_minutes for day in found) == 0


def test_a_close_that_nobody_saw_is_the_brokers_word_of_the_next_session() -> None:
    morning = [s for s in whole(24, "105", "101") if s.at < session(24).open + timedelta(hours=1)]
    found = of([*whole(23, "101", "100"), *morning, *whole(25, "109", "107")])
    assert [day.basis for day in found] == [Basis.OWN, Basis.BROKER, Basis.OWN]
    assert [day.closed for day in found] == [101, 107, 109]
    assert found[1].gap_minutes == 330


def test_sessions_without_anything_are_a_span_and_no_flat_days() -> None:
    found = of([*whole(18, "100", "100"), *whole(24, "106")])
    assert [day.basis for day in found] == [
        *(Basis.OWN, Basis.MISSING, Basis.MISSING, Basis.MISSING, Basis.OWN)
    ]
    assert (found[-1].spans, found[-1].began, found[-1].profit) == (4, 100, 6)
    assert found[1].gap_minutes == 390


def test_what_comes_on_a_weekend_belongs_to_monday() -> None:
    found = of([*whole(20, "100", "100"), *whole(23, "610", "100")], d21="500")
    assert [day.flows for day in found] == [0, 500]
    assert [day.profit for day in found] == [0, 10]
    assert found[1].rate == float(D(10) / D(600))


def test_what_goes_was_there_to_the_end_of_its_session() -> None:
    found = of([*whole(23, "100", "100"), *whole(24, "60", "100")], d24="-50")
    assert found[1].profit == 10
    assert found[1].rate == 0.1


def test_the_first_session_begins_with_the_close_before_it() -> None:
    """A loss of the first day is seen: its peak is the opening equity."""
    found = of(whole(23, "90", "100"))
    assert (found[0].began, found[0].profit, found[0].rate) == (100, -10, -0.1)


def test_a_session_that_runs_is_no_gap_after_now() -> None:
    until = session(24).open + timedelta(hours=2)
    found = of([*whole(23, "100", "100"), *[s for s in whole(24, "102") if s.at <= until]])
    assert (found[-1].basis, found[-1].closed, found[-1].gap_minutes) == (Basis.RUNNING, 102, 0)


def test_minutes_that_are_missing_are_counted() -> None:
    kept = [
        s
        for s in whole(23, "100", "100")
        if not timedelta(hours=1) < s.at - session(23).open < timedelta(hours=1, minutes=30)
    ]
    assert of(kept)[0].gap_minutes == 29


# --- looked at outside of a session ---------------------------------------------------------------


def in_the_morning(day: int) -> datetime:
    return session(day).open - timedelta(minutes=90)


def in_the_evening(day: int) -> datetime:
    return session(day).open + timedelta(hours=11)


def test_a_first_look_before_the_open_measures_no_session_that_nobody_saw() -> None:
    """Else what came on the day before would be its loss."""
    assert of([sample(in_the_morning(24), "612", "605")], {23: "605"}, d23="500") == ()


def test_a_look_before_the_open_tells_how_the_session_before_has_closed() -> None:
    noon = session(23).open + timedelta(hours=2)
    seen = [sample(noon, "101", "100"), sample(in_the_morning(24), "109", "104")]
    (found,) = of(seen, {23: "104"})
    assert (found.basis, found.began, found.closed) == (Basis.BROKER, 100, 104)


def test_in_the_evening_the_brokers_last_close_is_that_of_today() -> None:
    """It is neither where the day began nor how the day before closed."""
    noon = session(23).open + timedelta(hours=2)
    late = sample(in_the_evening(24), "620", "612")
    found = of([sample(noon, "101", "100"), late], {24: "612"}, d24="500")
    assert [day.basis for day in found] == [Basis.MISSING, Basis.BROKER]
    assert [day.closed for day in found] == [None, 612]
    assert (found[1].spans, found[1].profit) == (2, 12)


def test_a_day_that_was_seen_in_its_evening_alone_has_no_beginning() -> None:
    (found,) = of([sample(in_the_evening(24), "620", "612")], {24: "612"}, d24="500")
    assert (found.closed, found.began, found.profit) == (612, None, None)


def test_after_hours_the_close_before_is_known_while_the_broker_still_speaks_of_it() -> None:
    late = session(24).close + timedelta(hours=1)
    (found,) = of([sample(late, "620", "100")], {23: "100"}, d24="500")
    assert (found.basis, found.began, found.profit) == (Basis.RUNNING, 100, 20)


def test_an_account_that_was_opened_on_a_weekend_begins_with_nothing() -> None:
    found = of(whole(23, "510", "500"), opened=21, d21="500")
    assert (found[0].began, found[0].profit) == (0, 10)


def test_a_session_that_was_left_in_its_middle_is_not_closed_by_what_was_seen_last() -> None:
    noon = [s for s in whole(18, "90", "100") if s.at < session(18).open + timedelta(hours=2)]
    found = of([*noon, *whole(20, "106")])
    assert [day.basis for day in found] == [Basis.MISSING, Basis.MISSING, Basis.OWN]
    assert (found[-1].spans, found[-1].began, found[-1].profit) == (3, 100, 6)


def test_days_without_a_look_end_with_the_close_that_the_broker_speaks_of() -> None:
    """Nothing was seen since Monday noon; it is the morning of Monday after."""
    noon = session(23).open + timedelta(hours=2)
    seen = [sample(noon, "101", "100"), sample(in_the_morning(30), "620", "615")]
    found = of(seen, {27: "615"}, d24="500")
    assert [day.basis for day in found] == [*[Basis.MISSING] * 3, Basis.BROKER]
    assert (found[-1].spans, found[-1].began, found[-1].profit) == (4, 100, 15)
    assert [day.closed for day in of(seen, d24="500")] == [None]


def test_nothing_at_all_is_no_session() -> None:
    assert of([]) == ()
