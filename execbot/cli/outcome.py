"""What every command that sends an order shows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from execbot.cli.command import Cli
from execbot.cli.show.order_views import sentence
from execbot.desk.following import alarm_of, raise_if_rejected
from execbot.desk.look.order_json import record_json

if TYPE_CHECKING:
    from execbot.desk.sent import Sent


def show_outcome(cli: Cli, sent: Sent) -> None:
    """Print what became of the order. Raises OrderRejected."""
    record, later = sent.record, sent.later
    raise_if_rejected(record)
    notes = list(sent.warnings)
    if record.already:
        notes.append(f"{record.client_order_id} was submitted before: nothing was sent now.")
    if record.alarm:
        notes.append(alarm_of(record))
    if later is not None:
        notes += later.warnings()
    said = sentence(record)
    cli.show(
        {
            **record_json(record),
            "already": record.already,
            "addition": sent.added.to_dict() if sent.added is not None else None,
            "spread": later.to_dict() if later is not None else None,
            "exits": sent.exits.to_list(),
            "opens_short": bool(sent.opens_short),
            "cancel_at": sent.ending.at if sent.ending is not None else None,
            "halts_known": sent.halts.known,
            "risk": sent.risk.to_dict() if sent.risk is not None else None,
        },
        f"{said} ({sent.opens_short})" if sent.opens_short else said,
        *sent.exits.lines(),
        *([sent.risk.line(), sent.risk.left_line()] if sent.risk is not None else []),
        *([sent.shortfall] if sent.shortfall else []),
        *([sent.added.line()] if sent.added is not None else []),
        *([later.line()] if later is not None else []),
        *([sent.ending.line()] if sent.ending is not None else []),
        *([sent.halts.line] if sent.halts.line else []),
        f"client_order_id {record.client_order_id}",
        warnings=notes,
    )
