"""`execbot signal`: act on a strategy's signals, one by one, from a file, or from a pipe."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from execbot.broker.errors import BrokerError
from execbot.cli.command import Cli, command
from execbot.cli.errors import Failure, failure_of, usage
from execbot.cli.exit_codes import ExitCode
from execbot.cli.flags.order_flags import read_number
from execbot.cli.flags.signal_lines import Line, Lines
from execbot.cli.outcome import confirm_live
from execbot.cli.show.additions import would_lift, would_lift_line
from execbot.cli.show.output import Table, print_json, print_line, print_note
from execbot.desk.context import Context
from execbot.desk.signals import executor_of
from execbot.model.enums import ErrorCategory, Outcome
from execbot.model.numbers import QTY_STEP, round_down, text
from execbot.model.signal import Signal, SignalError, read_line, read_signal

if TYPE_CHECKING:
    from execbot.oms.signals.executor import Executor
    from execbot.oms.signals.result import Preview, SignalResult

REFRESH_SECONDS = 5.0
"""How often a long run takes in what the broker reported, so that its journal stays current."""


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
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show size and checks of one signal, send nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before live orders.")] = False,
) -> None:
    """Act on a signal: size it, check it, send, close, queue or skip it, and say which.

    A signal that is skipped (weak, stale, a duplicate) is no error: exit 0, outcome `not_sent`.
    From a file or a pipe every line gets one result line, bad ones too; the exit code is 12 when
    some lines failed.

    \b
    Examples:
      execbot signal AAPL buy --strength 82
      execbot signal AAPL sell --strength 90 --json
      execbot signal --file signals.jsonl
      my-strategy | execbot signal - --json
    """
    if file is not None or symbol == "-":
        if file is not None and symbol is not None:
            raise usage("--file and a symbol were both given", kind="usage.signal")
        if dry_run:
            raise usage("--dry-run takes one signal", kind="usage.signal")
        _run_lines(cli, file, yes)
        return
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
        try:
            read = read_signal(
                {"symbol": symbol, "side": side, **given}, now=desk.now(), new_id=_new_id(desk)
            )
        except SignalError as error:
            raise usage(str(error), hint=error.hint, kind="usage.signal") from None
        if dry_run:
            _show_preview(cli, read, executor_of(desk).preview(read))
            return
        confirm_live(cli, desk, f"signal {read.side} {read.symbol}", yes)
        result = executor_of(desk).execute_signal(read)
        _show(cli, result)


def _number(flag: str, value: str | None) -> object:
    return None if value is None else read_number(flag, value)


def _new_id(desk: Context) -> str:
    return f"cli-{desk.oms.new_id(desk.now()).removeprefix('execbot-')}"


def _show(cli: Cli, result: SignalResult) -> None:
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
    cli.show(data, _sentence(result))


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


# --- lines ---------------------------------------------------------------------------------


def _run_lines(cli: Cli, file: Path | None, yes: bool) -> None:
    stream: IO[bytes] = sys.stdin.buffer if file is None else file.open("rb")
    told = Told(cli)
    try:
        with cli.open() as desk:
            confirm_live(cli, desk, "signals from " + (str(file) if file else "stdin"), yes)
            executor = executor_of(desk)
            if not cli.json:
                print_line("\t".join(_COLUMNS))
            lines = Lines(stream, lambda number, content: _read(number, content, desk))
            exits = threading.Thread(
                target=_carry_out_exits, args=(lines, executor, told), name="exits", daemon=True
            )
            exits.start()
            refreshed = time.monotonic()
            while (line := lines.take()) is not None:
                told(*_act(executor, line))
                lines.done(line)
                if time.monotonic() - refreshed > REFRESH_SECONDS:
                    _take_in(desk)
                    refreshed = time.monotonic()
    except BrokenPipeError:
        sys.stderr.close()  # nobody reads our results: end quietly, as a filter should
        raise typer.Exit(int(told.worst)) from None
    finally:
        if file is not None:
            stream.close()
    if not cli.json:
        print_note(f"{told.count} signals, {told.failed} failed.")
    if told.worst is not ExitCode.DONE:
        cli.end(told.worst)


def _carry_out_exits(lines: Lines, executor: Executor, told: Told) -> None:
    """Beside the main thread: an entry that sleeps out a rate limit holds up no exit."""
    try:
        while (line := lines.take(exits_only=True)) is not None:
            told(*_act(executor, line))
            lines.done(line)
    except BaseException as error:
        lines.fail(error)  # the main thread ends the command with it


class Told:
    """Prints results, one at a time, and keeps what they add up to."""

    def __init__(self, cli: Cli) -> None:
        self.worst, self.count, self.failed = ExitCode.DONE, 0, 0
        self._cli = cli
        self._lock = threading.Lock()

    def __call__(self, data: dict[str, Any], code: ExitCode) -> None:
        with self._lock:
            self.count += 1
            self.failed += code is not ExitCode.DONE
            self.worst = _worse(self.worst, code)
            _print_result(self._cli, data)


def _act(executor: Executor, line: Line) -> tuple[dict[str, Any], ExitCode]:
    """Carry out one line; its result and what that means for the exit code."""
    if line.signal is None:
        assert line.error is not None
        data = {
            "line": line.number,
            "signal_id": None,
            "outcome": Outcome.NOT_SENT.value,
            "reason": "signal.bad_line",
            "field": line.error.field or None,
            "message": f"line {line.number}: {line.error}",
            "hint": line.error.hint or None,
        }
        return data, ExitCode.PARTLY
    result = executor.execute_signal(line.signal)
    code = ExitCode.DONE
    if result.outcome is Outcome.IN_DOUBT:
        code = ExitCode.IN_DOUBT
    elif result.is_failure:
        code = ExitCode.PARTLY
    return {"line": line.number, **result.to_dict()}, code


def _worse(one: ExitCode, other: ExitCode) -> ExitCode:
    """In doubt beats everything: somebody must run reconcile."""
    order = (ExitCode.DONE, ExitCode.PARTLY, ExitCode.IN_DOUBT)
    return max(one, other, key=order.index)


def _take_in(desk: Context) -> None:
    try:
        desk.oms.gap_fill()
    except BrokerError as error:
        print_note(f"Warning: could not read what happened at the broker: {error.message}")


_COLUMNS = ("line", "signal_id", "symbol", "side", "outcome", "client_order_id", "reason",
            "message")  # fmt: skip


def _print_result(cli: Cli, data: dict[str, Any]) -> None:
    if cli.json:
        print_json({"type": "signal_result", "mode": cli.mode, "account": cli.account, **data})
        return
    cells = (data.get(name) for name in _COLUMNS)
    print_line("\t".join(" ".join(str(cell).split()) if cell else "-" for cell in cells))


def _read(number: int, content: bytes, desk: Context) -> Line:
    try:
        return Line(number, read_line(content, now=desk.now(), new_id=_new_id(desk)))
    except SignalError as error:
        return Line(number, None, error)
