"""Why a delivery is not taken: a status of HTTP, a stable kind, the field at fault, and words."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from msgspec import Struct

from execbot.model.signal import SignalError
from execbot.page.guard import Refusal, Said


class NotTaken(Exception):
    """A refusal: nothing was kept of the delivery. `retry_after_seconds` where the same may be sent
    again later."""

    def __init__(
        self,
        status: HTTPStatus,
        kind: str,
        message: str,
        *,
        field: str = "",
        hint: str = "",
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.kind, self.message = status, kind, message
        self.field, self.hint = field, hint
        self.retry_after_seconds = retry_after_seconds

    @property
    def is_of_known_sender(self) -> bool:
        """Whether it was refused after the secret was found right: its owner wants to know."""
        return self.status in _AFTER_SECRET

    def to_dict(self) -> dict[str, Any]:
        """The body of the answer; what is empty is left out."""
        said = Refused(
            self.kind, self.message, self.field or None, self.hint or None, self.retry_after_seconds
        )
        return {name: value for name, value in said.to_pairs() if value is not None}


_AFTER_SECRET = frozenset({HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.TOO_MANY_REQUESTS})
"""429 may also be the answer to many wrong secrets; those are reported as such."""


class Refused(Struct, frozen=True):
    """The answer's fields in their order."""

    kind: str
    error: str
    field: str | None = None
    hint: str | None = None
    retry_after_seconds: int | None = None

    def to_pairs(self) -> list[tuple[str, Any]]:
        head: list[tuple[str, Any]] = [("schema", "execbot/v1"), ("ok", False)]
        return [*head, *((name, getattr(self, name)) for name in self.__struct_fields__)]


_GUARDED = {
    HTTPStatus.FORBIDDEN: "signals.not_let_in",
    HTTPStatus.REQUEST_TIMEOUT: "signals.too_slow",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "signals.too_large",
}


def guarded(refusal: Refusal) -> Said:
    """What the guard refuses, in the shape of the listener's other answers."""
    status = HTTPStatus(refusal.status)
    body = NotTaken(status, _GUARDED.get(status, "internal"), refusal.words).to_dict()
    return Said("application/json", msgspec.json.encode(body) + b"\n")


def unreadable(message: str, *, field: str, hint: str = "") -> NotTaken:
    """422: the content is not what a signal says; `field` is the one at fault."""
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return NotTaken(status, SignalError.kind, message, field=field, hint=hint)


def not_a_signal(error: SignalError) -> NotTaken:
    return unreadable(error.message, field=error.field or "body", hint=error.hint)
