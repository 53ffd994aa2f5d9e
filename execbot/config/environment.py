"""The environment as execbot reads it: the process's own variables over those of a `.env`.

A variable of the process always wins. Blanks, a carriage return, a byte order mark and a pair of
quotes around a value are ignored (Docker's --env-file keeps them). From a `.env` execbot takes only
names that it knows, and never one that says where the file is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path

from execbot.config.errors import ConfigError
from execbot.config.files import find_env_file, is_named
from execbot.config.paths import ENV_FILE_VARIABLE, PROFILE_VARIABLE
from execbot.config.profiles import profile_of

LIVE_GATE = "ALPACA_LIVE_TRADE"
PREFIXES = ("ALPACA_", "APCA_", "EXECBOT_")
NAMES = ("TRADING_MODE", "TRADING_SYMBOLS", "TRADE_RISK_PER_TRADE")
BEFORE_THE_FILE = (PROFILE_VARIABLE, ENV_FILE_VARIABLE, "EXECBOT_LOG_FILE", "EXECBOT_CONFIG")
"""What must be known before the file is read cannot stand in it."""

SAME_THING = (
    ("EXECBOT_MODE", "TRADING_MODE"),
    ("EXECBOT__SYMBOLS", "TRADING_SYMBOLS"),
    ("EXECBOT__SIZING__RISK_PER_TRADE_PCT", "TRADE_RISK_PER_TRADE"),
    ("ALPACA_TRADING_URL", "ALPACA_BASE_URL", "APCA_API_BASE_URL"),
)
"""Names of one thing: said by the process under one name, the file has no word under another.
(Keys are looked for place by place: `credentials`.)"""

FILE_BYTES_MAX = 100_000
_MARKS = ("\ufeff", "\u00ef\u00bb\u00bf")
"""The byte order mark of UTF-8, also as Latin-1 reads it."""


class Environment(Mapping[str, str]):
    """Variables by name, each with where it came from.

    `own` are the process's, `filed` those of the file at `path`; `profile` is the chosen one.
    `withheld` names what the file says and may not: see `environment_of`.
    """

    def __init__(
        self,
        own: Mapping[str, str],
        filed: Mapping[str, str] | None = None,
        path: Path | None = None,
        profile: str | None = None,
        withheld: tuple[str, ...] = (),
    ) -> None:
        self.own, self.filed = own, filed or {}
        self.path, self.profile, self.withheld = path, profile, withheld
        said = {other for names in SAME_THING if any(n in own for n in names) for other in names}
        heard = {name: value for name, value in self.filed.items() if name not in said}
        self._merged = {**heard, **own}

    def __getitem__(self, name: str) -> str:
        return self._merged[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._merged)

    def __len__(self) -> int:
        return len(self._merged)

    def source(self, name: str) -> str:
        """For people: the variable's name, and the file where it stands in one."""
        return name if name in self.own or self.path is None else f"{name} in {self.path}"


def environment_of(
    env: Mapping[str, str] | None = None, config_path: Path | str | None = None
) -> Environment:
    """`env` (the process's own by default) with the `.env` in use below it.

    The live gate counts in a file only where that was named (--env-file, --profile): a directory
    that one has walked into opens nothing. Raises ConfigError.
    """
    if isinstance(env, Environment):
        return env
    own = _read_through(os.environ if env is None else env)
    profile = profile_of(own)
    path = find_env_file(config_path, own)
    if path is None:
        return Environment(own, profile=profile)
    filed = {name: read_through(value) for name, value in _read(path).items() if _is_ours(name)}
    withheld: tuple[str, ...] = ()
    if LIVE_GATE in filed and not is_named(own):
        del filed[LIVE_GATE]
        withheld = (LIVE_GATE,)
    return Environment(own, filed, path, profile, withheld)


def as_environment(env: Mapping[str, str]) -> Environment:
    """`env` as it is, where it is one; else these variables alone, and no file."""
    if isinstance(env, Environment):
        return env
    own = _read_through(env)
    return Environment(own, profile=profile_of(own))


def read_through(value: str) -> str:
    """The value without what an env file left around it. Pure."""
    bare = value.strip()
    for mark in _MARKS:
        bare = bare.removeprefix(mark).strip()
    if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "'\"" and bare[0] not in bare[1:-1]:
        bare = bare[1:-1].strip()
    return bare


def _read_through(env: Mapping[str, str]) -> dict[str, str]:
    """Ours by their bare names and values. The live gate stays to the letter: exactly `true`."""
    found = dict(env)
    for name, value in env.items():
        bare = name.removeprefix(_MARKS[0]).removeprefix(_MARKS[1])
        if bare != LIVE_GATE and _is_ours(bare):
            found[bare] = read_through(value)
    return found


def _is_ours(name: str) -> bool:
    return name.startswith(PREFIXES) or name in NAMES


def _read(path: Path) -> dict[str, str]:
    """The file by python-dotenv's rules. A line that it cannot read is an error, not left out."""
    from dotenv import dotenv_values
    from dotenv.parser import parse_stream

    text = _text(path)
    for binding in parse_stream(StringIO(text)):
        if binding.error:
            raise ConfigError(
                f"{path} line {binding.original.line}: expected NAME=value",
                kind="config.unreadable",
                line=binding.original.line,
                next_step=f"Correct that line of {path}.",
            )
        if binding.key in BEFORE_THE_FILE:
            raise ConfigError(
                f"{path} line {binding.original.line}: {binding.key} has no effect there",
                kind="config.unreadable",
                line=binding.original.line,
                hint="It must be known before the file is read.",
                next_step=f"export {binding.key}, or say it as a flag.",
            )
    read = dotenv_values(stream=StringIO(text))
    return {name: value for name, value in read.items() if value is not None}


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise ConfigError(f"{path} is larger than {FILE_BYTES_MAX} bytes")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(
            f"{path} could not be read: {reason}", kind="config.unreadable"
        ) from error
