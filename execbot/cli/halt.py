"""`execbot halt` and `execbot resume`: the kill switch."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from execbot.broker.errors import BrokerError
from execbot.cli.command import Cli, command
from execbot.cli.context import Context
from execbot.cli.errors import usage
from execbot.cli.exit_codes import ExitCode
from execbot.journal.errors import JournalError
from execbot.model.numbers import text

CANCEL_WAIT_SECONDS = 10.0
REASON_LENGTH_MAX = 500


@command
def halt(
    cli: Cli,
    reason: Annotated[str, typer.Option(help="Why; kept and shown to everybody.")],
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Also cancel every working entry.")
    ] = False,
    flatten: Annotated[
        bool, typer.Option("--flatten", help="Also close every position; implies --cancel.")
    ] = False,
    reduce_only: Annotated[
        bool, typer.Option("--reduce-only", help="The milder form: queued orders keep waiting.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before closing.")] = False,
) -> None:
    """Stop new entries, in every process, from the next order on. Never asks.

    Exits and cancels always go. Nothing is canceled or closed unless asked for; what protects a
    position is never canceled by --cancel. `execbot resume` lifts it.

    \b
    Examples:
      execbot halt --reason "news"
      execbot halt --reason "broken feed" --cancel --flatten --yes
      execbot halt --reduce-only --reason "end of month"
    """
    from execbot.risk.halting import raise_switch
    from execbot.risk.kill_switch import Level

    if not reason.strip() or len(reason) > REASON_LENGTH_MAX:
        raise usage(f"--reason must have 1 to {REASON_LENGTH_MAX} characters", kind="usage.value")
    level = Level.REDUCE_ONLY if reduce_only else Level.HALTED
    with cli.open() as desk:
        switch, changed = raise_switch(desk.journal, level, reason.strip(), "trader", desk.now())
        data: dict[str, Any] = {
            **switch.to_json(),
            "changed": changed,
            "canceled": [],
            "closed": [],
            "failed": [],
        }
        if cancel or flatten:
            _cancel(desk, data)
        if flatten and _may_flatten(cli, desk, yes):
            _flatten(desk, data)
        partly = bool(data["failed"])
        cli.show(
            data,
            f"Entries are stopped: {switch.describe()}",
            *_lines(data),
            exit_code=ExitCode.PARTLY if partly else ExitCode.DONE,
        )


@command
def resume(
    cli: Cli,
    reason: Annotated[str, typer.Option(help="Why; kept in the journal.")] = "",
) -> None:
    """Allow entries again. Runs of losses and rejections are counted anew from here.

    \b
    Examples:
      execbot resume
      execbot resume --reason "feed is back"
    """
    from execbot.risk.halting import resume as lift

    with cli.open() as desk:
        before = lift(desk.journal, reason.strip(), desk.now())
        was = before.describe()
        said = "Nothing was halted." if not before.stops_entries else f"Lifted: {was}"
        cli.show({"level": "off", "before": before.to_json()}, said)


def _cancel(desk: Context, data: dict[str, Any]) -> None:
    result = desk.oms.cancel_all(entries_only=True, wait_seconds=CANCEL_WAIT_SECONDS)
    data["canceled"] = [record.client_order_id for record in result.canceled]
    data["failed"] += [
        {"client_order_id": record.client_order_id, "error": why} for record, why in result.failed
    ]
    data["failed"] += [
        {"client_order_id": record.client_order_id, "error": f"still {record.status}"}
        for record in (*result.still_open, *result.in_doubt)
    ]


def _may_flatten(cli: Cli, desk: Context, yes: bool) -> bool:
    """Asks on a terminal only: in an emergency a script must not be stopped by a question."""
    if yes or not cli.can_ask:
        return True
    held = desk.client.get_positions()
    return not held or cli.confirm(f"Close all {len(held)} positions at market?")


def _flatten(desk: Context, data: dict[str, Any]) -> None:
    from execbot.oms.errors import OmsError

    for position in desk.client.get_positions():
        try:
            closed = desk.oms.close(position.symbol, reason="halt --flatten")
        except (OmsError, BrokerError, JournalError) as error:
            data["failed"].append({"symbol": position.symbol, "error": str(error)})
            continue
        record = closed.record
        data["closed"].append(
            {
                "symbol": position.symbol,
                "qty": text(abs(position.qty)),
                "client_order_id": record.client_order_id if record else None,
                "outcome": record.outcome.value if record else "filled",
            }
        )


def _lines(data: dict[str, Any]) -> list[str]:
    said = [f"canceled {name}" for name in data["canceled"]]
    said += [f"closing {item['qty']} {item['symbol']}" for item in data["closed"]]
    said += [f"FAILED {item}" for item in data["failed"]]
    return said
