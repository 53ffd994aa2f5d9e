"""What systemd does for a service with `Type=notify`: readiness, watchdog, starting it again."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from week.machine import Ended, Machine, kill
from week.set_ups import Entry


class Service:
    """One unit, kept as it says. `poll` is called again and again; all its durations are seconds of
    this machine, as systemd's are."""

    def __init__(self, machine: Machine, entry: Entry, sockets: Path) -> None:
        assert entry.keeping is not None
        self._machine, self._entry, self._rules = machine, entry, entry.keeping
        self._path = sockets / "notify"
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(self._path))
        self._notify.setblocking(False)
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0
        self.is_ready = False
        self.gave_up = ""
        self._is_on = False
        self._began: datetime | None = None
        self._out: Path | None = None
        self._heard = self._start_at = 0.0

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process is not None else None

    def boot(self) -> None:
        """Started at boot (`WantedBy=default.target`)."""
        self._is_on, self._start_at = True, time.monotonic()

    def poll(self, now: datetime) -> None:
        self._listen()
        if self.process is not None:
            self._look_after(self.process, now)
        if self.process is None and self._is_on and time.monotonic() >= self._start_at:
            self._start(now)

    def _start(self, now: datetime) -> None:
        watchdog = str(int(self._rules.watchdog_seconds * 1_000_000))
        told = {"NOTIFY_SOCKET": str(self._path), "WATCHDOG_USEC": watchdog}
        self._out = self._machine.log(self._entry.job)
        with self._out.open("wb") as file:
            variables = {**self._entry.environment, **told}
            self.process = self._machine.popen(self._entry.command, variables, file)
        self._began, self.is_ready, self._heard = now, False, time.monotonic()
        self.starts += 1

    def _listen(self) -> None:
        with suppress(BlockingIOError):
            while True:
                said = self._notify.recv(4096).decode(errors="replace").split("\n")
                if "READY=1" in said:
                    self.is_ready, self._heard = True, time.monotonic()
                if "WATCHDOG=1" in said:
                    self._heard = time.monotonic()

    def _look_after(self, process: subprocess.Popen[bytes], now: datetime) -> None:
        code = process.poll()
        silent = time.monotonic() - self._heard
        limit = self._rules.watchdog_seconds if self.is_ready else self._rules.start_seconds
        if code is None and silent > limit:
            kill(process, signal.SIGABRT)
            code = process.wait()
        if code is None:
            return
        self._keep(now, code)
        if code in self._rules.final_codes:
            self._is_on, self.gave_up = False, f"{self._entry.job} ended with {code}, for good"
        self._start_at = time.monotonic() + self._rules.restart_seconds

    def _keep(self, now: datetime, code: int, *, was_cut: bool = False) -> None:
        assert self._began is not None and self._out is not None
        said = self._out.read_text(errors="replace")
        job = self._entry.job
        self._machine.ended.append(Ended(job, self._began, now, code, said, True, was_cut))
        self.process, self.is_ready = None, False

    def strike(self) -> None:
        """Killed alone, as by the kernel when memory runs out."""
        if self.process is not None:
            kill(self.process)

    def lose_power(self, now: datetime) -> None:
        self._is_on = False
        if self.process is not None:
            kill(self.process)
            self._keep(now, self.process.wait(), was_cut=True)

    def stop(self, now: datetime) -> None:
        """`systemctl stop`: asked, and killed after its time."""
        self._is_on = False
        if self.process is None:
            return
        process = self.process
        process.terminate()
        try:
            code = process.wait(timeout=self._rules.stop_seconds)
        except subprocess.TimeoutExpired:
            kill(process)
            code = process.wait()
        self._keep(now, code)

    def close(self) -> None:
        self._notify.close()
        self._path.unlink(missing_ok=True)
