"""Following an order that was taken, until it has ended, the time is over, or somebody says stop.

The order lives at the broker whatever happens here, so nothing in this module is a failure of the
command: it says what is known, and how to go on. `known_if_interrupted` does the same for the
moment in which the order is being sent.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from execbot.broker.errors import BrokerError
from execbot.cli.errors import RETRYABLE, WAITING, Failure
from execbot.cli.exit_codes import ExitCode
from execbot.cli.flags.order_ids import successor_of
from execbot.model.enums import Outcome

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


@dataclass
class Sending:
    """Which order a command is about to send; "" as long as it has no id."""

    client_order_id: str = ""


@contextmanager
def known_if_interrupted(desk: Context) -> Iterator[Sending]:
    """Ctrl-C or SIGTERM inside: raises Failure with what the journal knows of the order."""
    sending = Sending()
    try:
        yield sending
    except KeyboardInterrupt:
        name = sending.client_order_id
        raise _interrupted(desk.journal.order_by_client_id(name) if name else None) from None


def _interrupted(record: OrderRecord | None) -> Failure:
    if record is None or record.outcome is Outcome.NOT_SENT:
        return Failure(
            "interrupted",
            "Interrupted before anything was sent",
            ExitCode.INTERRUPTED,
            RETRYABLE,
        )
    name, outcome = record.client_order_id, record.outcome.value
    extra = {"client_order_id": name, "id": record.order_id, "order_status": record.status.value}
    if record.outcome is Outcome.IN_DOUBT:
        return Failure(
            "interrupted",
            f"Interrupted while {name} was being sent: the broker may have it",
            ExitCode.IN_DOUBT,
            WAITING,
            outcome,
            "Submitting it again could buy twice.",
            "Run `execbot reconcile`; never resubmit.",
            extra,
        )
    return Failure(
        "interrupted",
        f"Interrupted, but {name} was taken: {record.status.value}",
        ExitCode.INTERRUPTED,
        WAITING,
        outcome,
        "The order lives on at the broker.",
        f"execbot orders show {name}, or execbot cancel {name}",
        extra,
    )


def lowered(message: str) -> str:
    """A message as the second half of a sentence; an URL in it stays as it is."""
    return message[:1].lower() + message[1:]
