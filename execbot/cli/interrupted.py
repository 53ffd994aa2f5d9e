"""Ctrl-C or SIGTERM while an order is being sent: what is known of it, and how to go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from execbot.cli.errors import RETRYABLE, WAITING, Failure
from execbot.cli.exit_codes import ExitCode
from execbot.desk.following import known_order
from execbot.model.enums import Outcome

if TYPE_CHECKING:
    from execbot.desk.context import Context
    from execbot.desk.order_json import OrderRecord


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
        raise _interrupted(known_order(desk, name)) from None


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
