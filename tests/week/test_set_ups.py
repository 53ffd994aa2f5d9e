"""Goal: the driver fires what the generated units and lines say, at their times, and nothing of its
own. Method: what `execbot service` writes, read here; days of summer time; texts that are refused.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from support.processes import clean_environment, execbot
from week.set_ups import Entry, crontab_entries, on_calendar, systemd_entries, words

NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Entry], list[Entry]]:
    home = tmp_path_factory.mktemp("of % 'quotes'")
    env = clean_environment(home, EXECBOT_STATE_DIR=str(home / 'a "state" $x'))
    for manager in ("systemd", "cron"):
        done = execbot(["service", manager, "--mode", "sim", "--write"], env)
        assert done.code == 0, done.err
    [crontab] = (home / ".config" / "execbot").glob("*.crontab")
    units = systemd_entries(home / ".config" / "systemd" / "user")
    return units, crontab_entries(crontab.read_text())


def dues(entries: list[Entry], day: datetime) -> dict[tuple[str, ...], int]:
    """How often each command is due on a day of New York; what is kept running counts as 0."""
    end = (day + timedelta(days=1)).replace(tzinfo=NEW_YORK)
    begin = day.replace(tzinfo=NEW_YORK)
    return {
        _said(entry): sum(1 for _ in entry.when.times(begin, end, NEW_YORK)) if entry.when else 0
        for entry in entries
        if not entry.is_lasting
    }


def _said(entry: Entry) -> tuple[str, ...]:
    """The words for execbot, as far as both set-ups write them alike."""
    text = " ".join(entry.command)
    return tuple(text.rpartition("/execbot ")[2].partition(" --mode")[0].split()[:2])


def test_units_and_crontab_ask_for_the_same_as_often(
    written: tuple[list[Entry], list[Entry]],
) -> None:
    units, lines = written
    day = datetime(2026, 10, 28)
    timed = {said: count for said, count in dues(units, day).items() if said != ("watch",)}
    assert timed == dues(lines, day)
    assert timed[("queue", "release")] == 288
    assert timed[("reconcile",)] == 24
    assert [entry.job for entry in lines if entry.is_lasting] == ["cron watch"]


@pytest.mark.parametrize(("day", "hours"), [((2026, 11, 1), 25), ((2027, 3, 14), 23)])
def test_on_a_sunday_of_a_clock_change_daily_jobs_run_once_and_hourly_ones_each_hour(
    written: tuple[list[Entry], list[Entry]], day: tuple[int, int, int], hours: int
) -> None:
    for entries in written:
        found = dues(entries, datetime(*day))
        assert found[("reconcile",)] == hours
        assert found[("journal", "backup")] == found[("health", "--all-clear")] == 1
        assert found[("journal", "archive")] == 1


def test_archiving_is_for_sundays_after_the_backup(
    written: tuple[list[Entry], list[Entry]],
) -> None:
    for entries in written:
        weekly = [dues(entries, datetime(2026, 10, day)) for day in range(19, 26)]
        assert [found[("journal", "archive")] for found in weekly] == [0] * 6 + [1]
        times = {_said(entry): entry.when for entry in entries if entry.when is not None}
        backup, archive = times[("journal", "backup")], times[("journal", "archive")]
        assert max(backup.hours) < min(archive.hours)


def test_a_service_is_kept_as_its_unit_says(written: tuple[list[Entry], list[Entry]]) -> None:
    [watch] = [entry for entry in written[0] if entry.when is None]
    assert watch.keeping is not None
    assert watch.keeping.final_codes == {2, 3, 4}
    assert watch.keeping.watchdog_seconds > watch.keeping.restart_seconds > 0
    assert 'a "state" $x' in watch.environment["EXECBOT_STATE_DIR"]


def test_the_program_of_a_unit_is_there(written: tuple[list[Entry], list[Entry]]) -> None:
    for entry in written[0]:
        assert Path(entry.command[0]).is_file(), entry.command


def test_times_leave_out_the_moment_they_follow() -> None:
    when = on_calendar("*-*-* *:00/5:05")
    at = datetime(2026, 10, 28, 14, 0, 5, tzinfo=UTC)
    [only] = when.times(at, at + timedelta(minutes=5), NEW_YORK)
    assert only == at + timedelta(minutes=5)


@pytest.mark.parametrize("text", ["Mon *-*-* 08:00:00", "hourly", "*-*-* 09..16:00:00"])
def test_a_calendar_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not read here"):
        on_calendar(text)


def test_words_are_systemds() -> None:
    assert words(r'/bin/x "a b" c%%d \"e\" $$f', in_command=True) == [
        "/bin/x", "a b", "c%d", '"e"', "$f",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="specifier"):
        words("/bin/x %h", in_command=True)
