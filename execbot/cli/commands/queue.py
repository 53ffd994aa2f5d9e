"""`execbot queue`: orders kept for the open: list, release, cancel."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from execbot.cli.command import Cli, command
from execbot.cli.errors import exit_code_of, usage
from execbot.cli.exit_codes import ExitCode
from execbot.cli.job import as_job
from execbot.cli.show.list_form import ColumnsFlag, CsvFlag, ListForm, list_form
from execbot.cli.show.order_views import tail_of, when
from execbot.cli.show.output import Table
from execbot.desk import queueing
from execbot.desk.look.order_json import record_json
from execbot.desk.queueing import Release, Waiting
from execbot.model.enums import ErrorCategory, Outcome
from execbot.model.numbers import maybe_text

app = typer.Typer()


@app.callback(invoke_without_command=True)
@command
def queue(cli: Cli, csv: CsvFlag = False, columns: ColumnsFlag = None) -> None:
    """Orders kept for the open: list them (the default), send those that are due, cancel.

    \b
    Examples:
      execbot queue
      execbot queue release
      execbot queue cancel my-order
    """
    _list(cli, list_form(cli, COLUMNS, csv=csv, columns=columns))


@app.command("list")
@command
def list_(cli: Cli, csv: CsvFlag = False, columns: ColumnsFlag = None) -> None:
    """List waiting orders, oldest first, and why they wait.

    \b
    Examples:
      execbot queue list
      execbot queue list --json
      execbot queue list --csv
    """
    _list(cli, list_form(cli, COLUMNS, csv=csv, columns=columns))


@app.command()
@command
@as_job(lambda given: "queue" if given["id_"] is None else None)
def release(
    cli: Cli,
    id_: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Only this one, if it is due.")
    ] = None,
) -> None:
    """Send orders that may trade now, sized and checked afresh; safe from cron, beside `watch` too.

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
                tail_of(item.record.client_order_id),
            )
            for item in released.done
        ]
        cli.show(
            [item.to_dict() for item in released.done],
            Table(
                ("symbol", "side", "action", "outcome", "reason", "client_order_id"),
                rows,
                empty="Nothing is queued.",
                wrap=frozenset({"reason"}),
            ),
            exit_code=_code(released),
        )


def _code(released: Release) -> ExitCode:
    """Where every one failed, that of the first of them; in doubt where any of them is."""
    if any(item.outcome is Outcome.IN_DOUBT for item in released.done):
        return ExitCode.IN_DOUBT
    failed = [item for item in released.done if item.error_kind]
    if not failed:
        return ExitCode.DONE
    if released.has_done_some:
        return ExitCode.PARTLY
    code = exit_code_of(failed[0].error_kind, failed[0].category or ErrorCategory.FATAL)
    return ExitCode.PARTLY if code is ExitCode.USAGE else code  # nothing wrong was typed here


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


COLUMNS = (
    *("intent_at", "symbol", "side", "type", "time_in_force", "qty", "notional", "limit_price"),
    *("stop_price", "due", "waits_for", "expires_at", "strategy_id", "reason", "signal_id"),
    *("origin", "client_order_id"),
)


def _list(cli: Cli, form: ListForm) -> None:
    with cli.open() as desk:
        waiting = queueing.queue(desk)
        rows = [
            (
                when(item.record.intent_at),
                item.record.symbol,
                item.record.order.side,
                item.record.order.type,
                maybe_text(item.record.order.qty or item.record.order.notional),
                item.due,
                item.waits_for,
                tail_of(item.record.client_order_id),
            )
            for item in waiting
        ]
        columns = ("queued", "symbol", "side", "type", "size", "now", "because", "client_order_id")
        table = Table(
            columns,
            rows,
            empty="Nothing is queued.",
            drop=("type",),
            wrap=frozenset({"because"}),
        )
        data = [_data(item) for item in waiting]
        cli.show(
            data,
            *form.views(data, table),
            warnings=[*queueing.queue_care(desk).warnings(len(waiting)), *queueing.cut_off(desk)],
        )


def _data(item: Waiting) -> dict[str, Any]:
    return {
        **record_json(item.record),
        "due": item.due,
        "waits_for": item.waits_for,
        "expires_at": item.expires_at,
    }
