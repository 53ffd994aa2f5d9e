"""`execbot submit`: one order, from the keyboard to the broker."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from msgspec.structs import replace

from execbot.broker.errors import BrokerError
from execbot.cli.command import Cli, command
from execbot.cli.errors import failure_of
from execbot.cli.exit_codes import ExitCode
from execbot.cli.flags.exit_flags import FAR_HELP, NO_RULES_HELP, read_exits
from execbot.cli.flags.order_flags import OrderFlags, read_side, read_wait, to_request
from execbot.cli.outcome import confirm_live, legs_lapse, show_outcome
from execbot.cli.show.additions import (
    added,
    told,
    warnings_of,
    would_lift,
    would_lift_line,
)
from execbot.cli.show.exit_distances import exits_of
from execbot.cli.show.follow import known_if_interrupted
from execbot.cli.show.later_targets import (
    later_targets_behind,
    later_targets_of,
)
from execbot.cli.show.output import Table
from execbot.desk.context import Context
from execbot.desk.following import follow
from execbot.desk.order_json import request_json
from execbot.desk.protect import Restorer, watched_by
from execbot.model.account import Asset
from execbot.model.enums import OrderType, Side, TimeInForce
from execbot.model.flags import flags_of
from execbot.model.order_words import describe
from execbot.oms.errors import OmsError
from execbot.oms.place.entry_plans import PricedEntry, asked_by_submit
from execbot.oms.place.placer import Prepared, refuse_conflict

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
        asset = desk.client.get_asset(request.symbol)
        if tif is None and asset.is_crypto:
            request = replace(request, time_in_force=TimeInForce.GTC)
        asked = asked_by_submit(
            desk.settings.trading,
            request,
            wishes,
            tif_is_given=tif is not None,
            far=far,
            keeps_rules=not no_rules,
        )
        prepared = desk.placer.prepare(request, asked, asset=asset, flags=flags)
        if dry_run:
            _show_dry_run(cli, desk, prepared)
            return
        exits = exits_of(desk, prepared.entry)
        if confirm_live(cli, desk, "; ".join((_what(prepared), *exits.lines())), yes):
            prepared = replace(prepared, checked=None)  # it took its time: the facts are old
        sending.client_order_id = prepared.entry.request.client_order_id
        _place(cli, desk, prepared, asset, wait)


def _what(prepared: Prepared) -> str:
    """The order in words; that it opens a short is part of what it is."""
    words = describe(prepared.entry.request)
    return f"{words}, {prepared.opens_short}" if prepared.opens_short else words


def _place(cli: Cli, desk: Context, prepared: Prepared, asset: Asset, wait: float | None) -> None:
    """Send it, follow it if asked to, and show what became of it."""
    entry = prepared.entry
    desk.placer.protect = restorer = Restorer(desk)
    try:
        placed = desk.placer.place(
            entry, asset=asset, checked=prepared.checked, flags=prepared.flags
        )
    except (BrokerError, OmsError) as error:
        raise told(failure_of(error), restorer) from error
    record, warnings = placed.record, list[str]()
    if wait is not None:
        record, warnings = follow(desk, record, wait)
    warnings = [*warnings, *legs_lapse(entry.request)]
    if placed.addition is None:
        later = later_targets_behind(desk, record, entry.price)
        warnings += _unwatched(desk, entry, tells_targets=later is not None)
        show_outcome(
            cli,
            record,
            warnings,
            later=later,
            exits=exits_of(desk, entry, record),
            opens_short=placed.opens_short,
        )
        return
    warnings += warnings_of(desk, placed.addition, record, restorer)
    addition = added(desk, placed.addition, restorer)
    show_outcome(cli, record, warnings, addition, opens_short=placed.opens_short)


def _unwatched(desk: Context, entry: PricedEntry, *, tells_targets: bool) -> list[str]:
    """What of the plan nobody does while no `watch` runs."""
    if entry.plan is None or watched_by(desk) is not None:
        return []
    from execbot.exits.plan.left_to_watch import left_to_watch, without_watch

    left = left_to_watch(entry.plan, entry.request, targets=not tells_targets)
    return [without_watch(entry.plan.symbol, left)] if left else []


def _show_dry_run(cli: Cli, desk: Context, prepared: Prepared) -> None:
    """The exact request and every check with its limit and what it saw."""
    entry, checked = prepared.entry, prepared.checked
    assert checked is not None
    request = entry.request
    addition = desk.placer.addition(request, checked)
    refuse_conflict(entry, checked)
    exits = exits_of(desk, entry)
    verdict = checked.verdict
    later = None
    if entry.plan is not None:
        later = later_targets_of(desk, entry.plan, request, entry.price)
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
        "spread": later.to_dict() if later is not None else None,
        "exits": exits.to_list(),
        "opens_short": bool(prepared.opens_short),
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
        f"Dry run, nothing was sent: {_what(prepared)} "
        + ("passes every check." if passes else "would be refused."),
        *([lifting] if lifting is not None else []),
        *exits.lines(),
        *([later.line()] if later is not None else []),
        warnings=later.warnings() if later is not None else (),
        exit_code=ExitCode.DONE if passes else ExitCode.RISK,
    )
