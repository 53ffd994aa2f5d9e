"""Where the door of an account is: a socket of this user, found through the state directory.

A socket's path has at most 107 bytes, and a state directory may lie deep. So it is under a hashed
name in XDG_RUNTIME_DIR, else in a folder of this user's below the system's temporary one. Cron has
no XDG_RUNTIME_DIR where a login has one: the state directory, which both know, says where it is.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from execbot.config.errors import ConfigError
from execbot.config.paths import DIRECTORY_MODE, write_private
from execbot.desk.door.peer import DOOR_NAME, PATH_BYTES_MAX


def socket_path(directory: Path, env: Mapping[str, str]) -> Path:
    """Where the watch of this account opens its door. Raises ConfigError where nowhere can be."""
    name = sha256(os.fsencode(directory.resolve())).hexdigest()[:20] + ".sock"
    for folder in _folders(env):
        path = folder / name
        if len(os.fsencode(path)) <= PATH_BYTES_MAX and _is_own(folder):
            return path
    raise ConfigError(
        "There is no folder for the socket of watch",
        kind="config.door",
        hint="It needs a folder of this user's alone, with a short path.",
        next_step="Set XDG_RUNTIME_DIR.",
    )


def announce(directory: Path, path: Path) -> None:
    """Say in the state directory where the door is. Raises OSError."""
    write_private(directory / DOOR_NAME, f"{path}\n")


def withdraw(directory: Path) -> None:
    """There is no door any more."""
    with suppress(OSError):
        (directory / DOOR_NAME).unlink()


def announced(directory: Path) -> Path | None:
    """Where a watch has said that its door is; it may have died since."""
    try:
        said = (directory / DOOR_NAME).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    is_usable = said.startswith("/") and len(os.fsencode(said)) <= PATH_BYTES_MAX
    return Path(said) if is_usable else None


def _folders(env: Mapping[str, str]) -> list[Path]:
    import tempfile

    runtime = env.get("XDG_RUNTIME_DIR", "")
    temporary = Path(tempfile.gettempdir()) / f"execbot-{os.getuid()}"
    return [*([Path(runtime) / "execbot"] if runtime.startswith("/") else []), temporary]


def _is_own(folder: Path) -> bool:
    """Make it where it is not there. Nobody else may have made it, nor look into it."""
    with suppress(OSError):
        folder.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
        found = folder.lstat()
        is_private = stat.S_IMODE(found.st_mode) & 0o077 == 0
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and is_private
    return False
