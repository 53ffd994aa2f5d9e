"""The secret of those who may send signals, and how it is cut out of what they send.

It comes as `Authorization: Bearer`, as the field `secret` of the body, or as the path's last part
(`/signals/SECRET`). The last is the weakest: proxies write paths into their logs. Nothing here is
logged, and no message repeats what was sent in the secret's place, which is nearly the secret.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping
from typing import Any

from execbot.page.signals.refusals import NotTaken, unreadable

SECRET_VARIABLE = "EXECBOT_SIGNALS_SECRET"
SECRET_FIELD = "secret"

LENGTH_MIN = 16
"""Guesses come over a network, some a second: sixteen characters are out of reach."""

SCHEME = "bearer "


class Secret:
    """Compared in a time that says nothing about how much of a guess was right."""

    __slots__ = ("_bytes",)

    def __init__(self, words: str) -> None:
        self._bytes = words.encode()

    def __repr__(self) -> str:
        return "Secret(...)"

    def matches(self, given: object) -> bool:
        """Whether this text is the secret; False for anything that is no text."""
        if not isinstance(given, str):
            return False
        return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self._bytes)

    def is_in(self, words: str) -> bool:
        return self._bytes.decode() in words


def bearer_of(header: str | None) -> str | None:
    """What follows `Bearer ` in the Authorization header; None where it says something else."""
    if header is None or not header.lower().startswith(SCHEME):
        return None
    return header[len(SCHEME) :].strip()


def refuse_leftovers(secret: Secret, fields: Mapping[str, Any]) -> None:
    """A secret in a comment or an id would be stored with it. Raises NotTaken (422)."""
    for path, words in _texts(fields, ""):
        if secret.is_in(words) or secret.is_in(path):
            where = "body" if secret.is_in(path) else path
            raise unreadable(
                "the secret stands in here",
                field=where,
                hint="It belongs into the header, or into the field `secret`.",
            )


def _texts(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            below = f"{path}.{name}" if path else str(name)
            yield below, ""
            yield from _texts(item, below)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item, path)


def without_secret(path: str) -> str:
    """A path of the listener as a log may have it: what follows `/signals/` may be the secret, or
    a try at it."""
    known = path if path == "/signals" else "/signals/..." if path.startswith("/signals/") else ""
    return known or "another path"


__all__ = ["LENGTH_MIN", "SECRET_FIELD", "SECRET_VARIABLE", "NotTaken", "Secret", "bearer_of",
           "refuse_leftovers", "without_secret"]  # fmt: skip
