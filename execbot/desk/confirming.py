"""What a person must have agreed to before it is done: one rule for every command.

| act | in sim and paper | in live |
|---|---|---|
| an order, a signal, a change of an order that risks more | goes | is reviewed |
| closing, whole or in part | goes | is reviewed |
| cancel-all, closing for a halt | is reviewed where there is somebody | is reviewed |
| halt, cancel of one order, any other change, exits | goes | goes |

Reviewed means: shown, and answered with `y`; or agreed to beforehand (`--yes`). Where nobody can be
asked it is refused. A program that calls the desk's functions itself has agreed to what it does.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from execbot.config.schema import Mode
from execbot.desk.errors import DeskError

if TYPE_CHECKING:
    from execbot.desk.account import Desk


class Act(StrEnum):
    """What is about to be done, as the question says it."""

    SEND = "Send it"
    CLOSE = "Go on"
    CANCEL_ALL = "Cancel them"
    FLATTEN = "Close them"
    RESTORE = "Put it there"
    EXERCISE = "Tell the broker"


ALWAYS_ASKED = frozenset({Act.CANCEL_ALL, Act.FLATTEN})
"""In every mode, where somebody can be asked: these undo more than one thing at once."""

UNDONE = {
    Act.SEND: "nothing was sent",
    Act.CLOSE: "nothing was closed",
    Act.CANCEL_ALL: "nothing was canceled",
    Act.FLATTEN: "no position was closed",
    Act.RESTORE: "the journal is as it was",
    Act.EXERCISE: "nothing was exercised",
}

Ask = Callable[[str], bool]
"""Puts a question; True is a yes."""


class Consent(Struct, frozen=True):
    """Who agrees: `given` beforehand, or whoever `ask` reaches; None where nobody is there."""

    given: bool = False
    ask: Ask | None = None


AGREED = Consent(given=True)
"""A program that calls has agreed to what it does."""


class NotConfirmed(DeskError):
    """A person said no, or there is none to be asked."""

    kind = "confirm.declined"


def needs_consent(act: Act, mode: Mode, consent: Consent) -> bool:
    """Whether somebody must still agree to it."""
    if consent.given:
        return False
    if mode is Mode.LIVE:
        return True
    return act in ALWAYS_ASKED and consent.ask is not None


def confirm(desk: Desk, act: Act, what: str, consent: Consent) -> bool:
    """Ask where the rule wants it; whether a person was asked just now. Raises NotConfirmed."""
    if not needs_consent(act, desk.mode, consent):
        return False
    undone = UNDONE[act]
    if consent.ask is None:
        raise NotConfirmed(
            f"In live this needs a confirmation, and there is no terminal to ask on: {undone}",
            next_step="Add --yes if this is meant.",
            kind="confirm.needed",
        )
    if not consent.ask(f"{desk.mode.value.upper()} account {desk.account}: {what}. {act.value}?"):
        raise NotConfirmed(f"Not confirmed: {undone}")
    return True
