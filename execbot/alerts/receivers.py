"""The receivers of alerts: each URL of EXECBOT_ALERT_URLS is one, and apprise sends to it.

We send plain text and tell apprise so. It converts the text for each receiver, so a bare `<` breaks
no HTML and an `_` no Markdown. A body over the receiver's limit goes out in parts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from msgspec import Struct

from execbot.model.enums import ErrorCategory
from execbot.model.errors import ExecbotError

URLS_VARIABLE = "EXECBOT_ALERT_URLS"


class Delivery(Struct, frozen=True):
    """How many receivers took an alert, and how many did not; `who` names these, without their
    secrets."""

    taken: int
    refused: int = 0
    who: tuple[str, ...] = ()

    @property
    def is_taken(self) -> bool:
        """At least one receiver took it."""
        return self.taken > 0


Send = Callable[[str, str], Delivery]
"""(title, body), both plain text."""


class AlertsUnavailable(ExecbotError):
    """No URL is set, or apprise is not installed."""

    kind = "config.alerts"
    category = ErrorCategory.ADJUSTABLE
    next_step = "Set EXECBOT_ALERT_URLS to apprise URLs."


def urls_of(env: Mapping[str, str]) -> list[str]:
    """The URLs as apprise itself takes them apart: a comma inside one belongs to it. Raises
    AlertsUnavailable where apprise is not installed."""
    _apprise()
    from apprise.utils.parse import parse_urls

    found: list[str] = parse_urls(env.get(URLS_VARIABLE, ""))  # type: ignore[no-untyped-call]
    return found


def has_urls(env: Mapping[str, str]) -> bool:
    """Without apprise, which takes its time to load."""
    return bool(env.get(URLS_VARIABLE, "").strip())


def _apprise() -> Any:
    try:
        import apprise
    except ImportError:
        raise AlertsUnavailable("apprise is not installed: pip install apprise") from None
    return apprise


def apprise_sender(urls: list[str]) -> Send:
    """Send through apprise. Raises AlertsUnavailable if it is not installed or a URL is invalid."""
    apprise = _apprise()
    receivers = [_receiver(apprise, number, url) for number, url in enumerate(urls, 1)]
    names = [receiver_name(number, url) for number, url in enumerate(urls, 1)]

    def send(title: str, body: str) -> Delivery:
        took = [_takes(apprise, receiver, title, body) for receiver in receivers]
        refused = tuple(name for name, taken in zip(names, took, strict=True) if not taken)
        return Delivery(len(took) - len(refused), len(refused), refused)

    return send


def sender_from(env: Mapping[str, str] | None = None) -> Send | None:
    """The sender of the environment, None without URLs. apprise is imported by the first alert."""
    known = os.environ if env is None else env
    made: list[Send] = []

    def send(title: str, body: str) -> Delivery:
        if not made:
            made.append(apprise_sender(urls_of(known)))
        return made[0](title, body)

    return send if has_urls(known) else None


def private_url(url: str) -> str | None:
    """As apprise shows it, without its secrets; None where it is no receiver. Raises
    AlertsUnavailable where apprise is not installed."""
    made = _apprise().Apprise.instantiate(url, suppress_exceptions=True)
    return None if made is None else str(made.url(privacy=True)).partition("?")[0]


def receiver_name(number: int, url: str) -> str:
    """The URL itself holds secrets: only its place and scheme are told."""
    return f"number {number} ({url.partition('://')[0]}://...)"


def follows_redirects(urls: list[str]) -> list[str]:
    """Hooks of one's own that follow a redirect: a POST that is answered 301 goes on as a GET
    without its body, and counts as delivered. Those that say `redirect=no` are told as failed."""
    return [
        receiver_name(number, url)
        for number, url in enumerate(urls, 1)
        if url.partition("://")[0].lower() in HOOKS
        and parse_qs(url.partition("?")[2]).get("redirect", [""])[-1].lower() not in NO
    ]


HOOKS = frozenset({"json", "jsons", "xml", "xmls", "form", "forms"})
NO = frozenset({"no", "n", "false", "f", "0", "off", "deny", "disable", "never"})


def _receiver(apprise: Any, number: int, url: str) -> Any:
    """One receiver. It splits a long text unless its URL says otherwise (`overflow=`)."""
    receiver = apprise.Apprise()
    if not receiver.add(url):
        raise AlertsUnavailable(f"alert URL {receiver_name(number, url)} is not understood")
    if "overflow" not in parse_qs(url.partition("?")[2]):
        for service in receiver:
            service.overflow_mode = apprise.OverflowMode.SPLIT
    return receiver


def _takes(apprise: Any, receiver: Any, title: str, body: str) -> bool:
    """True if this receiver took it. An error here does not keep the others from being asked."""
    try:
        result = receiver.notify(title=title, body=body, body_format=apprise.NotifyFormat.TEXT)
    except Exception:
        return False
    return bool(result)
