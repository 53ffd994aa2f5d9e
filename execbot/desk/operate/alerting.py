"""Receivers of alerts: lists them, sets one up, and writes it where execbot reads it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from execbot.alerts.keeping import LastDelivery, last_delivery
from execbot.alerts.receivers import (
    URLS_VARIABLE,
    AlertsUnavailable,
    apprise_sender,
    follows_redirects,
    private_url,
    urls_of,
)
from execbot.alerts.waiting import JournalWaiting, Parcel
from execbot.config.errors import ConfigError
from execbot.config.files import find_file
from execbot.config.paths import config_home, write_private
from execbot.config.schema import AlertSettings
from execbot.desk.account import Desk
from execbot.desk.operate.receiver_urls import RECIPES, Service

__all__ = ["RECIPES", "Service"]

ENV_NAME = ".env"
NO_RECEIVERS = f"{URLS_VARIABLE} is not set: nobody is told. Next: execbot alerts init ntfy"


class Receiver(Struct, frozen=True):
    """`url` has no secret in it. `trouble` in words, empty where there is none."""

    url: str
    trouble: str = ""


class AlertState(Struct, frozen=True):
    receivers: Sequence[Receiver]
    settings: AlertSettings
    waiting: Sequence[Parcel]
    last: LastDelivery | None
    warnings: Sequence[str]


def alert_state(desk: Desk, env: Mapping[str, str] | None = None) -> AlertState:
    """Raises JournalError; contacts no receiver."""
    warnings: list[str] = []
    receivers: list[Receiver] = []
    try:
        receivers = receivers_of(desk.env if env is None else env)
    except AlertsUnavailable as error:
        warnings.append(error.message)
    if not receivers and not warnings:
        warnings.append(NO_RECEIVERS)
    last = last_delivery(desk.journal)
    if last is not None and last.refused:
        warnings.append(f"The last alert: {last.words}.")
    waiting = JournalWaiting(lambda: desk.journal).all()
    return AlertState(receivers, desk.settings.trading.alerts, waiting, last, warnings)


def receivers_of(env: Mapping[str, str]) -> list[Receiver]:
    """The receivers in EXECBOT_ALERT_URLS. Raises AlertsUnavailable where apprise is not
    installed."""
    if not env.get(URLS_VARIABLE, "").strip():
        return []
    found = []
    for url in urls_of(env):
        shown = private_url(url)
        follows = "follows redirects, which lose the text: add redirect=no"
        if shown is None:
            found.append(Receiver(f"{url.partition('://')[0]}://...", "is not understood"))
        else:
            found.append(Receiver(shown, follows if follows_redirects([url]) else ""))
    return found


def url_for(service: Service, said: Mapping[str, str]) -> str:
    """The URL of a new receiver. Raises AlertsUnavailable where it is none."""
    url = RECIPES[service].url(said)
    if private_url(url) is None:
        raise AlertsUnavailable(f"What was given makes no receiver of {service.value}")
    return url


def try_url(url: str) -> None:
    """Send a test to this URL. Raises AlertsUnavailable unless it was taken."""
    words = "execbot tells you here of alarms. This is a test."
    if not apprise_sender([url])("execbot: test", words).is_taken:
        raise AlertsUnavailable(f"{private_url(url)} did not take the test")


def env_file(config_path: Path | None, env: Mapping[str, str] | None = None) -> Path:
    """The `.env` in use: the one that was named, else beside the trading.yaml in use."""
    env = os.environ if env is None else env
    if named := env.get("EXECBOT_ENV_FILE", "").strip():
        return Path(named).expanduser().absolute()
    found = find_file(config_path, env)
    return (found.parent if found is not None else config_home(env)).absolute() / ENV_NAME


def add_to(path: Path, url: str) -> None:
    """Put the URL beside those that the file names, 0600; the rest stays. Raises ConfigError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, "\n".join(with_url(lines, url)) + "\n")
    except OSError as error:
        raise ConfigError(
            f"{path} could not be written: {error.strerror}",
            kind="config.alerts",
            next_step=f"Add the URL to {URLS_VARIABLE} yourself.",
        ) from error


def with_url(lines: Sequence[str], url: str) -> list[str]:
    """Lines of an env file with one more receiver. Pure."""
    begin = f"{URLS_VARIABLE}="
    kept = [line for line in lines if not line.removeprefix("export ").startswith(begin)]
    old = [line for line in lines if line not in kept]
    before = old[-1].partition("=")[2].strip().strip("'\"") if old else ""
    urls = [*before.split(), *([] if url in before.split() else [url])]
    return [*kept, f"{begin}'{' '.join(urls)}'"]
