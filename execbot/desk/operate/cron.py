"""A crontab's lines. Pure.

Source: crontab(5) of Debian's cron. It ignores CRON_TZ, so no line names an hour of New York; a
bare `%` is a line break in it; a variable set in a line of its own holds for all lines below, also
for those of other programs, so each command sets its own."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from execbot.desk.operate.jobs import Plan, Task
from execbot.desk.operate.launch import File, Launch, SetUp

LINE_MAX = 990
"""cron cuts commands of 1000 characters and more (MAX_COMMAND)."""


def cron_set_up(launch: Launch, tasks: Iterable[Task]) -> SetUp:
    """A file of lines, and how they get into the crontab beside what stands there already."""
    lines = [f"{_when(task.plan)} {escaped(_command(launch, task))}" for task in tasks]
    head = [
        f"# execbot, {launch.name}: written by `execbot service cron`. cron mails what is printed."
    ]
    path = launch.home / ".config" / "execbot" / f"{launch.unit}.crontab"
    mark = shlex.quote(launch.unit)
    steps = [
        f"(crontab -l 2>/dev/null | grep -v 'EXECBOT_SET_UP={mark} '; cat {shlex.quote(str(path))})"
        " | crontab -",
        "crontab -l    # look at it",
    ]
    return SetUp([File(path, "\n".join([*head, *lines]) + "\n")], steps)


def _command(launch: Launch, task: Task) -> str:
    """The mark in front finds the lines again when they are replaced. What runs all the time is
    started again within a minute of its end; the lock of `flock` keeps a second one from
    starting."""
    named = {"EXECBOT_SET_UP": launch.unit, **launch.environment}
    settings = " ".join(f"{name}={shlex.quote(value)}" for name, value in named.items())
    command = shlex.join(launch.command(task))
    if task.plan is not None:
        return f"{settings} {command}"
    lock = launch.state / f".{launch.unit}-{task.job}.lock"
    return f"umask 077; {settings} flock -n {shlex.quote(str(lock))} {command}"


def _when(plan: Plan | None) -> str:
    if plan is None:
        return "* * * * *"
    if plan.hour is not None:
        return f"{plan.minute} {plan.hour} * * {'0' if plan.on_sundays else '*'}"
    if plan.every == 60:
        return f"{plan.minute} * * * *"
    return f"{','.join(str(m) for m in range(plan.minute, 60, plan.every))} * * * *"


def escaped(command: str) -> str:
    """A bare `%` would end the command, and the rest would be its input."""
    return command.replace("%", "\\%")
