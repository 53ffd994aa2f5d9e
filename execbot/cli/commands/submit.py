"""`execbot submit`: one order, from the keyboard to the broker."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from execbot.cli.command import Cli, command
from execbot.cli.exit_codes import ExitCode
from execbot.cli.flags.exit_flags import FAR_HELP, NO_RULES_HELP, read_exits
from execbot.cli.flags.order_flags import OrderFlags, read_side, read_wait, to_request
from execbot.cli.interrupted import known_if_interrupted
from execbot.cli.outcome import confirm_live, show_outcome
from execbot.cli.show.output import Table
from execbot.desk import placing
from execbot.desk.additions import would_lift, would_lift_line
from execbot.desk.order_json import request_json
from execbot.desk.placing import DryRun
from execbot.model.enums import OrderType, Side, TimeInForce
from execbot.model.flags import flags_of

Text = str | None


@command
def submit(
    cli: Cli,
    symbol: Annotated[str, typer.Argument(help="AAPL, BRK.B, BTC/USD.", show_default=False)],
    qty: Annotated[Text, typer.Option(help="Shares or coins.", metavar="N")] = None,
    notional: Annotated[Text, typer.Option(help="Dollars instead.", metavar="USD")] = None,
    side: Annotated[
        Side | None, typer.Option(help="buy (the default), or sell.", show_default=False)
    ] = None,
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
    add: Annotated[bool, typer.Option("--add", help="To a position that is held.")] = False,
    also: Annotated[
        bool, typer.Option("--also", help="A second working order of the symbol.")
    ] = False,
    short: Annotated[bool, typer.Option("--short", help="Sell what is not held.")] = False,
    far: Annotated[bool, typer.Option("--far", help=FAR_HELP)] = False,
    no_rules: Annotated[bool, typer.Option("--no-rules", help=NO_RULES_HELP)] = False,
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
    typed = OrderFlags(
        symbol=symbol,
        side=read_side(side, short=short),
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
    request = to_request(typed)
    read_wait(wait)
    flags = flags_of(add=add, also=also, short=short, far=far, allow_duplicate=allow_duplicate)
    wishes = read_exits(request, stop_loss, take_profit or ())
    with cli.open(dry_run=dry_run) as desk, known_if_interrupted(desk) as sending:
        draft = placing.prepare(
            desk,
            request,
            wishes,
            flags=flags,
            tif_is_given=tif is not None,
            keeps_rules=not no_rules,
        )
        if dry_run:
            _show_dry_run(cli, placing.dry_run(desk, draft))
            return
        draft = placing.with_exits(desk, draft)
        asked = confirm_live(cli, desk, "; ".join((draft.words, *draft.exits.lines())), yes)
        sending.client_order_id = draft.request.client_order_id
        show_outcome(cli, placing.place(desk, draft, wait_seconds=wait, check_again=asked))


def _show_dry_run(cli: Cli, found: DryRun) -> None:
    """The exact request and every check with its limit and what it saw."""
    draft, verdict, later, exits = found.draft, found.verdict, found.later, found.draft.exits
    applied = [result for result in verdict.results if result.applies]
    rows = [
        ("OK" if result.passed else "FAIL", result.code, result.limit, result.seen, result.message)
        for result in applied
    ]
    data: dict[str, Any] = {
        "dry_run": True,
        "outcome": "not_sent",
        "request": request_json(draft.request),
        "verdict": verdict.to_dict(),
        "addition": would_lift(found.addition),
        "spread": later.to_dict() if later is not None else None,
        "exits": exits.to_list(),
        "opens_short": bool(draft.prepared.opens_short),
    }
    lifting = would_lift_line(found.addition)
    cli.show(
        data,
        Table(
            ("result", "check", "limit", "seen", "message"),
            rows,
            drop=("message",),
            wrap=frozenset({"limit", "seen", "message"}),
        ),
        f"Dry run, nothing was sent: {draft.words} "
        + ("passes every check." if found.passes else "would be refused."),
        *([lifting] if lifting is not None else []),
        *exits.lines(),
        *([later.line()] if later is not None else []),
        warnings=later.warnings() if later is not None else (),
        exit_code=ExitCode.DONE if found.passes else ExitCode.RISK,
    )
