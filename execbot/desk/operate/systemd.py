"""Units for systemd: a service that notifies, and timers. Pure.

Sources: systemd.service(5), systemd.timer(5), systemd.unit(5), systemd.time(7).

* `Type=notify`: started means following. The watchdog is fed by the loop that decides; its time is
  longer than the longest stall that is in order (`WATCHDOG_SECONDS`).
* `StartLimitIntervalSec=0`: else systemd gives up for ever after five starts in ten seconds.
* `AccuracySec=1s`: else a timer may be a minute late.
* `Persistent=true` makes up for a missed run at the next boot: never for what can trade.
* Exit codes 2, 3 and 4 (usage, configuration, keys) do not mend by themselves; all others are tried
  again, 9 too: whoever watches now may end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from execbot.desk.operate.jobs import Plan, Task
from execbot.desk.operate.launch import File, Launch, SetUp

WATCHDOG_SECONDS = 90
"""The loop may stand still for a journal that is locked (2 s a write, a few writes a turn) and for
a disk that hangs; `health` calls it stuck after 30."""

START_SECONDS = 300
"""The first reconciliation may wait for a broker that is slow to answer, with all its repeats."""

STOP_SECONDS = 10
"""`watch` ends within five."""

JOB_SECONDS = 600


def systemd_set_up(launch: Launch, tasks: Iterable[Task]) -> SetUp:
    """User units by default: no root, and the user's own files. Needs `loginctl enable-linger`."""
    where = launch.home / ".config" / "systemd" / "user"
    files, started = [], []
    for task in tasks:
        name = f"{launch.unit}-{task.job}"
        files.append(File(where / f"{name}.service", _service(launch, task)))
        if task.plan is not None:
            files.append(File(where / f"{name}.timer", _timer(launch, task, task.plan)))
        started.append(f"{name}.{'timer' if task.plan is not None else 'service'}")
    steps = [
        "systemctl --user daemon-reload",
        f"systemctl --user enable --now {' '.join(started)}",
        "loginctl enable-linger    # else all of it ends when you log out",
        f"journalctl --user -u '{launch.unit}-*' -f",
    ]
    return SetUp(files, steps)


def _service(launch: Launch, task: Task) -> str:
    is_watch = task.plan is None
    unit = [f"Description=execbot {task.job} ({launch.name}): {task.what}"]
    if is_watch:
        unit.append("StartLimitIntervalSec=0")
    service = [
        "Type=notify" if is_watch else "Type=oneshot",
        f"ExecStart={_command(launch.command(task))}",
        *(f"Environment={quoted(f'{k}={v}')}" for k, v in launch.environment.items()),
        "UMask=0077",
        "NoNewPrivileges=true",
    ]
    if is_watch:
        service += [
            "NotifyAccess=main",
            f"WatchdogSec={WATCHDOG_SECONDS}",
            f"TimeoutStartSec={START_SECONDS}",
            f"TimeoutStopSec={STOP_SECONDS}",
            "Restart=always",
            "RestartSec=1",
            "RestartPreventExitStatus=2 3 4",
        ]
    else:
        service.append(f"TimeoutStartSec={JOB_SECONDS}")
    sections = [("Unit", unit), ("Service", service)]
    if is_watch:
        sections.append(("Install", ["WantedBy=default.target"]))
    return _written(sections)


def _timer(launch: Launch, task: Task, plan: Plan) -> str:
    timer = [
        f"OnCalendar={on_calendar(plan)}",
        "AccuracySec=1s",
        f"Persistent={'true' if is_made_up_for(task) else 'false'}",
    ]
    unit = [f"Description=execbot {task.job} ({launch.name}): when"]
    return _written([("Unit", unit), ("Timer", timer), ("Install", ["WantedBy=timers.target"])])


def is_made_up_for(task: Task) -> bool:
    """Only what comes once a day or week and cannot trade: the rest comes again in a moment."""
    return not task.may_trade and task.plan is not None and task.plan.hour is not None


def on_calendar(plan: Plan) -> str:
    """systemd.time(7). Lists are written out: `09..16:00` would be seventeen minutes."""
    if plan.hour is not None:
        days = "Sun *-*-*" if plan.on_sundays else "*-*-*"
        return f"{days} {plan.hour:02}:{plan.minute:02}:00"
    if plan.every == 60:
        return f"*-*-* *:{plan.minute:02}:00"
    return f"*-*-* *:{plan.minute:02}/{plan.every}:05"


def _command(words: Sequence[str]) -> str:
    """systemd takes no program whose name has a quote, a backslash or `$` in it; `env` takes any,
    and becomes it, so that the main process is still the one that notifies."""
    is_odd = any(char in "'\"\\$" for char in words[0])
    whole = ["/usr/bin/env", *words] if is_odd else words
    return " ".join(quoted(word, in_command=True) for word in whole)


def quoted(text: str, *, in_command: bool = False) -> str:
    """A word as systemd reads it: `%` begins a specifier, and in commands `$` a variable."""
    inner = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    if in_command:
        inner = inner.replace("$", "$$")
    is_plain = all(char.isalnum() or char in "/._-+:=%$,@" for char in inner)
    return inner if is_plain and inner else f'"{inner}"'


def _written(sections: Iterable[tuple[str, list[str]]]) -> str:
    parts = ["\n".join([f"[{name}]", *lines]) for name, lines in sections]
    return "\n\n".join(parts) + "\n"
