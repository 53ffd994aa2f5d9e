"""Goal: the rules of what is told, when, and which day is due. Pure, by tables.

Method: each situation as a row; quiet hours over the clock changes of New York; calendars of real
weeks with a holiday and a half day.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from support.waiting import eventually

from execbot.alerts import Alert, Severity
from execbot.alerts.alerter import Alerter, Policy
from execbot.alerts.receivers import Delivery, follows_redirects, urls_of
from execbot.alerts.standing import StandingAlarms
from execbot.alerts.waiting import JournalWaiting
from execbot.config.quiet_hours import quiet_hours
from execbot.config.schema import AlertSettings
from execbot.desk.operate.after_close import due_day
from execbot.desk.operate.alerting import with_url
from execbot.desk.operate.telling import LASTING, alert_of, ended_by
from execbot.journal import Journal
from execbot.journal.errors import JournalLocked
from execbot.market.calendar_cache import load_table
from execbot.model.timer import Mark
from execbot.watch.core.jobs import Note
from execbot.watch.core.notes import alarm
from execbot.watch.unwatched import Left, gap_words

TABLE = load_table()


def utc(words: str) -> datetime:
    return datetime.fromisoformat(words).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "done", "due"),
    [
        ("2026-11-24T20:59:59", date(2026, 11, 23), None),  # a second before the close
        ("2026-11-24T21:00:00", date(2026, 11, 23), date(2026, 11, 24)),
        ("2026-11-24T21:20:00", date(2026, 11, 24), None),  # once
        ("2026-11-26T23:00:00", date(2026, 11, 25), None),  # Thanksgiving
        ("2026-11-27T17:59:00", date(2026, 11, 25), None),
        ("2026-11-27T18:00:00", date(2026, 11, 25), date(2026, 11, 27)),  # the half day, 13:00
        ("2026-11-29T12:00:00", None, date(2026, 11, 27)),  # first asked on a Sunday
        ("2026-11-30T12:00:00", date(2026, 11, 20), date(2026, 11, 27)),  # of a gap the last
        ("2026-10-30T20:00:00", date(2026, 10, 29), date(2026, 10, 30)),  # in summer time
        ("2026-11-02T20:20:00", date(2026, 10, 30), None),  # the Monday after it ended
        ("2026-11-02T21:00:00", date(2026, 10, 30), date(2026, 11, 2)),
        ("2026-03-09T20:00:00", date(2026, 3, 6), date(2026, 3, 9)),  # the Monday after it began
    ],
)
def test_a_day_is_due_once_after_its_session(now: str, done: date | None, due: date | None) -> None:
    assert due_day(TABLE, utc(now), done) == due


@pytest.mark.parametrize(
    ("hours", "at", "until"),
    [
        ("22:00-07:00", "2026-11-24T02:59", None),
        ("22:00-07:00", "2026-11-24T03:00", "2026-11-24T12:00"),
        ("22:00-07:00", "2026-11-24T11:59", "2026-11-24T12:00"),
        ("22:00-07:00", "2026-11-24T12:00", None),
        ("22:00-07:00 Europe/Paris", "2026-11-24T21:00", "2026-11-25T06:00"),
        ("22:00-07:00 Europe/Paris", "2026-11-24T20:59", None),
        ("12:00-13:00 UTC", "2026-11-24T12:30", "2026-11-24T13:00"),
        ("22:00-07:00", "2026-11-01T04:00", "2026-11-01T12:00"),  # an hour longer: 05:00 twice
        ("22:00-07:00", "2026-03-08T08:00", "2026-03-08T11:00"),  # an hour shorter
        ("00:00-00:00 UTC", "2026-11-24T12:30", "2026-11-25T00:00"),
    ],
)
def test_quiet_hours_are_the_sleepers(hours: str, at: str, until: str | None) -> None:
    found = quiet_hours(hours).until(utc(at))
    assert (found and found.astimezone(UTC)) == (until and utc(until))


@pytest.mark.parametrize("words", ["", "22-07", "25:00-07:00", "22:00-07:00 Mars/Base", "x"])
def test_quiet_hours_that_nobody_can_read_are_refused(words: str) -> None:
    with pytest.raises(ValueError, match="22:00-07:00"):
        quiet_hours(words)


class Told:
    """What a person hears, by a clock that the test moves."""

    def __init__(self, policy: Policy) -> None:
        self.at = utc("2026-11-24T05:00")  # midnight in New York
        self.said: list[str] = []
        self.waiting = JournalWaiting(lambda: None, lambda: self.at)
        self.policy = policy
        self.kept: StandingAlarms | None = None

    def __call__(self, *alerts: Alert, ends: tuple[str, str] | None = None) -> list[str]:
        """What goes out for these, from one process."""
        before = len(self.said)
        for alert in alerts:
            self.alerter.alert(alert)
        if ends is not None:
            self.alerter.resolve(*ends)
        self.alerter.close(60)
        return self.said[before:]

    @property
    def alerter(self) -> Alerter:
        if not hasattr(self, "_alerter"):
            self._alerter = Alerter(
                self._send,
                policy=self.policy,
                now=lambda: self.at,
                clock=lambda: self.at,
                waiting=self.waiting,
                standing=self.kept,
            )
        return self._alerter

    def _send(self, title: str, body: str) -> Delivery:
        self.said.append(f"{title}: {body}")
        return Delivery(1)


BARE = Alert("unprotected", "AAPL has no stop", "AAPL", lasts=True)


def test_an_alarm_that_stands_is_told_once_counted_and_its_end_told() -> None:
    told = Told(Policy(0))
    assert told(BARE, BARE, BARE) == ["execbot: unprotected AAPL: AAPL has no stop"]
    told.at += timedelta(minutes=12)
    assert told(BARE, ends=("unprotected", "AAPL is protected")) == []  # another subject's end
    told.alerter.resolve("unprotected", "AAPL is protected", "AAPL")
    told()
    assert told.said[-1].endswith("resolved after 12m, came 4 times: AAPL is protected")
    assert told(ends=("unprotected", "x")) == []
    assert len(told(BARE)) == 1  # it is news again


def test_an_alarm_that_does_not_end_is_told_again_after_an_hour() -> None:
    told = Told(Policy(0))
    told(BARE)
    told.at += timedelta(minutes=59)
    assert told(BARE) == []
    told.at += timedelta(minutes=1)
    (again,) = told(BARE)
    assert again.endswith("AAPL has no stop (for 1h00m, 3 times)")


def test_what_an_ended_process_told_is_counted_on_and_ended_by_the_next(tmp_path: Path) -> None:
    def told_by_another(journal: Journal) -> Told:
        told = Told(Policy(0))
        told.kept = StandingAlarms(
            lambda: journal.meta_get("standing"), lambda s: journal.meta_set("standing", s)
        )
        return told

    lost = Alert("prices_lost", "no prices", lasts=True)
    with Journal.open(tmp_path / "j.db") as journal:
        first = told_by_another(journal)
        assert len(first(BARE, BARE, lost)) == 2
    with Journal.open(tmp_path / "j.db") as journal:
        second = told_by_another(journal)
        second.at = first.at + timedelta(minutes=12)
        assert second(BARE) == []
        # It has not raised the other one: nothing but its silence says that it is over.
        second.alerter.end_left_over("not seen again")
        second.alerter.resolve("unprotected", "AAPL is protected", "AAPL")
        lasted = "resolved after 12m, came"
        second()
        assert second.said == [
            f"execbot: resolved prices_lost: {lasted} once: not seen again",
            f"execbot: resolved unprotected AAPL: {lasted} 3 times: AAPL is protected",
        ]
        assert len(second(lost)) == 1  # it is news again


def test_while_the_journal_fails_what_stands_is_known_to_the_process() -> None:
    def fails(*given: object) -> None:
        raise JournalLocked("held by another process")

    told = Told(Policy(0))
    told.kept = StandingAlarms(fails, fails)
    assert len(told(BARE, BARE)) == 1
    told.alerter.resolve("unprotected", "AAPL is protected", "AAPL")
    told()
    assert "came 2 times" in told.said[-1]


def test_in_quiet_hours_only_critical_alerts_go_out_and_the_rest_comes_after() -> None:
    told = Told(Policy(0, Severity.WARNING, quiet_hours("22:00-07:00")))
    late = Alert("fill", "bought 1", severity=Severity.INFO)
    assert told(late, Alert("halted", "daily loss")) == ["execbot: halted: daily loss"]
    assert not told.waiting.has_due()
    told.at = utc("2026-11-24T12:00")
    assert told.waiting.has_due()
    told.alerter.resend()
    assert eventually(lambda: len(told.said) == 2)
    raised = "[raised 2026-11-24 00:00:00 ET, kept for quiet hours]"
    assert told.said[-1] == f"execbot: fill: {raised} bought 1"


def test_what_is_not_bad_enough_stays_here_and_what_was_chosen_goes_out() -> None:
    told = Told(Policy(0, Severity.CRITICAL))
    warning, info = (Alert("x", "w", severity=s) for s in (Severity.WARNING, Severity.INFO))
    assert len(told(warning)) == 0 and len(told(info)) == 1


def order(**more: object) -> Note:
    return Note("order", "AAPL buy 1: filled", {"symbol": "AAPL", "replayed": False, **more})


def test_which_notes_are_told_and_which_end_an_alarm() -> None:
    fills, none = AlertSettings(fills=True), AlertSettings()
    filled = order(fills=[{"execution_id": "e1"}])
    assert alert_of(filled, none) is None
    found = alert_of(filled, fills)
    assert found is not None and (found.severity, found.subject) == (Severity.INFO, "AAPL e1")
    assert alert_of(order(fills=[{"execution_id": "e1"}], replayed=True), fills) is None
    assert alert_of(order(fills=[]), fills) is None
    bare, expired = alarm("unprotected", "AAPL", "x", True), alarm("exit_expired", "AAPL", "x")
    assert [(a.severity, a.lasts) for n in (bare, expired) if (a := alert_of(n, none))] == [
        (Severity.CRITICAL, True),
        (Severity.WARNING, False),
    ]
    assert ended_by(Note("guard", "", {"symbol": "AAPL", "state": "protected"}))[0] == (
        "unprotected",
        "AAPL",
    )
    assert ended_by(Note("guard", "", {"symbol": "AAPL", "state": "unprotected"})) == []
    for kind, state in (("broker", "answers"), ("stream", "up"), ("journal", "writes")):
        ((alarm_kind, subject),) = ended_by(Note(kind, "", {"state": state}))
        assert alarm_kind in LASTING and subject == ""
    assert ended_by(Note("stream", "", {"state": "down"})) == []


def test_a_comma_inside_a_url_belongs_to_it() -> None:
    pytest.importorskip("apprise")
    urls = ["json://localhost/a,b?redirect=no", "tgram://123456789:abcdefg_hijklmnop/1,2"]
    for between in (" ", ", ", ","):
        assert urls_of({"EXECBOT_ALERT_URLS": between.join(urls)}) == urls
    assert follows_redirects([*urls, "jsons://h/x"]) == ["number 3 (jsons://...)"]


def test_one_more_receiver_is_written_beside_the_others() -> None:
    before = ["# mine", "EXECBOT_ALERT_URLS='ntfy://a'", "TRADING_MODE=paper"]
    after = ["# mine", "TRADING_MODE=paper", "EXECBOT_ALERT_URLS='ntfy://a json://b'"]
    assert with_url(before, "json://b") == after
    assert with_url(after, "json://b") == after


def test_stops_that_were_held_here_too_long_unwatched_are_an_alarm() -> None:
    def said(seconds: float, *held: str) -> tuple[str, bool]:
        left = Left(utc("2026-11-24T15:00"), Mark("b", 100.0), held)
        return gap_words(left, utc("2026-11-24T18:00"), Mark("b", 100.0 + seconds))

    assert said(3.2, "AAPL") == (
        "nobody watched for 3.2 s; held here meanwhile: the stop of AAPL",
        False,
    )
    assert said(5.1, "AAPL", "KO")[1]
    assert said(3600) == ("nobody watched for 1h00m; every stop stood at the broker", False)
