"""The profiles of this machine: which account each one trades, and who watches it now.

Nobody is contacted: it is read from configuration, keys and the state on disk.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from execbot.config.errors import ConfigError
from execbot.config.paths import PROFILE_VARIABLE, account_path
from execbot.config.profiles import profile_names
from execbot.desk.opening.setup import read_setup, remembered_account
from execbot.model.timer import Timer
from execbot.watch.heartbeat import heartbeat_of
from execbot.watch.lock import holder_of


class ProfileRow(Struct, frozen=True):
    """`name` is empty for the set-up without a profile. `account` is its number where the
    configuration pins it or a command has asked for it; `holder` the pid of the running `watch`.
    `problem` says why it cannot be used as it stands."""

    name: str
    mode: str | None = None
    account: str | None = None
    color: str | None = None
    path: Path | None = None
    holder: int | None = None
    heartbeat_seconds: int | None = None
    problem: str = ""
    next_step: str = ""


def profiles(env: Mapping[str, str] | None = None) -> list[ProfileRow]:
    """The set-up without a profile, then all profiles by name."""
    given = dict(os.environ if env is None else env)
    given.pop(PROFILE_VARIABLE, None)
    return [_row("", given), *(_row(name, given) for name in profile_names(given))]


def _row(name: str, given: Mapping[str, str]) -> ProfileRow:
    env = {**given, PROFILE_VARIABLE: name} if name else given
    try:
        setup = read_setup(None, None, env)
    except ConfigError as error:
        return ProfileRow(name, problem=error.message, next_step=error.next_step)
    trading = setup.settings.trading
    account = remembered_account(setup) or trading.account
    directory = account_path(setup.root, setup.mode.value, account or "")
    holder = holder_of(directory) if account else None
    beat = heartbeat_of(directory) if holder is not None else None
    age = None if beat is None else int(beat.age(datetime.now(UTC), Timer().mark()))
    color = str(trading.color) if trading.color else None
    return ProfileRow(name, setup.mode.value, account, color, setup.settings.path, holder, age)
