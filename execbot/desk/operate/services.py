"""Set-ups for a service manager: made for the configuration in use, shown or written."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from execbot.config.errors import ConfigError
from execbot.config.paths import DIRECTORY_MODE
from execbot.desk.opening.setup import Setup, read_setup
from execbot.desk.operate.cron import cron_set_up
from execbot.desk.operate.jobs import TASKS, Job, Task
from execbot.desk.operate.launch import File, Launch, Manager, SetUp, launch_of, left_behind
from execbot.desk.operate.launchd import launchd_set_up
from execbot.desk.operate.systemd import systemd_set_up
from execbot.desk.operate.tmux import tmux_set_up

_MAKERS: Mapping[Manager, Callable[[Launch, Iterable[Task]], SetUp]] = {
    Manager.SYSTEMD: systemd_set_up,
    Manager.CRON: cron_set_up,
    Manager.TMUX: tmux_set_up,
    Manager.LAUNCHD: launchd_set_up,
}


class Prepared(Struct, frozen=True):
    """A set-up, the mode it is for, and what its owner must know."""

    launch: Launch
    set_up: SetUp
    warnings: Sequence[str]


def prepare(
    manager: Manager,
    jobs: Sequence[Job] = (),
    mode_flag: str | None = None,
    config_path: Path | None = None,
) -> Prepared:
    """All jobs, or these. Raises ConfigError; contacts nobody and writes nothing."""
    setup = read_setup(mode_flag, config_path)
    launch = launch_of(setup)
    tasks = [task for task in TASKS.values() if not jobs or task.job in jobs]
    return Prepared(launch, _MAKERS[manager](launch, tasks), _warnings(setup, tasks))


def _warnings(setup: Setup, tasks: Sequence[Task]) -> list[str]:
    said = left_behind(setup)
    if Job.WATCH not in [task.job for task in tasks]:
        said.append(
            "Without `watch`, nobody looks after stops that the broker cannot hold, nor ends "
            "orders by their clock."
        )
    return said


def write(launch: Launch, set_up: SetUp) -> list[Path]:
    """Write what is not there yet or was changed; what was written. Raises ConfigError."""
    written = []
    try:
        launch.state.parent.mkdir(parents=True, exist_ok=True)
        for folder in (launch.state, launch.backups.parent, launch.backups):
            folder.mkdir(mode=DIRECTORY_MODE, exist_ok=True)  # parents would be as umask says
        for file in set_up.files:
            if _is_written(file):
                written.append(file.path)
    except OSError as error:
        raise ConfigError(
            f"{error.filename} could not be written: {error.strerror}",
            kind="config.service",
            hint="The set-up belongs into your own home.",
            next_step="Show it without --write, and put it where it shall be.",
        ) from error
    return written


def _is_written(file: File) -> bool:
    """False where it stands there already, word for word. A file is there whole or not at all."""
    if file.path.exists() and file.path.read_text(encoding="utf-8") == file.content:
        return False
    file.path.parent.mkdir(parents=True, exist_ok=True)
    staged = file.path.with_name(f".{file.path.name}.{os.getpid()}")
    staged.write_text(file.content, encoding="utf-8")
    staged.chmod(0o700 if file.is_program else 0o600)
    staged.replace(file.path)
    return True
