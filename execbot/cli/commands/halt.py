"""`execbot halt` and `execbot resume`: the kill switch."""

from __future__ import annotations

from typing import Annotated

import typer
from msgspec import to_builtins

from execbot.cli.command import Cli, command
from execbot.cli.errors import usage
from execbot.cli.exit_codes import ExitCode
from execbot.desk import halting
from execbot.desk.emergency import examine, offering
from execbot.desk.halting import WAY_OUT, Halted
from execbot.desk.opening.journal_need import Need

REASON_LENGTH_MAX = 500


@command
def halt(
    cli: Cli,
    reason: Annotated[str, typer.Option(help="Why; kept and shown to everybody.")],
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Also cancel every working entry.")
    ] = False,
    flatten: Annotated[
        bool, typer.Option("--flatten", help="Also close every position; implies --cancel.")
    ] = False,
    reduce_only: Annotated[
        bool, typer.Option("--reduce-only", help="The milder form: queued orders keep waiting.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before closing.")] = False,
    without_journal: Annotated[
        bool,
        typer.Option("--without-journal", help="Cancel and close even if it cannot be used."),
    ] = False,
) -> None:
    """Stop new entries, in every process, from the next order on. The halt itself never asks.

    Exits and cancels always go. Nothing is canceled or closed unless asked for; what protects a
    position is never canceled by --cancel. `execbot resume` lifts it.

    --flatten asks on a terminal before it closes; in live, off one, it needs --yes: otherwise the
    halt holds, entries are canceled, no position is closed, and the command ends with 11.

    The switch is kept in the journal. When that is damaged, locked or cannot be written, --cancel
    and --flatten with --without-journal still work, straight at the broker; ends with 12, because
    other processes are not told of the halt.

    \b
    Examples:
      execbot halt --reason "news"
      execbot halt --reason "broken feed" --cancel --flatten --yes
      execbot halt --reduce-only --reason "end of month"
      execbot halt --reason "disk broken" --cancel --flatten --without-journal --yes
    """
    if not reason.strip() or len(reason) > REASON_LENGTH_MAX:
        raise usage(f"--reason must have 1 to {REASON_LENGTH_MAX} characters", kind="usage.value")
    need = Need.BRAKE if without_journal else Need.EXIT
    way_out = "" if without_journal and flatten else WAY_OUT
    with offering(way_out), cli.open(need=need) as desk:
        if without_journal:
            examine(desk)
        done = halting.halt(
            desk,
            reason.strip(),
            reduce_only=reduce_only,
            cancel=cancel,
            flatten=flatten,
            consent=cli.consent(yes),
        )
        _show(cli, done)


def _show(cli: Cli, done: Halted) -> None:
    stopped = f"Entries are stopped: {done.switch.describe()}"
    cli.show(
        {
            **done.switch.to_json(),
            "changed": done.changed,
            "canceled": list(done.canceled),
            "closed": [to_builtins(item) for item in done.closed],
            "failed": [item.to_dict() for item in done.failed],
            "declined": done.declined.kind if done.declined is not None else None,
            "recorded": done.recorded,
        },
        stopped if done.recorded else "Entries are NOT stopped",
        *_lines(done),
        warnings=[*done.warnings, *_not_closed(done)],
        exit_code=_code(done),
    )


def _code(done: Halted) -> ExitCode:
    if any(item.in_doubt for item in done.failed):
        return ExitCode.IN_DOUBT
    if done.failed:
        return ExitCode.PARTLY
    return ExitCode.DONE if done.declined is None else ExitCode.DECLINED


def _not_closed(done: Halted) -> list[str]:
    """The halt holds; only the closing was refused."""
    if done.declined is None:
        return []
    return [f"{done.declined.message}. {done.declined.next_step}".strip()]


def _lines(done: Halted) -> list[str]:
    said = [f"canceled {name}" for name in done.canceled]
    said += [f"closing {item.qty} {item.symbol}" for item in done.closed]
    for item in done.failed:
        subject = item.symbol or item.client_order_id or ""
        said.append(f"FAILED {subject}: {item.error}" if subject else f"FAILED: {item.error}")
    return said


@command
def resume(
    cli: Cli,
    reason: Annotated[str, typer.Option(help="Why; kept in the journal.")] = "",
) -> None:
    """Allow entries again. Runs of losses and rejections are counted anew from here.

    \b
    Examples:
      execbot resume
      execbot resume --reason "feed is back"
    """
    with cli.open() as desk:
        before = halting.resume(desk, reason.strip())
        said = "Entries were not stopped."
        if before.stops_entries:
            said = f"Entries are allowed again ({before.describe()})."
        cli.show({"level": "off", "before": before.to_json()}, said)
