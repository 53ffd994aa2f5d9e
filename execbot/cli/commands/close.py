"""`execbot close`: out of a position, whole or in part, or out of everything."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec import Struct

from execbot.cli.command import Cli, command
from execbot.cli.errors import Failure, failure_of, usage
from execbot.cli.exit_codes import ExitCode
from execbot.cli.flags.order_flags import read_number, read_qty, read_symbol, read_wait
from execbot.cli.outcome import confirm_live, raise_if_rejected
from execbot.cli.show.order_views import record_json, sentence
from execbot.cli.show.output import Table
from execbot.desk.context import Context
from execbot.desk.emergency import close_position, examine, offering, unrecorded
from execbot.desk.following import follow
from execbot.desk.journal_need import Need
from execbot.journal.errors import JournalError
from execbot.journal.records import OrderRecord
from execbot.model.enums import REOPENABLE
from execbot.model.numbers import text
from execbot.oms.errors import CloseFailed
from execbot.oms.send.orders import held_position, held_positions

if TYPE_CHECKING:
    from execbot.oms.results import CloseResult


@command
def close(
    cli: Cli,
    symbol: Annotated[str | None, typer.Argument(help="The position to close.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Close every position.")] = False,
    qty: Annotated[str | None, typer.Option(help="Only this many.", metavar="N")] = None,
    percent: Annotated[
        str | None, typer.Option(help="Only this part of it.", metavar="PCT")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why; kept in the journal.")] = None,
    client_order_id: Annotated[
        str | None, typer.Option(help="Your id of the closing order.", metavar="ID")
    ] = None,
    wait: Annotated[
        float | None, typer.Option(help="Follow the closing order to its end.", metavar="SECONDS")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a live order.")] = False,
    without_journal: Annotated[
        bool, typer.Option("--without-journal", help="Even if the journal cannot be used.")
    ] = False,
) -> None:
    """Close a position at market, or all of them.

    Stops and targets that hold its shares are canceled first. Closing is never held back by the
    limits for entries or by a halt.

    When the journal is damaged, locked or cannot be written, --without-journal closes straight at
    the broker, under ids that are counted there: given twice, it sells once. What it did is not
    recorded; `execbot reconcile` takes it in after the repair.

    \b
    Examples:
      execbot close AAPL
      execbot close AAPL --percent 50 --wait 20
      execbot close --all --yes --json
      execbot close --all --without-journal --yes
    """
    if (symbol is None) == (not all_):
        raise usage(
            "--all and a symbol were both given" if all_ else "no position: a symbol or --all",
            next_step="execbot close AAPL",
            kind="usage.close",
        )
    if all_ and client_order_id is not None:
        raise usage("--client-order-id names one order, not those of --all", kind="usage.close")
    part = _part(qty, percent, all_)
    read_wait(wait)
    need = Need.BRAKE if without_journal else Need.JOURNAL
    way_out = f"execbot close {symbol or '--all'} --without-journal"
    with offering(way_out), cli.open(need=need) as desk:
        if without_journal:
            examine(desk)
        if symbol is not None:
            wanted = read_symbol(symbol)
            confirm_live(cli, desk, f"close {wanted}", yes)
            _close_one(cli, desk, wanted, part, reason, client_order_id or "", wait)
            return
        confirm_live(cli, desk, "close every position", yes)
        _close_all(cli, desk, reason, wait)


class Part(Struct, frozen=True):
    """How much to close; neither means all of it."""

    qty: Decimal | None = None
    percentage: Decimal | None = None


def _part(qty: str | None, percent: str | None, everything: bool) -> Part:
    if qty is not None and percent is not None:
        raise usage("--qty and --percent were both given", kind="usage.close")
    if everything and (qty is not None or percent is not None):
        raise usage("--all closes whole positions", kind="usage.close")
    if qty is not None:
        return Part(qty=read_qty("--qty", qty))
    if percent is None:
        return Part()
    value = read_number("--percent", percent.removesuffix("%"))
    if value > 100:
        raise usage(f"--percent was {percent}", hint="At most 100.", kind="usage.value")
    return Part(percentage=value)


def _close_one(
    cli: Cli,
    desk: Context,
    symbol: str,
    part: Part,
    reason: str | None,
    client_order_id: str,
    wait: float | None,
) -> None:
    given = desk.journal.order_by_client_id(client_order_id)
    is_new = given is None or given.status in REOPENABLE
    if is_new and held_position(desk.oms, symbol) is None:
        cli.show(
            {"symbol": symbol, "outcome": "not_sent", "id": None, "lifted": []},
            f"{symbol}: there is no position, nothing to close",
        )
        return
    result = close_position(
        desk,
        symbol,
        qty=part.qty,
        percentage=part.percentage,
        client_order_id=client_order_id,
        reason=reason,
    )
    closed = _outcome(desk, result, wait)
    notes = [f"Canceled for it: {order.client_order_id}" for order in result.lifted]
    cli.show(
        {**closed.data, "recorded": desk.journal_trouble is None},
        closed.line,
        *notes,
        warnings=[*closed.warnings, *unrecorded(desk, closed.records)],
    )


class Closed(Struct, frozen=True):
    """What became of one position, for programs and for people."""

    data: dict[str, Any]
    line: str
    warnings: list[str]
    records: tuple[OrderRecord, ...] = ()


def _outcome(desk: Context, result: CloseResult, wait: float | None) -> Closed:
    """Follow the closing order if asked to. Raises Failure (6) when it was rejected."""
    record = result.record
    lifted = [record_json(order) for order in result.lifted]
    if record is None:
        data = {"symbol": result.symbol, "outcome": "not_sent", "id": None, "lifted": lifted}
        line = f"{result.symbol}: {result.note or 'nothing to close'}"
        return Closed(data, line, [], result.lifted)
    warnings = [f"{result.symbol}: {result.note}"] if result.note else []
    if record.already:
        warnings.append(f"{record.client_order_id} was given before: nothing was sent.")
    if wait is not None:
        record, said = follow(desk, record, wait)
        warnings += said
    raise_if_rejected(record)
    if result.unprotected_qty and not _protected_again(desk, result.symbol):
        uncovered = text(result.unprotected_qty)
        warnings.append(f"{result.symbol}: {uncovered} stay open without a stop")
    data = {**record_json(record), "lifted": lifted}
    return Closed(data, sentence(record), warnings, (record, *result.lifted))


def _protected_again(desk: Context, symbol: str) -> bool:
    """What stays open gets the stop of its plan back, from the running `watch` or from here."""
    from execbot.desk.protect import protect_again

    return protect_again(desk, symbol)


def _close_all(cli: Cli, desk: Context, reason: str | None, wait: float | None) -> None:
    """Each on its own: one that fails does not keep the others open."""
    closed: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    records: list[OrderRecord] = []
    lines: list[tuple[str, str]] = []
    warnings: list[str] = []
    for position in held_positions(desk.oms):
        try:
            result = close_position(desk, position.symbol, reason=reason)
            done = _outcome(desk, result, wait)
            closed.append(done.data)
            warnings.extend(done.warnings)
            records.extend(done.records)
            line = done.line
        except JournalError:
            raise  # the others would meet the same
        except Exception as error:
            failure = failure_of(error)
            is_ours = isinstance(error, CloseFailed) and isinstance(error.cause, JournalError)
            if is_ours or failure.exit_code is ExitCode.INTERNAL:
                raise
            failed.append({"symbol": position.symbol, **failure.as_json()})
            line = failure.message
        lines.append((position.symbol, line))
    in_doubt = any(item["outcome"] == "in_doubt" for item in failed)
    if failed and not closed:
        raise Failure(
            "close.failed",
            f"None of {len(failed)} positions was closed: {failed[0]['error']}",
            ExitCode.IN_DOUBT if in_doubt else ExitCode(failed[0]["exit_code"]),
            failed[0]["category"],
            "in_doubt" if in_doubt else failed[0]["outcome"],
            failed[0]["hint"],
            failed[0]["next"],
            {"failed": failed},
        )
    bad = ExitCode.IN_DOUBT if in_doubt else ExitCode.PARTLY
    cli.show(
        {"closed": closed, "failed": failed, "recorded": desk.journal_trouble is None},
        Table(("symbol", "result"), lines, empty="No open positions."),
        warnings=[*warnings, *unrecorded(desk, records)],
        exit_code=bad if failed else ExitCode.DONE,
    )
