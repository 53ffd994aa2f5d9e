"""What every command that sends an order shows of it, and what it asks before a live one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from execbot.cli.command import Cli
from execbot.cli.errors import Failure
from execbot.cli.exit_codes import ExitCode
from execbot.cli.show.order_views import sentence
from execbot.config.schema import Mode
from execbot.desk.following import alarm_of, raise_if_rejected
from execbot.desk.order_json import record_json

if TYPE_CHECKING:
    from execbot.desk.context import Context
    from execbot.desk.placing import Sent


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
        },
        f"{said} ({sent.opens_short})" if sent.opens_short else said,
        *sent.exits.lines(),
        *([sent.added.line()] if sent.added is not None else []),
        *([later.line()] if later is not None else []),
        f"client_order_id {record.client_order_id}",
        warnings=notes,
    )


def confirm_live(cli: Cli, desk: Context, what: str, yes: bool) -> bool:
    """A live order is reviewed by a person, or --yes stands for one; whether a person was asked.

    Raises Failure (11).
    """
    if desk.mode is not Mode.LIVE or yes:
        return False
    if not cli.can_ask:
        raise Failure(
            "confirm.needed",
            "A live order needs a confirmation, and there is no terminal to ask on",
            ExitCode.DECLINED,
            next_step="Add --yes if this is meant.",
        )
    if not cli.confirm(f"LIVE account {desk.account}: {what}. Send it?"):
        raise Failure("confirm.declined", "Not confirmed: nothing was sent", ExitCode.DECLINED)
    return True
