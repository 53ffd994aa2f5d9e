"""`execbot option`: chains, what is held as structures, closing one, exercise and abandon."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from execbot.cli.command import Cli, command
from execbot.cli.commands.options.chain_views import (
    CHAIN_COLUMNS,
    HELD_COLUMNS,
    chain_table,
    held_rows,
    kept_lines,
    link_json,
    named,
    structure_lines,
    structures_table,
)
from execbot.cli.errors import usage
from execbot.cli.flags.leg_flags import read_count, read_net, read_units
from execbot.cli.flags.leg_words import CREDIT_HELP, DEBIT_HELP
from execbot.cli.flags.order_flags import read_number, read_symbol, read_wait
from execbot.cli.flags.times import read_date
from execbot.cli.interrupted import known_if_interrupted
from execbot.cli.show.checks import AllChecks, check_all_checks
from execbot.cli.show.list_form import ColumnsFlag, CsvFlag, list_form
from execbot.cli.show.output import Table
from execbot.desk.confirming import Act, confirm
from execbot.desk.door.messages import Submit
from execbot.desk.door.names import order_name
from execbot.desk.exit_words import NO_WISHES
from execbot.desk.opening.journal_need import Need
from execbot.desk.options import chain as chains
from execbot.desk.options import exercising, held_apart, protecting, structures
from execbot.model.flags import NO_FLAGS
from execbot.model.symbols import option_contract

app = typer.Typer()

Text = str | None


@app.callback()
def option() -> None:
    """Option contracts: chains, what is held, closing a structure, exercise.

    \b
    Examples:
      execbot option chain AAPL --near 5
      execbot option held
      execbot option close AAPL --credit 1.10
    """


@app.command("chain")
@command
def chain(
    cli: Cli,
    symbol: Annotated[str, typer.Argument(help="The underlying: AAPL.")],
    expiry: Annotated[Text, typer.Option(help="A day of expiry.", metavar="DATE")] = None,
    expiries: Annotated[bool, typer.Option("--expiries", help="Only list the days.")] = False,
    calls: Annotated[bool, typer.Option("--calls", help="Calls only.")] = False,
    puts: Annotated[bool, typer.Option("--puts", help="Puts only.")] = False,
    near: Annotated[
        Text, typer.Option(help="So many strikes on each side of the price.", metavar="N")
    ] = None,
    delta: Annotated[
        Text, typer.Option(help="The contract nearest to this delta: 0.30.", metavar="DELTA")
    ] = None,
    csv: CsvFlag = False,
    columns: ColumnsFlag = None,
) -> None:
    """The contracts of one expiry: prices, greeks, open interest.

    Without --expiry the first one that is at least options.min_days away. Greeks are the broker's;
    it leaves them out on the day of expiry and of most far strikes.

    \b
    Examples:
      execbot option chain AAPL --near 5
      execbot option chain AAPL --expiry 2026-12-18 --calls --csv
      execbot option chain AAPL --delta 0.30
      execbot option chain AAPL --expiries
    """
    underlying = read_symbol(symbol)
    form = list_form(cli, CHAIN_COLUMNS, csv=csv, columns=columns)
    wish = chains.ChainWish(
        underlying,
        None if expiry is None else read_date("--expiry", expiry),
        None if calls == puts else calls,
        None if near is None else read_count("--near", near),
        None if delta is None else read_number("--delta", delta),
    )
    with cli.open(need=Need.LOOK) as desk:
        if expiries:
            days = chains.expiries(desk, underlying)
            found = [{"underlying": underlying, "expiry": day, "contracts": n} for day, n in days]
            cli.show(found, Table(("expiry", "contracts"), [(str(d), n) for d, n in days]))
            return
        got = chains.chain(desk, wish)
        rows = [link_json(link, got) for link in got.links]
        cli.show(rows, *form.views(rows, chain_table(got)), warnings=got.warnings)


@app.command("held")
@command
def held(cli: Cli, csv: CsvFlag = False, columns: ColumnsFlag = None) -> None:
    """What is held of contracts, by structure: what it cost, what it is worth, what it may lose.

    What one order opened, or one plan keeps, stands together; of each underlying the rest is one.

    \b
    Examples:
      execbot option held
      execbot option held --json
      execbot option held --csv --columns underlying,unrealized_pl,max_loss
    """
    form = list_form(cli, HELD_COLUMNS, csv=csv, columns=columns)
    with cli.open(need=Need.LOOK) as desk:
        found, warnings = held_apart.shown(desk)
        stand = protecting.kept(desk, found)
        lines = []
        for one, kept, name in zip(found, stand, named(found), strict=True):
            lines += [*structure_lines(one, name), *kept_lines(name, kept)]
        rows = [{**one.to_dict(), **kept.to_dict()} for one, kept in zip(found, stand, strict=True)]
        views = form.views(held_rows(rows), structures_table(found), *lines)
        cli.show(rows, *views, warnings=warnings)


@app.command("close")
@command
def close(
    cli: Cli,
    names: Annotated[
        list[str], typer.Argument(help="The underlying, or the contracts.", metavar="SYMBOL...")
    ],
    debit: Annotated[Text, typer.Option(help=DEBIT_HELP, metavar="PRICE")] = None,
    credit: Annotated[Text, typer.Option(help=CREDIT_HELP, metavar="PRICE")] = None,
    market: Annotated[bool, typer.Option("--market", help="At any price.")] = False,
    qty: Annotated[Text, typer.Option(help="Only so many units.", metavar="N")] = None,
    client_order_id: Annotated[
        Text, typer.Option(help="Your id. The same id submits once, ever.", metavar="ID")
    ] = None,
    wait: Annotated[
        float | None,
        typer.Option(help="Follow the order to its end, at most this long.", metavar="SECONDS"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the order; send nothing.")
    ] = False,
    all_checks: AllChecks = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a live order.")] = False,
) -> None:
    """Close a structure as one order: no leg is ever left alone.

    Of several structures of one underlying name the contracts of one, or of all. One contract that
    is held alone is closed by `execbot close`.

    \b
    Examples:
      execbot option close AAPL --credit 1.10
      execbot option close AAPL261218C00250000 AAPL261218C00260000 --market --yes
    """
    wanted = [read_symbol(name) for name in names]
    if market and (debit is not None or credit is not None):
        raise usage("--market was given with a net price", kind="usage.net_price")
    net = None if market else read_net(debit, credit)
    units = None if qty is None else read_units("--qty", qty)
    read_wait(wait)
    check_all_checks(all_checks, dry_run)
    name = client_order_id or order_name()
    with cli.open(dry_run=dry_run) as desk, known_if_interrupted(desk, None) as sending:
        from execbot.cli.sending import dry_run_order, send_order

        held = structures.structure_of(desk, wanted)
        structure = held_apart.one_of(desk, wanted, held, "close SYMBOL SYMBOL")
        request = structures.closing_request(structure, net, units, client_order_id=name)
        order = Submit(request, NO_WISHES, NO_FLAGS, True, True, wait)
        if dry_run:
            dry_run_order(cli, desk, order, all_checks=all_checks)
        else:
            send_order(cli, desk, order, sending, yes=yes)


@app.command("protect")
@command
def protect(
    cli: Cli,
    names: Annotated[
        list[str], typer.Argument(help="The underlying, or the contracts.", metavar="SYMBOL...")
    ],
    stop: Annotated[
        Text, typer.Option(help="Net price of one unit to leave at.", metavar="PRICE")
    ] = None,
    target: Annotated[
        Text, typer.Option(help="Net price of one unit to take.", metavar="PRICE")
    ] = None,
    underlying_stop: Annotated[
        Text, typer.Option(help="Leave when the underlying trades there.", metavar="PRICE")
    ] = None,
    qty: Annotated[
        Text, typer.Option(help="Only so many units; the rest keeps none.", metavar="N")
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Take the exits away again.")] = False,
) -> None:
    """A stop and a target for contracts that stand together, closed as one order.

    No broker holds these: a running `watch` does, and it acts on two looks in a row, five seconds
    apart. Of what was sold a stop is what buying it back costs. One contract alone may have its
    stop at the broker: `execbot protect`. With --qty what is sold otherwise is taken from the rest
    first.

    \b
    Examples:
      execbot option protect AAPL --stop 0.60 --target 3.50
      execbot option protect AAPL --target 2.40 --qty 2
      execbot option protect AAPL261218C00250000 --underlying-stop 231
      execbot option protect AAPL --off
    """
    wanted = [read_symbol(name) for name in names]
    prices = {"--stop": stop, "--target": target, "--underlying-stop": underlying_stop}
    if off == any(word is not None for word in prices.values()):
        raise usage(
            "--off was given with a level" if off else "no level",
            hint="Exits are a stop, a target, a stop on the underlying, or --off.",
            next_step="execbot option protect AAPL --stop 0.60",
            kind="usage.exits",
        )
    if off and qty is not None:
        raise usage("--off was given with --qty", hint="Off is for all of it.", kind="usage.exits")
    units = None if qty is None else read_units("--qty", qty)
    found = [None if w is None else read_number(flag, w) for flag, w in prices.items()]
    with cli.open() as desk:
        done = (
            protecting.unprotect_structure(desk, wanted)
            if off
            else protecting.protect_structure(desk, wanted, protecting.Levels(*found), units)
        )
        [kept] = protecting.kept(desk, [done.structure])
        data = {**done.structure.to_dict(), **kept.to_dict()}
        cli.show(data, *kept_lines(done.structure.underlying, kept), warnings=done.warnings)


@app.command("together")
@command
def together(
    cli: Cli,
    names: Annotated[
        list[str], typer.Argument(help="The underlying, or the contracts.", metavar="SYMBOL...")
    ],
) -> None:
    """Say that contracts which were opened one by one are one structure.

    They are shown, closed and reported as one from then on. Of a contract that was said to be in
    two the newest counts. Exits say the same: `execbot option protect`.

    \b
    Examples:
      execbot option together AAPL
      execbot option together AAPL261218C00250000 AAPL261218P00250000
    """
    wanted = [read_symbol(name) for name in names]
    with cli.open() as desk:
        structure = protecting.stand_together(desk, wanted)
        [kept] = protecting.kept(desk, [structure])
        data = {**structure.to_dict(), **kept.to_dict()}
        cli.show(data, *structure_lines(structure, structure.underlying))


@app.command("exercise")
@command
def exercise(
    cli: Cli,
    symbol: Annotated[str, typer.Argument(help="A contract that is held.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before it is done live.")] = False,
) -> None:
    """Exercise every contract that is held of a symbol, at once.

    Without a price below the market (or above it, for puts) that gives money away: look at the
    quote first, selling brings the time value too. Refused from the close to midnight.

    \b
    Examples:
      execbot option exercise AAPL261218C00250000
    """
    _tell(cli, symbol, yes, abandons=False)


@app.command("abandon")
@command
def abandon(
    cli: Cli,
    symbol: Annotated[str, typer.Argument(help="A contract that expires today.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before it is done live.")] = False,
) -> None:
    """Let a contract expire that would be exercised. Only Alpaca's support can take it back.

    \b
    Examples:
      execbot option abandon AAPL261218C00250000
    """
    _tell(cli, symbol, yes, abandons=True)


def _tell(cli: Cli, word: str, yes: bool, *, abandons: bool) -> None:
    symbol = read_symbol(word)
    if option_contract(symbol) is None:
        raise usage(
            f"{symbol} is no option contract",
            hint="A contract looks like AAPL261218C00250000.",
            kind="usage.symbol",
        )
    with cli.open() as desk:
        wanted = exercising.what_exercise_does(desk, symbol, abandons=abandons)
        warnings = exercising.other_legs(desk, wanted)
        confirm(desk, Act.EXERCISE, "; ".join((wanted.words, *warnings)), cli.consent(yes))
        done = exercising.exercise_contract(desk, wanted)
        data: dict[str, Any] = {
            "symbol": done.symbol,
            "outcome": "accepted",
            "abandoned": done.is_abandoned,
            "qty": done.qty,
            "shares": None if done.is_abandoned else done.shares,
            "cash": None if done.is_abandoned else done.cash,
        }
        rows = "The broker's rows of it may come a day late; until then it is a pending event."
        cli.show(data, f"Accepted: {done.words}.", rows, warnings=[*warnings, *done.warnings])
