"""`execbot close`: out of a position, whole or in part, or out of everything."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from execbot.cli.command import Cli, command
from execbot.cli.errors import Failure, failure_of, usage
from execbot.cli.exit_codes import ExitCode
from execbot.cli.flags.declared import Argument, Option
from execbot.cli.flags.direct import DirectOption
from execbot.cli.flags.order_flags import read_number, read_qty, read_symbol, read_wait
from execbot.cli.show.order_views import sentence
from execbot.cli.show.output import Table
from execbot.desk import closing
from execbot.desk.closing import WHOLE, Closed, ClosedAll, Part
from execbot.desk.confirming import Act, confirm
from execbot.desk.door.asking import Asked
from execbot.desk.door.going_on import going_on
from execbot.desk.door.messages import Close
from execbot.desk.door.names import own_name
from execbot.desk.emergency import examine, offering
from execbot.desk.errors import NothingClosed, none_closed
from execbot.desk.look.order_json import record_json
from execbot.desk.opening.journal_need import Need
from execbot.desk.opening.lines import ONE_LINE
from execbot.model.order_words import describe


@command
def close(
    cli: Cli,
    symbol: Annotated[str | None, Argument(help="The position to close.")] = None,
    all_: Annotated[bool, Option("--all", help="Close every position.")] = False,
    qty: Annotated[str | None, Option(help="Only this many.", metavar="N")] = None,
    percent: Annotated[str | None, Option(help="Only this part of it.", metavar="PCT")] = None,
    reason: Annotated[str | None, Option(help="Why; kept in the journal.")] = None,
    client_order_id: Annotated[
        str | None, Option(help="Your id of the closing order.", metavar="ID")
    ] = None,
    wait: Annotated[
        float | None, Option(help="Follow the closing order to its end.", metavar="SECONDS")
    ] = None,
    yes: Annotated[bool, Option("--yes", help="Do not ask before a live order.")] = False,
    without_journal: Annotated[
        bool, Option("--without-journal", help="Even if the journal cannot be used.")
    ] = False,
    direct: DirectOption = False,
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
    need = Need.BRAKE if without_journal else Need.EXIT
    way_out = "" if without_journal else f"execbot close {symbol or '--all'} --without-journal"
    wanted = None if symbol is None else read_symbol(symbol)
    asked = _ask_watch(
        cli,
        Close(wanted or "", part.qty, part.percentage, reason, client_order_id or "", wait),
        direct=direct or without_journal or wanted is None,
        yes=yes,
    )
    if asked.is_reported:
        with offering(way_out), cli.told_by_watch():
            _show_one(cli, asked.result())
        return
    with (
        offering(way_out),
        cli.open(need=need, lines=ONE_LINE, asked=asked) as desk,
        going_on(desk, asked) as told,
    ):
        if told is not None:
            _show_one(cli, told)
            return
        if without_journal:
            examine(desk)
        if wanted is None:
            confirm(desk, Act.CLOSE, "close every position", cli.consent(yes))
            try:
                done = closing.close_all(desk, reason=reason, wait_seconds=wait)
            except NothingClosed as error:
                raise _none_closed(error) from error
            _show_all(cli, done)
            return
        confirm(desk, Act.CLOSE, f"close {wanted}", cli.consent(yes))
        _show_one(
            cli,
            closing.close(
                desk,
                wanted,
                part,
                reason=reason,
                client_order_id=client_order_id or "",
                wait_seconds=wait,
            ),
        )


def _ask_watch(cli: Cli, wanted: Close, *, direct: bool, yes: bool) -> Asked:
    """What goes by an id of its own keeps it; others get theirs when they are sent."""
    name = wanted.client_order_id or own_name("close")
    return cli.ask_watch(wanted, name, direct=direct, act=Act.CLOSE, consent=cli.consent(yes))


def _part(qty: str | None, percent: str | None, everything: bool) -> Part:
    if qty is not None and percent is not None:
        raise usage("--qty and --percent were both given", kind="usage.close")
    if everything and (qty is not None or percent is not None):
        raise usage("--all closes whole positions", kind="usage.close")
    if qty is not None:
        return Part(qty=read_qty("--qty", qty))
    if percent is None:
        return WHOLE
    value = read_number("--percent", percent.removesuffix("%"))
    if value > 100:
        raise usage(f"--percent was {percent}", hint="At most 100.", kind="usage.value")
    return Part(percentage=value)


def _show_one(cli: Cli, closed: Closed) -> None:
    data = _closed_json(closed)
    if closed.recorded is not None:
        data["recorded"] = closed.recorded
    notes = [f"Canceled for it: {describe(record.order)}" for record in closed.lifted]
    notes += [f"{closed.rest}."] if closed.rest else []
    cli.show(data, _line(closed), *notes, warnings=closed.warnings)


def _closed_json(closed: Closed) -> dict[str, Any]:
    lifted = [record_json(order) for order in closed.lifted]
    if closed.record is None:
        return {"symbol": closed.symbol, "outcome": "not_sent", "id": None, "lifted": lifted}
    return {**record_json(closed.record), "lifted": lifted}


def _line(closed: Closed) -> str:
    if closed.record is None:
        return f"{closed.symbol}: {closed.note}"
    return sentence(closed.record)


def _show_all(cli: Cli, done: ClosedAll) -> None:
    """Ends with 12 where some failed, with 7 where one of these is in doubt."""
    failures = {item.symbol: failure_of(item.error) for item in done.failed}
    failed = [{"symbol": symbol, **failure.as_json()} for symbol, failure in failures.items()]
    lines = [
        (item.symbol, _line(item) if isinstance(item, Closed) else failures[item.symbol].message)
        for item in done.positions
    ]
    bad = ExitCode.IN_DOUBT if _any_in_doubt(failures.values()) else ExitCode.PARTLY
    cli.show(
        {
            "closed": [_closed_json(item) for item in done.closed],
            "failed": failed,
            "recorded": done.recorded,
        },
        Table(("symbol", "result"), lines, empty="No open positions."),
        warnings=done.warnings,
        exit_code=bad if failed else ExitCode.DONE,
    )


def _any_in_doubt(failures: Iterable[Failure]) -> bool:
    return any(failure.outcome == "in_doubt" for failure in failures)


def _none_closed(error: NothingClosed) -> Failure:
    """It ends as the first of them would have, or in doubt when any of them is."""
    failures = [(symbol, failure_of(cause)) for symbol, cause in error.failures]
    first = failures[0][1]
    in_doubt = _any_in_doubt(failure for _, failure in failures)
    return Failure(
        error.kind,
        f"{none_closed(len(failures))}: {first.message}",
        ExitCode.IN_DOUBT if in_doubt else first.exit_code,
        first.category,
        "in_doubt" if in_doubt else first.outcome,
        first.hint,
        first.next_step,
        {"failed": [{"symbol": symbol, **failure.as_json()} for symbol, failure in failures]},
    )
