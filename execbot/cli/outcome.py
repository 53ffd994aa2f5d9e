"""What every command that sends an order shows of it, and what it asks before a live one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from execbot.cli.command import Cli
from execbot.cli.errors import Failure
from execbot.cli.exit_codes import ExitCode
from execbot.cli.show.additions import added_line
from execbot.cli.show.exit_distances import ShownExits
from execbot.cli.show.later_targets import LaterTargets
from execbot.cli.show.order_views import describe, record_json, sentence
from execbot.config.schema import Mode
from execbot.desk.context import Context
from execbot.journal.records import OrderRecord
from execbot.model.enums import OrderStatus, OrderType, TimeInForce
from execbot.model.order import OrderRequest


def legs_lapse(request: OrderRequest) -> list[str]:
    """Entry and legs have one time in force: what that means for the order given."""
    if request.stop_loss is None and request.take_profit is None:
        return []
    if request.time_in_force is TimeInForce.DAY:
        return ["Stop and target of a day order lapse at the close: leave --tif out, or run watch."]
    if request.type is OrderType.LIMIT:
        return ["The limit rests until it fills or is canceled (gtc): its stop outlives the day."]
    return []


def raise_if_rejected(record: OrderRecord) -> None:
    """Accepted first and rejected later is a rejection all the same: exit 6."""
    if record.status is not OrderStatus.REJECTED or record.order.filled_qty:
        return
    raise Failure(
        "broker.order_rejected",
        f"The broker rejected the order: {describe(record.order)}",
        ExitCode.REJECTED,
        outcome="rejected",
        hint=record.note or "It was accepted first and rejected later.",
        next_step=f"execbot orders show {record.client_order_id}",
        extra={"client_order_id": record.client_order_id, "order": record_json(record)},
    )


def show_outcome(
    cli: Cli,
    record: OrderRecord,
    warnings: Sequence[str] = (),
    addition: dict[str, Any] | None = None,
    later: LaterTargets | None = None,
    exits: ShownExits = ShownExits(),
    opens_short: str = "",
) -> None:
    """Print what became of the order. Raises Failure (6) when the broker rejected it."""
    raise_if_rejected(record)
    notes = list(warnings)
    if record.already:
        notes.append(f"{record.client_order_id} was submitted before: nothing was sent now.")
    if record.alarm:
        notes.append(record.alarm)
    if later is not None:
        notes += later.warnings()
    cli.show(
        {
            **record_json(record),
            "already": record.already,
            "addition": addition,
            "spread": later.to_dict() if later is not None else None,
            "exits": exits.to_list(),
            "opens_short": bool(opens_short),
        },
        f"{sentence(record)} ({opens_short})" if opens_short else sentence(record),
        *exits.lines(),
        *([added_line(addition, record.symbol)] if addition is not None else []),
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
