"""`execbot halt` and `execbot resume`: the kill switch."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from execbot.broker.errors import BrokerError
from execbot.cli.command import Cli, command
from execbot.cli.commands.cancel import unread
from execbot.cli.errors import usage
from execbot.cli.exit_codes import ExitCode
from execbot.desk.context import Context
from execbot.desk.emergency import close_position, examine, offering, unrecorded
from execbot.desk.journal_need import Need
from execbot.journal.errors import JournalError
from execbot.journal.records import OrderRecord
from execbot.model.numbers import text
from execbot.oms.send.orders import held_positions

CANCEL_WAIT_SECONDS = 10.0
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
    """Stop new entries, in every process, from the next order on. Never asks.

    Exits and cancels always go. Nothing is canceled or closed unless asked for; what protects a
    position is never canceled by --cancel. `execbot resume` lifts it.

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
    from execbot.risk.halting import raise_switch
    from execbot.risk.kill_switch import Level

    if not reason.strip() or len(reason) > REASON_LENGTH_MAX:
        raise usage(f"--reason must have 1 to {REASON_LENGTH_MAX} characters", kind="usage.value")
    level = Level.REDUCE_ONLY if reduce_only else Level.HALTED
    need = Need.BRAKE if without_journal else Need.JOURNAL
    way_out = "execbot halt --reason WHY --cancel --flatten --without-journal"
    with offering(way_out), cli.open(need=need) as desk:
        if without_journal:
            examine(desk)
        if desk.journal_trouble is not None and not (cancel or flatten):
            raise desk.journal_trouble  # the switch alone is nothing but a note in the journal
        switch, changed = raise_switch(desk.journal, level, reason.strip(), "trader", desk.now())
        data: dict[str, Any] = {
            **switch.to_json(),
            "changed": changed,
            "canceled": [],
            "closed": [],
            "failed": [],
            "recorded": desk.journal_trouble is None,
        }
        if desk.journal_trouble is not None:
            said = "the halt is not recorded: who can write the journal may still enter"
            data["failed"].append({"error": said})
        if cancel or flatten:
            _cancel(desk, data)
        if flatten and _may_flatten(cli, desk, yes):
            _flatten(desk, data)
        partly = bool(data["failed"])
        stopped = f"Entries are stopped: {switch.describe()}"
        cli.show(
            data,
            stopped if data["recorded"] else "Entries are NOT stopped",
            *_lines(data),
            warnings=unrecorded(desk, _touched(desk, data)),
            exit_code=ExitCode.PARTLY if partly else ExitCode.DONE,
        )


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
    from execbot.risk.halting import resume as lift

    with cli.open() as desk:
        before = lift(desk.journal, reason.strip(), desk.now())
        was = before.describe()
        said = "Nothing was halted." if not before.stops_entries else f"Lifted: {was}"
        cli.show({"level": "off", "before": before.to_json()}, said)


def _cancel(desk: Context, data: dict[str, Any]) -> None:
    """What cannot be canceled is named, and never keeps positions from being closed."""
    try:
        result = desk.oms.cancel_all(entries_only=True, wait_seconds=CANCEL_WAIT_SECONDS)
    except BrokerError as error:
        data["failed"].append({"error": f"entries were not canceled: {error.message}"})
        return
    data["failed"] += [{"error": said} for said in unread(result)]
    data["canceled"] = [record.client_order_id for record in result.canceled]
    data["failed"] += [
        {"client_order_id": record.client_order_id, "error": why} for record, why in result.failed
    ]
    data["failed"] += [
        {"client_order_id": record.client_order_id, "error": f"still {record.status}"}
        for record in (*result.still_open, *result.in_doubt)
    ]


def _may_flatten(cli: Cli, desk: Context, yes: bool) -> bool:
    """Asks on a terminal only: in an emergency a script must not be stopped by a question."""
    if yes or not cli.can_ask:
        return True
    try:
        count = f"all {len(held_positions(desk.oms))}"
    except BrokerError:
        count = "all"
    return count == "all 0" or cli.confirm(f"Close {count} positions at market?")


def _flatten(desk: Context, data: dict[str, Any]) -> None:
    from execbot.oms.errors import OmsError

    try:
        positions = held_positions(desk.oms)
    except BrokerError as error:
        data["failed"].append({"error": f"the positions could not be read: {error.message}"})
        return
    for position in positions:
        try:
            closed = close_position(desk, position.symbol, reason="halt --flatten")
        except (OmsError, BrokerError, JournalError) as error:
            data["failed"].append({"symbol": position.symbol, "error": str(error)})
            continue
        record = closed.record
        data["closed"].append(
            {
                "symbol": position.symbol,
                "qty": text(abs(position.qty)),
                "client_order_id": record.client_order_id if record else None,
                "outcome": record.outcome.value if record else "filled",
            }
        )


def _touched(desk: Context, data: dict[str, Any]) -> list[OrderRecord]:
    names = [*data["canceled"], *(item["client_order_id"] for item in data["closed"])]
    found = (desk.journal.order_by_client_id(name) for name in names if name)
    return [record for record in found if record is not None]


def _lines(data: dict[str, Any]) -> list[str]:
    said = [f"canceled {name}" for name in data["canceled"]]
    said += [f"closing {item['qty']} {item['symbol']}" for item in data["closed"]]
    for item in data["failed"]:
        subject = item.get("symbol") or item.get("client_order_id") or ""
        said.append(f"FAILED {subject}: {item['error']}" if subject else f"FAILED: {item['error']}")
    return said
