"""Files for trading journals: Tradervue, TradeNote, TradeTally. Pure.

Formats: tradervue.com/help/generic; TradeNote's brokers/README.md and Template.csv; the columns
that TradeTally's generic parser knows by name. All times are New York's wall time.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

from execbot.model.amounts import signed
from execbot.model.enums import Side
from execbot.model.numbers import ZERO, text
from execbot.trades.exports.executions import rows_of
from execbot.trades.trade import Trade

US_DATE = "%m/%d/%Y"
"""Never day first. TradeTally reads `2026-10-07` as UTC's, a day early west of Greenwich."""

SettledOn = Callable[[date], date]

_TRADERVUE = (
    *("Date", "Time", "Symbol", "Quantity", "Price", "Side"),
    *("Commission", "TransFee", "ECNFee"),
)
_TRADETALLY = (
    *("Symbol", "Trade Date", "Exec Time", "Side", "Quantity", "Price", "Commission", "Fees"),
    *("Currency", "Stop Loss", "Take Profit", "Notes"),
)
_TRADENOTE = (
    *("Account", "T/D", "S/D", "Currency", "Type", "Side", "Symbol", "Qty", "Price", "Exec Time"),
    *("Comm", "SEC", "TAF", "NSCC", "Nasdaq", "ECN Remove", "ECN Add", "Gross Proceeds"),
    *("Net Proceeds", "Clr Broker", "Liq", "Note"),
)


def tradervue(trades: Iterable[Trade]) -> str:
    """Open trades too: a later import adds what is missing."""
    return _csv(
        _TRADERVUE,
        (
            (
                f"{row.at:%Y-%m-%d}",
                f"{row.at:%H:%M:%S}",
                row.symbol,
                text(row.qty),
                text(row.price),
                "Buy" if row.side is Side.BUY else "Sell",
                "0",
                text(row.fees),
                "0",
            )
            for row in rows_of(trades)
        ),
    )


def tradetally(trades: Iterable[Trade]) -> str:
    """No id of the order: TradeTally would take its second partial fill for a repetition."""
    return _csv(
        _TRADETALLY,
        (
            (
                row.symbol,
                row.at.strftime(US_DATE),
                f"{row.at:%H:%M:%S}",
                "Buy" if row.side is Side.BUY else "Sell",
                text(row.qty),
                text(row.price),
                "0",
                text(row.fees),
                "USD",
                _stop_of(row.trade),
                next((t for t in row.trade.stood.targets if t != "-"), ""),
                note_of(row.trade),
            )
            for row in rows_of(trades)
        ),
    )


def tradenote(trades: Iterable[Trade], account: str, settled_on: SettledOn) -> str:
    """Closed trades alone: TradeNote asks for open ones to be taken out. The first `.` of a symbol
    becomes `_` there. Proceeds are in cents."""
    closed = [trade for trade in trades if not trade.trip.is_open]
    return _csv(
        _TRADENOTE,
        (
            (
                account,
                row.at.strftime(US_DATE),
                settled_on(row.at.date()).strftime(US_DATE),
                "USD",
                "0",
                _NOTE_SIDES[row.side, row.is_short],
                row.symbol,
                text(row.qty),
                text(row.price),
                f"{row.at:%H:%M:%S}",
                "0",
                text(row.fees),
                *("0", "0", "0", "0", "0"),
                _cents(-row.side.sign * row.value),
                _cents(-row.side.sign * row.value - row.fees),
                *("", "", note_of(row.trade)),
            )
            for row in rows_of(closed)
        ),
    )


_NOTE_SIDES: Mapping[tuple[Side, bool], str] = {
    (Side.BUY, False): "B",
    (Side.SELL, False): "S",
    (Side.SELL, True): "SS",
    (Side.BUY, True): "BC",
}


def _stop_of(trade: Trade) -> str:
    stop = None if trade.risk is None else trade.risk.stop
    return "" if stop is None else text(stop)


def note_of(trade: Trade) -> str:
    """What execbot knows of the trade, in a few words."""
    words = [trade.strategy or "", str(trade.ending) if trade.ending is not None else ""]
    if trade.r is not None:
        words.append(f"{signed(trade.r)}R")
    return " ".join([word for word in words if word] + [trade.trip.id])


def _cents(value: Decimal) -> str:
    return text(value.quantize(Decimal("0.01"), ROUND_HALF_EVEN) + ZERO)


_FORMULA = ("=", "+", "-", "@")


def _csv(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Words that a spreadsheet would carry out get an apostrophe; amounts are none."""
    written = io.StringIO()
    lines = csv.writer(written, lineterminator="\n")
    lines.writerow(columns)
    lines.writerows([_harmless(cell) for cell in row] for row in rows)
    return written.getvalue().removesuffix("\n")


def _harmless(cell: str) -> str:
    cell = " ".join(cell.split())
    if not cell.startswith(_FORMULA):
        return cell
    return cell if cell[1:].replace(".", "", 1).isdigit() else f"'{cell}"
