"""Goal: a real systemd keeps `watch` as its unit says, and runs the jobs.

Method: what `execbot service systemd --write` wrote, loaded by a live user manager, beside the
exchange; `watch` is stopped in its tracks, killed, restarted, ended, and given keys that are wrong.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.harness.user_manager import UserManager, user_manager
from support.processes import Server, clean_environment, exchange, execbot
from support.waiting import eventually

WATCH = "execbot-paper-watch.service"
JOBS = ("reconcile", "health", "queue", "backup", "report", "all-clear", "archive")
KEYS = "[paper]\napi_key = PKLIVE\nsecret_key = {secret}\n"
WATCHDOG_SECONDS = 5
"""Instead of the unit's ninety."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    at = ("--at", "2026-10-07 10:00", "--speed", "1")
    with exchange(tmp_path_factory.mktemp("exchange"), *at) as running:
        yield running


@pytest.fixture
def manager(server: Server, tmp_path: Path) -> Iterator[UserManager]:
    home = tmp_path / "home"
    set_up(server, home)
    with user_manager(home, tmp_path) as running:
        yield running


def set_up(server: Server, home: Path) -> None:
    """A person's home, its units written by a shell that knows where the exchange is."""
    config = home / ".config" / "execbot"
    config.mkdir(parents=True)
    (config / "trading.yaml").write_text("trading_execution: {}\n")
    write_keys(home, "secret")
    urls = {
        "ALPACA_TRADING_URL": server.rest,
        "ALPACA_DATA_URL": server.data,
        "ALPACA_TRADING_WS_URL": server.stream,
    }
    env = clean_environment(home, PATH="/usr/bin:/bin", **urls)
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        del env[name]
    done = execbot(["service", "systemd", "--mode", "paper", "--write"], env)
    assert done.code == 0, done.err
    shorter = home / ".config" / "systemd" / "user" / f"{WATCH}.d" / "shorter.conf"
    shorter.parent.mkdir()
    shorter.write_text(f"[Service]\nWatchdogSec={WATCHDOG_SECONDS}\nTimeoutAbortSec=1\n")


def write_keys(home: Path, secret: str) -> None:
    path = home / ".config" / "execbot" / "credentials"
    path.write_text(KEYS.format(secret=secret))
    path.chmod(0o600)


def test_watch_is_kept_and_jobs_run(manager: UserManager, server: Server, tmp_path: Path) -> None:
    log = tmp_path / "systemd.log"
    started = manager.call("start", WATCH)
    assert started.returncode == 0, started.stderr + log.read_text()
    assert manager.show(WATCH, "ActiveState") == "active"  # it has said READY=1
    [state] = (tmp_path / "home" / ".local" / "state" / "execbot").glob("*/watch.lock")
    assert state.read_text().strip()

    frozen = manager.main_pid(WATCH)
    os.kill(frozen, signal.SIGSTOP)  # its loop decides nothing any more
    assert eventually(lambda: runs_anew(manager, frozen), 60), log.read_text()
    assert manager.show(WATCH, "NRestarts") == "1"

    killed = manager.main_pid(WATCH)
    os.kill(killed, signal.SIGKILL)
    assert eventually(lambda: runs_anew(manager, killed), 60), log.read_text()

    assert manager.call("restart", WATCH).returncode == 0
    for job in JOBS:
        name = f"execbot-paper-{job}.service"
        done = manager.call("start", name)
        assert (done.returncode, manager.show(name, "Result")) == (0, "success"), job

    timers = [f"execbot-paper-{job}.timer" for job in JOBS]
    assert manager.call("start", *timers).returncode == 0
    assert manager.call("list-timers").stdout.count("execbot-paper-") == 2 * len(JOBS)

    assert manager.call("stop", WATCH).returncode == 0
    assert manager.show(WATCH, "Result") == "success"


def runs_anew(manager: UserManager, before: int) -> bool:
    return manager.show(WATCH, "ActiveState") == "active" and manager.main_pid(WATCH) not in (
        0,
        before,
    )


def test_wrong_keys_are_not_tried_for_ever(
    manager: UserManager, server: Server, tmp_path: Path
) -> None:
    write_keys(tmp_path / "home", "")
    assert manager.call("start", WATCH).returncode != 0
    assert eventually(lambda: manager.show(WATCH, "ActiveState") == "failed", 30)
    assert manager.show(WATCH, "ExecMainStatus") in ("3", "4")
    assert manager.show(WATCH, "NRestarts") == "0"
