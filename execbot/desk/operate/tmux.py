"""A script that runs the jobs in a tmux session, a window each. Pure.

For a machine without a service manager, and for looking on: `watch` shows its screen. Nothing
starts the session after a reboot, and nothing starts tmux again when it is killed."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from execbot.desk.operate.jobs import JOB_VARIABLE, Task
from execbot.desk.operate.launch import File, Launch, SetUp

_HEAD = """\
#!/bin/sh
# execbot, {name}: written by `execbot service tmux`. Looks on with: tmux attach -t {session}
set -eu
tmux has-session -t ={session} 2>/dev/null && {{ echo "{session} runs already"; exit 0; }}
"""
_AGAIN = 'while :; do {command} && code=0 || code=$?; case $code in 2|3|4) echo "ended with $code: \
mend it, then start this script again"; break;; esac; sleep {pause}; done; exec sh'
"""2, 3 and 4 (usage, configuration, keys) do not mend by themselves."""


def tmux_set_up(launch: Launch, tasks: Iterable[Task]) -> SetUp:
    session = launch.unit.replace(".", "_")  # tmux reads `.` and `:` in a target
    lines = [_HEAD.format(name=launch.name, session=session)]
    opening = f"tmux new-session -d -s {session} -n "
    for task in tasks:
        lines.append(f"{opening}{task.job} sh -c {shlex.quote(_loop(launch, task))}\n")
        opening = f"tmux new-window -d -t ={session}: -n "
    path = launch.home / ".config" / "execbot" / f"{launch.unit}-tmux.sh"
    shown = shlex.quote(str(path))
    return SetUp(
        [File(path, "".join(lines), is_program=True)], [shown, f"tmux attach -t {session}"]
    )


def _loop(launch: Launch, task: Task) -> str:
    known = {**launch.environment, JOB_VARIABLE: task.job.value}
    settings = "; ".join(f"export {k}={shlex.quote(v)}" for k, v in known.items())
    words = launch.command(task)
    if task.plan is None:
        words.remove("--quiet")  # somebody looks on: the screen
    pause = 1 if task.plan is None else task.plan.seconds
    return f"{settings}; {_AGAIN.format(command=shlex.join(words), pause=pause)}"
