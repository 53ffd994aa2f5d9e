"""Following an order that was taken, until it has ended, the time is over, or somebody says stop.

The order lives at the broker whatever happens here: following ends, the order does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from execbot.model.enums import OrderStatus
from execbot.model.retrying import Growing, polled
from execbot.model.timer import Timer

if TYPE_CHECKING:
    from execbot.desk.account import Desk
    from execbot.journal.records import OrderRecord

PAUSE = Growing(first=0.2, most=2.0, factor=1.3)
"""Between two looks at an order that is waited for: it grows, so that a long wait leaves most of
Alpaca's 200 requests a minute to others."""


def follow(
    desk: Desk, record: OrderRecord, seconds: float, *, timer: Timer = Timer()
) -> tuple[OrderRecord, list[str]]:
    """Ask for the order until it has ended or the time is over; the order, and what to warn of.

    A replaced order is followed into the one that took its place. A look that the broker does not
    answer is repeated. Ctrl-C and SIGTERM end only the waiting.
    """
    followed = _Followed(desk, record)
    try:
        ended = polled(followed.look, lambda ended: ended, wait=PAUSE, seconds=seconds, timer=timer)
    except KeyboardInterrupt:
        record = followed.record
        return record, [*followed.warnings, *left_alone(record, "Stopped waiting.")]
    if ended or followed.record.order.is_terminal:
        return followed.record, followed.warnings
    said = f"Not ended within {seconds:g} seconds; it stays working.{followed.trouble}"
    return followed.record, [*followed.warnings, said]


class _Followed:
    """The order as it was last seen, and what its follower has to say."""

    def __init__(self, desk: Desk, record: OrderRecord) -> None:
        self.record = record
        self.warnings: list[str] = []
        self.trouble = ""
        self._oms = desk.oms
        self._is_fresh = True  # the broker has just answered with it

    def look(self) -> bool:
        """Read it, and whatever took its place; whether it has ended."""
        is_due, self._is_fresh = not self._is_fresh, False
        while is_due or successor_of(self.record) is not None:
            if not self._read():
                return False
            is_due = False
        return self.record.order.is_terminal

    def _read(self) -> bool:
        """Read it, or what took its place; whether the broker answered."""
        from execbot.broker.errors import BrokerError
        from execbot.journal.errors import JournalError
        from execbot.oms.errors import OmsError

        name, successor = self.record.client_order_id, successor_of(self.record)
        try:
            self.record = self._oms.refresh(successor or name)
        except (BrokerError, OmsError, JournalError) as error:
            # The order was sent: a look that fails changes nothing of that, whatever failed.
            self.trouble = f" Last look: {lowered(error.message)}."
            return False
        if successor is not None:
            self.warnings.append(f"{name} was replaced: shown is what it became.")
        self.trouble = ""
        return True


def left_alone(record: OrderRecord, why: str) -> list[str]:
    """What to tell a person who has stopped waiting."""
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


def known_order(desk: Desk, client_order_id: str) -> OrderRecord | None:
    """The order as the journal has it; None where it does not."""
    return desk.journal.order_by_client_id(client_order_id) if client_order_id else None


def alarm_of(record: OrderRecord) -> str:
    """What is wrong with the order, in words; empty where nothing is."""
    from execbot.oms.machine.alarms import alarm_words

    return alarm_words(record) if record.alarm else ""


def lowered(message: str) -> str:
    """A message as the second half of a sentence; an URL in it stays as it is."""
    return message[:1].lower() + message[1:]


def successor_of(record: OrderRecord) -> str | None:
    """The broker's id of the order that took the place of a replaced one."""
    return record.order.replaced_by if record.status is OrderStatus.REPLACED else None
