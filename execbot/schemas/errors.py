"""How a command says that it could not do what was asked."""

from __future__ import annotations

from typing import Literal

from execbot.config.schema import Mode
from execbot.model.enums import ErrorCategory, Outcome
from execbot.schemas.base import Output, Slug
from execbot.schemas.checks import Check
from execbot.schemas.orders import Addition, OrderRecord
from execbot.schemas.signals import SignalResult


class ConfigProblem(Output):
    """One thing that is wrong with the configuration."""

    error: str
    """What is wrong, for people."""
    kind: Slug
    """What is wrong, for programs."""
    line: int | None
    """Line of trading.yaml, from 1."""
    hint: str
    """Why, for people; may be empty."""


class Done(Output):
    """One write that the broker took from a command that then failed: an order, a cancel, or what
    to do with an option on its last day."""

    what: Literal["order", "cancel", "cancel_all", "exercise", "do_not_exercise"]
    """What was asked for."""
    client_order_id: str | None = None
    """Of an order that was sent."""
    id: str | None = None
    """The broker's id of the order that was canceled."""
    symbol: str | None = None
    """What it is about, where that is known."""
    outcome: Outcome
    """What came of it."""


class Error(Output):
    """The one object on stderr when a command fails under `--json`; stdout is empty then.

    The fields from `code` on are there only where there is something to say.
    """

    error: str
    """What happened, for people."""
    kind: Slug
    """What happened, for programs: a slug that stays. The first word tells the family."""
    category: ErrorCategory
    """What a program may do: `retryable` the same again later, `adjustable` another request,
    `waiting` look at the state first, `fatal` nothing."""
    exit_code: int
    """The process ends with it; see docs/cli.md#exit-codes."""
    outcome: Outcome
    """What may have happened at the broker."""
    hint: str
    """Why, for people; may be empty."""
    next: str
    """What to do next, for people; may be empty."""
    code: int | None = None
    """Alpaca's error code."""
    status: int | None = None
    """The HTTP status."""
    request_id: str | None = None
    """Alpaca's id of the request, for its support."""
    client_order_id: str | None = None
    """The order that it is about."""
    order_id: str | None = None
    """The broker's id of it."""
    url: str | None = None
    """The server that was asked."""
    line: int | None = None
    """Line of the configuration file, from 1."""
    mode: Mode | None = None
    """The mode it happened in."""
    account: str | None = None
    """The account number."""
    profile: str | None = None
    """The profile that was chosen."""
    failures: list[Check] | None = None
    """The checks that refused it, each with its limit and what it saw."""
    order: OrderRecord | None = None
    """The order as it stands."""
    signal: SignalResult | None = None
    """What became of the signal."""
    addition: Addition | None = None
    """What became of the exits that were lifted for it."""
    problems: list[ConfigProblem] | None = None
    """Everything that is wrong with the configuration."""
    failed: list[Error] | None = None
    """Of several parts those that failed, each an error of its own with its `symbol`."""
    done: list[Done] | None = None
    """What was done at the broker before it failed."""
    unrecorded: str | None = None
    """Why not all of that is in the journal."""
    pid: int | None = None
    """The process that holds the lock."""
    id: str | None = None
    """The broker's id of an order that was sent and whose answer could not be written."""
    symbol: str | None = None
    """What it is about."""
