"""Which pair of API keys is used. Pairs are never mixed, and a secret is never shown.

The first complete pair wins: the credentials file, `ALPACA_API_KEY` + `ALPACA_SECRET_KEY` (or
`ALPACA_API_SECRET`), `APCA_API_KEY_ID` + `APCA_API_SECRET_KEY`, then the same names in the `.env`
in use. With no complete pair, half a pair is an error that names the missing half. A profile has
keys of its own, and other keys beside them are an error.

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
from msgspec.structs import replace

from execbot.config.environment import Environment, as_environment, read_through
from execbot.config.errors import ConfigError, CredentialsError
from execbot.config.paths import config_home
from execbot.config.profiles import profile_directory

NAME = "credentials"
CREDENTIALS_VARIABLE = "EXECBOT_CREDENTIALS"
_PAIRS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("ALPACA_API_KEY", ("ALPACA_SECRET_KEY", "ALPACA_API_SECRET")),
    ("APCA_API_KEY_ID", ("APCA_API_SECRET_KEY",)),
)


class Credentials(Struct, frozen=True):
    """`source` names the file or the variables, for people. `is_borrowed`: a profile has none of
    its own, and these are the environment's."""

    api_key: str
    secret_key: str
    source: str
    is_borrowed: bool = False

    def __repr__(self) -> str:
        return f"Credentials({self.shown}, from {self.source})"

    @property
    def pair(self) -> tuple[str, str]:
        return self.api_key, self.secret_key

    @property
    def shown(self) -> str:
        """Enough of the key to recognise it, not enough to use it."""
        return f"{self.api_key[:4]}..." if len(self.api_key) > 8 else "set"


Found = Credentials | CredentialsError | None


def find_credentials(mode: str, env: Mapping[str, str]) -> Credentials | None:
    """The pair in use, or None where no key is set at all. Raises CredentialsError."""
    given = as_environment(env)
    if given.profile is not None:
        return _of_profile(given.profile, mode, given)
    path = credentials_path(given)
    return _first(_from_file(path, mode) if path is not None else None, *_all_pairs(given))


def pair_notices(mode: str, env: Mapping[str, str]) -> tuple[str, ...]:
    """One line where different complete pairs are set, and only one of them is used."""
    given = as_environment(env)
    if given.profile is not None:
        return ()  # an error there
    path = credentials_path(given)
    found = [_from_file(path, mode) if path is not None else None, *_all_pairs(given)]
    pairs = [pair for pair in found if isinstance(pair, Credentials)]
    others = [pair for pair in pairs[1:] if pair.pair != pairs[0].pair]
    if not others:
        return ()
    used = f"{pairs[0].shown} of {pairs[0].source}"
    unused = ", ".join(f"{pair.shown} of {pair.source}" for pair in others)
    return (f"Different key pairs are set: {used} is used; not {unused}.",)


def _of_profile(profile: str, mode: str, env: Environment) -> Credentials | None:
    """The profile's own pair. Keys of the process's environment beside it must be the same; alone
    they serve a profile whose configuration pins the account (`account_pin`)."""
    said = env.filed.get(CREDENTIALS_VARIABLE, "").strip()
    path = Path(said).expanduser() if said else profile_directory(env, profile) / NAME
    filed = _pairs(env.filed, env)
    own = _first(_from_file(path, mode) if path.is_file() else None, *filed)
    named = credentials_path(env) if env.own.get(CREDENTIALS_VARIABLE, "").strip() else None
    beside = [_from_file(named, mode) if named else None, *_pairs(env.own, env)]
    complete = [pair for pair in beside if isinstance(pair, Credentials)]
    if own is None:
        found = _first(*beside)
        return None if found is None else replace(found, is_borrowed=True)
    for pair in complete:
        if pair.pair != own.pair:
            raise CredentialsError(
                f"Profile {profile} has its own keys ({own.shown}), and the environment has others "
                f"({pair.shown}, {pair.source})",
                kind="profile.other_keys",
                hint="Neither of them wins silently: they may belong to another account.",
                next_step=f"unset {pair.source.replace(' + ', ' ')}",
            )
    return own


def _first(*found: Found) -> Credentials | None:
    """The first complete pair; without one, the first half is an error."""
    for pair in found:
        if isinstance(pair, Credentials):
            return pair
    for half in found:
        if isinstance(half, CredentialsError):
            raise half
    return None


def _all_pairs(env: Environment) -> list[Found]:
    """Place by place, so that halves of two places never make a pair."""
    return [*_pairs(env.own, env), *_pairs(env.filed, env)]


def _pairs(place: Mapping[str, str], env: Environment) -> list[Found]:
    """The keys that one place (the process's variables, or those of the file) has under each pair
    of names."""
    where = f" in {env.path}" if place is env.filed and env.path is not None else ""
    found: list[Found] = []
    for key_name, secret_names in _PAIRS:
        key = place.get(key_name, "").strip()
        given = [name for name in secret_names if place.get(name, "").strip()]
        if key and given:
            secret = place[given[0]].strip()
            check_pair({key_name + where: key, given[0] + where: secret})
            found.append(Credentials(key, secret, f"{key_name} + {given[0]}{where}"))
        elif key:
            missing = f"{' or '.join(secret_names)} is missing"
            found.append(_half(f"{key_name} is set{where}", missing))
        elif given:
            found.append(_half(f"{given[0]} is set{where}", f"{key_name} is missing"))
    return found


def no_credentials(mode: str, unread: Path | None = None) -> CredentialsError:
    """The error for a mode that needs keys where none are set. `unread` is a `.env` that stands in
    the directory and was not looked into."""
    if unread is not None:
        hint = f"{unread} was not read: no trading.yaml stands beside it."
        next_step = f"Name it, if you mean it: --env-file {unread}"
    else:
        hint = "Keys come from the credentials file or ALPACA_API_KEY and ALPACA_SECRET_KEY."
        next_step = "Set both, or try without an account: --mode sim"
    return CredentialsError(
        f"No Alpaca API keys were found for {mode} trading",
        kind="auth.no_credentials",
        hint=hint,
        next_step=next_step,
    )


def credentials_path(env: Mapping[str, str]) -> Path | None:
    """The credentials file if there is one. One that was named must exist."""
    named = env.get(CREDENTIALS_VARIABLE, "").strip()
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
        check_pair({f"api_key in {path}": key, f"secret_key in {path}": secret})
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
        sections[current][name.strip().lower()] = read_through(value)
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


def check_pair(pair: Mapping[str, str]) -> None:
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
