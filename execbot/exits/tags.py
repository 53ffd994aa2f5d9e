"""The client_order_id of an exit order says what it is for.

`execbot-x-s-…` a stop, `execbot-x-t2-…` the pair of the second target, `execbot-x-e-…` an exit,
`execbot-x-e2-…` one that takes the second target.
The broker keeps the id for ever and repeats it in every report, so the purpose of an order
survives the loss of the journal and is known to every process.
"""

from __future__ import annotations

import re

PREFIX = "execbot-x-"
TAG_FORM = r"s|e\d*|t\d+"
_TAG = re.compile(rf"execbot-x-({TAG_FORM})-")

STOP = "s"
EXIT = "e"


def target_tag(index: int) -> str:
    """The tag of the pair that holds target number `index`, counted from 0."""
    return f"t{index + 1}"


def exit_tag(target: int | None) -> str:
    """The tag of an exit; of one that takes a target which is watched here, with its number."""
    return EXIT if target is None else f"{EXIT}{target + 1}"


def is_exit_tag(tag: str | None) -> bool:
    return tag is not None and tag.startswith(EXIT)


def client_order_id(tag: str, unique: str) -> str:
    return f"{PREFIX}{tag}-{unique}"


def tag_of(client_order_id: str) -> str | None:
    """`s`, `e`, `e1`…, `t1`…, or None for an order that is no exit of ours."""
    match = _TAG.match(client_order_id)
    return match[1] if match else None


def target_index(client_order_id: str) -> int | None:
    """The target that the order takes, counted from 0: as one of its pair, or as its exit."""
    tag = tag_of(client_order_id)
    return int(tag[1:]) - 1 if tag and tag[1:] else None
