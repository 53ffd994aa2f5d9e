"""Goal: totals prove a bust only where they say of which execution (docs/evidence.md, E-EXE-12).

Method: orders made of frames and rows by hand, then one look that counts less.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from support.oms_making import at, fill, frame, intent, look, order, row, run

from execbot.journal.records import Amendment
from execbot.oms.machine.events import OrderEvent, OrderState
from execbot.oms.machine.recount import recount_event, restated
from execbot.oms.machine.reports import RECOUNT_PREFIX, Reports, ruling


def becomes(state: OrderState) -> list[tuple[str, str, str]]:
    return [
        (one.execution.execution_id, str(one.qty), str(one.price))
        for one in restated(state.record, state.executions.values())
    ]


def lots(*prices: str, size: int = 5) -> list[OrderEvent]:
    total = str(size * len(prices))
    return [
        fill(n, str(size), price, str(size * n), second=n, total=total)
        for n, price in enumerate(prices, start=1)
    ]


def counted(
    filled: str, avg: str | None, *, second: float = 60, status: str = "filled"
) -> OrderEvent:
    return look(status, second=second, filled=filled, avg=avg)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([*lots("100", size=10), counted("6", "100")], [("x1", "6", "100")]),
        ([*lots("100", size=10), counted("6", "101.5")], [("x1", "6", "101.5")]),
        ([*lots("100", size=10), counted("0", None)], [("x1", "0", "100")]),
        ([*lots("100", "101"), counted("5", "101")], [("x1", "0", "100")]),
        ([*lots("100", "101"), counted("8", "100.9")], []),
        ([*lots("100", "101"), counted("8", "100.625")], [("x1", "3", "100")]),
        ([*lots("100", "101"), counted("8", "100.375")], [("x2", "3", "101")]),
        ([*lots("100", "100"), counted("5", "100")], [("x2", "0", "100")]),
        ([*lots("100", "101"), counted("0", None)], [("x1", "0", "100"), ("x2", "0", "101")]),
        ([*lots("100", "100", "100"), counted("3", "100")],
         [("x3", "0", "100"), ("x2", "0", "100"), ("x1", "3", "100")]),
        ([*lots("100", size=10), counted("12", "100", second=30), counted("11", "100")],
         [("x1", "11", "100")]),
        ([*lots("100", size=10), counted("12", "100", second=30), counted("10", "100")],
         [("x1", "10", "100")]),
        ([*lots("100", size=10), counted("12", "100", second=30), counted("0", None)],
         [("x1", "0", "100")]),
        ([*lots("100", size=4), counted("10", "100", second=30), counted("9", "100")], []),
        ([*lots("100", "100"), counted("12", "100", second=30), counted("11", "100")],
         [("x2", "6", "100")]),
        ([*lots("100", "100"), counted("12", "100", second=30), counted("4", "100")],
         [("x2", "0", "100"), ("x1", "4", "100")]),
        ([*lots("100", "100"), counted("8", "100.75")], [("x2", "3", "102.000000")]),
        ([*lots("100", "101"), counted("12", "100.5", second=30), counted("11", "100.5")], []),
        ([*lots("100", "100"), counted("3", "101")], [("x2", "0", "100"), ("x1", "3", "101")]),
        ([*lots("100", "100"), counted("5", "102.5")], [("x2", "0", "100"), ("x1", "5", "102.5")]),
        ([*lots("100", "100", "100"), counted("10", "101")],
         [("x3", "0", "100"), ("x2", "5", "102.000000")]),
        ([*lots("100", "100"), counted("8", "1")], []),
        ([*lots("100", "100", "101"), counted("8", "100.2")], []),
    ],
    ids=[
        "one, of less", "one, of less at another price", "one, gone", "the first of two",
        "two, and their average fits neither", "part of the first", "part of the second",
        "equal ones: the last", "both gone",
        "more than one, all at one price: from the last on",
        "corrected upward before, and then less",
        "corrected upward before, and then as at first",
        "corrected upward before, and then gone",
        "one of which no report came, and then less",
        "two, corrected upward before, and then less", "the same, and then gone as well",
        "two, of less at another price", "two prices, corrected upward before",
        "more than one, at another price", "one gone, and the other at another price",
        "one of three gone, and another at another price", "at a price that cannot be",
        "more than one, at several prices",
    ],
)  # fmt: skip
def test_of_which_executions_totals_tell(
    events: list[OrderEvent], expected: list[tuple[str, str, str]]
) -> None:
    assert becomes(run(intent(), *events)) == expected


def shrunk(lost: str, last: str, price: str, cum: str, *before: str) -> list[OrderEvent]:
    """Lots of 5, `lost` shares of them taken back while the order worked, and its last one."""
    n = len(before) + 1
    last_one = fill(n, last, price, cum, second=n, total=cum)
    assert int(cum) == 5 * len(before) - int(lost) + int(last)
    return [*lots(*before), last_one]


@pytest.mark.parametrize(
    ("events", "average", "expected"),
    [
        (shrunk("2", "4", "100", "7", "100"), "100", [("x1", "3", "100")]),
        (shrunk("5", "4", "100", "4", "100"), "100", [("x1", "0", "100")]),
        (shrunk("2", "2", "100", "10", "100", "100"), "100", [("x2", "3", "100")]),
        (shrunk("2", "4", "101", "7", "100"), "100.571429", [("x1", "3", "100")]),
        (shrunk("2", "4", "101", "7", "100"), "100.4", []),
        (shrunk("2", "4", "100", "7", "100"), "99", []),
        (shrunk("0", "4", "100", "9", "100"), "100", []),
    ],
    ids=[
        "part of the one before", "all of it", "the last of those before", "at other prices",
        "an average that fits neither", "at another price", "nothing",
    ],
)  # fmt: skip
def test_the_report_of_a_later_execution_counts_less_before_it(
    events: list[OrderEvent], average: str, expected: list[tuple[str, str, str]]
) -> None:
    """The total is as old as the last execution: it is the last one's own report that tells."""
    last = len(events)
    cum = events[-1].order.filled_qty if events[-1].order is not None else None
    events = [*events, counted(str(cum), average, second=last)]
    assert becomes(run(intent(), *events)) == expected


@pytest.mark.parametrize(
    "events",
    [
        [*lots("100", size=10), counted("6", "100", second=1)],
        [fill(1, "5", "100", "5", second=1), counted("3", "100", status="partially_filled")],
        [row(1, "10", "100", "10", second=1), counted("6", "100")],
        [*lots("100", size=10), counted("6", None)],
        [*lots("100", size=10), counted("10", "103")],
        [*lots("100", size=10), look("filled", second=60, filled="6", avg="100", replaces="old")],
    ],
    ids=[
        "as old as the execution", "an order that works", "known from its row alone",
        "without an average", "only another average", "an order that replaced another",
    ],
)  # fmt: skip
def test_what_is_no_proof(events: list[OrderEvent]) -> None:
    assert becomes(run(intent(), *events)) == []


def test_a_real_report_takes_the_place_of_the_conclusion() -> None:
    state = run(intent(), *lots("100", "100"), counted("5", "100"))
    [one] = restated(state.record, state.executions.values())
    shown = order("filled", second=60, filled="5", avg="100")
    concluded = run(recount_event(shown, state.record, one, at(70)), start=state)
    assert net(concluded) == {"x1": 5, "x2": 0}
    assert (concluded.record.order.filled_qty, concluded.record.alarm) == (5, None)
    real = frame(
        "trade_bust", "filled", second=60, execution_id="b1", filled="5", avg="100",
        raw={"previous_execution_id": "x1"},
    )  # fmt: skip
    assert net(run(real, start=concluded)) == {"x1": 0, "x2": 5}


def test_a_bust_that_was_reported_shows_that_another_was_not() -> None:
    """Its own total counts neither of them."""
    reported = frame(
        "trade_bust", "filled", second=60, execution_id="b1", filled="0",
        raw={"previous_execution_id": "x1"},
    )  # fmt: skip
    assert becomes(run(intent(), *lots("100", "101"), reported)) == [("x2", "0", "101")]


def net(state: OrderState) -> dict[str, Decimal]:
    return {name: item.net_qty for name, item in state.executions.items()}


@pytest.mark.parametrize(("told", "concluded"), [("6", "4"), ("4", "6"), ("5", "10")])
def test_what_totals_said_counts_after_a_correction_of_the_same_moment(
    told: str, concluded: str
) -> None:
    """The broker corrects twice in one moment and reports the first alone."""
    reports = Reports()
    reports.amend("x1", Amendment("c1", False, at(16), Decimal(told), Decimal(100)))
    last = Amendment(f"{RECOUNT_PREFIX}x1", False, at(16), Decimal(concluded), Decimal(100))
    reports.amend("x1", last)
    assert ruling(reports.amendments["x1"]) == last
