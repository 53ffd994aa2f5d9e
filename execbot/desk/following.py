"""Following an order that was taken, until it has ended, the time is over, or somebody says stop.

The order lives at the broker whatever happens here: following ends, the order does not.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from execbot.broker.errors import BrokerError
from execbot.model.enums import OrderStatus

if TYPE_CHECKING:
    from execbot.desk.context import Context
    from execbot.journal.records import OrderRecord

POLL_SECONDS = 0.2
"""First pause between two looks at an order that is waited for; later ones grow, so that a long
wait leaves most of Alpaca's 200 requests a minute to others."""

POLL_SECONDS_MAX = 2.0
POLL_FACTOR = 1.3


def follow(desk: Context, record: OrderRecord, seconds: float) -> tuple[OrderRecord, list[str]]:
    """Ask for the order until it has ended or the time is over; the order, and what to warn of.

    A replaced order is followed into the one that took its place. A look that the broker does not
    answer is repeated. Ctrl-C and SIGTERM end only the waiting.
    """
    until = time.monotonic() + seconds
    pause = POLL_SECONDS
    warnings: list[str] = []
    trouble = ""
    try:
        while (left := until - time.monotonic()) > 0:
            successor = successor_of(record)
            if record.order.is_terminal and successor is None:
                return record, warnings
            if successor is None or trouble:
                time.sleep(min(pause, left))
                pause = min(pause * POLL_FACTOR, POLL_SECONDS_MAX)
            try:
                newer, trouble = desk.oms.refresh(successor or record.client_order_id), ""
            except BrokerError as error:
                trouble = f" Last look: {lowered(error.message)}."
                continue
            if successor is not None:
                warnings.append(f"{record.client_order_id} was replaced: shown is what it became.")
            record = newer
    except KeyboardInterrupt:
        return record, [*warnings, *_left_alone(record, "Stopped waiting.")]
    if record.order.is_terminal:
        return record, warnings
    said = f"Not ended within {seconds:g} seconds; it stays working.{trouble}"
    return record, [*warnings, said]


def _left_alone(record: OrderRecord, why: str) -> list[str]:
    """What a person wants to know who has stopped waiting."""
    if record.order.is_terminal:
        return [why]
    name = record.client_order_id
    return [
        f"{why} The order lives on at the broker, {record.status.value} when last seen.",
        f"Follow it with `execbot orders show {name}` or `execbot watch`; "
        f"take it back with `execbot cancel {name}`.",
    ]


def raise_if_rejected(record: OrderRecord) -> None:
    """Accepted first and rejected later is a rejection all the same. Raises OrderRejected."""
    if record.status is OrderStatus.REJECTED and not record.order.filled_qty:
        from execbot.desk.errors import OrderRejected

        raise OrderRejected(record)


def lowered(message: str) -> str:
    """A message as the second half of a sentence; an URL in it stays as it is."""
    return message[:1].lower() + message[1:]


def successor_of(record: OrderRecord) -> str | None:
    """The broker's id of the order that took the place of a replaced one."""
    return record.order.replaced_by if record.status is OrderStatus.REPLACED else None
