"""What goes through the door. One request a connection; each message is one line of JSON.

A command says what it wants (`Request`). The watch gives signs of life (`AtWork`) and answers once:
with the result, with the error, or with why it does not do it. A reader that sends `LookOn` gets
frame after frame. A command that will want something soon sends `Coming`. `peer.PROTOCOL` counts
the changes to all of this.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from msgspec import Raw, Struct, field

from execbot.broker.port import ReplaceRequest
from execbot.exits.plan.wishes import Risked as Risked
from execbot.exits.plan.wishes import Wishes
from execbot.model.enums import Side
from execbot.model.flags import Flags
from execbot.model.order import OrderRequest
from execbot.model.signal import Signal


class Submit(Struct, frozen=True, tag="submit"):
    """`execbot submit`; `wait_seconds` follows the order to its end."""

    request: OrderRequest
    wishes: Wishes
    flags: Flags
    tif_is_given: bool
    keeps_rules: bool
    wait_seconds: float | None = None
    risk: Risked | None = None


class Close(Struct, frozen=True, tag="close"):
    """`execbot close SYMBOL`."""

    symbol: str
    qty: Decimal | None = None
    percentage: Decimal | None = None
    reason: str | None = None
    client_order_id: str = ""
    wait_seconds: float | None = None


class Cancel(Struct, frozen=True, tag="cancel"):
    """`execbot cancel ID`. The wait belongs to it: a cancel is a request only."""

    word: str
    wait_seconds: float


class Replace(Struct, frozen=True, tag="replace"):
    """`execbot replace ID`."""

    word: str
    change: ReplaceRequest


class ActOn(Struct, frozen=True, tag="signal"):
    """`execbot signal SYMBOL SIDE`. `made_now`: it has no time of its own, and was made when it was
    taken, by the broker's clock, which the command has not read."""

    signal: Signal
    naked: bool
    made_now: bool


class Knock(Struct, frozen=True, tag="knock"):
    """Asks only whether the door is open. Answered with null."""


class LookOn(Struct, frozen=True, tag="look_on"):
    """Asks for all that the watch sees, until the connection is closed. Answered with frames
    (`execbot.watch.show.frames`), whatever the settings of either side are."""


Wanted = Submit | Close | Cancel | Replace | ActOn | Knock | LookOn


class Request(Struct, frozen=True, tag="request"):
    """`name` is what the request goes by in the journal; `same` tells whether both sides have the
    same settings, mode and servers; `asked_at` is in the machine's own seconds."""

    protocol: int
    version: str
    same: str
    name: str
    asked_at: float
    wanted: Wanted


class Coming(Struct, frozen=True, tag="coming"):
    """Sent in place of a request: one for an entry in this symbol is to come, from a process that
    is still starting. A hint, which nobody answers (`early`, `ahead`)."""

    protocol: int
    version: str
    symbol: str
    side: Side


class Greeting(Struct, frozen=True):
    """The part of the first message that any version can read."""

    protocol: int = 0
    version: str = ""


class AtWork(Struct, frozen=True, tag="at_work"):
    """A sign of life, while a worker is at it."""


class Answer(Struct, frozen=True, tag="answer"):
    """`result` is what the desk's function returned; `notices` are lines that a command says
    first."""

    result: Raw
    notices: tuple[str, ...] = ()


class Failed(Struct, frozen=True, tag="failed"):
    """It ended with an error; see `relayed`."""

    error: Mapping[str, Any] = field(default_factory=dict)
    notices: tuple[str, ...] = ()


class Declined(Struct, frozen=True, tag="declined"):
    """Nothing was done, nor will be. `words` is for the person who waits; empty where it says
    nothing to them."""

    why: str
    words: str = ""


Reply = AtWork | Answer | Failed | Declined
