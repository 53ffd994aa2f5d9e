"""What became of signals, or would."""

from __future__ import annotations

from typing import Any, Literal

from execbot.config.schema import Mode
from execbot.model.enums import ErrorCategory, OrderStatus, Outcome, Side
from execbot.model.signal import SignalSide
from execbot.schemas.base import Number, Output, Slug, Time
from execbot.schemas.checks import SizingStep, Verdict, WouldLift
from execbot.schemas.orders import EntryRisk, LevelDistance


class SignalResult(Output):
    """What became of a signal at once."""

    signal_id: str
    """The signal's own id; ours where it came without one."""
    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    side: SignalSide
    """What the signal asked for."""
    outcome: Outcome
    """What became of its order; `not_sent` where there is none."""
    reason: Slug | None
    """Why nothing was sent, see docs/signals.md#results; null when an order was sent,
    queued or closed."""
    message: str | None
    """The same for people."""
    category: ErrorCategory | None
    """What kind of failure it was; null when it was none."""
    client_order_id: str | None
    """The order that it led to."""
    order_id: str | None
    """The broker's id of it."""
    qty: Number | None
    """Shares or coins of that order."""
    notional: Number | None
    """Dollars of that order."""
    cancel_after: Number | None
    """Seconds of open market after which a running `watch` cancels it, unfilled."""
    cancel_at: Time | None
    """When that is; null while its clock stands still, and when it has ended."""
    halts_known: bool | None
    """A `watch` runs that would have heard of a halt of the symbol; null where none matters."""
    notes: list[str]
    """What else was done for it: sizes adjusted, exits lifted and put back."""
    exits: list[LevelDistance]
    """Stop and targets of its entry, the stop first."""
    risk: EntryRisk | None
    """What its entry costs, risks and leaves; null where there is none."""


class SignalPreview(Output):
    """What `signal --dry-run` says: size, request and every check; nothing was sent."""

    dry_run: Literal[True]
    """Nothing was sent."""
    outcome: Literal["not_sent"]
    """Nothing was sent."""
    signal: dict[str, Any]
    """The signal as it was read: see the schema `signal-line`."""
    reason: Slug | None
    """Why it would be skipped; null when it would not be."""
    message: str | None
    """The same for people."""
    request: dict[str, Any] | None
    """The body that would be sent to Alpaca; null for a `sell`, which closes what it finds."""
    sizing: list[SizingStep]
    """Each step of the size, first what was wanted."""
    verdict: Verdict | None
    """Every check; null where none was made."""
    addition: WouldLift | None
    """Null unless it would add to a position that has an exit plan."""
    exits: list[LevelDistance]
    """Stop and targets of its entry, the stop first."""
    risk: EntryRisk | None
    """What its entry costs, risks and leaves; null where there is none."""


class BadLine(Output):
    """The result of a line that is no signal."""

    type: Literal["signal_result"]
    """A result."""
    mode: Mode
    """The mode of trading."""
    account: str
    """The account number."""
    line: int
    """Number of the input line, from 1."""
    signal_id: None
    """It has none."""
    outcome: Literal["not_sent"]
    """Nothing was sent."""
    reason: Literal["signal.bad_line"]
    """It is no signal."""
    field: str | None
    """The field at fault; null when the whole line is."""
    message: str
    """What is wrong, for people."""
    hint: str | None
    """What may be meant; null where nothing is near."""


class SignalResultLine(SignalResult):
    """The result of one input line of `signal -` or `--file`."""

    type: Literal["signal_result"]
    """A result."""
    mode: Mode
    """The mode of trading."""
    account: str
    """The account number."""
    line: int
    """Number of the input line, from 1."""


class SignalOrder(Output):
    """What the order of a signal has become."""

    signal_id: str
    """The signal's own id; ours where it came without one."""
    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    side: Side
    """Which way it trades."""
    outcome: Outcome
    """What became of the order so far."""
    status: OrderStatus
    """Where the order stands in its life."""
    final: bool
    """Nothing more is to be expected."""
    message: str | None
    """`filled 3 at 187.50`, or why it ended otherwise."""
    client_order_id: str
    """The order that stands for the signal now; another one after a replacement."""
    order_id: str | None
    """The broker's id of it."""
    qty: Number | None
    """Shares or coins of the order."""
    notional: Number | None
    """Dollars of the order."""
    filled_qty: Number
    """Shares or coins filled so far."""
    filled_avg_price: Number | None
    """USD a share."""


class SignalUpdateLine(SignalOrder):
    """With `--follow`: what the order of a signal has become since it was told last."""

    type: Literal["signal_update"]
    """What became of it later."""
    mode: Mode
    """The mode of trading."""
    account: str
    """The account number."""
    line: int
    """Number of the input line, from 1."""


SignalLines = SignalUpdateLine | SignalResultLine | BadLine
