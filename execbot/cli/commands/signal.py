"""`execbot signal`: act on a strategy's signals, one by one, from a file, or from a pipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from execbot.cli.command import Cli, command
from execbot.cli.commands.signal_stream import run_lines
from execbot.cli.errors import Failure, failure_of, usage
from execbot.cli.exit_codes import ExitCode
from execbot.cli.flags.order_flags import read_number, read_wait
from execbot.cli.outcome import confirm_live
from execbot.cli.show.output import Table
from execbot.desk.additions import would_lift, would_lift_line
from execbot.desk.signals import act_on_signal, preview_signal, signal_of
from execbot.model.enums import ErrorCategory, Outcome
from execbot.model.numbers import QTY_STEP, round_down, text

if TYPE_CHECKING:
    from execbot.desk.signals import Preview, SignalResult
    from execbot.model.signal import Signal


@command
def signal(
    cli: Cli,
    symbol: Annotated[
        str | None, typer.Argument(help="AAPL, BTC/USD; `-` reads lines from stdin.")
    ] = None,
    side: Annotated[str | None, typer.Argument(help="buy, sell (closes), or sell_short.")] = None,
    strength: Annotated[str | None, typer.Option(help="0 to 100.", metavar="N")] = None,
    id_: Annotated[
        str | None, typer.Option("--id", help="The same id acts once, ever.", metavar="ID")
    ] = None,
    strategy: Annotated[str | None, typer.Option(help="Who says so.", metavar="NAME")] = None,
    expected_price: Annotated[
        str | None, typer.Option(help="What the strategy saw.", metavar="PRICE")
    ] = None,
    stop: Annotated[str | None, typer.Option(help="Stop price.", metavar="PRICE")] = None,
    target: Annotated[str | None, typer.Option(help="Target price.", metavar="PRICE")] = None,
    tier: Annotated[str | None, typer.Option(help="For sizing by stars.", metavar="NAME")] = None,
    confidence: Annotated[str | None, typer.Option(help="0 to 1.", metavar="N")] = None,
    qty: Annotated[str | None, typer.Option(help="Instead of sizing.", metavar="N")] = None,
    notional: Annotated[str | None, typer.Option(help="Instead of sizing.", metavar="USD")] = None,
    ttl: Annotated[
        str | None, typer.Option(help="Seconds until it is stale.", metavar="SECONDS")
    ] = None,
    created_at: Annotated[
        str | None, typer.Option(help="RFC 3339; default now.", metavar="TIME")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="Newline JSON, one signal a line.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Tell later what became of each line's order.")
    ] = False,
    wait: Annotated[
        float | None,
        typer.Option(help="With --follow: at most this long after the input.", metavar="SECONDS"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show size and checks of one signal, send nothing.")
    ] = False,
    naked: Annotated[
        bool, typer.Option("--naked", help="Without watch: even if nobody would place the stop.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before live orders.")] = False,
) -> None:
    """Act on a signal: size it, check it, send, close, queue or skip it, and say which.

    A signal that is skipped (weak, stale, a duplicate) is no error: exit 0, outcome `not_sent`.
    From a file or a pipe every line gets one result line, bad ones too; the exit code is 12 when
    some lines failed. With --follow a line comes later for each change of an order until all have
    ended; Ctrl-C ends the following, not the orders.

    A running `watch` gives the position its exits. Where none runs, the stop goes along with the
    order and the answer waits for the fill; a signal whose stop cannot is refused.

    \b
    Examples:
      execbot signal AAPL buy --strength 82
      execbot signal AAPL sell --strength 90 --json
      execbot signal --file signals.jsonl
      my-strategy | execbot signal - --json --follow
    """
    read_wait(wait)
    if file is not None or symbol == "-":
        if file is not None and symbol is not None:
            raise usage("--file and a symbol were both given", kind="usage.signal")
        if dry_run:
            raise usage("--dry-run takes one signal", kind="usage.signal")
        if wait is not None and not follow:
            raise usage("--wait needs --follow", kind="usage.signal")
        run_lines(cli, file, yes=yes, follow=follow, wait=wait, naked=naked)
        return
    if follow or wait is not None:
        raise usage(
            "--follow and --wait are for the lines of - or --file",
            next_step="execbot orders show ID, or execbot watch",
            kind="usage.signal",
        )
    given = {
        "id": id_,
        "strategy_id": strategy,
        "tier": tier,
        "created_at": created_at,
        "expected_price": expected_price,
        "stop": stop,
        "target": target,
        "qty": qty,
        "notional": notional,
        "strength": _number("--strength", strength),
        "confidence": _number("--confidence", confidence),
        "ttl_seconds": _number("--ttl", ttl),
    }
    if symbol is None or side is None:
        raise usage(
            "a signal needs a symbol and a side",
            next_step="execbot signal AAPL buy --strength 82",
            kind="usage.signal",
        )
    with cli.open(dry_run=dry_run) as desk:
        read = signal_of(desk, {"symbol": symbol, "side": side, **given})
        if dry_run:
            _show_preview(cli, read, preview_signal(desk, read, naked=naked))
            return
        confirm_live(cli, desk, f"signal {read.side} {read.symbol}", yes)
        _show(cli, *act_on_signal(desk, read, naked=naked))


def _number(flag: str, value: str | None) -> object:
    return None if value is None else read_number(flag, value)


def _show(cli: Cli, result: SignalResult, warnings: list[str]) -> None:
    """One signal's result; a failure ends the command with the code of its kind."""
    data = result.to_dict()
    if result.is_failure:
        assert result.code
        if result.error is not None:
            failure = failure_of(result.error)
            failure.extra = {**failure.extra, "signal": data}
            failure.outcome = result.outcome.value
            raise failure
        raise Failure(
            result.code,
            result.message,
            ExitCode.RISK,
            category=ErrorCategory(result.category or ErrorCategory.ADJUSTABLE),
            hint="The size does not fit into what is allowed.",
            next_step="execbot config show",
            extra={"signal": data},
        )
    lines = [one.words() for one in result.exits]
    cli.show(data, _sentence(result), *lines, warnings=warnings)


def _show_preview(cli: Cli, signal: Signal, preview: Preview) -> None:
    """The request, each step of its size and every check; nothing was written or sent."""
    verdict = preview.checked.verdict if preview.checked is not None else None
    steps = preview.sized.steps if preview.sized is not None else ()
    data = {
        "dry_run": True,
        "outcome": Outcome.NOT_SENT.value,
        "signal": signal.to_dict(),
        "reason": preview.skip.code if preview.skip else None,
        "message": preview.skip.message if preview.skip else None,
        "request": preview.request.to_wire() if preview.request else None,
        "sizing": [{"rule": s.rule, "qty": s.qty, "value": s.value, "note": s.note} for s in steps],
        "verdict": verdict.to_dict() if verdict else None,
        "addition": would_lift(preview.addition),
        "exits": [one.to_dict() for one in preview.exits],
    }
    lifting = would_lift_line(preview.addition)
    what = f"{signal.side} {signal.symbol}"
    if preview.skip is not None:
        cli.show(data, f"Would not be sent: {what}: {preview.skip.message} ({preview.skip.code})")
        return
    if verdict is None or preview.request is None:
        cli.show(data, f"Would cancel pending entries of {signal.symbol} and close what is held.")
        return
    sizes = [(s.rule, text(round_down(s.qty, QTY_STEP)), s.note) for s in steps]
    rows = [
        ("OK" if r.passed else "FAIL", r.code, r.limit, r.seen)
        for r in verdict.results
        if r.applies
    ]
    cli.show(
        data,
        Table(("size by", "units", "because"), sizes),
        Table(("result", "check", "limit", "seen"), rows),
        f"Dry run, nothing was sent: {what} "
        + ("passes every check." if verdict.passed else "would be refused."),
        *(one.words() for one in preview.exits),
        *([lifting] if lifting is not None else []),
        exit_code=ExitCode.DONE if verdict.passed else ExitCode.RISK,
    )


def _sentence(result: SignalResult) -> str:
    what = f"{result.signal.side} {result.signal.symbol}"
    if result.outcome is Outcome.NOT_SENT:
        return f"Not sent: {what}: {result.message} ({result.code})"
    name = f", client_order_id {result.record.client_order_id}" if result.record else ""
    notes = f" ({'; '.join(result.notes)})" if result.notes else ""
    return f"{what}: {result.outcome}{': ' + result.message if result.message else ''}{notes}{name}"
