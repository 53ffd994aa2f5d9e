"""`execbot submit`: one order, from the keyboard to the broker."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec.structs import replace

from execbot.broker.errors import BrokerError
from execbot.cli.command import Cli, command
from execbot.cli.context import Context
from execbot.cli.errors import Failure
from execbot.cli.exit_codes import ExitCode
from execbot.cli.legs import read_specs, with_legs
from execbot.cli.order_flags import OrderFlags, read_wait, to_request
from execbot.cli.output import Table
from execbot.cli.plans import planned
from execbot.cli.views import describe, record_json, request_json, sentence
from execbot.config.schema import Mode
from execbot.journal.records import OrderRecord
from execbot.model.enums import OrderStatus, OrderType, Side, TimeInForce
from execbot.model.order import OrderRequest

if TYPE_CHECKING:
    from execbot.risk.verdict import Verdict

POLL_SECONDS = 0.2
"""First pause between two looks at an order that is waited for; later ones grow, so that a long
wait leaves most of Alpaca's 200 requests a minute to others."""

POLL_SECONDS_MAX = 2.0

Text = str | None


@command
def submit(
    cli: Cli,
    symbol: Annotated[str, typer.Argument(help="AAPL, BRK.B, BTC/USD.", show_default=False)],
    qty: Annotated[Text, typer.Option(help="Shares or coins.", metavar="N")] = None,
    notional: Annotated[Text, typer.Option(help="Dollars instead.", metavar="USD")] = None,
    side: Annotated[Side, typer.Option(help="buy, or sell.")] = Side.BUY,
    type_: Annotated[
        OrderType | None, typer.Option("--type", help="Follows from the prices given.")
    ] = None,
    limit: Annotated[Text, typer.Option(help="Limit price.", metavar="PRICE")] = None,
    stop: Annotated[Text, typer.Option(help="Stop price.", metavar="PRICE")] = None,
    trail_percent: Annotated[Text, typer.Option(help="Trail by percent.", metavar="PCT")] = None,
    trail_price: Annotated[Text, typer.Option(help="Trail by dollars.", metavar="USD")] = None,
    tif: Annotated[
        TimeInForce | None, typer.Option(help="Time in force: day; gtc for crypto pairs.")
    ] = None,
    stop_loss: Annotated[
        Text, typer.Option(help="Attach a stop: 182.50, 2%, 1.5ATR.", metavar="LEVEL")
    ] = None,
    take_profit: Annotated[
        Text, typer.Option(help="Attach a target: 195, 4%, 2R, 3ATR.", metavar="LEVEL")
    ] = None,
    extended_hours: Annotated[
        bool, typer.Option("--extended-hours", help="Also before the open and after the close.")
    ] = False,
    client_order_id: Annotated[
        Text, typer.Option(help="Your id. The same id submits once, ever.", metavar="ID")
    ] = None,
    strategy: Annotated[
        Text, typer.Option(help="Who wanted it; kept in the journal.", metavar="NAME")
    ] = None,
    allow_duplicate: Annotated[
        bool, typer.Option("--allow-duplicate", help="Even if the same was just ordered.")
    ] = False,
    wait: Annotated[
        float | None,
        typer.Option(help="Follow the order to its end, at most this long.", metavar="SECONDS"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show request and checks, send nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a live order.")] = False,
) -> None:
    """Send one order, exactly once.

    Without --wait the answer says that it is accepted and not yet filled. When the outcome is in
    doubt (exit 7) run `execbot reconcile`; never submit again.

    \b
    Examples:
      execbot submit AAPL --qty 10
      execbot submit AAPL --qty 10 --limit 187.50 --tif gtc
      execbot submit AAPL --qty 10 --stop-loss 2% --take-profit 2R --wait 30
      execbot submit SPY --notional 500 --dry-run
      execbot submit TSLA --side sell --qty 5 --trail-percent 1.5
      execbot submit BTC/USD --notional 100 --json
    """
    flags = OrderFlags(
        symbol=symbol,
        side=side,
        qty=qty,
        notional=notional,
        type=type_,
        limit=limit,
        stop=stop,
        trail_price=trail_price,
        trail_percent=trail_percent,
        tif=tif,
        extended_hours=extended_hours,
        client_order_id=client_order_id,
        strategy=strategy,
    )
    request = to_request(flags)
    read_wait(wait)
    specs = read_specs(request, stop_loss, take_profit)
    with cli.open(dry_run=dry_run) as desk:
        asset = desk.client.get_asset(request.symbol)
        if asset.is_crypto and tif is None:
            request = replace(request, time_in_force=TimeInForce.GTC)
        request = with_legs(request, *specs, desk.client, desk.now())
        if dry_run:
            _show_dry_run(cli, desk.risk.check(request, asset=asset).verdict, request)
            return
        confirm_live(cli, desk, describe(request), yes)
        with planned(desk, request, asset) as (request, why):
            placed = desk.placer.place(request, why, asset=asset, allow_duplicate=allow_duplicate)
        record = placed.record
        warnings: list[str] = []
        if wait is not None:
            record, warnings = follow(desk, record, wait)
        show_outcome(cli, record, [*warnings, *legs_lapse(request)])


def legs_lapse(request: OrderRequest) -> list[str]:
    """Legs inherit the entry's time in force: those of a day order vanish at the close."""
    has_legs = request.stop_loss is not None or request.take_profit is not None
    if not has_legs or request.time_in_force is not TimeInForce.DAY:
        return []
    return ["The stop and target of a day order lapse at the close: use --tif gtc, or run watch."]


def follow(desk: Context, record: OrderRecord, seconds: float) -> tuple[OrderRecord, list[str]]:
    """Ask for the order until it has ended or the time is over; the order, and what to warn of.

    The order was taken, so nothing that happens here is a failure of the command: a look that the
    broker does not answer is repeated, and Ctrl-C only ends the waiting.
    """
    until = time.monotonic() + seconds
    pause = POLL_SECONDS
    trouble = ""
    try:
        while not record.order.is_terminal and (left := until - time.monotonic()) > 0:
            time.sleep(min(pause, left))
            pause = min(pause * 1.3, POLL_SECONDS_MAX)
            try:
                record, trouble = desk.oms.refresh(record.client_order_id), ""
            except BrokerError as error:
                trouble = f" Last look: {error.message.lower()}."
    except KeyboardInterrupt:
        return record, ["Stopped waiting; the order stays as it is at the broker."]
    if record.order.is_terminal:
        return record, []
    return record, [f"Not ended within {seconds:g} seconds; it stays working.{trouble}"]


def raise_if_rejected(record: OrderRecord) -> None:
    """Accepted first and rejected later is a rejection all the same: exit 6."""
    if record.status is not OrderStatus.REJECTED or record.order.filled_qty:
        return
    raise Failure(
        "broker.order_rejected",
        f"The broker rejected the order: {describe(record.order)}",
        ExitCode.REJECTED,
        outcome="rejected",
        hint=record.note or "It was accepted first and rejected later.",
        next_step=f"execbot orders show {record.client_order_id}",
        extra={"client_order_id": record.client_order_id, "order": record_json(record)},
    )


def show_outcome(cli: Cli, record: OrderRecord, warnings: Sequence[str] = ()) -> None:
    """Print what became of the order. Raises Failure (6) when the broker rejected it."""
    raise_if_rejected(record)
    notes = list(warnings)
    if record.already:
        notes.append(f"{record.client_order_id} was submitted before: nothing was sent now.")
    if record.alarm:
        notes.append(record.alarm)
    cli.show(
        {**record_json(record), "already": record.already},
        sentence(record),
        f"client_order_id {record.client_order_id}",
        warnings=notes,
    )


def _show_dry_run(cli: Cli, verdict: Verdict, request: OrderRequest) -> None:
    """The exact request and every check with its limit and what it saw."""
    applied = [result for result in verdict.results if result.applies]
    rows = [
        ("OK" if result.passed else "FAIL", result.code, result.limit, result.seen, result.message)
        for result in applied
    ]
    data: dict[str, Any] = {
        "dry_run": True,
        "outcome": "not_sent",
        "request": request_json(request),
        "verdict": verdict.to_dict(),
    }
    cli.show(
        data,
        Table(
            ("result", "check", "limit", "seen", "message"),
            rows,
            drop=("message",),
            wrap=frozenset({"limit", "seen", "message"}),
        ),
        f"Dry run, nothing was sent: {describe(request)} "
        + ("passes every check." if verdict.passed else "would be refused."),
        exit_code=ExitCode.DONE if verdict.passed else ExitCode.RISK,
    )


def confirm_live(cli: Cli, desk: Context, what: str, yes: bool) -> None:
    """A live order is reviewed by a person, or --yes stands for one. Raises Failure (11)."""
    if desk.mode is not Mode.LIVE or yes:
        return
    if not cli.can_ask:
        raise Failure(
            "confirm.needed",
            "A live order needs a confirmation, and there is no terminal to ask on",
            ExitCode.DECLINED,
            next_step="Add --yes if this is meant.",
        )
    if not cli.confirm(f"LIVE account {desk.account}: {what}. Send it?"):
        raise Failure("confirm.declined", "Not confirmed: nothing was sent", ExitCode.DECLINED)
