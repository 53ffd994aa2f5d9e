"""Goal: `watch` tells each confirmation once, whoever made it, and alerts once of what differs.

Method: its confirming part turned by hand, without the thread, on a desk in virtual time; runs that
end and begin again, and one that dies between telling and marking.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from support.confirming import Confirmed, open_confirmed
from support.desk import market

from execbot.journal.errors import JournalUnavailable
from execbot.model.enums import Side
from execbot.quality.telling import alerts_of
from execbot.watch.confirming import Confirming
from execbot.watch.core.jobs import Note


class Run:
    """One run of the watch's confirming part."""

    def __init__(self, account: Confirmed) -> None:
        self.notes: list[Note] = []
        self.part = Confirming(account.confirmer(), self.notes.append)

    def turn(self) -> list[Note]:
        told = len(self.notes)
        self.part.turn()
        return self.notes[told:]


@pytest.fixture
def account(tmp_path: Path) -> Confirmed:
    account = open_confirmed(tmp_path)
    account.price("AAPL", "99.98", "100.02")
    return account


def buy(account: Confirmed, name: str, **more: Any) -> None:
    account.submit(market(client_order_id=name, **more), role="entry")
    account.desk.sleep(1)
    account.hear()


def test_a_fill_is_told_once_and_later_prices_are_not(account: Confirmed) -> None:
    run = Run(account)
    run.turn()
    buy(account, "a")
    [note] = run.turn()
    assert note.type == "confirmation"
    assert note.data["event_id"] == "confirmation:a:1"
    assert (note.data["verdict"], note.data["cost"]["bps"]) == ("confirmed", "2")
    for seconds in (3, 70, 300, 10):
        account.desk.sleep(seconds)
        assert run.turn() == []
    assert account.of("a").is_complete


def test_what_another_process_confirmed_is_told_too(account: Confirmed) -> None:
    run = Run(account)
    run.turn()
    buy(account, "a")
    account.confirmer().take_in()
    assert [note.data["event_id"] for note in run.turn()] == ["confirmation:a:1"]


@pytest.mark.parametrize("teller", ["watch", "command"])
def test_what_another_process_confirms_meanwhile_is_told_once(
    account: Confirmed, monkeypatch: pytest.MonkeyPatch, teller: str
) -> None:
    """It was told, and left behind the mark, so that it was told again."""
    for symbol in ("AAPL", "KO"):
        account.price(symbol, "99.00", "101.00")
    journal, run = account.desk.journal, Run(account)
    run.turn()
    buy(account, "a")
    account.confirmer().take_in()
    last_seq = journal.last_confirmation_seq

    def read_before_another_writes() -> int:
        last = last_seq()
        monkeypatch.undo()
        buy(account, "b", symbol="KO")
        account.confirmer().take_in()
        return last

    monkeypatch.setattr(journal, "last_confirmation_seq", read_before_another_writes)

    def look() -> list[str]:
        if teller == "watch":
            return [str(note.data["client_order_id"]) for note in run.turn() if not note.is_alarm]
        found = alerts_of(journal, account.desk.now())
        found.remember(journal)
        return [kind for kind, _, _ in found.alerts]

    assert [len(look()), len(look()), len(look())] == [1, 1, 0]


def test_the_first_run_on_a_journal_tells_nothing_of_before(account: Confirmed) -> None:
    buy(account, "old")
    account.confirmer().take_in()
    assert Run(account).turn() == []


@pytest.mark.parametrize("confirmer", ["another process", "the first turn"])
def test_the_first_run_on_a_journal_tells_what_is_confirmed_from_its_beginning_on(
    account: Confirmed, confirmer: str
) -> None:
    """What came before its first look had been passed over for good."""
    run = Run(account)
    buy(account, "a")
    if confirmer == "another process":
        account.confirmer().take_in()
    assert [note.data["event_id"] for note in run.turn()] == ["confirmation:a:1"]
    assert run.turn() == []


def test_the_next_run_goes_on_where_the_last_one_ended(account: Confirmed) -> None:
    first = Run(account)
    first.turn()
    buy(account, "a")
    assert len(first.turn()) == 1
    first.turn()
    buy(account, "b", symbol="KO")
    account.confirmer().take_in()
    assert [note.data["client_order_id"] for note in Run(account).turn()] == ["b"]


def test_killed_between_telling_and_marking_it_is_told_again_under_its_id(
    account: Confirmed,
) -> None:
    first = Run(account)
    first.turn()
    first.turn()
    buy(account, "a")
    [once] = first.turn()  # and it dies here, before its next turn
    [again] = Run(account).turn()
    assert again.data["event_id"] == once.data["event_id"]


def test_what_differs_is_an_alarm_and_is_sent_once(account: Confirmed) -> None:
    account.price("AAPL", "99.00", "101.00")
    run = Run(account)
    run.turn()
    buy(account, "a")
    told, alarm = run.turn()
    assert told.data["findings"][0]["kind"] == "slippage"
    assert (alarm.data["kind"], alarm.is_critical) == ("execution_slippage", True)
    assert "1 % worse" in alarm.text
    account.desk.sleep(70)
    assert run.turn() == []
    assert alerts_of(account.desk.journal, account.desk.now()).alerts == ()
    assert not [note for note in Run(account).turn() if note.is_alarm]


def test_what_a_command_alerted_of_is_told_without_an_alarm(account: Confirmed) -> None:
    account.price("AAPL", "99.00", "101.00")
    run = Run(account)
    run.turn()
    buy(account, "a")
    account.confirmer().take_in()
    found = alerts_of(account.desk.journal, account.desk.now())
    assert [kind for kind, _, _ in found.alerts] == ["execution_slippage"]
    found.remember(account.desk.journal)
    assert [note.type for note in run.turn()] == ["confirmation"]


def test_an_exit_is_told_with_its_arrival(account: Confirmed) -> None:
    run = Run(account)
    buy(account, "a")
    run.turn()
    account.desk.oms.submit(market(side=Side.SELL, client_order_id="out"), role="exit")
    account.desk.sleep(0.5)
    account.hear()
    assert [note for note in run.turn() if note.data["client_order_id"] == "out"] == []
    account.desk.sleep(4)
    run.turn()
    run.turn()
    [note] = [note for note in run.notes if note.data["client_order_id"] == "out"]
    assert note.data["arrival"]["basis"] == "looked_up"
    assert note.data["cost"]["bps"] == "2"


def test_what_filled_a_day_ago_is_history(account: Confirmed) -> None:
    run = Run(account)
    run.turn()
    account.price("AAPL", "99.00", "101.00")
    buy(account, "a")
    account.desk.sleep(26 * 3600)
    assert run.turn() == []
    assert account.of("a").findings


def test_a_failure_that_lasts_is_logged_once_and_its_end_is_told(
    account: Confirmed, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(account)
    locked = JournalUnavailable("the journal is locked", path=Path("journal.db"))
    with monkeypatch.context() as broken:
        broken.setattr(account.desk.journal, "last_confirmation_seq", Mock(side_effect=locked))
        for _ in range(5):
            run.part.guarded_turn()
    for _ in range(3):
        run.part.guarded_turn()
    said = [record.getMessage() for record in caplog.records if "confirmations" in record.msg]
    assert len(said) == 2, said
    assert "the journal is locked" in said[0] and said[1] == "confirmations go on"
