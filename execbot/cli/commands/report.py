"""`execbot report`: what a day, a week, a month or any span amounted to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from execbot.cli.command import Cli, command
from execbot.cli.errors import usage
from execbot.cli.exit_codes import ExitCode
from execbot.cli.flags.report_span import check_report_span, read_report_span
from execbot.cli.job import as_job
from execbot.cli.show.report_files import check_parquet, write_csv, write_page, write_tables
from execbot.cli.show.report_views import report_views
from execbot.desk.look.reporting.report_json import report_json
from execbot.desk.look.reporting.report_spans import Span
from execbot.desk.look.reports import span_report
from execbot.desk.opening.journal_need import Need
from execbot.desk.operate import after_close as closed


@command
@as_job(lambda given: "report" if given["after_close"] else None)
def report(
    cli: Cli,
    daily: Annotated[bool, typer.Option("--daily", help="One day (the default).")] = False,
    weekly: Annotated[bool, typer.Option("--weekly", help="Monday to Sunday.")] = False,
    monthly: Annotated[bool, typer.Option("--monthly", help="A calendar month.")] = False,
    date: Annotated[
        str | None,
        typer.Option(
            help="The day, or one of the week or month; New York's, today without it.",
            metavar="YYYY-MM-DD",
        ),
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", help="The first day.", metavar="YYYY-MM-DD")
    ] = None,
    last: Annotated[
        str | None,
        typer.Option(
            "--to", help="The last day, included; today without it.", metavar="YYYY-MM-DD"
        ),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", help="Write CSV files, one a kind of row, too.", metavar="DIR"),
    ] = None,
    parquet: Annotated[
        Path | None,
        typer.Option(
            "--parquet",
            help="Write orders, fills, trades and equity, each month whole (extra `export`).",
            metavar="DIR",
        ),
    ] = None,
    after_close: Annotated[
        bool,
        typer.Option(
            "--after-close",
            help="The last day whose session has ended, once: for a timer. Written as a page.",
        ),
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Write it as one page, with charts, too.", metavar="FILE"),
    ] = None,
) -> None:
    """Money, trades, quality of execution, failures, protection, limits, operation, scorecard.

    Fees are those that the broker has charged so far: stocks' by day and type, shared over the
    day's trades (`~`: estimated), often the next morning only. Net is realized less fees.

    Costs are in basis points of the price on arrival, positive when they were worse for us. The
    scorecard says of each requirement whether it was met, or that there is no basis to tell. Ends
    with 8 when an order's outcome is still in doubt, or a position lacks the protection promised to
    it.

    \b
    Examples:
      execbot report --daily
      execbot report --daily --date 2026-11-20 --json
      20 * * * * execbot report --daily --after-close --quiet --mode paper
      execbot report --weekly
      execbot report --monthly --date 2026-11-01
      execbot report --from 2026-11-02 --to 2026-11-13
      execbot report --monthly --html november.html --csv november/
    """
    check_report_span(daily, weekly, monthly, date, first, last)
    if after_close and (weekly or monthly or any((date, first, last))):
        raise usage("--after-close chooses the day itself", hint="Give it alone, or with --daily.")
    if parquet is not None:
        check_parquet()
    with cli.open(need=Need.LOOK) as desk:
        day = closed.due(desk) if after_close else None
        if after_close and day is None:
            cli.show({"due": False}, "Nothing to do: the last ended session has its report.")
            return
        span = read_report_span(weekly, monthly, date, first, last, desk.now())
        span = span if day is None else Span.of(day)
        if day is not None and html is None:
            html = closed.page_of(desk, day)
        found = span_report(desk, span)
        written: list[Path] = []
        more = list(found.warnings)
        if html is not None:
            more += write_page(html, found, desk)
            written.append(html)
        if csv is not None:
            written += write_csv(csv, found)
        if parquet is not None:
            written += write_tables(parquet, found, desk)
        if day is not None and html is not None:
            if found.is_whole:
                closed.made(desk, day, closed.day_words(found, html))
            else:
                more.append("It is made again when the broker answers.")
        cli.show(
            {**report_json(found), "written": [str(path) for path in written]},
            *report_views(found),
            *(f"Written: {name}" for name in written),
            warnings=more,
            exit_code=ExitCode.BREAKS if found.in_doubt or found.unprotected else ExitCode.DONE,
        )
