"""Which files are in use: `trading.yaml`, and the `.env` beside it.

The first `trading.yaml` that exists wins; files are never merged. With a profile it is the
profile's own, so that the directory a command is typed in decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from execbot.config.errors import ConfigError
from execbot.config.paths import ENV_FILE_VARIABLE, PROFILE_VARIABLE, config_home
from execbot.config.profiles import profile_directory, profile_of

FILE_NAME = "trading.yaml"
ENV_NAME = ".env"


def find_file(config_path: Path | str | None, env: Mapping[str, str]) -> Path | None:
    """The configuration file in use, or None. A file that was asked for must exist."""
    named = env.get("EXECBOT_CONFIG")
    profile = profile_of(env)
    if profile is not None and config_path is None:
        return _of_profile(profile, named, env)
    for asked, by in ((config_path, "--config"), (named, "EXECBOT_CONFIG")):
        if asked:
            path = Path(asked).expanduser()
            if not path.is_file():
                raise ConfigError(
                    f"Configuration file {path} was not found",
                    kind="config.not_found",
                    hint=f"{by} names it.",
                    next_step="Correct the path, or write one: execbot config init",
                )
            return path
    for path in (Path(FILE_NAME), config_home(env) / FILE_NAME):
        if path.is_file():
            return path
    return None


def _of_profile(profile: str, named: str | None, env: Mapping[str, str]) -> Path | None:
    path = profile_directory(env, profile) / FILE_NAME
    if named and Path(named).expanduser().resolve() != path.resolve():
        raise ConfigError(
            f"Profile {profile} has its own configuration, and EXECBOT_CONFIG names {named}",
            kind="profile.other_config",
            hint="Neither of them wins silently.",
            next_step=f"unset EXECBOT_CONFIG, or say --config {named}",
        )
    return path if path.is_file() else None


def find_env_file(config_path: Path | str | None, env: Mapping[str, str]) -> Path | None:
    """The `.env` in use: the one that was named, the profile's, or the one beside trading.yaml.

    One that was named must exist. Without a trading.yaml none is read: a directory that somebody
    happens to stand in hands out no keys.
    """
    named = env.get(ENV_FILE_VARIABLE, "").strip()
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            raise ConfigError(
                f"Environment file {path} was not found",
                kind="config.not_found",
                hint=f"--env-file or {ENV_FILE_VARIABLE} names it.",
                next_step="Correct the path.",
            )
        return path
    profile = profile_of(env)
    if profile is not None:
        path = profile_directory(env, profile) / ENV_NAME
        return path if path.is_file() else None
    configuration = find_file(config_path, env)
    if configuration is None:
        return None
    path = configuration.parent / ENV_NAME
    return path if path.is_file() else None


def unread_env_file(found: Path | None, env: Mapping[str, str]) -> Path | None:
    """A `.env` in the directory that a command is typed in, where none was `found` to be in use."""
    path = Path(ENV_NAME)
    is_apart = found is not None or bool(env.get(PROFILE_VARIABLE, "").strip())
    return path if not is_apart and path.is_file() else None


def is_named(env: Mapping[str, str]) -> bool:
    """Whether somebody chose the `.env` by name, rather than it being found."""
    return bool(env.get(ENV_FILE_VARIABLE, "").strip() or env.get(PROFILE_VARIABLE, "").strip())
