"""A job's ping: at its start, and at its end with its exit code and the lines of `health`."""

from __future__ import annotations

import os
import secrets
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from execbot.alerts.pings import Event, Ping, send
from execbot.config.errors import ConfigError
from execbot.config.load import load_settings
from execbot.config.schema import PingSettings
from execbot.desk.checks.finding import Finding
from execbot.desk.checks.health import check_health
from execbot.desk.opening.setup import on_terminal
from execbot.desk.operate.jobs import JOB_VARIABLE, Job

START_SECONDS = 10.0
"""How long the end of a job waits for the ping of its start."""


_URLS: Mapping[Job, Callable[[PingSettings], str | None]] = {
    Job.WATCH: lambda ping: ping.watch,
    Job.RECONCILE: lambda ping: ping.reconcile,
    Job.QUEUE: lambda ping: ping.queue,
    Job.HEALTH: lambda ping: ping.health,
    Job.REPORT: lambda ping: ping.report,
    Job.ALL_CLEAR: lambda ping: ping.all_clear,
    Job.BACKUP: lambda ping: ping.backup,
    Job.ARCHIVE: lambda ping: ping.archive,
}


class JobPing:
    """Of one run of a job. Made for every command that may be one; most have no URL, or a person in
    front of them, and then nothing is sent."""

    def __init__(self, job: Job, mode_flag: str | None, config_path: Path | None) -> None:
        self._mode_flag, self._config_path = mode_flag, config_path
        self._url = url_of(job, config_path)
        self._run = str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))
        self._start: threading.Thread | None = None

    def start(self) -> None:
        """Beside the job: it is not held up."""
        if self._url is None:
            return
        ping = Ping(Event.START, run=self._run)
        self._start = threading.Thread(target=send, args=(self._url, ping), daemon=True)
        self._start.start()

    def end(self, code: int, said: Sequence[str] = ()) -> None:
        """`said`: the lines of `health` where the job has them already."""
        if self._url is None:
            return
        if self._start is not None:
            self._start.join(START_SECONDS)
        lines = said or health_lines(self._mode_flag, self._config_path)
        body = "\n".join([f"exit {code}", *lines])
        send(self._url, Ping(Event.END, body, code, self._run))


def url_of(job: Job, config_path: Path | None, env: Mapping[str, str] | None = None) -> str | None:
    """The URL that this job pings. None where none is configured, and where a person runs the job
    by hand: that would hide that the job itself is dead. With a configuration that cannot be read
    there is no ping either: the service notices that nothing comes."""
    env = os.environ if env is None else env
    if env.get(JOB_VARIABLE) != job.value and on_terminal():
        return None
    try:
        ping = load_settings(config_path, env).trading.ping
    except ConfigError:
        return None
    return _URLS[job](ping) or None


def health_lines(mode_flag: str | None, config_path: Path | None) -> list[str]:
    return [finding_line(found) for found in check_health(mode_flag, config_path).health.findings]


def finding_line(found: Finding) -> str:
    words = (
        getattr(found.error, "message", str(found.error))
        if found.error is not None
        else found.detail
    )
    return f"{found.status.value:<5} {found.check}: {words}"
