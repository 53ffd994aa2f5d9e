"""What the generated set-ups say: which command, with which variables, and when.

Nothing here knows execbot's own table of jobs. Units and crontab are read as systemd and cron read
them; what they could read otherwise than we do is refused: a set-up that changes is noticed.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
SUNDAY = 6


@dataclass(frozen=True)
class When:
    """Minutes and hours of the machine's own day, the second in them, and whether all days are
    Sundays."""

    minutes: frozenset[int]
    hours: frozenset[int]
    second: int = 0
    on_sundays: bool = False

    @property
    def is_daily(self) -> bool:
        return len(self.hours) == 1 and len(self.minutes) == 1

    def times(self, after: datetime, until: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """Each moment at which it is due, `after` itself left out. Pure."""
        at = after.astimezone(UTC).replace(second=self.second, microsecond=0) - MINUTE
        while (at := at + MINUTE) <= until:
            there = at.astimezone(zone)
            is_its_day = not self.on_sundays or there.weekday() == SUNDAY
            is_due = is_its_day and there.minute in self.minutes and there.hour in self.hours
            if at > after and is_due:
                yield at


@dataclass(frozen=True)
class Keeping:
    """How systemd keeps a service running."""

    restart_seconds: float
    watchdog_seconds: float
    start_seconds: float
    stop_seconds: float
    final_codes: frozenset[int]


@dataclass(frozen=True)
class Entry:
    """`when` is None for what runs from boot on; `keeping` then says how it is kept running.
    A crontab has no such thing: there it is tried again each minute."""

    job: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    when: When | None = None
    is_made_up_for: bool = False
    keeping: Keeping | None = None
    is_lasting: bool = False
    """Started again and again, and meant to run on: `watch` in a crontab."""


ALL_MINUTES, ALL_HOURS = frozenset(range(60)), frozenset(range(24))


# --- systemd ------------------------------------------------------------------------------------


class _Lists(dict[str, str]):
    """A key that stands more than once keeps all its values, one a line."""

    def __setitem__(self, key: str, value: str) -> None:
        if key in self and isinstance(value, list):
            value = [*self[key], *value]
        super().__setitem__(key, value)


def read_unit(text: str) -> Mapping[str, Mapping[str, Sequence[str]]]:
    """Sections, keys and all the values of each."""
    parser = configparser.RawConfigParser(
        dict_type=_Lists, strict=False, delimiters=("=",), comment_prefixes=("#", ";")
    )
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return {
        name: {key: value.split("\n") for key, value in parser.items(name)}
        for name in parser.sections()
    }


_WORD = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|((?:[^\s"\\]|\\.)+))')


def words(text: str, *, in_command: bool) -> list[str]:
    """A line of systemd's as the words that it becomes (systemd.service(5), quoting)."""
    found, at = [], 0
    while text[at:].strip():
        match = _WORD.match(text, at)
        if match is None:
            raise ValueError(f"systemd would read this otherwise: {text!r}")
        inner = re.sub(r"\\(.)", r"\1", match[1] if match[1] is not None else match[2])
        found.append(_expanded(inner, in_command))
        at = match.end()
    return found


def _expanded(word: str, in_command: bool) -> str:
    """`%%` and `$$` stand for themselves; alone they would begin something else."""
    for sign in "%$" if in_command else "%":
        if sign in word.replace(sign * 2, ""):
            raise ValueError(f"a specifier or variable: {word!r}")
        word = word.replace(sign * 2, sign)
    return word


_CALENDAR = re.compile(r"(Sun )?\*-\*-\* (\*|\d\d):(\d\d)(?:/(\d+))?:(\d\d)")


def on_calendar(text: str) -> When:
    """The forms of systemd.time(7) that are used: an hour or all, a minute or every so many; each
    day or Sundays."""
    match = _CALENDAR.fullmatch(text)
    if match is None:
        raise ValueError(f"not read here: OnCalendar={text}")
    hours = ALL_HOURS if match[2] == "*" else frozenset({int(match[2])})
    first, step = int(match[3]), match[4]
    minutes = range(first, 60, int(step)) if step else (first,)
    return When(frozenset(minutes), hours, int(match[5]), match[1] is not None)


def systemd_entries(folder: Path) -> list[Entry]:
    """All services of a folder with user units, each with its timer where it has one."""
    found = []
    for path in sorted(folder.glob("*.service")):
        unit = read_unit(path.read_text())
        service = unit["Service"]
        timer = path.with_suffix(".timer")
        entry = Entry(
            job=path.stem,
            command=words(service["ExecStart"][0], in_command=True),
            environment=_environment(service.get("Environment", ())),
        )
        if timer.exists():
            when = read_unit(timer.read_text())["Timer"]
            found.append(
                _timed(entry, on_calendar(when["OnCalendar"][0]), when["Persistent"][0] == "true")
            )
        else:
            found.append(Entry(entry.job, entry.command, entry.environment, keeping=_keeping(unit)))
    return found


def _environment(lines: Sequence[str]) -> dict[str, str]:
    pairs = [word.partition("=") for line in lines for word in words(line, in_command=False)]
    return {name: value for name, _, value in pairs}


def _timed(entry: Entry, when: When, is_made_up_for: bool) -> Entry:
    return Entry(entry.job, entry.command, entry.environment, when, is_made_up_for)


def _keeping(unit: Mapping[str, Mapping[str, Sequence[str]]]) -> Keeping:
    service = unit["Service"]
    if service["Type"] != ["notify"] or service["Restart"] != ["always"]:
        raise ValueError("a service that is kept otherwise")
    if unit["Unit"]["StartLimitIntervalSec"] != ["0"]:
        raise ValueError("systemd would give up")
    return Keeping(
        float(service["RestartSec"][0]),
        float(service["WatchdogSec"][0]),
        float(service["TimeoutStartSec"][0]),
        float(service["TimeoutStopSec"][0]),
        frozenset(int(code) for code in service["RestartPreventExitStatus"][0].split()),
    )


# --- cron ---------------------------------------------------------------------------------------


def crontab_entries(text: str) -> list[Entry]:
    """The lines of a crontab, each with the command that its shell is given."""
    return [_line(line) for line in text.splitlines() if line and not line.startswith("#")]


def _line(line: str) -> Entry:
    minute, hour, day, month, weekday, command = line.split(None, 5)
    if (day, month) != ("*", "*") or weekday not in ("*", "0") or re.search(r"(?<!\\)%", command):
        raise ValueError(f"cron would read this otherwise: {line!r}")
    command = command.replace("\\%", "%")
    return Entry(
        job=_job_of(command),
        command=("/bin/sh", "-c", command),
        when=When(_numbers(minute, 60), _numbers(hour, 24), on_sundays=weekday == "0"),
        is_lasting=" flock -n " in command,
    )


def _job_of(command: str) -> str:
    """What follows the program, up to its first flag: `queue release`."""
    _, _, said = command.rpartition("/execbot ")
    plain = said.partition(" --mode")[0]
    return f"cron {plain}"


def _numbers(text: str, end: int) -> frozenset[int]:
    if text == "*":
        return frozenset(range(end))
    found = frozenset(int(number) for number in text.split(","))
    if not all(0 <= number < end for number in found):
        raise ValueError(f"not read here: {text}")
    return found
