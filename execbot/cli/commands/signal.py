"""`execbot signal`: act on a strategy's signals, one by one, from a file, or from a pipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from execbot.cli.command import Cli, command
from execbot.cli.commands.signal_stream import run_lines
from execbot.cli.errors import Failure, failure_of, usage
from execbot.cli.exit_codes import ExitCode
from execbot.cli.flags.declared import Argument, Option
from execbot.cli.flags.direct import DirectOption
from execbot.cli.flags.order_flags import read_number, read_wait
from execbot.cli.show.checks import AllChecks, check_all_checks, checks_tables
from execbot.cli.show.output import Table
from execbot.desk.additions import would_lift, would_lift_line
from execbot.desk.confirming import Act, confirm
from execbot.desk.door.going_on import going_on
from execbot.desk.door.messages import ActOn
from execbot.desk.door.names import signal_given, signal_name
from execbot.desk.opening.lines import FACTS_LINES
from execbot.desk.signals.acting import act_on_signal, preview_signal, signal_of
from execbot.model.enums import ErrorCategory, Outcome
from execbot.model.numbers import QTY_STEP, round_down, text
from execbot.model.signal import SignalError

LINES_IN = frozenset({".json", ".jsonl", ".ndjson", ".txt"})
"""Files of signals end so; `BRK.B` and `BTC/USD` are symbols."""

if TYPE_CHECKING:
    from execbot.desk.door.asking import Asked
    from execbot.desk.signals.acted import Acted
    from execbot.desk.signals.acting import Preview, SignalResult
    from execbot.model.signal import Signal


@command
def signal(
    cli: Cli,
    symbol: Annotated[
        str | None, Argument(help="AAPL, BTC/USD; `-` reads lines from stdin.")
    ] = None,
    side: Annotated[str | None, Argument(help="buy, sell (closes), or sell_short.")] = None,
    strength: Annotated[str | None, Option(help="0 to 100.", metavar="N")] = None,
    id_: Annotated[
        str | None, Option("--id", help="The same id acts once, ever.", metavar="ID")
    ] = None,
    strategy: Annotated[str | None, Option(help="The strategy's name.", metavar="NAME")] = None,
    expected_price: Annotated[
        str | None, Option(help="The price that the strategy saw.", metavar="PRICE")
    ] = None,
    stop: Annotated[str | None, Option(help="Stop price.", metavar="PRICE")] = None,
    target: Annotated[str | None, Option(help="Target price.", metavar="PRICE")] = None,
    tier: Annotated[str | None, Option(help="For sizing by stars.", metavar="NAME")] = None,
    confidence: Annotated[str | None, Option(help="0 to 1.", metavar="N")] = None,
    qty: Annotated[str | None, Option(help="Instead of sizing.", metavar="N")] = None,
    notional: Annotated[str | None, Option(help="Instead of sizing.", metavar="USD")] = None,
    ttl: Annotated[str | None, Option(help="Seconds until it is stale.", metavar="SECONDS")] = None,
    created_at: Annotated[str | None, Option(help="RFC 3339; default now.", metavar="TIME")] = None,
    file: Annotated[Path | None, Option("--file", help="Newline JSON, one signal a line.")] = None,
    follow: Annotated[
        bool, Option("--follow", help="Report the end of each line's order too.")
    ] = False,
    wait: Annotated[
        float | None,
        Option(help="With --follow: at most this long after the input.", metavar="SECONDS"),
    ] = None,
    dry_run: Annotated[
        bool, Option("--dry-run", help="Show size and checks of one signal, send nothing.")
    ] = False,
    all_checks: AllChecks = False,
    naked: Annotated[
        bool, Option("--naked", help="Also without a watch that would place the stop.")
    ] = False,
    yes: Annotated[bool, Option("--yes", help="Do not ask before live orders.")] = False,
    direct: DirectOption = False,
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
    check_all_checks(all_checks, dry_run)
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
        if symbol is not None and Path(symbol).suffix.lower() in LINES_IN:
            raise usage(
                f"{symbol} looks like a file, and a file is given with --file",
                next_step=f"execbot signal --file {symbol}",
                kind="usage.signal",
            )
        raise usage(
            "a signal needs a symbol and a side",
            next_step="execbot signal AAPL buy --strength 82",
            kind="usage.signal",
        )
    fields = {"symbol": symbol, "side": side, **given}
    asked = _ask_watch(cli, fields, naked=naked, direct=direct or dry_run, yes=yes)
    if asked is not None and asked.is_reported:
        with cli.told_by_watch():
            _show_acted(cli, asked.result())
        return
    with (
        cli.open(dry_run=dry_run, lines=FACTS_LINES, asked=asked) as desk,
        going_on(desk, asked) as told,
    ):
        if told is not None:
            _show_acted(cli, told)
            return
        read = signal_of(desk, fields)
        if dry_run:
            preview = preview_signal(desk, read, naked=naked)
            _show_preview(cli, read, preview, all_checks=all_checks)
            return
        confirm(desk, Act.SEND, f"signal {read.side} {read.symbol}", cli.consent(yes))
        _show(cli, *act_on_signal(desk, read, naked=naked))


def _ask_watch(
    cli: Cli, fields: dict[str, object], *, naked: bool, direct: bool, yes: bool
) -> Asked | None:
    """None where it is no signal, which is told where the broker's time is known. Else `fields` has
    an id by then: under that it acts once, whoever carries it out."""
    try:
        read = signal_given(fields)
    except SignalError:
        return None  # said where mode and account are known
    fields["id"] = read.id
    wanted = ActOn(read, naked, made_now=fields.get("created_at") is None)
    name, consent = signal_name(read), cli.consent(yes)
    return cli.ask_watch(wanted, name, direct=direct, act=Act.SEND, consent=consent)


def _show_acted(cli: Cli, acted: Acted) -> None:
    _show(cli, acted.result, acted.warnings)


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
    risk = result.risk
    lines = [] if risk is None else [risk.line(), risk.left_line()]
    lines += [one.words() for one in result.exits]
    cli.show(data, _sentence(result), *lines, warnings=warnings)


def _show_preview(cli: Cli, signal: Signal, preview: Preview, *, all_checks: bool) -> None:
    """What it costs and risks, each step of its size, and the checks that fail, or all of them;
    nothing was written or sent."""
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
        "risk": preview.risk.to_dict() if preview.risk is not None else None,
    }
    lifting = would_lift_line(preview.addition)
    what = signal.words
    if preview.skip is not None:
        cli.show(data, f"Would not be sent: {what}: {preview.skip.message} ({preview.skip.code})")
        return
    if verdict is None or preview.request is None:
        cli.show(data, f"Would cancel pending entries of {signal.symbol} and close what is held.")
        return
    sizes = [(s.rule, text(round_down(s.qty, QTY_STEP)), s.note) for s in steps]
    cli.show(
        data,
        *(preview.risk.lines() if preview.risk is not None else []),
        *([Table(("size by", "units", "because"), sizes)] if sizes or not signal.legs else []),
        *checks_tables(verdict, all_checks=all_checks),
        f"Dry run, nothing was sent: {what} "
        + ("passes every check." if verdict.passed else "would be refused."),
        *(one.words() for one in preview.exits),
        *([lifting] if lifting is not None else []),
        exit_code=ExitCode.DONE if verdict.passed else ExitCode.RISK,
    )


def _sentence(result: SignalResult) -> str:
    what = result.signal.words
    if result.outcome is Outcome.NOT_SENT:
        return f"Not sent: {what}: {result.message} ({result.code})"
    name = f", client_order_id {result.record.client_order_id}" if result.record else ""
    notes = f" ({'; '.join(result.notes)})" if result.notes else ""
    said = result.message or result.outcome.value
    if not said.startswith(result.outcome.value):
        said = f"{result.outcome}: {said}"
    return f"{what}: {said}{notes}{name}"
