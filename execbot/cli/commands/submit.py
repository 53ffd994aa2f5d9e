"""`execbot submit`: one order, from the keyboard to the broker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec import Struct
from msgspec.structs import replace

from execbot.broker.errors import BrokerError
from execbot.cli.command import Cli, command
from execbot.cli.errors import failure_of
from execbot.cli.exit_codes import ExitCode
from execbot.cli.flags.exit_flags import Dressed, dressed, read_legs
from execbot.cli.flags.order_flags import OrderFlags, read_wait, to_request
from execbot.cli.outcome import confirm_live, legs_lapse, show_outcome
from execbot.cli.show.additions import (
    added,
    refuse_legs,
    told,
    warnings_of,
    would_lift,
    would_lift_line,
)
from execbot.cli.show.follow import known_if_interrupted
from execbot.cli.show.later_targets import Spread, spread_behind, spread_of
from execbot.cli.show.output import Table
from execbot.desk.context import Context
from execbot.desk.following import follow
from execbot.desk.order_json import request_json
from execbot.desk.protect import Restorer
from execbot.model.account import Asset
from execbot.model.enums import OrderType, Side, TimeInForce
from execbot.model.order import OrderRequest
from execbot.model.order_words import describe
from execbot.oms.errors import OmsError
from execbot.oms.place.entry_plans import plan_of_dressed, planned, sent_as

if TYPE_CHECKING:
    from execbot.oms.place.add_to_position import Addition
    from execbot.risk.verdict import Verdict

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
        TimeInForce | None,
        typer.Option(help="Time in force: day; gtc for pairs and with stop or target."),
    ] = None,
    stop_loss: Annotated[
        Text, typer.Option(help="Attach a stop: 182.50, 2%, 1.5ATR.", metavar="LEVEL")
    ] = None,
    take_profit: Annotated[
        list[str] | None,
        typer.Option(
            help="Attach a target: 195, 4%, 2R, 3ATR. Repeat it for equal parts.", metavar="LEVEL"
        ),
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

    The stop and one target go along with the order. Of several targets none does: after the fill
    `watch` spreads the shares over them, and the stop stands at the broker from the start.

    \b
    Examples:
      execbot submit AAPL --qty 10
      execbot submit AAPL --qty 10 --limit 187.50 --tif gtc
      execbot submit AAPL --qty 10 --stop-loss 2% --take-profit 2R --wait 30
      execbot submit AAPL --qty 10 --stop-loss 2% --take-profit 1R --take-profit 2R
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
    legs = read_legs(request, stop_loss, take_profit or ())
    with cli.open(dry_run=dry_run) as desk, known_if_interrupted(desk) as sending:
        asset = desk.client.get_asset(request.symbol)
        if tif is None and (asset.is_crypto or legs.are_given):
            # Legs live as long as the entry's time in force says, and the position stays.
            request = replace(request, time_in_force=TimeInForce.GTC)
        entry = dressed(desk, request, legs)
        request = entry.request
        refuse_legs(desk, request)
        if dry_run:
            checked = desk.risk.check(request, asset=asset)
            addition = desk.placer.addition(request, checked)
            spread = spread_of(desk, plan_of_dressed(desk, entry), request, entry.entry)
            _show_dry_run(cli, checked.verdict, request, addition, spread)
            return
        confirm_live(cli, desk, describe(request), yes)
        if not request.client_order_id:
            request = replace(request, client_order_id=desk.oms.new_id(desk.now()))
        sending.client_order_id = request.client_order_id
        terms = Terms(allow_duplicate, tif_is_given=tif is not None, wait=wait)
        _place(cli, desk, replace(entry, request=request), asset, terms)


class Terms(Struct, frozen=True):
    """What was said about sending, beside the order itself."""

    allow_duplicate: bool
    tif_is_given: bool
    wait: float | None


def _place(cli: Cli, desk: Context, entry: Dressed, asset: Asset, terms: Terms) -> None:
    """Send it, follow it if asked to, and show what became of it."""
    desk.placer.protect = restorer = Restorer(desk)
    try:
        with planned(desk, entry, asset, tif_is_given=terms.tif_is_given) as (request, why):
            placed = desk.placer.place(
                request, why, asset=asset, allow_duplicate=terms.allow_duplicate
            )
            sent_as(desk, why, placed.record)
    except (BrokerError, OmsError) as error:
        raise told(failure_of(error), restorer) from error
    record, warnings = placed.record, list[str]()
    if terms.wait is not None:
        record, warnings = follow(desk, record, terms.wait)
    warnings = [*warnings, *legs_lapse(request)]
    if placed.addition is None:
        show_outcome(cli, record, warnings, spread=spread_behind(desk, record, entry.entry))
        return
    warnings += warnings_of(desk, placed.addition, record, restorer)
    show_outcome(cli, record, warnings, added(desk, placed.addition, restorer))


def _show_dry_run(
    cli: Cli,
    verdict: Verdict,
    request: OrderRequest,
    addition: Addition | None,
    spread: Spread | None,
) -> None:
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
        "addition": would_lift(addition),
        "spread": spread.to_dict() if spread is not None else None,
    }
    lifting = would_lift_line(addition)
    passes = verdict.passed and (addition is None or not addition.refusal)
    cli.show(
        data,
        Table(
            ("result", "check", "limit", "seen", "message"),
            rows,
            drop=("message",),
            wrap=frozenset({"limit", "seen", "message"}),
        ),
        f"Dry run, nothing was sent: {describe(request)} "
        + ("passes every check." if passes else "would be refused."),
        *([lifting] if lifting is not None else []),
        *([spread.line()] if spread is not None else []),
        warnings=spread.warnings() if spread is not None else (),
        exit_code=ExitCode.DONE if passes else ExitCode.RISK,
    )
