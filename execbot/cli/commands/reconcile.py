"""`execbot reconcile`: journal and broker brought together, every difference explained."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any

import typer

from execbot.cli.command import Cli, command
from execbot.cli.errors import usage
from execbot.cli.exit_codes import ExitCode
from execbot.cli.flags.order_flags import read_number, read_symbol
from execbot.cli.job import as_job
from execbot.cli.show.amounts import counted
from execbot.cli.show.list_form import ColumnsFlag, CsvFlag, list_form
from execbot.cli.show.order_views import sentence, tail_of
from execbot.cli.show.output import Cell, Table
from execbot.desk import reconciling
from execbot.desk.look.order_json import record_json
from execbot.desk.reconciling import Break, Reconciled, ReconcileResult
from execbot.model.numbers import ZERO, maybe_decimal
from execbot.model.symbols import symbol_key


@command
@as_job(lambda given: "reconcile")
def reconcile(
    cli: Cli,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until orders in doubt can be decided.")
    ] = False,
    accept_positions: Annotated[
        bool,
        typer.Option("--accept-positions", help="Take the broker's quantities as adjustments."),
    ] = False,
    cost: Annotated[
        list[str] | None,
        typer.Option(
            "--cost",
            help="Cost of one share of an accepted difference; without it the broker's average.",
            metavar="SYMBOL=PRICE",
        ),
    ] = None,
    csv: CsvFlag = False,
    columns: ColumnsFlag = None,
) -> None:
    """Bring the journal and the broker together: orders, fills, positions.

    Settles what is in doubt, adopts what was placed elsewhere, books splits, and explains every
    difference that stays (a break). Only reads at the broker; safe every minute from cron beside a
    running watch. Ends with 8 while breaks remain, or a position lacks the protection that was
    promised to it. --csv lists the breaks, one a line.

    \b
    Examples:
      execbot reconcile
      execbot reconcile --wait --json
      execbot reconcile --csv
      execbot reconcile --accept-positions --cost AAPL=151.20
      * * * * * execbot reconcile --json >> reconcile.log 2>&1
    """
    costs = _read_costs(cost or (), accept_positions)
    form = list_form(cli, COLUMNS, csv=csv, columns=columns)
    with cli.open(in_parts=True) as desk:
        done = reconciling.reconcile(
            desk, accept_positions=accept_positions, costs=costs, wait=wait
        )
        if done.result.costs_wanted and cli.can_ask:
            asked = {symbol_key(name): _asked(cli, name) for name in done.result.costs_wanted}
            costs |= {key: price for key, price in asked.items() if price is not None}
            done = reconciling.reconcile(desk, accept_positions=True, costs=costs)
        cli.show(
            {**_result_json(done.result), **_protection_json(done)},
            *form.views(
                [_break(item) for item in done.result.breaks],
                *_views(done.result),
                *_protection_lines(done),
            ),
            warnings=done.warnings,
            exit_code=ExitCode.BREAKS if done.has_findings else ExitCode.DONE,
        )


def _read_costs(words: Sequence[str], accept_positions: bool) -> dict[str, Decimal]:
    """Prices by symbol key. Raises Failure (2)."""
    if words and not accept_positions:
        raise usage("--cost is for --accept-positions", next_step="Give both.")
    found = {}
    for word in words:
        symbol, equals, price = word.partition("=")
        if not equals:
            raise usage(f"--cost {word} says no price", next_step="Write --cost SYMBOL=PRICE.")
        found[symbol_key(read_symbol(symbol))] = _read_cost(price)
    return found


def _read_cost(word: str) -> Decimal:
    """A price, or 0 for what has cost nothing."""
    return ZERO if word.strip() == "0" else read_number("--cost", word)


def _asked(cli: Cli, symbol: str) -> Decimal | None:
    """None where nothing, or no price, was answered: then it stays a break."""
    answer = cli.ask(f"The broker does not say what {symbol} has cost. USD for one of it: ")
    price = maybe_decimal(answer.strip())
    return None if price is None or price < 0 else price


def _protection_json(done: Reconciled) -> dict[str, Any]:
    return {
        "unprotected": [found.to_dict() for found in done.unprotected],
        "without_plan": [found.symbol for found in done.protected if found.has_no_plan],
    }


def _protection_lines(done: Reconciled) -> list[str]:
    said = [f"{found}: {found.next_step}" for found in done.unprotected]
    others = [f.symbol for f in done.protected if f.has_no_plan and not f.missing]
    return [*said, f"No plan: {', '.join(others)}."] if others else said


def _result_json(result: ReconcileResult) -> dict[str, Any]:
    return {
        "breaks": [_break(item) for item in result.breaks],
        "settled": [record_json(record) for record in result.settled],
        "adopted_orders": [record_json(record) for record in result.adopted_orders],
        "adopted_positions": [_difference(item) for item in result.adopted_positions],
        "adjusted_positions": [_difference(item) for item in result.adjusted_positions],
        "orders_checked": result.orders_checked,
        "positions_checked": result.positions_checked,
        "fills_added": result.fills_added,
        "inferred_fills": result.inferred,
        "notes": result.notes,
    }


COLUMNS = ("kind", "subject", "ours", "theirs", "cause", "hint")
"""Of a break."""


def _break(item: Break) -> dict[str, Any]:
    return {name: getattr(item, name) for name in COLUMNS}


def _subject(subject: str) -> Cell | str:
    """An id of ours is long: on a terminal its last digits, which `orders show` takes."""
    return tail_of(subject) if subject.startswith("execbot-") else subject


def _difference(item: Any) -> dict[str, Any]:
    return {"symbol": item.symbol, "ours": item.ours, "theirs": item.theirs}


def _views(result: ReconcileResult) -> list[Table | str]:
    views: list[Table | str] = [
        f"Checked {counted(result.orders_checked, 'order')} and "
        f"{counted(result.positions_checked, 'position')}, "
        f"added {counted(result.fills_added, 'fill')}."
    ]
    views += [f"Settled: {sentence(record)}" for record in result.settled]
    views += [f"Adopted order: {sentence(record)}" for record in result.adopted_orders]
    views += [f"Adopted position: {item}" for item in result.adopted_positions]
    views += [f"Adjusted position: {item}" for item in result.adjusted_positions]
    views += list(result.notes)
    if not result.breaks:
        return [*views, "No breaks: journal and broker agree."]
    columns = ("break", "subject", "ours", "theirs", "likely cause", "what to do")
    rows = [(b.kind, _subject(b.subject), b.ours, b.theirs, b.cause, b.hint) for b in result.breaks]
    return [*views, Table(columns, rows, wrap=frozenset(columns[2:]))]
