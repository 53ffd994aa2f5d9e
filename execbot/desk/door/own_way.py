"""What a command does when it has given up waiting: take its request back, or learn what became of
it.

Afterwards the command's own intent revokes the request once more (`going_on`), so that no other
process makes an order of it, whatever becomes of that intent.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from execbot.broker.errors import BrokerError
from execbot.desk.account import Desk
from execbot.desk.door.asking import Asked
from execbot.desk.door.messages import ActOn, Close, Replace, Submit, Wanted
from execbot.desk.door.rules import ENDED, WAITS, Heard, Place, after
from execbot.desk.following import left_alone
from execbot.journal.records import OrderRecord
from execbot.model.enums import UNSETTLED_STATUSES, Outcome
from execbot.model.retrying import Growing, polled
from execbot.oms.errors import InDoubt
from execbot.oms.send.hand_over import (
    orders_of,
    stands,
    stood_before,
    take_back,
)

LOOKS = Growing(first=0.1, most=1.0, factor=1.6)
"""Between looks at an order whose owner says nothing."""

LOOK_SECONDS_MORE = 1.0
"""Beyond the quiet time, in which a look-up becomes final."""


def settled(desk: Desk, asked: Asked) -> Any:
    """What the watch made of a request that was handed over; None once it was taken back. Raises
    InDoubt, what a look-up raises, and KeyboardInterrupt.
    """
    result = None
    while asked.place not in ENDED:
        if asked.place is Place.TAKING_BACK:
            is_ours = _take_back(desk, asked)
            asked.place = after(asked.place, Heard.TAKEN_BACK if is_ours else Heard.STANDS)
            if asked.was_interrupted:
                seen = None if is_ours else _stopped_waiting(desk, asked)
                if seen is None:
                    raise _interrupted(asked, is_ours=is_ours)
                return seen
        elif asked.place in WAITS:
            asked.hear()
        else:
            result = _look_up(desk, asked)
            asked.place = after(asked.place, Heard.NOTHING if result is None else Heard.FOUND)
    if result is None and asked.place is Place.ANSWERED:
        result = asked.result()
    return result


def _interrupted(asked: Asked, *, is_ours: bool) -> KeyboardInterrupt:
    """The interrupt, as the command reports it. Of a request that was taken back no order was made,
    nor will be; but orders may have been canceled for it, which no intent shows."""
    error: Any = KeyboardInterrupt()
    if not is_ours or not isinstance(asked.wanted, Submit | Replace):
        error.after = Outcome.IN_DOUBT.value
    return error  # type: ignore[no-any-return]


def _stopped_waiting(desk: Desk, asked: Asked) -> Any:
    """Where the watch has sent the order that `--wait` follows, an interrupt ends only the waiting,
    as on the command's own way. None where the broker is not known to have the order."""
    wanted = asked.wanted
    if not isinstance(wanted, Submit | Close) or wanted.wait_seconds is None:
        return None
    standing = [record for record in orders_of(desk.journal, asked.name) if stands(record.status)]
    if not standing or standing[-1].status in UNSETTLED_STATUSES:
        return None
    result = _result_of(desk, replace(wanted, wait_seconds=None), standing[-1])
    said = left_alone(standing[-1], "Stopped waiting.")
    return replace(result, warnings=(*result.warnings, *said))


def _take_back(desk: Desk, asked: Asked) -> bool:
    """Take the request back; whether it is ours to carry out. An order of that name that was
    there before the watch was asked is not the watch's: the command meets it on its own way, and
    says so."""
    found = orders_of(desk.journal, asked.name)
    if found and all(stood_before(desk.journal, record, asked.asked_at) for record in found):
        return True
    return take_back(desk.journal, asked.name)


def _look_up(desk: Desk, asked: Asked) -> Any:
    """What became of the order that the watch has made; None where nothing stands."""
    record = polled(
        lambda: _look(desk, asked.name),
        lambda record: record is None or record.status not in UNSETTLED_STATUSES,
        wait=LOOKS,
        seconds=float(desk.settings.trading.order_management.settle_quiet_seconds)
        + LOOK_SECONDS_MORE,
        timer=desk.oms.timer,
    )
    if record is None or not stands(record.status):
        return None
    if record.status in UNSETTLED_STATUSES:
        name = record.client_order_id
        raise InDoubt(
            f"the watch was to send {name}, and whether it did is not known", record=record
        )
    return _result_of(desk, asked.wanted, record)


def _look(desk: Desk, name: str) -> OrderRecord | None:
    """The last order made of the request, its fate looked up where it is not known."""
    found = orders_of(desk.journal, name)
    if any(record.status in UNSETTLED_STATUSES for record in found):
        try:
            desk.oms.settle()
        except BrokerError:
            return found[-1]
        found = orders_of(desk.journal, name)
    standing = [record for record in found if stands(record.status)]
    return standing[-1] if standing else None


def _result_of(desk: Desk, wanted: Wanted, record: OrderRecord) -> Any:
    """The order as the function that was to make it would have returned it."""
    match wanted:
        case Submit():
            from execbot.desk.placing import sent_elsewhere

            return sent_elsewhere(desk, record, wait_seconds=wanted.wait_seconds)
        case Close():
            from execbot.desk.closing import closed_elsewhere

            return closed_elsewhere(desk, record, wait_seconds=wanted.wait_seconds)
        case Replace():
            return record
        case ActOn():
            from execbot.desk.signals.acted import Acted
            from execbot.desk.signals.acting import acted_elsewhere

            return Acted(*acted_elsewhere(desk, wanted.signal, naked=wanted.naked))
    raise AssertionError(wanted)  # a cancel makes no order
