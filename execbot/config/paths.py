"""Where files live: configuration, state per mode and account, and their permissions.

Directories are 0700 and files 0600: a journal tells what somebody owns.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from execbot.config.errors import ConfigError

DIRECTORY_MODE = 0o700
FILE_MODE = 0o600

PROFILE_VARIABLE = "EXECBOT_PROFILE"
ENV_FILE_VARIABLE = "EXECBOT_ENV_FILE"
PROFILES = "profiles"
JOURNAL_NAME = "journal.db"
"""The journal in the directory of an account."""


def config_home(env: Mapping[str, str]) -> Path:
    return _home(env, "XDG_CONFIG_HOME", ".config") / "execbot"


def state_root(env: Mapping[str, str]) -> Path:
    """Where accounts have their folders: `own_state_root`, and below it a folder a profile."""
    root = own_state_root(env)
    name = env.get(PROFILE_VARIABLE, "").strip()
    return root / PROFILES / name if name else root


def own_state_root(env: Mapping[str, str]) -> Path:
    """`$EXECBOT_STATE_DIR`, else `$XDG_STATE_HOME/execbot`: without a profile, accounts have their
    folders below it."""
    chosen = env.get("EXECBOT_STATE_DIR", "").strip()
    if chosen:
        return Path(chosen).expanduser()
    return _home(env, "XDG_STATE_HOME", ".local/state") / "execbot"


def cache_root(env: Mapping[str, str]) -> Path:
    """`$XDG_CACHE_HOME/execbot`: what may be deleted at any time."""
    return _home(env, "XDG_CACHE_HOME", ".cache") / "execbot"


def account_path(root: Path, mode: str, account: str) -> Path:
    """`{mode}-{account}` below the root, whether it is there or not."""
    safe = re.sub(r"[^A-Za-z0-9_.-]", "_", account) or "unknown"
    return root / f"{mode}-{safe}"


def account_directory(root: Path, mode: str, account: str) -> Path:
    """The directory of an account, made private to the user if it is not there yet. Raises
    ConfigError when that is impossible."""
    return private_directory(account_path(private_directory(root), mode, account))


def exchange_directory(root: Path) -> Path:
    """Where the built-in exchange of sim mode keeps its state; every process shares it."""
    return private_directory(private_directory(root) / "exchange")


def private_directory(path: Path) -> Path:
    """Make the folder (and its parents) if needed. Raises ConfigError when that is impossible."""
    try:
        path.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"The state directory {path} could not be made: {error.strerror}",
            kind="config.state_dir",
            hint="EXECBOT_STATE_DIR or XDG_STATE_HOME decides where it is.",
            next_step="Choose a directory you may write to.",
        ) from error
    return path


def write_private(path: Path, content: str) -> None:
    """Replace a file at once and completely, readable by the user only."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
    os.replace(temporary, path)


def _home(env: Mapping[str, str], variable: str, fallback: str) -> Path:
    """The XDG rule: a relative path in the variable is ignored."""
    chosen = env.get(variable, "").strip()
    if chosen and Path(chosen).is_absolute():
        return Path(chosen)
    return Path(env.get("HOME") or Path.home()) / fallback
