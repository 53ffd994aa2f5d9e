"""Agents for launchd (macOS). Pure.

Source: launchd.plist(5). `KeepAlive` starts `watch` again however it ends; `ThrottleInterval` is
how long it waits between two starts, 10 s unless said. `StartInterval` runs that are missed in
sleep are not made up for; those of `StartCalendarInterval` are, once, so nothing that can trade has
one."""

from __future__ import annotations

import plistlib
from collections.abc import Iterable
from typing import Any

from execbot.desk.operate.jobs import Task
from execbot.desk.operate.launch import File, Launch, SetUp


def launchd_set_up(launch: Launch, tasks: Iterable[Task]) -> SetUp:
    folder = launch.home / "Library" / "LaunchAgents"
    files, steps = [], []
    for task in tasks:
        path = folder / f"{_label(launch, task)}.plist"
        files.append(File(path, plistlib.dumps(_agent(launch, task)).decode()))
        steps.append(f"launchctl bootstrap gui/$(id -u) '{path}'")
    return SetUp(files, steps)


def _label(launch: Launch, task: Task) -> str:
    return f"execbot.{launch.name}.{task.job}"


def _agent(launch: Launch, task: Task) -> dict[str, Any]:
    log = str(launch.home / "Library" / "Logs" / f"{_label(launch, task)}.log")
    agent: dict[str, Any] = {
        "Label": _label(launch, task),
        "ProgramArguments": launch.command(task),
        "EnvironmentVariables": dict(launch.environment),
        "StandardOutPath": log,
        "StandardErrorPath": log,
        "Umask": 0o077,
    }
    if task.plan is None:
        agent |= {"RunAtLoad": True, "KeepAlive": True, "ThrottleInterval": 1, "ExitTimeOut": 10}
    elif task.plan.hour is not None:
        days = {"Weekday": 0} if task.plan.on_sundays else {}
        at = {"Hour": task.plan.hour, "Minute": task.plan.minute}
        agent["StartCalendarInterval"] = {**days, **at}
    else:
        agent["StartInterval"] = task.plan.seconds
    return agent
