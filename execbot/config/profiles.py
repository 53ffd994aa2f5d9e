"""Profiles: several accounts on one machine, each with its own keys, configuration and state.

A profile is a directory, `$XDG_CONFIG_HOME/execbot/profiles/NAME`, with a `trading.yaml`, a
`credentials` file or a `.env`. It is chosen by `--profile NAME` or `EXECBOT_PROFILE` for one
command; no current one is stored, since two terminals would then change it under each other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from execbot.config.errors import ConfigError
from execbot.config.paths import PROFILE_VARIABLE, PROFILES, config_home, own_state_root

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


def profile_of(env: Mapping[str, str]) -> str | None:
    """The chosen profile. Raises ConfigError for a name that cannot be one, or is not there."""
    name = env.get(PROFILE_VARIABLE, "").strip()
    if not name:
        return None
    check_name(name)
    if not profile_directory(env, name).is_dir():
        raise _unknown(name, profile_names(env))
    return name


def check_name(name: str) -> None:
    """Raises ConfigError. A name becomes a directory, and part of units and file names."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name[:40]!r} cannot be the name of a profile",
            kind="profile.bad_name",
            hint="A name has small letters, digits, - and _, and begins with a letter or digit.",
            next_step="Choose another name.",
        )


def profile_directory(env: Mapping[str, str], name: str) -> Path:
    return config_home(env) / PROFILES / name


def profile_names(env: Mapping[str, str]) -> list[str]:
    """All of them, in alphabetical order."""
    folder = config_home(env) / PROFILES
    try:
        return sorted(p.name for p in folder.iterdir() if p.is_dir() and _NAME.fullmatch(p.name))
    except OSError:
        return []


def state_roots(env: Mapping[str, str]) -> dict[str, Path]:
    """The roots of all profiles by name, and under "" the one without a profile."""
    root = own_state_root(env)
    return {"": root, **{name: root / PROFILES / name for name in profile_names(env)}}


def _unknown(name: str, known: list[str]) -> ConfigError:
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=1)
    if near:
        hint = f"Did you mean {near[0]}?"
    else:
        hint = f"There are: {', '.join(known)}." if known else "There are no profiles yet."
    return ConfigError(
        f"There is no profile {name}",
        kind="profile.unknown",
        hint=hint,
        next_step=f"execbot profiles, or make it: execbot init --profile {name}",
    )
