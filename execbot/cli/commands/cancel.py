"""`execbot cancel` and the emergency brake `execbot cancel-all`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from execbot.cli.command import Cli, command
from execbot.cli.exit_codes import ExitCode
from execbot.cli.flags.declared import Argument, Option
from execbot.cli.flags.direct import DirectOption
from execbot.cli.flags.order_flags import read_symbol, read_wait
from execbot.cli.show.order_views import orders_table, sentence, short_id
from execbot.cli.show.output import Table, print_table
from execbot.desk import cancelling
from execbot.desk.door.going_on import going_on
from execbot.desk.door.messages import Cancel
from execbot.desk.door.names import own_name
from execbot.desk.look.order_json import record_json
from execbot.desk.opening.journal_need import Need
from execbot.desk.opening.lines import ONE_LINE
from execbot.model.order_words import describe

if TYPE_CHECKING:
    from execbot.desk.cancelling import CancelAllResult, Canceled
    from execbot.desk.look.order_json import OrderRecord

CANCEL_WAIT_SECONDS = 5.0
"""A cancel is confirmed within milliseconds when the market is open; when it is closed, Alpaca
may confirm it only later, and the answer says so."""


@command
def cancel(
    cli: Cli,
    id_: Annotated[str, Argument(metavar="ID", help="The broker's id or your own.")],
    wait: Annotated[
        float, Option(help="How long to wait for the end of the order.", metavar="SECONDS")
    ] = CANCEL_WAIT_SECONDS,
    direct: DirectOption = False,
) -> None:
    """Cancel one order. Never asks.

    The id of an order that was replaced cancels the order that it became.

    An order that has ended otherwise meanwhile is shown as it ended; one that was filled before it
    could be canceled ends the command with 6. A damaged, locked or read-only journal does not hold
    it up.

    \b
    Examples:
      execbot cancel my-own-id
      execbot cancel 61e69015-8549-4bfd-b9c3-01e75843f47d --json
    """
    read_wait(wait)
    asked = cli.ask_watch(Cancel(id_, wait), own_name("cancel"), direct=direct)
    if asked.is_reported:
        with cli.told_by_watch():
            _show_one(cli, asked.result())
        return
    with cli.open(need=Need.BRAKE, lines=ONE_LINE, asked=asked) as desk, going_on(desk, asked):
        _show_one(cli, cancelling.cancel(desk, id_, wait_seconds=wait))


def _show_one(cli: Cli, done: Canceled) -> None:
    cli.show(record_json(done.record), sentence(done.record), warnings=done.warnings)


@command
def cancel_all(
    cli: Cli,
    entries: Annotated[
        bool, Option("--entries", help="Only entries; protective exits stay.")
    ] = False,
    mine: Annotated[bool, Option("--mine", help="Only orders placed by execbot.")] = False,
    symbol: Annotated[str | None, Option(help="Only this symbol.")] = None,
    wait: Annotated[
        float, Option(help="How long to wait for the end of the orders.", metavar="SECONDS")
    ] = 15.0,
    yes: Annotated[bool, Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Cancel every open order of the account: the emergency brake.

    Lists the orders, asks on a terminal (off one, in live, it needs --yes), cancels, waits until
    each has ended, and names every position that is left without a stop. Ends with 12 when some
    could not be canceled. A damaged, locked or read-only journal does not hold it up.

    \b
    Examples:
      execbot cancel-all
      execbot cancel-all --yes --json
      execbot cancel-all --entries --mine
    """
    wanted = None if symbol is None else read_symbol(symbol)
    read_wait(wait)
    with cli.open(need=Need.BRAKE, lines=ONE_LINE) as desk:
        done = cancelling.cancel_all(
            desk,
            symbol=wanted,
            entries_only=entries,
            mine_only=mine,
            wait_seconds=wait,
            consent=cli.consent(yes),
            show=lambda found: _show_open(cli, found, is_asked=not yes),
        )
        cli.show(
            {**_result_json(done.result), "recorded": done.recorded},
            *_result_views(done.result),
            warnings=done.warnings,
            exit_code=ExitCode.PARTLY if done.is_partly else ExitCode.DONE,
        )


def _show_open(cli: Cli, found: Sequence[OrderRecord], *, is_asked: bool) -> None:
    """What is about to be canceled; with --quiet only where a person is asked about it."""
    if is_asked or not cli.quiet:
        print_table(orders_table(found), cli.style)


def _result_json(result: CancelAllResult) -> dict[str, Any]:
    return {
        "canceled": [record_json(record) for record in result.canceled],
        "filled": [record_json(record) for record in result.filled],
        "failed": [
            *({**record_json(record), "error": reason} for record, reason in result.failed),
            *({**record_json(r), "error": "not ended yet"} for r in result.still_open),
            *({**record_json(r), "error": "in doubt"} for r in result.in_doubt),
        ],
        "unprotected": [
            {
                "symbol": item.symbol,
                "qty": item.qty,
                "uncovered_qty": item.uncovered_qty,
                "missing": item.missing,
            }
            for item in result.unprotected
        ],
    }


def _result_views(result: CancelAllResult) -> list[Table | str]:
    rows: list[tuple[object, ...]] = []
    for outcome, records in (
        ("canceled", result.canceled),
        ("filled", result.filled),
        ("not ended yet", result.still_open),
        ("in doubt", result.in_doubt),
    ):
        rows.extend(_row(record, outcome) for record in records)
    rows.extend(_row(record, f"failed: {reason}") for record, reason in result.failed)
    return [
        Table(
            ("order", "result", "id", "client_order_id"),
            rows,
            empty="No open orders.",
            drop=("client_order_id",),
            wrap=frozenset({"result"}),
        )
    ]


def _row(record: OrderRecord, outcome: str) -> tuple[object, ...]:
    return (
        describe(record.order),
        outcome,
        short_id(record.order_id, record.client_order_id),
        record.client_order_id,
    )
