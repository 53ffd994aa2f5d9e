"""The jobs that an account needs to be looked after, and when each runs. Pure data.

execbot itself decides what may happen at which hour (sessions, holidays, half days, summer time).
So the plans here only say how often it is asked: none names an hour of New York, and none depends
on the time zone of the machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from msgspec import Struct


class Job(StrEnum):
    WATCH = "watch"
    RECONCILE = "reconcile"
    QUEUE = "queue"
    HEALTH = "health"
    REPORT = "report"
    ALL_CLEAR = "all-clear"
    BACKUP = "backup"
    ARCHIVE = "archive"


JOB_VARIABLE = "EXECBOT_JOB"
"""Set by the set-ups: this command runs as that job, also where it runs on a terminal (tmux)."""


class Plan(Struct, frozen=True):
    """Every so many minutes, or once a day, or each Sunday, at a time of the machine's.

    `every` divides 60; `minute` is the first of the hour. With `hour` the job is daily. No daily
    job lies between 01:00 and 03:00: summer time leaves one of these hours out and repeats another.
    Early on a Sunday it is weekend in New York, whatever the machine's zone.
    """

    every: int = 60
    minute: int = 0
    hour: int | None = None
    on_sundays: bool = False

    @property
    def seconds(self) -> int:
        days = 7 if self.on_sundays else 1
        return self.every * 60 if self.hour is None else days * 24 * 3600


class Task(Struct, frozen=True):
    """`arguments` follow `execbot`; `{backups}` stands for the folder of the copies.

    `plan` is None for what runs all the time. `may_trade`: a run that was missed is never made up
    for, since it would come at an hour that nobody chose.
    """

    job: Job
    arguments: Sequence[str]
    what: str
    plan: Plan | None = None
    may_trade: bool = False


BACKUPS_KEPT = 14

DAYS_IN_THE_JOURNAL = 90
"""Months that ended longer ago are archived."""

TASKS: Mapping[Job, Task] = {
    task.job: task
    for task in (
        Task(
            Job.WATCH,
            ("watch",),
            "follows orders and keeps positions protected",
            may_trade=True,
        ),
        Task(Job.RECONCILE, ("reconcile",), "compares journal and broker", Plan(60, 7)),
        Task(
            Job.QUEUE,
            ("queue", "release"),
            "sends what waits for the open",
            Plan(5),
            may_trade=True,
        ),
        Task(Job.HEALTH, ("health",), "looks whether everything is well", Plan(5, 2)),
        Task(
            Job.REPORT,
            ("report", "--daily", "--after-close"),
            "makes the day's report once its session has ended",
            Plan(60, 20),
        ),
        Task(
            Job.ALL_CLEAR,
            ("health", "--all-clear"),
            "says once a day that all is well",
            Plan(hour=8),
        ),
        Task(
            Job.BACKUP,
            ("journal", "backup", "{backups}", "--keep", str(BACKUPS_KEPT)),
            "copies the journal",
            Plan(hour=4, minute=40),
        ),
        Task(
            Job.ARCHIVE,
            ("journal", "archive", "--before", f"{DAYS_IN_THE_JOURNAL}d"),
            "moves old months out of the journal",
            Plan(hour=5, minute=40, on_sundays=True),
        ),
    )
}
