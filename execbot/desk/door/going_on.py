"""A command goes on after it has asked the watch: with its answer, or by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from execbot.desk.door.asking import Asked

if TYPE_CHECKING:
    from execbot.desk.account import Desk


@contextmanager
def going_on(desk: Desk, asked: Asked | None) -> Iterator[Any]:
    """What the watch made of the request, once that is known; None where this command carries it
    out itself, inside the block. Raises what `settled` raises.
    """
    if asked is None or not asked.was_handed_over:
        yield None
        return
    from execbot.desk.door.own_way import settled
    from execbot.oms.send.hand_over import By, HandOver, carrying

    result = settled(desk, asked)
    with carrying(HandOver(asked.name, By.COMMAND, asked.asked_at)):
        yield result
