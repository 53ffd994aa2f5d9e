"""Halts: every published status code moves the book as it should, and late frames do not.

Method: tables of data-stream messages; the book survives its way through JSON.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from execbot.market.halts import HaltBook, apply_message, book_from_json, book_to_json

NOW = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)


def status(code: str, tape: str, *, second: int = 0, rc: str = "") -> dict[str, Any]:
    return {"T": "s", "S": "AAPL", "sc": code, "rc": rc, "t": f"2026-11-20T15:00:{second:02}Z",
            "z": tape, "sm": "words"}  # fmt: skip


@pytest.mark.parametrize(
    ("code", "tape", "halted"),
    [
        ("2", "A", True), ("F", "B", True), ("5", "A", False), ("6", "A", False),
        ("H", "C", True), ("P", "O", True), ("T", "C", False), ("Q", "C", False),
        ("H", "A", False),  # a UTP word on a CTA tape means nothing
        ("2", "C", False), ("E", "A", False), ("", "", False),
    ],
)  # fmt: skip
def test_status_code_on_a_tape(code: str, tape: str, halted: bool) -> None:
    book = apply_message(HaltBook(), status(code, tape), NOW)
    assert (book.halted("AAPL", NOW) is not None) is halted


@pytest.mark.parametrize(("halt", "resume", "tape"), [("2", "3", "A"), ("P", "T", "C")])
def test_resume_ends_the_halt(halt: str, resume: str, tape: str) -> None:
    book = apply_message(HaltBook(), status(halt, tape), NOW)
    book = apply_message(book, status(resume, tape, second=30), NOW)
    assert book.known(NOW) == []


def test_quotation_resumption_is_not_trading_yet() -> None:
    book = apply_message(HaltBook(), status("H", "C", rc="T1"), NOW)
    book = apply_message(book, status("Q", "C", second=10), NOW)
    halt = book.halted("AAPL", NOW)
    assert halt is not None and halt.reason == "news pending (T1)"


def test_late_frame_about_the_past_changes_nothing() -> None:
    book = apply_message(HaltBook(), status("H", "C", second=20), NOW)
    assert apply_message(book, status("T", "C", second=10), NOW) is book


def test_forgotten_halt_ends_by_itself() -> None:
    book = apply_message(HaltBook(), status("H", "C"), NOW)
    assert book.halted("AAPL", NOW + timedelta(hours=9)) is None


def test_band_is_kept_and_nonsense_bands_are_not() -> None:
    good = {"T": "l", "S": "AAPL", "u": 105.5, "d": 95.25, "t": "2026-11-20T15:00:00Z"}
    book = apply_message(HaltBook(), good, NOW)
    assert (book.bands["AAPL"].low, book.bands["AAPL"].high) == (Decimal("95.25"), Decimal("105.5"))
    for broken in ({"u": 1, "d": 2}, {"u": None, "d": 2}, {"u": 5, "d": 0}):
        assert apply_message(HaltBook(), {**good, **broken}, NOW).bands == {}


def test_other_messages_change_nothing() -> None:
    book = HaltBook()
    for message in ({"T": "q", "S": "AAPL"}, {"T": "s"}, {}, {"T": "success"}):
        assert apply_message(book, message, NOW) is book


def test_book_survives_json() -> None:
    book = apply_message(HaltBook(), status("P", "C", rc="LUDP"), NOW)
    book = apply_message(book, {"T": "l", "S": "F", "u": 12.5, "d": 11, "t": None}, NOW)
    assert book_from_json(book_to_json(book)) == book


def test_a_band_counts_for_five_minutes() -> None:
    message = {"T": "l", "S": "AAPL", "u": 105.5, "d": 95.25, "t": "2026-11-20T16:00:00Z"}
    book = apply_message(HaltBook(), message, NOW)
    band = book.band("AAPL", NOW + timedelta(seconds=300))
    assert band is not None and band.high == Decimal("105.5")
    assert book.band("AAPL", NOW + timedelta(seconds=301)) is None
    assert book.band("MSFT", NOW) is None


@pytest.mark.parametrize("junk", [None, [], {"halts": 3}, {"halts": {"A": [1, 2]}}, {"bands": []}])
def test_unreadable_book_is_empty(junk: object) -> None:
    assert book_from_json(junk) == HaltBook()


# --- market-wide breakers (E-HALT-4) -----------------------------------------------------------


def of(symbol: str, message: dict[str, Any]) -> dict[str, Any]:
    return {**message, "S": symbol}


@pytest.mark.parametrize(
    ("code", "tape", "rc", "is_wide"),
    [
        ("H", "C", "MWC1", True), ("H", "C", "MWC2", True), ("H", "C", "MWC3", True),
        ("H", "C", "MWC0", True), ("2", "A", "1", True), ("2", "B", "3", True),
        ("H", "C", "LUDP", False), ("2", "A", "M", False), ("H", "C", "T1", False),
    ],
)  # fmt: skip
def test_a_breaker_holds_the_entries_of_every_stock_and_of_no_coin(
    code: str, tape: str, rc: str, is_wide: bool
) -> None:
    book = apply_message(HaltBook(), status(code, tape, rc=rc), NOW)
    book = book_from_json(book_to_json(book))
    assert (book.market_wide(NOW) is not None) is is_wide
    assert (book.holding("KO", NOW, is_crypto=False) is not None) is is_wide
    assert book.holding("BTC/USD", NOW, is_crypto=True) is None
    assert book.halted("KO", NOW) is None, "its exits go"


def test_the_market_trades_when_spy_does_though_others_are_still_halted() -> None:
    book = apply_message(HaltBook(), of("SPY", status("2", "B", rc="1")), NOW)
    book = apply_message(book, status("H", "C", rc="MWC1", second=1), NOW)
    book = apply_message(book, of("SPY", status("3", "B", second=30)), NOW)
    assert book.market_wide(NOW) is None
    assert book.holding("KO", NOW, is_crypto=False) is None
    assert book.holding("AAPL", NOW, is_crypto=False) is not None
