"""`execbot queue`: orders kept for the open: list, release, cancel."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from execbot.cli.command import Cli, command
from execbot.cli.errors import usage
from execbot.cli.exit_codes import ExitCode
from execbot.cli.show.output import Table
from execbot.desk import queueing
from execbot.desk.order_json import record_json
from execbot.desk.queueing import Waiting
from execbot.model.numbers import maybe_text
from execbot.model.times import show_eastern

app = typer.Typer()


@app.callback(invoke_without_command=True)
@command
def queue(cli: Cli) -> None:
    """Orders kept for the open: list them (the default), release what is due, cancel.

    \b
    Examples:
      execbot queue
      execbot queue release
      execbot queue cancel my-order
    """
    _list(cli)


@app.command("list")
@command
def list_(cli: Cli) -> None:
    """List what waits, oldest first, and why.

    \b
    Examples:
      execbot queue list
      execbot queue list --json
    """
    _list(cli)


@app.command()
@command
def release(
    cli: Cli,
    id_: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Only this one, if it is due.")
    ] = None,
) -> None:
    """Send what may trade now, sized and checked afresh; safe from cron, also beside `watch`.

    Orders whose market is still closed or halted are kept; those that waited longer than
    `market_hours.queue_expires_hours` expire.

    \b
    Examples:
      execbot queue release
      execbot queue release my-order --json
    """
    with cli.open() as desk:
        released = queueing.release(desk, id_)
        rows = [
            (
                item.record.symbol,
                item.record.order.side,
                item.action,
                item.outcome,
                item.reason,
                item.record.client_order_id,
            )
            for item in released.done
        ]
        code = ExitCode.DONE
        if released.failed:
            all_failed = released.failed == released.acted_on
            code = ExitCode.RISK if all_failed else ExitCode.PARTLY
        cli.show(
            [item.to_dict() for item in released.done],
            Table(
                ("symbol", "side", "action", "outcome", "reason", "client_order_id"),
                rows,
                empty="Nothing is queued.",
            ),
            exit_code=code,
        )


@app.command()
@command
def cancel(
    cli: Cli,
    id_: Annotated[str | None, typer.Argument(metavar="ID", help="The order to drop.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Everything that is queued.")] = False,
) -> None:
    """Take queued orders back. Never asks; nothing of them is at the broker.

    \b
    Examples:
      execbot queue cancel my-order
      execbot queue cancel --all
    """
    if (id_ is None) == (not all_):
        raise usage("give one ID, or --all", kind="usage.queue")
    with cli.open() as desk:
        ended = queueing.take_back(desk, id_)
        said = f"{len(ended)} taken back." if ended else "Nothing is queued."
        cli.show([record_json(record) for record in ended], said)


def _list(cli: Cli) -> None:
    with cli.open() as desk:
        waiting = queueing.queue(desk)
        rows = [
            (
                show_eastern(item.record.intent_at),
                item.record.symbol,
                item.record.order.side,
                item.record.order.type,
                maybe_text(item.record.order.qty or item.record.order.notional),
                item.due,
                item.waits_for,
                item.record.client_order_id,
            )
            for item in waiting
        ]
        columns = ("queued", "symbol", "side", "type", "size", "now", "because", "client_order_id")
        cli.show(
            [_data(item) for item in waiting], Table(columns, rows, empty="Nothing is queued.")
        )


def _data(item: Waiting) -> dict[str, Any]:
    return {
        **record_json(item.record),
        "due": item.due,
        "waits_for": item.waits_for,
        "expires_at": item.expires_at,
    }
