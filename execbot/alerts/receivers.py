"""Whom alerts go to: the URLs of EXECBOT_ALERT_URLS, each a receiver of apprise.

What is sent is plain text, and said to be: apprise then makes of it what the receiver reads, so a
bare `<` breaks no HTML and an `_` no Markdown. A body over the receiver's limit goes out in parts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from msgspec import Struct

from execbot.model.enums import ErrorCategory
from execbot.model.errors import ExecbotError

URLS_VARIABLE = "EXECBOT_ALERT_URLS"


class Delivery(Struct, frozen=True):
    """How many receivers took an alert, and how many did not."""

    taken: int
    refused: int = 0

    @property
    def is_taken(self) -> bool:
        """Somebody was told."""
        return self.taken > 0


Send = Callable[[str, str], Delivery]
"""(title, body), both plain text."""


class AlertsUnavailable(ExecbotError):
    """No URL is set, or apprise is not installed."""

    kind = "config.alerts"
    category = ErrorCategory.ADJUSTABLE
    next_step = "Set EXECBOT_ALERT_URLS to apprise URLs."


def urls_of(env: Mapping[str, str]) -> list[str]:
    return [url for url in re.split(r"[\s,]+", env.get(URLS_VARIABLE, "").strip()) if url]


def apprise_sender(urls: list[str]) -> Send:
    """Send through apprise. Raises AlertsUnavailable when it is missing or a URL is not one."""
    try:
        import apprise
    except ImportError:
        raise AlertsUnavailable("apprise is not installed: pip install 'execbot[alerts]'") from None
    receivers = [_receiver(apprise, number, url) for number, url in enumerate(urls, 1)]

    def send(title: str, body: str) -> Delivery:
        taken = sum(_takes(apprise, receiver, title, body) for receiver in receivers)
        return Delivery(taken, len(receivers) - taken)

    return send


def sender_from(env: Mapping[str, str] | None = None) -> Send | None:
    """The sender of the environment, None without URLs. apprise is imported by the first alert."""
    urls = urls_of(os.environ if env is None else env)
    made: list[Send] = []

    def send(title: str, body: str) -> Delivery:
        if not made:
            made.append(apprise_sender(urls))
        return made[0](title, body)

    return send if urls else None


def _receiver(apprise: Any, number: int, url: str) -> Any:
    """One receiver, that splits what is too long unless its URL says otherwise (`overflow=`)."""
    receiver = apprise.Apprise()
    if not receiver.add(url):
        # The URL itself holds secrets: only its place and scheme are told.
        raise AlertsUnavailable(
            f"alert URL number {number} ({url.partition('://')[0]}://...) is not understood"
        )
    if "overflow" not in parse_qs(url.partition("?")[2]):
        for service in receiver:
            service.overflow_mode = apprise.OverflowMode.SPLIT
    return receiver


def _takes(apprise: Any, receiver: Any, title: str, body: str) -> bool:
    """Whatever a receiver does wrong, the others are asked too."""
    try:
        told = receiver.notify(title=title, body=body, body_format=apprise.NotifyFormat.TEXT)
    except Exception:
        return False
    return bool(told)
