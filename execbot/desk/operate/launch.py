"""How execbot is started by something else than your shell: program, mode, and what it must
know."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from execbot.config.credentials import find_credentials
from execbot.config.environment import LIVE_GATE
from execbot.config.errors import ConfigError
from execbot.config.schema import Mode
from execbot.desk.opening.setup import Setup
from execbot.desk.operate.jobs import Task

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"

KEPT = (
    "EXECBOT_PROFILE",
    "EXECBOT_ENV_FILE",
    "EXECBOT_STATE_DIR",
    "EXECBOT_CREDENTIALS",
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
    "ALPACA_TRADING_URL",
    "ALPACA_BASE_URL",
    "APCA_API_BASE_URL",
    "ALPACA_TRADING_WS_URL",
    "ALPACA_DATA_URL",
)
"""Variables that decide which account and which files, and are no secret: a service gets yours."""

LEFT_BEHIND = re.compile(r"EXECBOT__|EXECBOT_ALERT_URLS|TRAD(E|ING)_|(ALPACA|APCA)_.*(KEY|SECRET)")
"""What your shell knows and a service will not: secrets and changed settings."""

KEYS = re.compile(r"(ALPACA|APCA)_.*(KEY|SECRET)")


class Manager(StrEnum):
    SYSTEMD = "systemd"
    CRON = "cron"
    TMUX = "tmux"
    LAUNCHD = "launchd"


class File(Struct, frozen=True):
    """One file of a set-up. `is_program` files are made executable."""

    path: Path
    content: str
    is_program: bool = False


class SetUp(Struct, frozen=True):
    """What a service manager is given, and what to type then."""

    files: Sequence[File]
    next_steps: Sequence[str]


class Launch(Struct, frozen=True):
    """`name` tells set-ups of several profiles apart; `state` is the root of all accounts."""

    program: Path
    mode: Mode
    name: str
    environment: Mapping[str, str]
    home: Path
    state: Path

    def command(self, task: Task) -> list[str]:
        """Program and arguments: the mode is said, since nobody sits at a terminal; quiet, so that
        only what is worth a mail is printed."""
        words = [part.format(backups=self.backups) for part in task.arguments]
        return [str(self.program), *words, "--mode", self.mode.value, "--quiet"]

    @property
    def backups(self) -> Path:
        return self.state / "backups" / self.name

    @property
    def unit(self) -> str:
        return f"execbot-{self.name}"


def launch_of(
    setup: Setup, env: Mapping[str, str] | None = None, program: Path | None = None
) -> Launch:
    """What a service needs, to do as this shell does. Raises ConfigError."""
    env = os.environ if env is None else env
    program = program or own_program()
    known = {"PATH": f"{program.parent}:{SYSTEM_PATH}"}
    if setup.settings.path is not None:
        known["EXECBOT_CONFIG"] = str(setup.settings.path.absolute())
    known |= {name: env[name] for name in KEPT if env.get(name, "").strip()}
    name = env.get("EXECBOT_PROFILE", "").strip() or setup.mode.value
    odd = [f"{key}={value}" for key, value in known.items() if not value.isprintable()]
    if odd or not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
        raise ConfigError(
            f"No service can be told this: {(odd or [name])[0]!r}",
            kind="config.service",
            hint="Names have letters, digits, `.`, `-` and `_`; values have no line breaks.",
            next_step="Change the variable, and try again.",
        )
    home = Path(env.get("HOME") or Path.home())
    return Launch(program, setup.mode, name, known, home, setup.root.absolute())


def _are_in_the_file(setup: Setup, env: Mapping[str, str]) -> bool:
    """Whether a service finds the keys of this shell in the credentials file."""
    without = {name: value for name, value in env.items() if not KEYS.match(name)}
    with suppress(ConfigError):
        kept = find_credentials(setup.mode.value, without)
        return kept is not None and kept.pair == setup.credentials.pair
    return False


def own_program() -> Path:
    """The `execbot` that runs now, as it was called: never the target of a link, which an upgrade
    may move."""
    called = Path(sys.argv[0])
    if called.name == "execbot" and called.exists():
        return called.absolute()
    beside = Path(sys.executable).with_name("execbot")
    found = beside if beside.exists() else Path(shutil.which("execbot") or "")
    if not found.name:
        raise ConfigError(
            "The program `execbot` was not found",
            kind="config.service",
            hint="A service calls it by its whole path.",
            next_step="Install it: pip install execbot",
        )
    return found.absolute()


def left_behind(setup: Setup, env: Mapping[str, str] | None = None) -> list[str]:
    """What this shell knows and the service will not, in words."""
    env = os.environ if env is None else env
    said = []
    found = sorted(name for name in env if LEFT_BEHIND.match(name))
    if _are_in_the_file(setup, env):
        found = [name for name in found if not KEYS.match(name)]
    if found:
        said.append(
            f"Set in this shell, and unknown to a service: {', '.join(found)}. "
            "Keys belong into the credentials file, the rest into trading.yaml or its .env."
        )
    if setup.mode is Mode.LIVE:
        said.append(
            f"Live needs {LIVE_GATE}=true: give it to the service yourself (an .env that you name, "
            "or `systemctl --user edit`). No set-up that is written here contains it."
        )
    return said
