"""Goal: files for trading journals hold every execution once, with the trade's fees to the cent, in
New York's time, in the words that each program takes.

Method: random trades, read back with Python's own CSV reader and added up; what has misled
importers, by hand.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace
from trades.making import T0, D, executed, history
from trades.random_trades import random_trades

from execbot.desk.look.exports import warnings_of
from execbot.model.numbers import CENT
from execbot.model.symbols import multiplier_of
from execbot.model.times import eastern
from execbot.risk.fees import NO_FEE
from execbot.trades.exports.journals import tradenote, tradervue, tradetally
from execbot.trades.round_trips import round_trips
from execbot.trades.trade import Known, Trade, trade_of


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def tomorrow(day: date) -> date:
    return day + timedelta(days=1)


@pytest.mark.parametrize("seed", range(20))
def test_quantities_and_dollars_and_fees_are_those_of_the_trades(seed: int) -> None:
    trades = random_trades(seed)
    parts = [p for t in trades for p in t.trip.parts if p.is_trade]
    for rows, qty, side in (
        (read(tradervue(trades)), "Quantity", "Side"),
        (read(tradetally(trades)), "Quantity", "Side"),
    ):
        dollars: defaultdict[str, Decimal] = defaultdict(Decimal)
        for row in rows:
            dollars[row[side]] += D(row[qty]) * D(row["Price"])
        for word, sign in (("Buy", 1), ("Sell", -1)):
            expected = sum((p.qty * p.price for p in parts if p.side.sign == sign), D(0))
            assert dollars[word] == expected
    fees = sum((D(row["TransFee"]) for row in read(tradervue(trades))), D(0))
    exact = sum((t.trip.fees or NO_FEE for t in trades), NO_FEE).amount
    assert abs(fees - exact) <= CENT / 2 * len(trades)


@pytest.mark.parametrize("seed", range(20))
def test_tradenote_has_closed_trades_and_proceeds_that_add_up(seed: int) -> None:
    trades = random_trades(seed)
    closed = [t for t in trades if not t.trip.is_open]
    found = read(tradenote(trades, "A1", tomorrow))
    assert {row["Side"] for row in found} <= {"B", "S", "SS", "BC"}
    for row in found:
        gross = D(row["Qty"]) * D(row["Price"]) * multiplier_of(row["Symbol"])
        sign = -1 if row["Side"] in ("B", "BC") else 1
        assert D(row["Gross Proceeds"]) == (sign * gross).quantize(CENT)
        assert abs(D(row["Gross Proceeds"]) - D(row["Net Proceeds"]) - D(row["SEC"])) <= CENT
        day = datetime.strptime(row["T/D"], "%m/%d/%Y").date()
        assert datetime.strptime(row["S/D"], "%m/%d/%Y").date() == tomorrow(day)
    assert bool(found) == bool(closed)
    times = [datetime.strptime(f"{r['T/D']} {r['Exec Time']}", "%m/%d/%Y %H:%M:%S") for r in found]
    assert times == sorted(times)


def as_tradetally_reads(text: str) -> list[tuple[str, str, Decimal]]:
    """Symbol, side and net of each closed trade, by the rules of its generic import (`generic.js`
    of August 2026): rows by time, one position a symbol, a trade from flat to flat, the side of the
    first row, costs taken off; nothing is known of splits, and a contract counts as a share."""

    def when(row: dict[str, str]) -> datetime:
        return datetime.strptime(f"{row['Trade Date']} {row['Exec Time']}", "%m/%d/%Y %H:%M:%S")

    found = []
    held: defaultdict[str, Decimal] = defaultdict(Decimal)
    made: defaultdict[str, Decimal] = defaultdict(Decimal)
    side: dict[str, str] = {}
    for row in sorted(read(text), key=when):
        symbol, sign = row["Symbol"], 1 if "buy" in row["Side"].lower() else -1
        qty, price = D(row["Quantity"]), D(row["Price"])
        if not held[symbol]:
            side[symbol], made[symbol] = "long" if sign > 0 else "short", D(0)
        made[symbol] -= sign * qty * price + D(row["Commission"]) + D(row["Fees"])
        held[symbol] += sign * qty
        if not held[symbol]:
            found.append((symbol, side[symbol], made[symbol]))
    return found


@pytest.mark.parametrize("seed", range(20))
def test_tradetally_makes_the_same_round_trips_with_the_same_profit(seed: int) -> None:
    trades = random_trades(seed)
    strange = {t.trip.symbol for t in trades if t.trip.splits or multiplier_of(t.trip.symbol) != 1}
    strange |= {t.trip.symbol for t in trades if not all(p.is_trade for p in t.trip.parts)}
    mine = [t.trip for t in trades if t.trip.symbol not in strange]
    theirs = [one for one in as_tradetally_reads(tradetally(trades)) if one[0] not in strange]
    closed = sorted((t for t in mine if t.closed_at), key=lambda t: (t.closed_at, t.opened_at))
    assert [(t.symbol, t.side.value) for t in closed] == [one[:2] for one in theirs]
    for trip, (_, _, net) in zip(closed, theirs, strict=True):
        assert abs(trip.net - net) <= CENT / 2, trip.id


def flip() -> list[Trade]:
    done = round_trips(
        history(
            executed(1, "10", "100"),
            executed(2, "-30", "110"),
            executed(3, "20", "100"),
            fees={2: "0.02"},
        )
    )
    return [trade_of(trip, Known()) for trip in done]


def test_a_flip_is_two_rows_and_its_fee_stays_what_it_was() -> None:
    rows = read(tradenote(flip(), "A1", tomorrow))
    assert [(r["Side"], r["Qty"], r["SEC"]) for r in rows] == [
        *(("B", "10", "0"), ("S", "10", "0.01")),
        *(("SS", "20", "0.01"), ("BC", "20", "0")),
    ]
    assert rows[1]["Exec Time"] == rows[2]["Exec Time"]


def test_partial_fills_of_one_second_and_price_are_one_row() -> None:
    """An importer that drops repetitions would lose the second."""
    at = T0 + timedelta(minutes=1)
    trips = round_trips(
        history(
            executed(1, "5", "100", order="one", at=at),
            executed(2, "5", "100", order="one", at=at + timedelta(milliseconds=3)),
            executed(3, "5", "100.01", order="one", at=at + timedelta(milliseconds=4)),
        )
    )
    rows = read(tradervue([trade_of(trip, Known()) for trip in trips]))
    assert [row["Quantity"] for row in rows] == ["10", "5"]


def test_times_are_new_yorks_on_both_sides_of_the_clock_change() -> None:
    summer = datetime.fromisoformat("2026-10-30T19:59:59.9+00:00")
    winter = datetime.fromisoformat("2026-11-02T20:59:59.9+00:00")
    trips = round_trips(
        history(executed(1, "5", "100", at=summer), executed(2, "-5", "101", at=winter))
    )
    rows = read(tradervue([trade_of(trip, Known()) for trip in trips]))
    assert [row["Time"] for row in rows] == ["15:59:59", "15:59:59"]
    assert eastern(summer).hour == eastern(winter).hour == 15


def test_dates_for_tradetally_are_month_first_and_have_no_order_id() -> None:
    rows = read(tradetally(flip()))
    assert rows[0]["Trade Date"] == "10/07/2026"
    assert not any("order" in name.lower() for name in rows[0])


def test_no_cell_begins_a_formula() -> None:
    (first, *_) = flip()
    evil = replace(first, strategy="=HYPERLINK(1)")
    row = read(tradetally([evil]))[0]
    assert row["Notes"].startswith("'=")


def test_what_a_journal_would_misread_is_said() -> None:
    trades = [t for seed in range(4) for t in random_trades(seed)]
    contract, split = "AAPL261218C00190000", next(t for t in trades if t.trip.splits)
    said = " ".join(warnings_of(trades, "tradetally"))
    assert contract in said and split.trip.symbol in said
    plain = [t for t in trades if not t.trip.splits and t.trip.symbol == "BRK.B"]
    assert plain and not any("check" in words for words in warnings_of(plain, "tradetally"))
    assert "check" not in " ".join(warnings_of(trades, "hledger"))
