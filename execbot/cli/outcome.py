"""What every command that sends an order shows of it, and what it asks before a live one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from execbot.cli.command import Cli
from execbot.cli.errors import Failure
from execbot.cli.exit_codes import ExitCode
from execbot.cli.show.additions import added_line
from execbot.cli.show.later_targets import Spread
from execbot.cli.show.order_views import sentence
from execbot.config.schema import Mode
from execbot.desk.context import Context
from execbot.desk.following import raise_if_rejected
from execbot.desk.order_json import record_json
from execbot.model.enums import OrderType, TimeInForce
from execbot.model.order import OrderRequest

if TYPE_CHECKING:
    from execbot.desk.order_json import OrderRecord


def legs_lapse(request: OrderRequest) -> list[str]:
    """Entry and legs have one time in force: what that means for the order given."""
    if request.stop_loss is None and request.take_profit is None:
        return []
    if request.time_in_force is TimeInForce.DAY:
        return ["Stop and target of a day order lapse at the close: leave --tif out, or run watch."]
    if request.type is OrderType.LIMIT:
        return ["The limit rests until it fills or is canceled (gtc): its stop outlives the day."]
    return []


def show_outcome(
    cli: Cli,
    record: OrderRecord,
    warnings: Sequence[str] = (),
    addition: dict[str, Any] | None = None,
    spread: Spread | None = None,
) -> None:
    """Print what became of the order. Raises OrderRejected."""
    raise_if_rejected(record)
    notes = list(warnings)
    if record.already:
        notes.append(f"{record.client_order_id} was submitted before: nothing was sent now.")
    if record.alarm:
        notes.append(record.alarm)
    if spread is not None:
        notes += spread.warnings()
    cli.show(
        {
            **record_json(record),
            "already": record.already,
            "addition": addition,
            "spread": spread.to_dict() if spread is not None else None,
        },
        sentence(record),
        *([added_line(addition, record.symbol)] if addition is not None else []),
        *([spread.line()] if spread is not None else []),
        f"client_order_id {record.client_order_id}",
        warnings=notes,
    )


def confirm_live(cli: Cli, desk: Context, what: str, yes: bool) -> None:
    """A live order is reviewed by a person, or --yes stands for one. Raises Failure (11)."""
    if desk.mode is not Mode.LIVE or yes:
        return
    if not cli.can_ask:
        raise Failure(
            "confirm.needed",
            "A live order needs a confirmation, and there is no terminal to ask on",
            ExitCode.DECLINED,
            next_step="Add --yes if this is meant.",
        )
    if not cli.confirm(f"LIVE account {desk.account}: {what}. Send it?"):
        raise Failure("confirm.declined", "Not confirmed: nothing was sent", ExitCode.DECLINED)
