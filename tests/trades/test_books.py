"""Goal: books of accounts are taken by hledger and beancount, and say what execbot says.

Method: random trades; the programs themselves judge the files, and are asked for the balances. They
are skipped aloud where they are not installed.
"""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from trades.making import D, executed, history
from trades.random_trades import random_trades

from execbot.model.numbers import ZERO
from execbot.risk.fees import NO_FEE
from execbot.trades.exports.beancount import beancount
from execbot.trades.exports.bookings import Account, bookings_of, commodity_of
from execbot.trades.exports.hledger import hledger
from execbot.trades.round_trips import round_trips
from execbot.trades.trade import Known, trade_of

SEEDS = range(12)
TINY = D("1e-6")

needs_hledger = pytest.mark.skipif(
    shutil.which("hledger") is None, reason="hledger is not installed (apt install hledger)"
)


def sums(seed: int) -> dict[Account, Decimal]:
    found: dict[Account, Decimal] = {}
    for booking in bookings_of(random_trades(seed)):
        for posting in booking.postings:
            if posting.cost is None:
                found[posting.account] = found.get(posting.account, ZERO) + posting.amount
    return found


@pytest.mark.parametrize("seed", range(60))
def test_every_booking_adds_up_to_nothing_and_all_of_them_to_what_was_earned(seed: int) -> None:
    trades = random_trades(seed)
    for booking in bookings_of(trades):
        assert booking.balance == 0
    found = sums(seed)
    gross = sum((trade.trip.gross for trade in trades), ZERO)
    fees = sum((trade.trip.fees or NO_FEE for trade in trades), NO_FEE).amount
    assert abs(found.get(Account.REALIZED, ZERO) + gross) < TINY
    assert abs(found.get(Account.FEES, ZERO) - fees) < TINY
    assert abs(found.get(Account.ROUNDING, ZERO)) < D("0.0001")


@pytest.mark.parametrize("seed", range(60))
def test_of_closed_trades_fifo_and_average_differ_by_nothing(seed: int) -> None:
    closed = [trade for trade in random_trades(seed) if not trade.trip.is_open]
    for trade in closed:
        difference = sum(
            (
                posting.amount
                for booking in bookings_of([trade])
                for posting in booking.postings
                if posting.account is Account.LOT_DIFFERENCE
            ),
            ZERO,
        )
        assert abs(difference) < TINY, trade.trip.id


def test_a_sale_shows_the_profit_at_average_cost_and_the_difference_beside_it() -> None:
    (trip,) = round_trips(
        history(executed(1, "100", "10"), executed(2, "100", "12"), executed(3, "-150", "13"))
    )
    sale = bookings_of([trade_of(trip, Known())])[-1]
    amounts = {p.account: p.amount for p in sale.postings if p.cost is None}
    assert amounts == {
        Account.CASH: 1950,
        Account.REALIZED: -300,
        Account.LOT_DIFFERENCE: -50,
    }
    assert [(p.amount, p.cost.each) for p in sale.postings if p.cost] == [(-100, 10), (-50, 12)]


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("AAPL", "AAPL"),
        ("F", "F.US"),
        ("BRK.B", "BRK.B"),
        ("TRUE", "TRUE.US"),
        ("BTC/USD", "BTC.COIN"),
        ("BTC", "BTC"),
        ("1INCH/USD", "X.1INCH.COIN"),
        ("AAPL261218C00190000", "AAPL261218C00190000"),
    ],
)
def test_symbols_have_names_that_are_commodities(symbol: str, name: str) -> None:
    assert commodity_of(symbol) == name


@needs_hledger
@pytest.mark.parametrize("seed", SEEDS)
def test_hledger_takes_the_file_and_finds_the_same_sums(tmp_path: Path, seed: int) -> None:
    file = tmp_path / "trades.journal"
    file.write_text(hledger(random_trades(seed)) + "\n")
    checked = subprocess.run(
        ["hledger", "-f", file, "check", "--strict"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    said = subprocess.run(
        ["hledger", "-f", file, "balance", "--flat", "--output-format", "csv", "--empty"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    shown = {row["account"]: row["balance"] for row in csv.DictReader(io.StringIO(said))}
    for account, amount in sums(seed).items():
        if account is not Account.POSITIONS and amount:
            assert D(shown[account.value].split()[0].replace(",", "")) == amount, account


@pytest.mark.parametrize("seed", SEEDS)
def test_beancount_takes_the_file_and_finds_the_same_sums(tmp_path: Path, seed: int) -> None:
    loader = pytest.importorskip("beancount.loader", reason="beancount is not installed")
    file = tmp_path / "trades.beancount"
    file.write_text(beancount(random_trades(seed)) + "\n")
    entries, errors, _ = loader.load_file(str(file))
    assert not errors, errors[0]
    found: dict[str, Decimal] = {}
    for entry in entries:
        for posting in getattr(entry, "postings", ()):
            if posting.cost is None:
                found[posting.account] = found.get(posting.account, ZERO) + posting.units.number
    assert found == {account.value: amount for account, amount in sums(seed).items()}


def test_beancount_takes_the_name_of_each_symbol() -> None:
    """TRUE, FALSE and NULL are values of its language: no transaction of them would load."""
    loader = pytest.importorskip("beancount.loader", reason="beancount is not installed")
    symbols = ("TRUE", "FALSE", "NULL", "NA", "ON", "A", "BRK.B", "BTC/USD", "1INCH/USD")
    names = [commodity_of(symbol) for symbol in symbols]
    bought = "\n".join(f"2026-01-01 commodity {name}" for name in names)
    entries, errors, _ = loader.load_string(bought)
    assert not errors, errors[0]
    assert sorted(entry.currency for entry in entries) == sorted(set(names))
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("seed", [3, 7])
def test_bean_check_itself_is_content(tmp_path: Path, seed: int) -> None:
    """By the module that the script `bean-check` calls, which is there wherever beancount is."""
    pytest.importorskip("beancount.scripts.check", reason="beancount is not installed")
    file = tmp_path / "trades.beancount"
    file.write_text(beancount(random_trades(seed)) + "\n")
    program = [sys.executable, "-m", "beancount.scripts.check", str(file)]
    checked = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    with file.open("a") as more:
        more.write('2030-01-01 * "no sum"\n  Assets:Broker:Cash  1 USD\n')
    assert subprocess.run(program, capture_output=True, check=False).returncode == 1


def test_no_trades_are_an_empty_file_that_both_take() -> None:
    assert "open" not in beancount([]) and "account" not in hledger([])
