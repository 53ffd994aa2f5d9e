"""`execbot submit`: one order, from the keyboard to the broker."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from msgspec.structs import replace

from execbot.cli.command import Cli, command
from execbot.cli.errors import usage
from execbot.cli.flags.declared import Argument, Option
from execbot.cli.flags.direct import DirectOption
from execbot.cli.flags.exit_flags import FAR_HELP, NO_RULES_HELP, read_exits
from execbot.cli.flags.leg_words import CREDIT_HELP, DEBIT_HELP, LEG_HELP
from execbot.cli.flags.order_flags import (
    OrderFlags,
    read_risk,
    read_side,
    read_wait,
    to_request,
)
from execbot.cli.flags.order_rules import check_at_broker
from execbot.cli.outcome import show_outcome
from execbot.cli.show.checks import AllChecks, check_all_checks
from execbot.desk.confirming import Act
from execbot.desk.door.messages import Risked, Submit
from execbot.desk.door.names import order_name
from execbot.desk.opening.lines import FACTS_LINES
from execbot.model.enums import OrderType, Side, TimeInForce
from execbot.model.flags import flags_of
from execbot.model.order import OrderRequest

Text = str | None


@command
def submit(
    cli: Cli,
    symbol: Annotated[
        Text,
        Argument(
            help="AAPL, BRK.B, BTC/USD, AAPL261218C00250000; none with --leg.", show_default=False
        ),
    ] = None,
    qty: Annotated[Text, Option(help="Shares, coins, contracts.", metavar="N")] = None,
    leg: Annotated[list[str] | None, Option(help=LEG_HELP, metavar="LEG")] = None,
    debit: Annotated[Text, Option(help=DEBIT_HELP, metavar="PRICE")] = None,
    credit: Annotated[Text, Option(help=CREDIT_HELP, metavar="PRICE")] = None,
    notional: Annotated[Text, Option(help="Dollars instead.", metavar="USD")] = None,
    risk: Annotated[
        Text,
        Option(help="Size by the loss at --stop-loss: 1% of equity, or 200USD.", metavar="AMOUNT"),
    ] = None,
    side: Annotated[
        Side | None, Option(help="buy (the default), or sell.", show_default=False)
    ] = None,
    type_: Annotated[
        OrderType | None, Option("--type", help="Follows from the prices given.")
    ] = None,
    limit: Annotated[Text, Option(help="Limit price.", metavar="PRICE")] = None,
    stop: Annotated[Text, Option(help="Stop price.", metavar="PRICE")] = None,
    trail_percent: Annotated[Text, Option(help="Trail by percent.", metavar="PCT")] = None,
    trail_price: Annotated[Text, Option(help="Trail by dollars.", metavar="USD")] = None,
    tif: Annotated[
        TimeInForce | None,
        Option(help="Time in force: day; gtc for pairs and with stop or target."),
    ] = None,
    stop_loss: Annotated[
        Text, Option(help="Attach a stop: 182.50, 2%, 1.5ATR.", metavar="LEVEL")
    ] = None,
    take_profit: Annotated[
        list[str] | None,
        Option(
            help="Attach a target: 195, 4%, 2R, 3ATR. Repeat it for equal parts.", metavar="LEVEL"
        ),
    ] = None,
    extended_hours: Annotated[
        bool, Option("--extended-hours", help="Also before the open and after the close.")
    ] = False,
    client_order_id: Annotated[
        Text, Option(help="Your id. The same id submits once, ever.", metavar="ID")
    ] = None,
    strategy: Annotated[
        Text, Option(help="The strategy's name; kept in the journal.", metavar="NAME")
    ] = None,
    allow_duplicate: Annotated[
        bool, Option("--allow-duplicate", help="Even if the same was just ordered.")
    ] = False,
    add: Annotated[bool, Option("--add", help="To a position that is held.")] = False,
    also: Annotated[bool, Option("--also", help="A second working order of the symbol.")] = False,
    short: Annotated[bool, Option("--short", help="Sell short: you hold none.")] = False,
    far: Annotated[bool, Option("--far", help=FAR_HELP)] = False,
    no_rules: Annotated[bool, Option("--no-rules", help=NO_RULES_HELP)] = False,
    at_broker: Annotated[
        bool,
        Option("--at-broker", help="Market closed: let the broker keep it, not the queue here."),
    ] = False,
    cancel_after: Annotated[
        Text,
        Option(help="Have a running watch cancel it, unfilled after this long.", metavar="SECONDS"),
    ] = None,
    wait: Annotated[
        float | None,
        Option(help="Follow the order to its end, at most this long.", metavar="SECONDS"),
    ] = None,
    dry_run: Annotated[
        bool, Option("--dry-run", help="Show cost, risk and failed checks; send nothing.")
    ] = False,
    all_checks: AllChecks = False,
    yes: Annotated[bool, Option("--yes", help="Do not ask before a live order.")] = False,
    direct: DirectOption = False,
) -> None:
    """Send one order, exactly once.

    Without --wait the answer says that it is accepted and not yet filled. When the outcome is in
    doubt (exit 7) run `execbot reconcile`; never submit again.

    A running `watch` sends it, faster and to the same end; --direct sends it from here.

    A typed order is canceled after a time only with --cancel-after (gtc too), or with
    `order_management.timeout_applies_to: all`. A gtc that was chosen here for the sake of stop and
    target ends at the close. Only a running `watch` does both; the answer says when.

    The stop and one target go along with the order. Of several targets none does: after the fill
    `watch` spreads the shares over them, and the stop stands at the broker from the start.
    Of option contracts none goes along: a running `watch` places or keeps them from the fill on.

    \b
    Examples:
      execbot submit AAPL --qty 10
      execbot submit AAPL --qty 10 --limit 187.50 --tif gtc
      execbot submit AAPL --qty 10 --limit 187.50 --cancel-after 60
      execbot submit AAPL --qty 10 --stop-loss 2% --take-profit 2R --wait 30
      execbot submit AAPL --qty 10 --stop-loss 2% --take-profit 1R --take-profit 2R
      execbot submit AAPL --risk 1% --stop-loss 2% --take-profit 2R
      execbot submit SPY --notional 500 --dry-run
      execbot submit TSLA --side sell --qty 5 --trail-percent 1.5
      execbot submit BTC/USD --notional 100 --json
      execbot submit AAPL261218C00250000 --qty 1 --limit 4.15
      execbot submit --leg "buy 1 AAPL261218C00250000" --leg "sell 1 AAPL261218C00260000" \\
        --debit 1.20 --stop-loss 50% --take-profit 2.40
    """
    typed = OrderFlags(
        symbol=symbol or "",
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
        cancel_after=cancel_after,
        risk=risk,
    )
    risked = _read_risk(risk, stop_loss)
    request = _read_order(typed, leg, debit, credit)
    read_wait(wait)
    check_all_checks(all_checks, dry_run)
    if at_broker:
        check_at_broker(request)
    flags = flags_of(
        add=add,
        also=also,
        short=short,
        far=far,
        allow_duplicate=allow_duplicate,
        at_broker=at_broker,
    )
    targets = take_profit or ()
    # Before it is known how many: a whole share for each target, which the size is checked against.
    shape = request if risked is None else replace(request, qty=Decimal(len(targets) or 1))
    wishes = read_exits(shape, stop_loss, targets)
    if not request.client_order_id:
        request = replace(request, client_order_id=order_name())
    wanted = Submit(
        request,
        wishes,
        flags,
        tif_is_given=tif is not None,
        keeps_rules=not no_rules,
        wait_seconds=wait,
        risk=risked,
    )
    asked = cli.ask_watch(
        wanted,
        request.client_order_id,
        direct=direct or dry_run,
        act=Act.SEND,
        consent=cli.consent(yes),
    )
    if asked.is_reported:
        with cli.told_by_watch():
            show_outcome(cli, asked.result())
        return
    from execbot.cli.interrupted import known_if_interrupted
    from execbot.desk.door.going_on import going_on
    from execbot.desk.opening.ahead import begin_facts

    with (
        cli.open(dry_run=dry_run, lines=FACTS_LINES, asked=asked) as desk,
        known_if_interrupted(desk, asked) as sending,
        going_on(desk, asked) as told,
    ):
        if told is not None:
            show_outcome(cli, told)
            return
        begin_facts(desk, request)
        # What checks and sends it is imported while the broker's answers are on their way.
        from execbot.cli.sending import dry_run_order, send_order

        if dry_run:
            dry_run_order(cli, desk, wanted, all_checks=all_checks)
        else:
            send_order(cli, desk, wanted, sending, yes=yes)


def _read_order(
    typed: OrderFlags, legs: list[str] | None, debit: Text, credit: Text
) -> OrderRequest:
    """Raises Failure (2)."""
    if legs:
        from execbot.cli.flags.leg_flags import to_spread

        return to_spread(legs, debit, credit, typed)
    if debit is not None or credit is not None:
        raise usage(
            "--debit and --credit are for spreads",
            hint="One contract has a --limit.",
            next_step="Name the legs with --leg, or give --limit.",
            kind="usage.net_price",
        )
    if not typed.symbol:
        raise usage(
            "no symbol",
            hint="An order names a symbol, or the legs of a spread.",
            next_step="execbot submit AAPL --qty 10",
            kind="usage.arguments",
        )
    return to_request(typed)


def _read_risk(word: str | None, stop_loss: str | None) -> Risked | None:
    """Raises Failure (2) for an amount that is none, or that no stop measures."""
    if word is None:
        return None
    percent, dollars = read_risk(word)
    if stop_loss is None:
        raise usage(
            "--risk was given without --stop-loss",
            hint="The size is the risk divided by what one share loses at the stop.",
            next_step=f"Add one: --risk {word} --stop-loss 2%",
            kind="usage.risk",
        )
    return Risked(percent, dollars)
