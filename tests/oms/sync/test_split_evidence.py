"""Goal: a split is told from everything else that changes a quantity, and its numbers are right.

Method: the pure rules on executions and activity rows written by hand; properties over ratios,
quantities and fills on both sides of the split.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.paths import alpaca_facts

from execbot.exits.plan.rescale import ratio_words, split_ratio
from execbot.journal.records import Execution, FillState
from execbot.model.account import Activity
from execbot.model.enums import EventSource, Side
from execbot.oms.machine.positions import position_of
from execbot.oms.sync.split_evidence import (
    SPLIT_ROWS,
    TRANSFER_ROWS,
    Split,
    by_quantity,
    by_record,
    is_transferred,
    looks_like,
)

D = Decimal
T0 = datetime(2026, 10, 7, 14, 0, tzinfo=UTC)
"""10:00 in New York."""


def at(hours: float) -> datetime:
    return T0 + timedelta(hours=hours)


def fill(
    hours: float, signed: str | Decimal, price: str, state: FillState = FillState.BOOKED
) -> Execution:
    qty = abs(D(signed))
    return Execution(
        execution_id=f"fill-{hours}-{signed}",
        order_id="order",
        client_order_id="order",
        symbol="AAPL",
        side=Side.BUY if D(signed) > 0 else Side.SELL,
        at=at(hours),
        source=EventSource.STREAM,
        state=state,
        qty=qty,
        price=D(price),
        net_qty=qty,
        net_price=D(price),
    )


def rows(
    hours: float, gone: str, come: str, *, day: str = "2026-10-07", **more: str
) -> list[Activity]:
    """The two rows of a split as Alpaca lists them."""
    more.setdefault("symbol", "AAPL")
    common = {"activity_type": "SPLIT", "date": day, "group_id": f"group-{hours}", **more}
    common["created_at"] = at(hours).isoformat()
    return [
        Activity.from_wire({**common, "id": f"{hours}-gone", "qty": gone}),
        Activity.from_wire({**common, "id": f"{hours}-come", "qty": come}),
    ]


def proven(
    executions: Sequence[Execution], listed: Sequence[Activity], theirs: str, average: str = ""
) -> Split | None:
    return by_record("AAPL", executions, listed, D(theirs), D(average) if average else None)


def booked(executions: Sequence[Execution], split: Split) -> list[Execution]:
    """The books after the split, as the ledger writes it."""
    found = list(executions)
    for step in split.steps:
        for number, qty in enumerate((-step.before, step.after)):
            if qty:
                item = fill(0, qty, str(step.price), FillState.ADJUSTMENT)
                moment = step.at + timedelta(microseconds=number)
                name = f"{step.activity_id}-{number}"
                found.append(
                    Execution(
                        **{
                            **{f: getattr(item, f) for f in item.__struct_fields__},
                            "at": moment,
                            "execution_id": name,
                            "activity_id": step.activity_id,
                        }
                    )
                )
    return sorted(found, key=lambda item: (item.at, item.execution_id))


# --- quantity and price ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("qty", "avg", "new_qty", "new_avg", "ratio"),
    [
        ("10", "100", "40", "25", "4:1"),
        ("10", "100", "13", "77.77", None),
        ("-10", "100", "-20", "50", "2:1"),
        ("40", "25", "10", "100", "1:4"),
        ("12", "90", "16", "67.50", "4:3"),
        ("10", "90", "15", "60", "3:2"),
        ("8", "90", "10", "72.01", "5:4"),
        ("0.5", "100", "2", "25", "4:1"),
        ("16", "100", "5.333333333", "300", "1:3"),
        ("5000", "0.10", "10", "50", "1:500"),
        ("25", "100", "2", "1000", None),  # half a share is missing
        ("100", "100", "395", "25", None),  # some were sold since
        ("10", "100", "-40", "25", None),
        ("10", "100", "0", None, None),
        ("10", "100", "20", "100", None),  # bought as much again
        ("10", None, "40", "25", None),
    ],
)
def test_quantity_and_average_price_must_agree(
    qty: str, avg: str | None, new_qty: str, new_avg: str | None, ratio: str | None
) -> None:
    found = split_ratio(D(qty), _maybe(avg), D(new_qty), _maybe(new_avg))
    assert (None if found is None else ratio_words(found)) == ratio


@pytest.mark.parametrize(
    ("qty", "avg", "new_qty", "new_avg", "ratio"),
    [
        ("25", "100", "2", "1000", "1:10"),
        ("-25", "100", "-2", "1000", "1:10"),
        ("5", "100", "7", "66.67", "3:2"),
        ("25", "100", "1", "1000", None),  # more than a share is missing
        ("25", "100", "3", "1000", None),  # nobody rounds up
        ("25", "100", "2.2", "1000", None),  # fractions are not paid out in part
    ],
)
def test_what_makes_no_whole_share_may_be_missing_where_asked_for(
    qty: str, avg: str, new_qty: str, new_avg: str, ratio: str | None
) -> None:
    found = split_ratio(D(qty), D(avg), D(new_qty), D(new_avg), in_lieu=True)
    assert (None if found is None else ratio_words(found)) == ratio


def test_cost_stays_when_it_is_told_by_quantity() -> None:
    split = by_quantity("AAPL", D(25), D("99.99"), D(2), D("1000.1"), T0, in_lieu=True)
    assert split is not None and not split.is_proven
    assert split.steps[0].price * 2 == D("99.99") * 25
    assert str(split) == (
        "AAPL was split 1:10: 25 shares are 2, 0.5 of one paid out (by quantity and average price)"
    )


def test_quantities_alone_are_a_hint_only() -> None:
    assert [looks_like(D(a), D(b)) for a, b in ((10, 40), (30, 20), (10, 13), (10, -20))] == [
        "4:1", "", "", "",
    ]  # fmt: skip


# --- the broker's record -----------------------------------------------------------------------


def test_rows_that_fit_are_proof_whatever_the_average_says() -> None:
    split = proven([fill(0, "10", "100")], rows(1, "-10", "40"), "40", "33.10")
    assert split is not None and split.is_proven
    assert (split.ours, split.theirs, split.ratios) == (10, 40, (4,))
    assert split.steps[0].price == 25
    assert str(split) == "AAPL was split 4:1: 10 shares are 40 (by the broker's record)"


def test_fills_before_and_after_a_split_are_told_apart_by_their_time() -> None:
    fills = [fill(0, "10", "100"), fill(2, "-5", "25"), fill(3, "2", "26")]
    split = proven(fills, rows(1, "-10", "40"), "37")
    assert split is not None and (split.ours, split.theirs) == (7, 37)
    after = position_of("AAPL", booked(fills, split))
    assert (after.qty, after.realized_pl) == (37, 0)
    assert after.cost == 35 * 25 + 2 * 26


def test_a_row_that_was_written_late_counts_from_the_beginning_of_its_day() -> None:
    fills = [fill(-20, "10", "100"), fill(1, "-5", "25")]
    split = proven(fills, rows(30, "-10", "40"), "35")
    assert split is not None
    assert split.steps[0].at == datetime(2026, 10, 7, 4, 0, tzinfo=UTC)


def test_two_splits_that_nobody_saw_are_two_steps() -> None:
    listed = [*rows(2, "-20", "60"), *rows(1, "-10", "20")]
    split = proven([fill(0, "10", "90")], listed, "60")
    assert split is not None
    assert ([step.price for step in split.steps], split.ratios) == ([45, 15], (6, 3))


def test_a_short_owes_more_shares() -> None:
    split = proven([fill(0, "-10", "100")], rows(1, "10", "-20"), "-20")
    assert split is not None and (split.ratios, split.steps[0].price) == ((2,), 50)
    assert position_of("AAPL", booked([fill(0, "-10", "100")], split)).cost == -1000


@pytest.mark.parametrize(
    ("before", "after", "average", "ratio"),
    [
        ("25", "2", "1000", "1:10"),
        ("4", "1", "300", "1:3"),  # 4:1 by quantity
        ("7", "10", "66.7", "3:2"),
        ("0.54796447", "0.821946705", "66.67", "3:2"),
        ("33", "1.65", "2000", "1:20"),
        ("4", "7", "57.14", "7:4"),
    ],
)
def test_the_ratio_is_the_one_before_a_fraction_was_paid_out(
    before: str, after: str, average: str, ratio: str
) -> None:
    split = proven([fill(0, before, "100")], rows(1, f"-{before}", after), after, average)
    assert split is not None and ratio_words(split.ratios[0]) == ratio


def test_a_split_that_leaves_no_share_is_paid_out_whole() -> None:
    split = proven([fill(0, "5", "100")], rows(1, "-5", "0", net_amount="500"), "0")
    assert split is not None
    assert position_of("AAPL", booked([fill(0, "5", "100")], split)).realized_pl == 0
    assert "5 shares were paid out" in str(split)


HELD = fill(0, "10", "100")
NOT_PROOF = {
    "another quantity was split": ([HELD], rows(1, "-12", "48"), "48"),
    "the end is another one": ([HELD], rows(1, "-10", "40"), "39"),
    "another symbol": ([HELD], rows(1, "-10", "40", symbol="MSFT"), "40"),
    "the row was taken back": ([HELD], rows(1, "-10", "40", status="canceled"), "40"),
    "one row alone": ([HELD], rows(1, "-10", "40")[1:], "40"),
    "before the shares were bought": ([HELD], rows(-30, "-10", "40", day="2026-10-06"), "40"),
    "a transfer": ([HELD], rows(1, "-10", "40", activity_type="JNLS"), "40"),
    "nothing is held": ([HELD, fill(0.5, "-10", "100")], rows(1, "-10", "40"), "30"),
    "the broker's quantity was taken over since": (
        [HELD, fill(2, "30", "25", FillState.ADJUSTMENT)],
        rows(1, "-10", "40"),
        "70",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", NOT_PROOF.values(), ids=NOT_PROOF.keys())
def test_rows_that_do_not_fit_prove_nothing(
    case: tuple[list[Execution], list[Activity], str],
) -> None:
    assert proven(*case) is None


def test_a_row_explains_one_difference_only() -> None:
    listed = rows(1, "-10", "40")
    first = proven([HELD], listed, "40")
    assert first is not None
    assert proven(booked([HELD], first), listed, "70") is None


def test_the_broker_knows_the_kinds_of_rows_that_are_asked_for() -> None:
    spec = json.loads((alpaca_facts() / "openapi" / "trading-api.json").read_text())
    known = spec["components"]["schemas"]["ActivityType"]["enum"]
    assert {*SPLIT_ROWS, *TRANSFER_ROWS} <= set(known)


def test_a_transfer_is_known_by_its_symbol_and_day() -> None:
    listed = rows(1, "0", "10", activity_type="ACATS")
    assert is_transferred("AAPL", listed, at(5))
    assert not is_transferred("AAPL", listed, at(48))
    assert not is_transferred("MSFT", listed, None)
    assert not is_transferred("AAPL", rows(1, "-10", "40"), None)


FILLS = st.lists(st.tuples(st.integers(1, 400), st.booleans()), max_size=4)


@settings(deadline=None, max_examples=200)
@given(
    held=st.integers(1, 900),
    terms=st.sampled_from([(2, 1), (4, 1), (3, 2), (5, 4), (1, 3), (1, 10), (7, 4)]),
    later=FILLS,
    is_short=st.booleans(),
)
def test_every_share_is_found_again_and_no_profit_is_made(
    held: int, terms: tuple[int, int], later: list[tuple[int, bool]], is_short: bool
) -> None:
    sign = -1 if is_short else 1
    before = D(held * sign)
    exact = before * terms[0] / terms[1]
    after = exact.quantize(D(1), ROUND_DOWN)
    fills = [fill(0, before, "100")]
    fills += [fill(2 + n, D(qty if buys else -qty), "100") for n, (qty, buys) in enumerate(later)]
    theirs = after + sum((D(qty if buys else -qty) for qty, buys in later), D(0))
    ours = sum((item.net_qty * item.side.sign for item in fills), D(0))
    assume(theirs != ours)
    split = proven(fills, rows(1, str(-before), str(after)), str(theirs))
    assert split is not None
    assert position_of("AAPL", booked(fills, split)).qty == theirs
    alone = position_of("AAPL", booked(fills[:1], split))
    assert alone.realized_pl == 0
    if after:
        assert abs(alone.cost - before * 100) < D("0.001")


def _maybe(value: str | None) -> Decimal | None:
    return None if value is None else D(value)
