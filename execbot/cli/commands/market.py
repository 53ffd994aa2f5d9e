"""`execbot market`: is it open, which session, until when, what is ahead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from execbot.cli.command import Cli, command
from execbot.cli.show.list_form import ColumnsFlag, CsvFlag, list_form
from execbot.cli.show.output import Table
from execbot.desk.look.market_state import Halt, MarketNow, market_state
from execbot.model.times import show_eastern


@command
def market(
    cli: Cli,
    holidays: Annotated[int, typer.Option(help="How many to list.", min=0, max=50)] = 5,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Build the session table anew.")
    ] = False,
    csv: CsvFlag = False,
    columns: ColumnsFlag = None,
) -> None:
    """Open or closed, the session, the next open and close, holidays and halts. Times are Eastern.

    \b
    Examples:
      execbot market
      execbot market --json
      execbot market --refresh
      execbot market --csv --columns market,is_open,next_open
    """
    form = list_form(cli, COLUMNS, csv=csv, columns=columns)
    with cli.open() as desk:
        state = market_state(desk, holidays=holidays, refresh=refresh)
        data = {
            "at": state.at,
            "eastern": show_eastern(state.at),
            "stocks": now_json(state.stocks),
            "crypto": now_json(state.crypto),
            "holidays": [
                {"date": day, "closes": f"{closes:%H:%M}" if closes else None}
                for day, closes in state.holidays
            ],
            "halts": halts_json(state.halts),
            "calendar": state.calendar,
        }
        views = form.views(_rows(data), *_views(data, state.stocks))
        cli.show(data, *views, warnings=state.warnings)


_OF_A_MARKET = (
    *("is_open", "session", "never_closes", "next_open", "next_close", "early_close"),
    *("trading_day", "disagreement"),
)
COLUMNS = ("at", "market", *_OF_A_MARKET, "holidays", "halted", "calendar")


def _rows(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A line a market; holidays and halts are of stocks."""
    of_stocks = {
        "holidays": [item["date"] for item in data["holidays"]],
        "halted": [item["symbol"] for item in data["halts"]],
        "calendar": data["calendar"],
    }
    return [
        {"at": data["at"], "market": "stocks", **data["stocks"], **of_stocks},
        {"at": data["at"], "market": "crypto", **data["crypto"]},
    ]


def halts_json(halts: Sequence[Halt]) -> list[dict[str, Any]]:
    return [{"symbol": halt.symbol, "since": halt.since, "reason": halt.reason} for halt in halts]


def now_json(now: MarketNow) -> dict[str, Any]:
    day = now.day
    return {
        "is_open": now.is_open,
        "session": now.session.value,
        "never_closes": now.never_closes,
        "next_open": now.next_open,
        "next_close": now.next_close,
        "early_close": day.is_early_close if day is not None else False,
        "trading_day": day.date if day is not None else None,
        "disagreement": now.disagreement,
    }


def _views(data: dict[str, Any], stocks: MarketNow) -> list[Table | str]:
    state = "open" if stocks.is_open else "closed"
    early = " (early close)" if data["stocks"]["early_close"] else ""
    rows = [
        (
            "stocks",
            state + early,
            stocks.session.value,
            "never closes" if stocks.never_closes else show_eastern(stocks.next_open),
            "never closes" if stocks.never_closes else show_eastern(stocks.next_close),
        ),
        ("crypto", "open", "regular", "never closes", "never closes"),
    ]
    views: list[Table | str] = [
        f"{data['eastern']}",
        Table(("market", "state", "session", "next open", "next close"), rows),
    ]
    for item in data["holidays"]:
        shut = f"closes {item['closes']} ET" if item["closes"] else "closed"
        views.append(f"{item['date']:%a %Y-%m-%d}  {shut}")
    for halt in data["halts"]:
        views.append(f"halted  {halt['symbol']}  {halt['reason']}  {show_eastern(halt['since'])}")
    return views
