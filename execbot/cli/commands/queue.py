"""`execbot queue`: orders kept for the open: list, release, cancel."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from execbot.cli.command import Cli, command
from execbot.cli.errors import usage
from execbot.cli.exit_codes import ExitCode
from execbot.cli.show.order_views import record_json
from execbot.cli.show.output import Table
from execbot.desk.context import Context
from execbot.journal.records import OrderRecord
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
    from execbot.desk.signals import executor_of
    from execbot.market.queue import QueueAction
    from execbot.oms.release_queue import release_due

    with cli.open() as desk:
        if id_ is not None:
            _queued(desk, id_)
        done = release_due(executor_of(desk), only=id_)
        failed = [item for item in done if item.error_kind]
        rows = [
            (
                item.record.symbol,
                item.record.order.side,
                item.action,
                item.outcome,
                item.reason,
                item.record.client_order_id,
            )
            for item in done
        ]
        acted = [item for item in done if item.action is not QueueAction.KEEP]
        code = ExitCode.DONE
        if failed:
            code = ExitCode.RISK if len(failed) == len(acted) else ExitCode.PARTLY
        cli.show(
            [item.to_dict() for item in done],
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
    from execbot.oms.release_queue import queued_orders

    if (id_ is None) == (not all_):
        raise usage("give one ID, or --all", kind="usage.queue")
    with cli.open() as desk:
        wanted = queued_orders(desk.journal) if id_ is None else [_queued(desk, id_)]
        ended = [desk.oms.cancel(record.client_order_id) for record in wanted]
        said = f"{len(ended)} taken back." if ended else "Nothing is queued."
        cli.show([record_json(record) for record in ended], said)


def _queued(desk: Context, identifier: str) -> OrderRecord:
    from execbot.model.enums import OrderStatus

    record = desk.oms.record(identifier)
    if record.status is not OrderStatus.QUEUED:
        raise usage(
            f"{record.client_order_id} is {record.status}, not queued",
            next_step=f"execbot orders show {record.client_order_id}",
            kind="usage.queue",
        )
    return record


def _list(cli: Cli) -> None:
    from execbot.oms.release_queue import queue_decisions

    with cli.open() as desk:
        decided = queue_decisions(desk.risk.reader)
        hours = desk.settings.trading.market_hours.queue_expires_hours
        data = [_data(record, decision.action, decision.reason, hours)
                for record, decision in decided]  # fmt: skip
        rows = [
            (
                show_eastern(record.intent_at),
                record.symbol,
                record.order.side,
                record.order.type,
                maybe_text(record.order.qty or record.order.notional),
                decision.action,
                decision.reason,
                record.client_order_id,
            )
            for record, decision in decided
        ]
        columns = ("queued", "symbol", "side", "type", "size", "now", "because", "client_order_id")
        cli.show(data, Table(columns, rows, empty="Nothing is queued."))


def _data(record: OrderRecord, action: str, reason: str, hours: Any) -> dict[str, Any]:
    from execbot.oms.release_queue import expiry_of

    return {
        **record_json(record),
        "due": action,
        "waits_for": reason,
        "expires_at": expiry_of(record, hours),
    }
