"""Whether the door of an account is open, for whoever only wants to know."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from execbot.desk.door.asking import Asked, hand_to, knock
from execbot.desk.door.messages import Knock
from execbot.desk.door.rules import Heard
from execbot.desk.opening.setup import Setup
from execbot.watch.lock import holder_of


class DoorState(Struct, frozen=True):
    """In words, and whether all is as it should be."""

    words: str
    is_fine: bool = True


def look_at_door(setup: Setup, directory: Path) -> DoorState:
    """Asks the watch; waits as long as a command would."""
    pid = holder_of(directory)
    if pid is None:
        return DoorState("no `watch` runs: every command sends for itself")
    if not setup.settings.trading.order_management.through_watch:
        return DoorState("closed by order_management.through_watch")
    who = f"`watch` runs as process {pid}"
    connection = knock(directory)
    if connection is None:
        return DoorState(f"{who}, and its door is closed: every command sends for itself", False)
    asked = Asked(Knock(), "knock")
    hand_to(asked, connection, setup)
    assert asked.line is not None
    heard = asked.line.hear()
    asked.line.close()
    if heard is Heard.ANSWER:
        return DoorState(f"open: {who}, and sends for commands")
    if heard is Heard.DECLINED:
        return DoorState(asked.why_not or f"{who}, and declines", False)
    return DoorState(f"{who}, and does not answer: commands wait for it in vain", False)
