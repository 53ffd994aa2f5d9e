"""Which pair of API keys is used. Pairs are never mixed, and a secret is never shown.

The first complete pair wins: the credentials file, `ALPACA_API_KEY` + `ALPACA_SECRET_KEY` (or
`ALPACA_API_SECRET`), `APCA_API_KEY_ID` + `APCA_API_SECRET_KEY`. With no complete pair, half a
pair is an error that names the missing half.

The file is `$EXECBOT_CREDENTIALS`, else `$XDG_CONFIG_HOME/execbot/credentials`, mode 0600:

    [paper]
    api_key = PK...
    secret_key = ...
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from execbot.config.errors import ConfigError, CredentialsError
from execbot.config.paths import config_home

NAME = "credentials"
_PAIRS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("ALPACA_API_KEY", ("ALPACA_SECRET_KEY", "ALPACA_API_SECRET")),
    ("APCA_API_KEY_ID", ("APCA_API_SECRET_KEY",)),
)


class Credentials(Struct, frozen=True):
    """`source` names the file or the variables, for people."""

    api_key: str
    secret_key: str
    source: str

    def __repr__(self) -> str:
        return f"Credentials({self.shown}, from {self.source})"

    @property
    def shown(self) -> str:
        """Enough of the key to recognise it, not enough to use it."""
        return f"{self.api_key[:4]}..." if len(self.api_key) > 8 else "set"


def find_credentials(mode: str, env: Mapping[str, str]) -> Credentials | None:
    """The pair in use, or None where no key is set at all. Raises CredentialsError."""
    halves: list[CredentialsError] = []
    path = credentials_path(env)
    if path is not None:
        found = _from_file(path, mode)
        if isinstance(found, Credentials):
            return found
        if found is not None:
            halves.append(found)
    for key_name, secret_names in _PAIRS:
        key = env.get(key_name, "").strip()
        given = [name for name in secret_names if env.get(name, "").strip()]
        if key and given:
            secret = env[given[0]].strip()
            _check_pair({key_name: key, given[0]: secret})
            return Credentials(key, secret, f"{key_name} + {given[0]}")
        if key:
            halves.append(_half(f"{key_name} is set", f"{' or '.join(secret_names)} is missing"))
        elif given:
            halves.append(_half(f"{given[0]} is set", f"{key_name} is missing"))
    if halves:
        raise halves[0]
    return None


def no_credentials(mode: str) -> CredentialsError:
    """The error for a mode that needs keys where none are set."""
    return CredentialsError(
        f"No Alpaca API keys were found for {mode} trading",
        kind="auth.no_credentials",
        hint="Keys come from the credentials file or ALPACA_API_KEY and ALPACA_SECRET_KEY.",
        next_step="Set both, or try without an account: --mode sim",
    )


def credentials_path(env: Mapping[str, str]) -> Path | None:
    """The credentials file if there is one. One that was named must exist."""
    named = env.get("EXECBOT_CREDENTIALS", "").strip()
    path = Path(named).expanduser() if named else config_home(env) / NAME
    if path.is_file():
        return path
    if named:
        raise ConfigError(f"Credentials file {path} was not found", kind="config.not_found")
    return None


def _from_file(path: Path, mode: str) -> Credentials | CredentialsError | None:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ConfigError(
            f"Credentials file {path} may be read by others",
            kind="config.credentials_mode",
            hint="It must be readable by you alone (0600).",
            next_step=f"chmod 600 {path}",
        )
    sections = _sections(path)
    section = {**sections.get("", {}), **sections.get(mode, {})}
    key, secret = section.get("api_key", ""), section.get("secret_key", "")
    if key and secret:
        _check_pair({f"api_key in {path}": key, f"secret_key in {path}": secret})
        return Credentials(key, secret, str(path))
    if key or secret:
        missing = "secret_key" if key else "api_key"
        return _half(f"{path} holds half a pair for {mode}", f"{missing} is missing")
    return None


def _sections(path: Path) -> dict[str, dict[str, str]]:
    """`name = value` lines under `[section]` heads; the lines before a head are section ``."""
    sections: dict[str, dict[str, str]] = {"": {}}
    current = ""
    for number, raw in enumerate(_text(path).splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith(("#", ";")):
            continue
        if line.startswith("[") and line.endswith("]"):
            current = line[1:-1].strip().lower()
            sections.setdefault(current, {})
            continue
        name, equals, value = line.partition("=")
        if not equals:
            raise ConfigError(
                f"{path} line {number}: expected `name = value`",
                kind="config.unreadable",
                line=number,
            )
        sections[current][name.strip().lower()] = value.strip().strip("\"'")
    return sections


def _text(path: Path) -> str:
    """The file as text; a byte order mark of an editor is no part of it."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"Credentials file {path} is not UTF-8 text",
            kind="config.unreadable",
            hint=f"Byte {error.start} is not. Some editors save another encoding.",
            next_step=f"Save {path} as UTF-8.",
        ) from None


def _check_pair(pair: Mapping[str, str]) -> None:
    """Keys travel in HTTP headers: printable ASCII without blanks. Their values are never shown."""
    for name, value in pair.items():
        bad = next((c for c in value if not "!" <= c <= "~"), None)
        if bad is not None:
            raise CredentialsError(
                f"{name} has a character that no HTTP header takes: {bad!a}",
                kind="config.bad_key",
                hint="Keys are printable ASCII without blanks; perhaps it was copied with a quote "
                "or a dash of a word processor.",
                next_step="Copy it again from Alpaca's dashboard.",
            )


def _half(present: str, missing: str) -> CredentialsError:
    return CredentialsError(
        f"Half a key pair: {present}, {missing}",
        kind="auth.half_pair",
        hint="Pairs are never mixed: both halves must come from the same place.",
        next_step="Set the missing half.",
    )
