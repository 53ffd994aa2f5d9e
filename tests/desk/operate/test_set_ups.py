"""Goal: what `execbot service` writes is taken by the tools that read it, and calls what it should.

Method: the set-ups of a home whose name has every character that some reader takes apart. Their own
parsers judge them where they are installed (systemd-analyze, crontab, tmux; skipped elsewhere), and
the lines are carried out with a program in execbot's place that writes down what it was given.
"""

from __future__ import annotations

import json
import os
import plistlib
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.waiting import eventually

from execbot.config.schema import Mode
from execbot.desk.operate.cron import LINE_MAX, cron_set_up
from execbot.desk.operate.jobs import TASKS, Job
from execbot.desk.operate.launch import Launch
from execbot.desk.operate.launchd import launchd_set_up
from execbot.desk.operate.services import write
from execbot.desk.operate.systemd import WATCHDOG_SECONDS, on_calendar, systemd_set_up
from execbot.desk.operate.tmux import tmux_set_up
from execbot.watch.heartbeat import YOUNG_SECONDS

ODD = "a b%d'q$HOME\"x"
NOTES = """#!{python}
import json, os, sys
kept = {{n: v for n, v in os.environ.items() if n in ("ODD", "EXECBOT_CONFIG", "EXECBOT_JOB")}}
with open(os.path.join(os.path.dirname(sys.argv[0]), "called"), "a") as file:
    file.write(json.dumps([sys.argv[1:], kept]) + "\\n")
"""


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    home = tmp_path / ODD
    program = home / "bin" / "execbot"
    program.parent.mkdir(parents=True)
    program.write_text(NOTES.format(python=sys.executable))
    program.chmod(0o755)
    known = {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "EXECBOT_CONFIG": str(home / "trading.yaml"),
        "ODD": ODD,
    }
    return Launch(program, Mode.PAPER, "paper", known, home, home / "state")


def called(launch: Launch) -> list[tuple[list[str], dict[str, str]]]:
    path = launch.program.with_name("called")
    return (
        [tuple(json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []
    )


def needs(tool: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed here")


def test_systemd_takes_every_unit_and_every_time(launch: Launch) -> None:
    needs("systemd-analyze")
    set_up = systemd_set_up(launch, TASKS.values())
    write(launch, set_up)
    units = [str(file.path) for file in set_up.files]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", *units],
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_RUNTIME_DIR": str(launch.home), "HOME": str(launch.home)},
    )
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "execbot-" in line]
    assert (done.returncode, ours) == (0, [])
    times = [on_calendar(task.plan) for task in TASKS.values() if task.plan is not None]
    shown = subprocess.run(
        ["systemd-analyze", "calendar", "--iterations=3", *times], capture_output=True, text=True
    )
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.count("Next elapse:") == len(times)


def test_systemd_begins_what_hangs_or_ends_again_and_what_trades_never_late(launch: Launch) -> None:
    found = {file.path.name: file.content for file in systemd_set_up(launch, TASKS.values()).files}
    watch = found["execbot-paper-watch.service"]
    for line in ("Type=notify", "StartLimitIntervalSec=0", "Restart=always",
                 "RestartPreventExitStatus=2 3 4", f"WatchdogSec={WATCHDOG_SECONDS}"):  # fmt: skip
        assert line in watch.splitlines()
    assert WATCHDOG_SECONDS > YOUNG_SECONDS
    timers = {name: text for name, text in found.items() if name.endswith(".timer")}
    assert len(timers) == len(TASKS) - 1
    assert all("AccuracySec=1s" in text for text in timers.values())
    late = {name for name, text in timers.items() if "Persistent=true" in text}
    assert late == {f"execbot-paper-{job}.timer" for job in ("all-clear", "backup", "archive")}
    assert not {
        name for name in late for task in TASKS.values() if task.may_trade and task.job in name
    }


def test_cron_takes_every_line_and_the_shell_calls_what_was_meant(launch: Launch) -> None:
    set_up = cron_set_up(launch, TASKS.values())
    write(launch, set_up)
    path = set_up.files[0].path
    lines = [line for line in set_up.files[0].content.splitlines() if not line.startswith("#")]
    assert len(lines) == len(TASKS)
    for line in lines:
        command = line.split(None, 5)[5]
        assert len(command) < LINE_MAX and not re.search(r"(?<!\\)%", command)
        if "flock" in command and shutil.which("flock") is None:
            continue
        # cron hands the command to sh with `\%` read as `%`, in the user's home, knowing little.
        done = subprocess.run(
            ["/bin/sh", "-c", command.replace("\\%", "%")],
            cwd=launch.home,
            env={"HOME": str(launch.home), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, "")
    for words, known in called(launch):
        assert words[-3:] == ["--mode", "paper", "--quiet"]
        assert known == {"ODD": ODD, "EXECBOT_CONFIG": launch.environment["EXECBOT_CONFIG"]}
    assert [words[:-3] for words, _ in called(launch)][-2][2] == str(launch.backups)
    needs("crontab")
    checked = subprocess.run(
        ["crontab", "-n", path.name], cwd=path.parent, capture_output=True, text=True
    )
    if "invalid option" in checked.stderr:
        pytest.skip("this crontab cannot check without installing")
    assert checked.returncode == 0, checked.stderr


@pytest.fixture
def own_tmux(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A server of its own, which ends with the test."""
    needs("tmux")
    folder = tmp_path_factory.mktemp("t")
    env = {**os.environ, "TMUX_TMPDIR": str(folder), "TERM": "xterm", "SHELL": "/bin/sh"}
    env.pop("TMUX", None)
    yield env
    subprocess.run(["tmux", "kill-server"], env=env, capture_output=True)


def test_tmux_runs_every_job_in_a_window_once(launch: Launch, own_tmux: dict[str, str]) -> None:
    set_up = tmux_set_up(launch, TASKS.values())
    write(launch, set_up)
    script = set_up.files[0].path
    assert stat.S_IMODE(script.stat().st_mode) == 0o700
    done = subprocess.run([str(script)], env=own_tmux, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert eventually(lambda: {known["EXECBOT_JOB"] for _, known in called(launch)} == set(Job))
    assert all(known["ODD"] == ODD for _, known in called(launch))
    again = subprocess.run([str(script)], env=own_tmux, capture_output=True, text=True)
    assert (again.returncode, again.stdout) == (0, "execbot-paper runs already\n")


def test_launchd_reads_every_agent_and_only_watch_is_kept_alive(launch: Launch) -> None:
    files = launchd_set_up(launch, TASKS.values()).files
    agents = {
        file.path.stem.rpartition(".")[2]: plistlib.loads(file.content.encode()) for file in files
    }
    assert set(agents) == set(Job)
    for job, agent in agents.items():
        assert agent["ProgramArguments"] == launch.command(TASKS[Job(job)])
        assert agent["EnvironmentVariables"] == launch.environment
        kinds = {"KeepAlive", "StartInterval", "StartCalendarInterval"} & set(agent)
        assert len(kinds) == 1 and ("KeepAlive" in kinds) == (job == Job.WATCH)
        assert not (TASKS[Job(job)].may_trade and "StartCalendarInterval" in kinds)
        wrong = {key: value for key, value in agent.items() if not _is_as_documented(key, value)}
        assert not wrong


STRING, BOOLEAN, WHOLE = (str,), (bool,), (int,)
LAUNCHD_KEYS: dict[str, tuple[type, ...]] = {
    "Label": STRING,
    "Program": STRING,
    "ProgramArguments": (list,),
    "EnvironmentVariables": (dict,),
    "WorkingDirectory": STRING,
    "Umask": WHOLE,
    "RunAtLoad": BOOLEAN,
    "KeepAlive": (bool, dict),
    "ThrottleInterval": WHOLE,
    "ExitTimeOut": WHOLE,
    "StartInterval": WHOLE,
    "StartCalendarInterval": (dict, list),
    "StandardInPath": STRING,
    "StandardOutPath": STRING,
    "StandardErrorPath": STRING,
    "ProcessType": STRING,
    "Nice": WHOLE,
}
"""Of launchd.plist(5): those that a user's agent may have, with the type of each."""

CALENDAR = {"Minute": 59, "Hour": 23, "Day": 31, "Weekday": 7, "Month": 12}


def _is_as_documented(key: str, value: object) -> bool:
    if key not in LAUNCHD_KEYS or type(value) not in LAUNCHD_KEYS[key]:
        return False
    if isinstance(value, list):
        return bool(value) and all(isinstance(word, str) for word in value)
    if key == "StartCalendarInterval":
        assert isinstance(value, dict)
        return all(
            type(at) is int and 0 <= at <= CALENDAR.get(name, -1) for name, at in value.items()
        )
    if isinstance(value, dict):
        return all(isinstance(word, str) for pair in value.items() for word in pair)
    return not isinstance(value, int) or isinstance(value, bool) or value > 0


def test_a_key_that_launchd_does_not_know_would_be_found() -> None:
    assert not _is_as_documented("KeepAlife", True)
    assert not _is_as_documented("StartInterval", "60")
    assert not _is_as_documented("RunAtLoad", 1)
    assert not _is_as_documented("StartCalendarInterval", {"Hour": 24})
    assert not _is_as_documented("ProgramArguments", ["execbot", 1])
    assert _is_as_documented("StartCalendarInterval", {"Hour": 17, "Minute": 0})


def test_what_is_written_stays_as_it_is_until_it_changes(launch: Launch) -> None:
    set_up = cron_set_up(launch, TASKS.values())
    before = os.umask(0o022)
    try:
        assert write(launch, set_up) == [set_up.files[0].path]
    finally:
        os.umask(before)
    assert write(launch, set_up) == []
    for folder in (launch.state, launch.backups.parent, launch.backups):
        assert not folder.stat().st_mode & 0o077  # `health` would warn of it for ever
    set_up.files[0].path.write_text("changed by hand")
    assert write(launch, set_up) == [set_up.files[0].path]
