"""Goal: entries of a batch share what is asked of the broker, and count what they have just sent.

Method: forty signals against the built-in exchange; requests are counted at its door.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from benchmarks.batch import asked, carry_out, open_batch, symbols_there

from execbot.model.enums import Outcome


def test_one_question_serves_a_batch(tmp_path: Path) -> None:
    trader = open_batch(tmp_path)
    symbols = symbols_there(trader, 40)
    results = carry_out(trader, symbols)
    assert {result.outcome for result in results} == {Outcome.ACCEPTED}
    trading = asked(trader)
    assert len(trading) / len(symbols) <= 1.2, Counter(trading)
    assert trading.count("GET /v2/assets") == 1
    # Two seconds pass: the quotes of a batch serve for one of them.
    assert len(asked(trader, data=True)) <= 4


def test_entries_of_a_batch_count_what_was_just_sent(tmp_path: Path) -> None:
    trader = open_batch(tmp_path, max_positions=5)
    results = carry_out(trader, symbols_there(trader, 40))
    assert Counter(result.outcome for result in results)[Outcome.ACCEPTED] == 5
    assert {r.code for r in results if r.is_failure} == {"risk.max_positions"}
    assert len(trader.desk.orders_there()) >= 5
    assert asked(trader).count("POST /v2/orders") == 5


def test_symbol_that_the_broker_does_not_know_spoils_nothing_for_the_others(tmp_path: Path) -> None:
    trader = open_batch(tmp_path)
    symbols = symbols_there(trader, 12)
    symbols.insert(6, "QQQQQ")
    results = carry_out(trader, symbols)
    assert [r.signal.symbol for r in results if r.is_failure] == ["QQQQQ"]


def test_quotes_that_cannot_be_read_for_all_are_read_for_one(tmp_path: Path) -> None:
    trader = open_batch(tmp_path)
    symbols = symbols_there(trader, 3)
    refused = {"status": 400, "body": {"message": "invalid symbol"}}
    trader.desk.fault("canned_reply", path="/v2/stocks/quotes/latest", method="GET", params=refused)
    results = carry_out(trader, symbols)
    assert {result.outcome for result in results} == {Outcome.ACCEPTED}
