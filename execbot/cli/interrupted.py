"""Ctrl-C or SIGTERM while an order is being sent: what is known of it, and how to go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec import Struct

from execbot.cli.errors import WAITING, Failure
from execbot.cli.exit_codes import ExitCode
from execbot.cli.interrupts import look
from execbot.desk.following import known_order
from execbot.model.enums import Outcome

if TYPE_CHECKING:
    from execbot.desk.account import Desk
    from execbot.desk.door.asking import Asked
    from execbot.desk.look.order_json import OrderRecord


class Sending(Struct):
    """Which order a command is about to send; "" as long as it has no id."""

    client_order_id: str = ""

    def begins(self, client_order_id: str) -> None:
        """From here on the order may leave. Raises KeyboardInterrupt for an interrupt that was put
        off until now."""
        look()
        self.client_order_id = client_order_id


@contextmanager
def known_if_interrupted(desk: Desk, asked: Asked | None = None) -> Iterator[Sending]:
    """Ctrl-C or SIGTERM inside: raises Failure with what the journal knows of the order. Where that
    was not sent the interrupt goes on: what was done before it, the deeds tell. `asked`: what was
    handed over to a running `watch`."""
    sending = Sending(asked.name if asked is not None and asked.was_handed_over else "")
    try:
        yield sending
    except KeyboardInterrupt:
        record = known_order(desk, sending.client_order_id)
        if record is None or record.outcome is Outcome.NOT_SENT:
            raise
        raise _interrupted(record) from None


def _interrupted(record: OrderRecord) -> Failure:
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
