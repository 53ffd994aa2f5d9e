"""What the listener of `execbot page --signals` answers, see docs/webhook.md."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from execbot.model.enums import Outcome
from execbot.schemas.base import Output, Slug, Time
from execbot.schemas.signals import SignalOrder, SignalResult

SignalState = Literal["waiting", "begun", "done"]


class HttpAnswer(Output):
    """What every answer has that is not a refusal."""

    schema_: Annotated[Literal["execbot/v1"], Field(alias="schema")]
    """Version of the shape: fields are added within it, none is taken away."""
    ok: Literal[True]
    """It is no refusal. Whether an order came of it is another question."""
    id: str
    """The signal's id; ours where it came without one."""
    then: str | None
    """Of a reversal's close: the id of the entry that comes behind it."""


class SignalTaken(HttpAnswer):
    """202 of `POST /signals`: it is on the disk. Kept, not executed."""

    status: Literal["accepted"]
    """It was taken now."""
    message: str
    """What it waits for, for people."""
    waiting_before: int
    """Signals that were taken before it and have no outcome yet."""
    requests_per_minute: int
    """What the broker takes; each signal needs several."""
    result: str
    """The path at which its outcome is told."""


class SignalRepeated(HttpAnswer):
    """200 of `POST /signals`: it was taken before, and nothing is done."""

    status: Literal["repeated"]
    """It was taken before."""
    message: str
    """Whether this one was the same, for people."""
    state: SignalState
    """Where the first one is."""
    result: str
    """The path at which its outcome is told."""


class SignalKept(HttpAnswer):
    """200 of `GET /signals/ID`: where a signal is, and what came of it."""

    state: SignalState
    """`waiting`: nothing was done yet. `begun`: it is being carried out. `done`: see `outcome`."""
    source: Literal["json", "tradingview"]
    """The shape in which it came."""
    repeats: int
    """How often it came again."""
    received_at: Time
    """When it was taken."""
    begun_at: Time | None
    """When it was begun; null where it was skipped at once."""
    done_at: Time | None
    """When its outcome was known."""
    may_come_again: bool
    """Nothing was sent, for a reason that passes: the same id may be posted again."""
    after: str | None
    """Of a reversal's entry: the id of the close that must be filled first."""
    signal: dict[str, Any]
    """The signal as it was read: see the schema `signal-line`."""
    outcome: Outcome | None
    """The latest that is known; null until something is."""
    reason: Slug | None
    """Why nothing was sent, see docs/signals.md#results."""
    message: str | None
    """The same for people."""
    order: SignalOrder | None
    """What became of its order after `data` was told; null where nothing did."""
    data: SignalResult | None
    """What `execbot signal` says of it; null until it is done."""


class SignalRefused(Output):
    """Nothing was kept: 400, 401, 403, 404, 408, 413, 422, 429, 500 and 503."""

    schema_: Annotated[Literal["execbot/v1"], Field(alias="schema")]
    """Version of the shape: fields are added within it, none is taken away."""
    ok: Literal[False]
    """It is a refusal."""
    kind: Slug
    """What is wrong, for programs."""
    error: str
    """What is wrong, for people."""
    field: str | None = None
    """The field at fault; left out where none is."""
    hint: str | None = None
    """What to do about it; left out where nothing is known."""
    retry_after_seconds: int | None = None
    """The same may be sent again after so long, as `Retry-After` says; left out elsewhere."""


WEBHOOK: dict[str, tuple[Any, str]] = {
    "webhook-taken": (SignalTaken, "202 of `POST /signals`."),
    "webhook-repeated": (SignalRepeated, "200 of `POST /signals`: it was taken before."),
    "webhook-signal": (SignalKept, "200 of `GET /signals/ID`."),
    "webhook-refused": (SignalRefused, "Every other answer of `/signals`, by its status."),
}
"""By name: what the listener of `execbot page --signals` answers."""
