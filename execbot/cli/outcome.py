"""What every command that sends an order shows of it, and what it asks before a live one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from execbot.cli.command import Cli
from execbot.cli.errors import Failure
from execbot.cli.exit_codes import ExitCode
from execbot.cli.show.additions import added_line
from execbot.cli.show.exit_distances import ShownExits
from execbot.cli.show.later_targets import LaterTargets
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
    later: LaterTargets | None = None,
    exits: ShownExits = ShownExits(),
    opens_short: str = "",
) -> None:
    """Print what became of the order. Raises OrderRejected."""
    raise_if_rejected(record)
    notes = list(warnings)
    if record.already:
        notes.append(f"{record.client_order_id} was submitted before: nothing was sent now.")
    if record.alarm:
        from execbot.oms.machine.alarms import alarm_words

        notes.append(alarm_words(record))
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
