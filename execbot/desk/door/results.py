"""The type of each request's answer. A command imports only the one that it was answered with."""

from __future__ import annotations

from typing import Any

from execbot.desk.door.messages import ActOn, Cancel, Close, Knock, LookOn, Replace, Submit, Wanted


def result_type(wanted: Wanted) -> type[Any]:
    """What the desk's function for it returns."""
    match wanted:
        case Submit():
            from execbot.desk.sent import Sent

            return Sent
        case Close():
            from execbot.desk.closing import Closed

            return Closed
        case Cancel():
            from execbot.desk.cancelling import Canceled

            return Canceled
        case Replace():
            from execbot.journal.records import OrderRecord

            return OrderRecord
        case Knock() | LookOn():
            return type(None)
        case ActOn():
            from execbot.desk.signals.acted import Acted

            return Acted
