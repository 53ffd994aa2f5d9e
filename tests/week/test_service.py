"""Goal: a unit is kept as systemd would keep it. Method: small programs in place of `watch`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from support.waiting import eventually
from week.machine import Machine
from week.service import Service
from week.set_ups import Entry, Keeping

NOW = datetime(2026, 10, 29, 14, 0, tzinfo=UTC)
READY = (
    "import os, socket, time; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM);"
    "s.sendto(b'READY=1', os.environ['NOTIFY_SOCKET']); time.sleep(60)"
)


@contextmanager
def kept(folder: Path, script: str, watchdog: float = 60) -> Iterator[tuple[Service, Machine]]:
    machine = Machine(folder, folder, folder / "said", {"PATH": "/usr/bin:/bin"})
    keeping = Keeping(0.1, watchdog, 30, 5, frozenset({2, 3, 4}))
    command = (sys.executable, "-S", "-c", script)
    service = Service(machine, Entry("unit", command, {}, keeping=keeping), folder)
    service.boot()
    try:
        yield service, machine
    finally:
        service.lose_power(NOW)
        service.close()


def polled(service: Service, true: Callable[[], object]) -> bool:
    def look() -> object:
        service.poll(NOW)
        return true()

    return eventually(look, 30)


def test_one_that_hangs_is_ended_by_its_watchdog_and_started_again(tmp_path: Path) -> None:
    with kept(tmp_path, READY, watchdog=0.5) as (service, machine):
        assert polled(service, lambda: service.is_ready)
        assert polled(service, lambda: service.starts == 2)
        assert machine.ended[0].code == -6


def test_one_that_ends_is_started_again_but_not_after_a_code_that_is_for_good(
    tmp_path: Path,
) -> None:
    with kept(tmp_path, "raise SystemExit(1)") as (service, _):
        assert polled(service, lambda: service.starts == 3)
    with kept(tmp_path, "raise SystemExit(3)") as (service, _):
        assert polled(service, lambda: service.gave_up)
        time.sleep(0.3)
        service.poll(NOW)
        assert service.starts == 1


def test_nothing_outlives_the_power(tmp_path: Path) -> None:
    with kept(tmp_path, READY) as (service, machine):
        assert polled(service, lambda: service.is_ready)
        process = service.process
        service.lose_power(NOW)
        service.poll(NOW)
        assert process is not None and process.poll() == -9
        assert service.process is None and machine.ended[-1].was_cut
