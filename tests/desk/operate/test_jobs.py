"""Goal: a `watch` and the jobs around it tell others that they live, how they ended, and what they
left.

Method: real processes at a served exchange: a web server hears their pings and alerts, a socket
stands in for systemd."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from desk.operate.listeners import Listener, listening, service_manager
from support.processes import Server, end_watch, exchange, execbot, start_execbot
from support.waiting import PATIENCE_SECONDS, eventually

from execbot.broker.clock import utc_now
from execbot.config.schema import TradingSettings
from execbot.desk.operate.attending import SETTLED, SETTLED_SECONDS, Attendance
from execbot.model.timer import Timer
from execbot.watch.heartbeat import HeartbeatFile, heartbeat_of

AT = "2026-11-27 13:30"
"""After the close of the day after Thanksgiving, which is at 13:00."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("jobs")
    with exchange(home, "--calendar", "exchange", "--at", AT) as running:
        yield running


@pytest.fixture
def there() -> Iterator[Listener]:
    with listening() as listener:
        yield listener


def test_a_job_tells_its_start_and_its_end_with_the_lines_of_health(
    server: Server, there: Listener, tmp_path: Path
) -> None:
    env = server.environment(
        tmp_path,
        key="pinged",
        EXECBOT__PING__RECONCILE=f"{there.url}/ping/r",
        EXECBOT__PING__REPORT=f"{there.url}/ping/d",
        EXECBOT__ALERTS__DAILY_REPORT="true",
        EXECBOT_ALERT_URLS=f"{there.url.replace('http', 'json')}/told?redirect=no",
    )
    assert execbot(["reconcile"], env).code == 0
    start, end = there.heard
    assert start.path.partition("?")[0] == "/ping/r/start"
    assert end.path == start.path.replace("/start", "/0")
    assert end.body.startswith("exit 0\n") and "protection: nothing is held" in end.body
    there.heard.clear()
    assert execbot(["reconcile", "--cost", "nonsense"], env).code == 2
    assert [path.partition("?")[0] for path in there.paths()] == ["/ping/r/start", "/ping/r/2"]
    there.heard.clear()
    server.call("POST", "/sim/restart", {"seconds": 3600})
    away = execbot(["report", "--daily", "--after-close", "--json"], env)
    assert "made again when the broker answers" in " ".join(away.json["warnings"])
    assert not [item for item in there.heard if "/told" in item.path]
    server.call("POST", "/sim/restart", {"seconds": 0})
    there.heard.clear()
    made = [execbot(["report", "--daily", "--after-close", "--json"], env) for _ in range(2)]
    assert [item.code for item in made] == [0, 0]
    assert made[0].data["written"][0].endswith("2026-11-27.html")
    assert made[1].data == {"due": False}
    told = [json.loads(item.body)["title"] for item in there.heard if "/told" in item.path]
    assert told == ["execbot: report.daily 2026-11-27"]
    assert len([path for path in there.paths() if path.startswith("/ping/d/0")]) == 2


def test_the_all_clear_goes_out_and_a_receiver_that_moved_is_told_of(
    server: Server, there: Listener, tmp_path: Path
) -> None:
    there.status = {"/moved": 301}
    hook = there.url.replace("http", "json")
    env = server.environment(
        tmp_path, key="told", EXECBOT_ALERT_URLS=f"{hook}/a,b?redirect=no {hook}/moved?redirect=no"
    )
    assert execbot(["health", "--all-clear", "--quiet"], env).code == 0
    said = [json.loads(item.body)["message"] for item in there.heard if "/a,b" in item.path
            or "/a%2Cb" in item.path]  # fmt: skip
    assert len(said) == 1 and "all is well; positions: 0" in said[0]
    titles = {json.loads(item.body)["title"] for item in there.heard if item.body}
    assert titles == {"execbot: health.all_clear 2026-11-27"}  # by the exchange's clock
    found = execbot(["health", "--fail-on", "warn"], env)
    assert found.code == 8
    assert "1 of 2 receivers did not take it: number 2 (json://...)" in found.out
    lost = {**env, "EXECBOT_ALERT_URLS": f"{hook}/moved"}
    tried = execbot(["doctor", "--test-alert", "--stream-seconds", "1"], lost)
    assert "number 1 (json://...) follows redirects" in tried.out


def test_backups_are_kept_in_number_and_others_files_stay(server: Server, tmp_path: Path) -> None:
    env = server.environment(tmp_path, key="copied")
    folder = tmp_path / "copies"
    first = execbot(["journal", "backup", str(folder), "--keep", "1", "--json"], env).data
    other = folder / "live-PA1-2026-01-01-000000.db"
    other.touch()
    server.call("POST", "/sim/clock", {"step": 2})
    second = execbot(["journal", "backup", str(folder), "--keep", "1", "--json"], env).data
    assert second["removed"] == [first["backup"]]
    assert sorted(folder.glob("*.db")) == sorted([other, Path(second["backup"])])


def test_systemd_hears_of_a_watch_and_the_next_one_says_how_long_nobody_watched(
    server: Server, there: Listener, tmp_path: Path
) -> None:
    socket_path = tmp_path / "notify"
    env = server.environment(
        tmp_path,
        key="watched",
        NOTIFY_SOCKET=str(socket_path),
        EXECBOT__PING__WATCH=f"{there.url}/ping/w",
    )
    with service_manager(socket_path) as heard:
        watch = start_execbot(["watch", "--quiet"], env)
        try:
            assert eventually(lambda: "WATCHDOG=1" in heard)
            assert heard[0] == "READY=1"
            assert eventually(lambda: there.heard)
            assert there.heard[0].path == "/ping/w"
            assert there.heard[0].body.startswith("deciding; stream")
        finally:
            end_watch(watch)
        assert eventually(lambda: heard[-1] == "STOPPING=1")
        assert heard.count("READY=1") == 1
    again = start_execbot(["watch", "--json", "--seconds", "1"], env)
    out, _ = again.communicate(timeout=PATIENCE_SECONDS)
    lines = [json.loads(line) for line in out.splitlines()]
    (resumed,) = [line for line in lines if line["type"] == "resumed"]
    assert resumed["held_here"] == []
    assert "every stop stood at the broker" in resumed["text"]


HANGS = """
import sys, threading
from pathlib import Path
from types import SimpleNamespace as Is
from execbot.broker.clock import utc_now
from execbot.config.schema import TradingSettings
from execbot.desk.operate.attending import Attendance

desk = Is(directory=Path(sys.argv[1]), now=utc_now, settings=Is(trading=TradingSettings()),
          keep_clock=lambda: None)
loop = Is(watcher=Is(core=Is(symbols={})))
attendance = Attendance(desk, loop, watchdog_seconds=0.2)
attendance.beat(True, "")
threading.Event().wait()  # a loop that decides nothing any more
"""


def test_a_loop_that_hangs_ends_its_process_and_says_where(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HANGS, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 1
    assert "Timeout" in done.stderr and "line 14" in done.stderr


def test_what_does_not_come_again_after_a_restart_is_over_once_the_watch_sees(
    tmp_path: Path,
) -> None:
    said: list[str] = []
    seconds = [1000.0]
    desk: Any = SimpleNamespace(
        directory=tmp_path,
        now=utc_now,
        settings=SimpleNamespace(trading=TradingSettings()),
        keep_clock=lambda: None,
        alerter=SimpleNamespace(end_left_over=said.append),
    )
    loop: Any = SimpleNamespace(watcher=SimpleNamespace(core=SimpleNamespace(symbols={})))
    attendance = Attendance(desk, loop, Timer(lambda: seconds[0]))
    for passed, trouble in ((0, ""), (SETTLED_SECONDS - 1, ""), (SETTLED_SECONDS, "blind")):
        seconds[0] = 1000 + passed
        attendance.beat(True, trouble)
        assert said == []
    for passed in (SETTLED_SECONDS + 10, SETTLED_SECONDS + 20):
        seconds[0] = 1000 + passed
        attendance.beat(True, "")
    assert said == [SETTLED]


def test_a_heartbeat_tells_at_once_that_a_trouble_came_or_is_over(tmp_path: Path) -> None:
    seconds = [1000.0]
    beats = HeartbeatFile(tmp_path, utc_now(), Timer(lambda: seconds[0]))

    def said_after(passed: float, trouble: str) -> str | None:
        seconds[0] += passed
        beats.beat(utc_now(), stream_up=True, trouble=trouble)
        found = heartbeat_of(tmp_path)
        return None if found is None else found.trouble

    assert said_after(0, "") == ""
    assert said_after(0.6, "blind") == "blind"
    assert said_after(0.1, "") == "blind"  # not with every turn of the loop
    assert said_after(0.5, "") == ""
