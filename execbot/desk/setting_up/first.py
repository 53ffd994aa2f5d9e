"""The first set-up of an account: keys tried once, then written with a configuration.

Nothing is written before everything that was said is known to be good.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from execbot.config.credentials import NAME as CREDENTIALS_NAME
from execbot.config.credentials import Credentials, check_pair, find_credentials
from execbot.config.environment import environment_of, read_through
from execbot.config.errors import ConfigError
from execbot.config.files import ENV_NAME, FILE_NAME
from execbot.config.load import Settings
from execbot.config.mode import ModeChoice, choose_endpoints
from execbot.config.parse import BadValue, Text, leaves, read_value
from execbot.config.paths import (
    DIRECTORY_MODE,
    PROFILE_VARIABLE,
    cache_root,
    config_home,
    state_root,
    write_private,
)
from execbot.config.profiles import check_name, profile_directory
from execbot.config.schema import Mode
from execbot.desk.errors import BadRequest
from execbot.desk.opening.setup import Setup, build_client, clock_of
from execbot.desk.operate.launch import Manager
from execbot.desk.operate.services import prepare
from execbot.desk.operate.services import write as write_services

ALERTS_VARIABLE = "EXECBOT_ALERT_URLS"


class Running(StrEnum):
    """How `watch` and the jobs of a day shall run."""

    BY_HAND = "by-hand"
    SYSTEMD = "systemd"
    CRON = "cron"
    TMUX = "tmux"
    LAUNCHD = "launchd"


class Places(Struct, frozen=True):
    """Where a set-up is written. `profile` is None for the one without."""

    profile: str | None
    configuration: Path
    credentials: Path
    variables: Path


class Wishes(Struct, frozen=True):
    """What shall be set up. `values` are keys of trading.yaml with their words; `pair` is None in
    sim; `alert_urls` is empty where no alerts are wanted."""

    mode: Mode
    values: Mapping[str, str]
    pair: tuple[str, str] | None = None
    alert_urls: str = ""
    running: Running = Running.BY_HAND


def places_of(profile: str | None, env: Mapping[str, str], here: Path | None = None) -> Places:
    """With a profile its directory, else `here`, else the user's configuration. Raises
    ConfigError."""
    home = config_home(env)
    if profile is not None:
        check_name(profile)
        home = profile_directory(env, profile)
    where = home if here is None or profile is not None else here
    return Places(profile, where / FILE_NAME, home / CREDENTIALS_NAME, where / ENV_NAME)


def check_free(places: Places, mode: Mode, *, force: bool) -> None:
    """Raises BadRequest where something is there already that would be replaced."""
    found = [places.configuration] if places.configuration.exists() else []
    if _section(mode) in _text(places.credentials).lower().splitlines() and mode is not Mode.SIM:
        found.append(places.credentials)
    if found and not force:
        raise BadRequest(
            f"{' and '.join(str(path) for path in found)} exists already",
            kind="usage.file_exists",
            hint="Nothing was touched.",
            next_step="Replace it with --force, or set up another account: --profile NAME",
        )


def check_value(key: str, words: str) -> None:
    """Raises BadRequest for what this key of trading.yaml does not take."""
    leaf = next(leaf for leaf in leaves() if leaf.key == key)
    try:
        read_value(leaf, Text(words))
    except BadValue as bad:
        raise BadRequest(f"{bad.key} {bad.complaint}", hint=bad.hint) from None


def check_alert_urls(words: str) -> None:
    """Raises BadRequest for what is no URL at all; what it says is not repeated, it may be secret.
    Whether somebody is reached, `doctor --test-alert` tells."""
    for number, word in enumerate(words.split(), 1):
        if "://" not in word:
            raise BadRequest(f"Alert URL number {number} is no URL: it has no ://")


def pair_in_force(mode: Mode, env: Mapping[str, str] | None = None) -> Credentials | None:
    """The keys that the environment (and --env-file) holds now; a profile that is only about to be
    made is left out. Raises ConfigError."""
    given = dict(os.environ if env is None else env)
    given.pop(PROFILE_VARIABLE, None)
    return find_credentials(mode.value, environment_of(given))


def alerts_in_force(env: Mapping[str, str] | None = None) -> str:
    """The alert URLs that the environment (and --env-file) holds now."""
    given = dict(os.environ if env is None else env)
    given.pop(PROFILE_VARIABLE, None)
    return environment_of(given).get(ALERTS_VARIABLE, "")


def clean_pair(key: str, secret: str) -> tuple[str, str]:
    """Both as they were pasted, without what came along. Raises CredentialsError."""
    pair = read_through(key), read_through(secret)
    check_pair({"The API key": pair[0], "The secret key": pair[1]})
    return pair


def try_keys(mode: Mode, pair: tuple[str, str], env: Mapping[str, str] | None = None) -> str:
    """Ask for the account once; its number. Raises BrokerError, ConfigError. Only reads, so that
    the live gate may still be shut."""
    given = dict(os.environ if env is None else env)
    given.pop(PROFILE_VARIABLE, None)
    variables = environment_of(given)
    setup = Setup(
        Settings(),
        ModeChoice(mode, "init"),
        Credentials(*pair, "init"),
        choose_endpoints(mode, variables),
        state_root(variables),
        cache_root(variables),
        variables,
    )
    client = build_client(setup, clock_of(setup))
    try:
        found = client.get_account()
    finally:
        client.close()
    return found.account_number or found.id


def write(wishes: Wishes, places: Places, template: str, account: str | None) -> list[Path]:
    """Write everything; the files, keys first. Raises ConfigError."""
    values = {**wishes.values, "mode": wishes.mode.value}
    if account is not None:
        values["account"] = f'"{account}"'
    written = []
    try:
        for path in (places.configuration, places.credentials):
            path.parent.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        if wishes.pair is not None:
            kept = with_section(_text(places.credentials), wishes.mode, wishes.pair)
            write_private(places.credentials, kept)
            written.append(places.credentials)
        if wishes.alert_urls:
            _set_variable(places.variables, ALERTS_VARIABLE, wishes.alert_urls)
            written.append(places.variables)
        write_private(places.configuration, filled(template, values))
    except OSError as error:
        raise ConfigError(
            f"{error.filename} could not be written: {error.strerror}",
            kind="config.file",
            next_step="Choose a place that you may write to.",
        ) from error
    return [*written, places.configuration]


class Kept(Struct, frozen=True):
    """How it is kept running: the files that were written for that, the command that starts it, and
    what its owner must know."""

    written: Sequence[Path] = ()
    steps: Sequence[str] = ()
    warnings: Sequence[str] = ()


def keep_running(wishes: Wishes, places: Places, config: Path | None) -> Kept:
    """Write the units, lines or script that were chosen, as `execbot service MANAGER --write` does.

    The account is set up by now: a file that cannot be written is a warning, with the command that
    tries it again."""
    profile = f" --profile {places.profile}" if places.profile else ""
    gate = ["export ALPACA_LIVE_TRADE=true"] if wishes.mode is Mode.LIVE else []
    if wishes.running is Running.BY_HAND:
        return Kept(steps=[*gate, f"execbot watch{profile}"])
    manager = Manager(wishes.running.value)
    try:
        prepared = prepare(manager, (), wishes.mode.value, config)
        written = write_services(prepared.launch, prepared.set_up)
    except ConfigError as error:
        again = f"execbot service {manager.value} --mode {wishes.mode.value} --write{profile}"
        return Kept(steps=[*gate, again], warnings=[f"Not set up to run: {error.message}"])
    return Kept(written, [*gate, *prepared.set_up.next_steps], prepared.warnings)


# --- texts -------------------------------------------------------------------------------------

_LINE = re.compile(r"(?P<indent> *)(?P<name>\w+):(?: (?P<value>[^#]*?))?(?P<comment> *#.*)?")


def filled(template: str, values: Mapping[str, str]) -> str:
    """The commented configuration with these keys set, comments where they stood. Pure."""
    lines, above = [], list[str]()
    for line in template.splitlines():
        found = _LINE.fullmatch(line)
        if found is None:
            lines.append(line)
            continue
        depth = len(found["indent"]) // 2
        above = [*above[:depth], found["name"]]
        key = ".".join(above[1:])  # the first is trading_execution
        if key in values and found["value"]:
            comment = (found["comment"] or "").lstrip()
            line = f"{found['indent']}{found['name']}: {values[key]}"
            line = f"{line:<35} {comment}" if comment else line
        lines.append(line)
    return "\n".join(lines) + "\n"


def with_section(text: str, mode: Mode, pair: tuple[str, str]) -> str:
    """The credentials file with this mode's section replaced, everything else as it was. Pure."""
    kept, is_ours = [], False
    for line in text.splitlines():
        if line.strip().startswith("["):
            is_ours = line.strip().lower() == _section(mode)
        if not is_ours:
            kept.append(line)
    while kept and not kept[-1].strip():
        kept.pop()
    head = [*kept, ""] if kept else []
    own = [_section(mode), f"api_key = {pair[0]}", f"secret_key = {pair[1]}"]
    return "\n".join([*head, *own]) + "\n"


def _section(mode: Mode) -> str:
    return f"[{mode.value}]"


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8-sig") if path.exists() else ""


def _set_variable(path: Path, name: str, value: str) -> None:
    """Set a variable in the file as it is; nobody else may read the file afterwards."""
    from dotenv import set_key

    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    path.chmod(0o600)
    set_key(path, name, value)
