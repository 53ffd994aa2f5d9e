"""Orders are named by the broker's id, by their client_order_id, or by the short form that tables
show on a terminal: the head of the one or the tail of the other."""

from __future__ import annotations

from execbot.cli.errors import usage
from execbot.desk.context import Context
from execbot.desk.following import successor_of
from execbot.journal.records import OrderRecord

SHORT_LENGTH_MIN = 6
RECENT = 1000
"""Short forms are looked for among this many recent orders."""


def full_id(desk: Context, word: str) -> str:
    """The id that a short form stands for; any other word as it is. Raises Failure (2)."""
    if not word.strip():
        raise usage("the ID is empty", kind="usage.value")
    short = word.removeprefix("..")
    if desk.journal.find_order(word) is not None or len(short) < SHORT_LENGTH_MIN:
        return word
    found = [
        record
        for record in desk.journal.orders("all", limit=RECENT)
        if record.order_id.startswith(short) or record.client_order_id.endswith(short)
    ]
    if len(found) > 1:
        raise usage(
            f"{word} stands for {len(found)} orders",
            hint="A short id must be unique.",
            next_step="Give more of it; execbot orders --json shows full ids.",
            kind="usage.ambiguous_id",
        )
    return found[0].client_order_id if found else word


def newest(desk: Context, identifier: str) -> str:
    """The id of the order that stands now: a replaced one lives on in its successor."""
    while successor := successor_of(_current(desk, identifier)):
        identifier = successor
    return identifier


def _current(desk: Context, identifier: str) -> OrderRecord:
    """A replace by somebody else, or one just asked for, is not in the journal yet."""
    record = desk.journal.find_order(identifier)
    if record is not None and (record.order.is_terminal or not record.order_id):
        return record
    return desk.oms.refresh(identifier)
