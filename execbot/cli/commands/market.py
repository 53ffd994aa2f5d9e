"""`execbot market`: is it open, which session, until when, what is ahead."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from execbot.cli.command import Cli, command
from execbot.cli.show.output import Table
from execbot.desk.context import Context
from execbot.model.times import eastern, show_eastern

if TYPE_CHECKING:
    from execbot.market.sessions import MarketNow, SessionTable

CALENDAR_DAYS = 30
"""How far ahead the broker's calendar is compared with ours."""


@command
def market(
    cli: Cli,
    holidays: Annotated[int, typer.Option(help="How many to list.", min=0, max=50)] = 5,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Build the session table anew.")
    ] = False,
) -> None:
    """Open or closed, the session, the next open and close, holidays and halts. Times are Eastern.

    \b
    Examples:
      execbot market
      execbot market --json
      execbot market --refresh
    """
    from execbot.market.broker_calendar import compare_with_broker
    from execbot.market.calendar_cache import refresh_table, table_for
    from execbot.market.sessions import agreed_now, crypto_now

    with cli.open() as desk:
        account = desk.risk.reader.account_facts()
        at = desk.risk.reader.market_time(account)
        today = eastern(at).date()
        table = (refresh_table if refresh else table_for)(desk.directory.parent, today)
        warnings = []
        stocks = agreed_now(table, at, account.clock)
        if not stocks.never_closes:
            until = today + timedelta(days=CALENDAR_DAYS)
            differences = compare_with_broker(desk.client, desk.journal, table, today, until)
            warnings = [
                f"{d.date}: our calendar says {d.ours}, the broker's {d.theirs}; the stricter holds"
                for d in differences
            ]
            stocks = agreed_now(desk.risk.reader.table_at(at), at, account.clock)
        if stocks.disagreement:
            warnings.append(stocks.disagreement)
        ahead = _holidays(table, today, holidays)
        halts = _halts(desk, at)
        data = {
            "at": at,
            "eastern": show_eastern(at),
            "stocks": _now_json(stocks),
            "crypto": _now_json(crypto_now(at)),
            "holidays": ahead,
            "halts": halts,
            "calendar": table.source,
        }
        cli.show(data, *_views(data, stocks), warnings=warnings)


def _now_json(now: MarketNow) -> dict[str, Any]:
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


def _holidays(table: SessionTable, today: date, count: int) -> list[dict[str, Any]]:
    from execbot.market.sessions import holidays_ahead

    return [
        {"date": day, "closes": f"{closes:%H:%M}" if closes else None}
        for day, closes in holidays_ahead(table, today, count)
    ]


def _halts(desk: Context, at: Any) -> list[dict[str, Any]]:
    from execbot.market.halts import book_from_json
    from execbot.risk.reading import HALTS_KEY

    book = book_from_json(desk.journal.meta_get(HALTS_KEY))
    return [
        {"symbol": halt.symbol, "since": halt.since, "reason": halt.reason}
        for halt in book.known(at)
    ]


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
