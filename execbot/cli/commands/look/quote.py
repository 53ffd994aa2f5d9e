"""`execbot quote`: what the market says of a symbol, and what may be done with it."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

import typer

from execbot.cli.command import Cli, command
from execbot.cli.exit_codes import ExitCode
from execbot.cli.flags.order_flags import read_symbol
from execbot.cli.show.amounts import four_decimals, gain, price
from execbot.cli.show.list_form import ColumnsFlag, CsvFlag, list_form
from execbot.cli.show.output import Cell, Table
from execbot.desk.look.quotes import QuoteView, quotes
from execbot.desk.opening.journal_need import Need
from execbot.model.amounts import price_words
from execbot.model.numbers import maybe_text
from execbot.model.times import show_age

COLUMNS = (
    *("symbol", "bid", "ask", "bid_size", "ask_size", "spread_bps", "last", "last_at"),
    *("previous_close", "change", "change_pct", "atr", "tick", "session", "is_open", "halted"),
    *("halt_reason", "halt_known", "tradable", "fractionable", "shortable", "easy_to_borrow"),
    *("marginable", "exchange", "asset_class", "feed", "quoted_at", "age_seconds", "name"),
    *("option.underlying", "option.underlying_price", "option.expiry", "option.type"),
    *("option.strike", "option.open_interest", "option.implied_volatility"),
)


@command
def quote(
    cli: Cli,
    symbols: Annotated[
        list[str], typer.Argument(metavar="SYMBOL...", help="AAPL, BRK.B, BTC/USD.")
    ],
    csv: CsvFlag = False,
    columns: ColumnsFlag = None,
) -> None:
    """Bid and ask, last price and the day's change, range and tick, and what may be done with it.

    The change is against the close of the day before the last trade. ATR is the average true range
    of `stop_loss.atr_period` days. Halts are known where a running `watch` follows the symbol.

    \b
    Examples:
      execbot quote AAPL
      execbot quote AAPL MSFT BTC/USD --csv
      execbot quote AAPL261218C00250000
    """
    wanted = [read_symbol(word) for word in symbols]
    form = list_form(cli, COLUMNS, csv=csv, columns=columns)
    with cli.open(need=Need.LOOK) as desk:
        found = quotes(desk, wanted)
        rows = [_json(view) for view in found.views]
        failed = [f"{symbol}: {error.message}" for symbol, error in found.failed.items()]
        cli.show(
            rows,
            *form.views(rows, _table(found.views), *(_words(view) for view in found.views)),
            warnings=[*failed, *found.warnings],
            exit_code=ExitCode.PARTLY if failed else ExitCode.DONE,
        )


def _json(view: QuoteView) -> dict[str, Any]:
    asset, quoted, trade = view.asset, view.quote, view.trade
    return {
        "symbol": view.symbol,
        "bid": view.bid,
        "ask": view.ask,
        "bid_size": None if quoted is None or view.bid is None else quoted.bid_size,
        "ask_size": None if quoted is None or view.ask is None else quoted.ask_size,
        "spread_bps": view.spread_bps,
        "last": view.last,
        "last_at": None if trade is None else trade.at,
        "previous_close": view.previous_close,
        "change": view.change,
        "change_pct": view.change_pct,
        "atr": view.atr,
        "tick": view.tick,
        "session": view.market.session.value,
        "is_open": view.market.is_open,
        "halted": bool(view.halt),
        "halt_reason": view.halt or None,
        "halt_known": view.halt_known,
        "tradable": asset.tradable,
        "fractionable": asset.fractionable,
        "shortable": asset.shortable,
        "easy_to_borrow": asset.easy_to_borrow,
        "marginable": asset.marginable,
        "exchange": asset.exchange,
        "asset_class": asset.asset_class,
        "name": asset.name,
        "feed": view.feed,
        "quoted_at": None if quoted is None else quoted.at,
        "age_seconds": view.age_seconds,
        "option": None if view.option is None else view.option.to_dict(),
    }


def _table(views: Any) -> Table:
    return Table(
        (
            *("symbol", "bid", "ask", "sizes", "spread bps", "last", "change", "percent", "ATR"),
            *("tick", "session", "age"),
        ),
        [_row(view) for view in views],
        numeric=frozenset(
            {"bid", "ask", "sizes", "spread bps", "last", "change", "percent", "ATR", "tick", "age"}
        ),
        drop=("tick", "session", "sizes", "ATR"),
    )


def _row(view: QuoteView) -> tuple[object, ...]:
    age = view.age_seconds
    return (
        view.symbol,
        price(view.bid),
        price(view.ask),
        _sizes(view),
        None if view.spread_bps is None else Cell(f"{view.spread_bps:f}", f"{view.spread_bps:f}"),
        price(view.last),
        gain(view.change),
        gain(view.change_pct, " %"),
        price(view.atr),
        maybe_text(view.tick),
        view.market.session.value,
        None if age is None else show_age(int(age)),
    )


def _sizes(view: QuoteView) -> str | None:
    quoted = view.quote
    if quoted is None:
        return None
    return f"{maybe_text(quoted.bid_size)} x {maybe_text(quoted.ask_size)}"


def _words(view: QuoteView) -> str:
    if view.option is not None:
        return _contract_words(view)
    return _stock_words(view)


def _contract_words(view: QuoteView) -> str:
    """`AAPL261218C00250000: call of AAPL (238.10) at 250.00 until 2026-12-18; delta 0.31, ...`"""
    assert view.option is not None
    said, under = view.option.to_dict(), view.option.underlying_price
    greeks = ", ".join(
        f"{name} {_four(said[name])}" for name in ("delta", "gamma", "theta", "vega")
    )
    return (
        f"{view.symbol}: {said['type']} of {said['underlying']} "
        f"({'no price' if under is None else price_words(under)}) at "
        f"{price_words(view.option.contract.strike)} until {said['expiry']}; {greeks}, "
        f"implied volatility {_four(said['implied_volatility'])}, open interest "
        f"{maybe_text(view.option.contract.open_interest) or 'not known'}; {_feed_words(view)}."
    )


def _four(value: object) -> str:
    """Four decimals, and that it is not known where the broker leaves it out."""
    return four_decimals(value) if isinstance(value, Decimal) else "not known"


def _stock_words(view: QuoteView) -> str:
    """`AAPL: tradable, fractionable, shortable, marginable; not known to be halted; feed iex.`"""
    asset = view.asset
    shorts = "easy to borrow" if asset.easy_to_borrow else "hard to borrow"
    rights = [
        "tradable" if asset.tradable else "NOT tradable",
        "fractionable" if asset.fractionable else "whole shares only",
        f"shortable ({shorts})" if asset.shortable else "not shortable",
        "marginable" if asset.marginable else "not marginable",
    ]
    return f"{view.symbol}: {', '.join(rights)}; {_halt_words(view)}; {_feed_words(view)}."


def _halt_words(view: QuoteView) -> str:
    if view.halt:
        return f"HALTED: {view.halt}"
    if view.halt_known is None:
        return "never halted"
    return "not halted" if view.halt_known else "no `watch` says whether it is halted"


def _feed_words(view: QuoteView) -> str:
    return f"feed {view.feed}" if view.feed else "feed as the data plan has it"
