"""Trades as a file for a trading journal, or for books of accounts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from msgspec import Struct

from execbot.desk.account import Desk
from execbot.desk.look.trades import Trades
from execbot.market.calendar_cache import table_for
from execbot.market.sessions import trading_days
from execbot.model.symbols import multiplier_of
from execbot.trades.exports.beancount import beancount
from execbot.trades.exports.hledger import hledger
from execbot.trades.exports.journals import tradenote, tradervue, tradetally
from execbot.trades.trade import Trade, of_single_symbols

SETTLED_WITHIN = timedelta(days=10)


class File(Struct, frozen=True):
    """The text of a file, without the last newline."""

    text: str
    warnings: Sequence[str] = ()


def export(
    desk: Desk, found: Trades, form: str, since: datetime | None, until: datetime | None
) -> File:
    """The trades in one of the formats. Each trade is there whole, in the span in which it was
    closed; open ones, if they are shown, are there as they stand."""
    trades = [one for trade in found.trades for one in of_single_symbols(trade)]
    warnings = warnings_of(trades, form)
    if form == "hledger":
        return File(hledger(trades), warnings)
    if form == "beancount":
        return File(beancount(trades), warnings)
    if form == "tradenote":
        return File(tradenote(trades, desk.account, lambda day: _settled(desk, day)), warnings)
    return File(tradervue(trades) if form == "tradervue" else tradetally(trades), warnings)


def _settled(desk: Desk, day: date) -> date:
    """The next trading day (T+1)."""
    after = day + timedelta(days=1)
    table = table_for(desk.directory.parent, after)
    days = trading_days(table, after, after + SETTLED_WITHIN)
    return next((found.date for found in days), after)


def warnings_of(trades: Sequence[Trade], form: str) -> list[str]:
    opened = [t.trip.symbol for t in trades if t.trip.is_open]
    estimated = any(t.trip.fees is not None and t.trip.fees.estimated for t in trades)
    words = []
    if opened and form == "tradenote":
        words.append(f"Open trades are left out: {', '.join(sorted(set(opened)))}.")
    elif opened and form in ("hledger", "beancount"):
        words.append(
            f"{len(opened)} open: a later file has them again, from their beginning. "
            "With --closed no trade is ever in two files."
        )
    words += _misread(trades, form)
    if estimated:
        words.append("Fees of stocks are shares of what their days were charged (estimated).")
    return words


JOURNALS = ("tradervue", "tradenote", "tradetally")


def _misread(trades: Sequence[Trade], form: str) -> list[str]:
    """Warnings of figures that the trading journal reckons otherwise."""
    words = []
    if form in JOURNALS and (split := sorted({t.trip.symbol for t in trades if t.trip.splits})):
        words.append(f"Journals know nothing of splits: check {', '.join(split)} there.")
    contracts = sorted({t.trip.symbol for t in trades if multiplier_of(t.trip.symbol) != 1})
    if form == "tradetally" and contracts:
        words.append(
            "TradeTally's import takes a contract for one share, a hundredth of the dollars: check "
            f"{', '.join(contracts)} there."
        )
    return words
