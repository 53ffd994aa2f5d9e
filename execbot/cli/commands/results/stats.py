"""`execbot stats`: how well trades and the account went."""

from __future__ import annotations

from typing import Annotated

import typer

from execbot.cli.command import Cli, command
from execbot.cli.errors import usage
from execbot.cli.flags.order_flags import read_symbol
from execbot.cli.flags.span import SinceFlag, UntilFlag, read_span
from execbot.cli.show.list_form import ColumnsFlag, CsvFlag, list_form
from execbot.cli.show.stats_views import (
    conventions,
    equity_table,
    groups_table,
    trades_figures_table,
)
from execbot.desk.look.statistics import By, statistics
from execbot.desk.look.stats_json import GROUP_COLUMNS, group_rows, stats_json
from execbot.desk.look.trades import Wanted
from execbot.desk.opening.journal_need import Need


@command
def stats(
    cli: Cli,
    by: Annotated[By | None, typer.Option(help="One line for each of them.")] = None,
    since: SinceFlag = None,
    until: UntilFlag = None,
    symbol: Annotated[str | None, typer.Option(help="Only this symbol.")] = None,
    strategy: Annotated[
        str | None, typer.Option(help="Only this strategy; `-` for trades without one.")
    ] = None,
    reason: Annotated[
        list[str] | None, typer.Option(help="Only trades that ended so, as in `trades`.")
    ] = None,
    csv: CsvFlag = False,
    columns: ColumnsFlag = None,
) -> None:
    """Figures of closed trades and of the account: win rate, expectancy, returns, drawdown, Sharpe.

    Trades count when they were closed, net of the fees that are known. The account's figures are
    from its equity, as `watch` has sampled it, with what came and went taken out. A figure with too
    few trades or days behind it is not given; the conventions stand under the tables.

    \b
    Examples:
      execbot stats
      execbot stats --by strategy --since 2026-01-01
      execbot stats --by hour --csv
      execbot stats --by strategy --columns group,trades,net_pl
      execbot stats --symbol AAPL --json
    """
    form = list_form(cli, GROUP_COLUMNS, csv=csv, columns=columns)
    if form.takes_rows and by is None:
        flag = "--csv" if csv else "--columns"
        raise usage(f"{flag} needs --by", hint="A line a group; all other figures are in --json.")
    wanted_symbol = None if symbol is None else read_symbol(symbol)
    with cli.open(need=Need.LOOK) as desk:
        span = read_span(since, until, desk.now())
        wanted = Wanted(
            since=span.since,
            until=span.until,
            symbol=wanted_symbol,
            strategy=strategy,
            reasons=tuple(word.lower().replace("-", "_") for word in reason or ()),
        )
        found = statistics(desk, wanted, by)
        data = stats_json(found, by, span.since, span.until)
        if form.takes_rows:
            return cli.show(data, *form.views(group_rows(found)), warnings=found.warnings)
        views = [trades_figures_table(found)]
        if by is not None:
            views.append(groups_table(found, by))
        if found.equity is not None:
            views.append(equity_table(found.equity))
        cli.show(data, *views, *conventions(found, by), warnings=found.warnings)
