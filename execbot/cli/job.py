"""A command that may run as a job: a service elsewhere is told that it has begun, and how it ended.

    @command
    @as_job(lambda given: Job.RECONCILE)
    def reconcile(cli: Cli) -> None: ...

Off a terminal, and only where `ping:` names a URL for the job.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from execbot.cli.command import Cli
from execbot.cli.exit_codes import Ended

Which = Callable[[Mapping[str, Any]], "str | None"]
"""The job that a command is with these arguments; None where it is none."""


def as_job(which: Which) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @wraps(function)
        def run(cli: Cli, **given: Any) -> None:
            name = which(given)
            if name is None:
                function(cli, **given)
                return
            _run(name, cli, lambda: function(cli, **given))

        return run

    return decorate


def _run(name: str, cli: Cli, function: Callable[[], None]) -> None:
    from execbot.desk.operate.job_pings import JobPing
    from execbot.desk.operate.jobs import Job

    ping = JobPing(Job(name), cli.mode_flag, cli.config_path)
    ping.start()
    try:
        function()
    except BaseException as error:
        ping.end(_code_of(error), cli.said)
        raise
    ping.end(0, cli.said)


def _code_of(error: BaseException) -> int:
    from execbot.cli.errors import failure_of

    if isinstance(error, Ended):
        return error.exit_code
    return int(failure_of(error).exit_code)
