"""Changes the tape afterwards: late prints, corrections, cancels, and order imbalances.

The control plane sends them on the data streams; the market's own prices and the historical
endpoints stay as they are.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from execbot.sim.prices.source import merged_bar
from execbot.sim.times import format_ns
from execbot.sim.types import Bar, Ns, Trade
from execbot.sim.wire import data_rows as rows
from execbot.sim.wire.data import MarketView
from execbot.sim.wire.data_query import MINUTE

Message = dict[str, Any]


def late_trade(market: MarketView, trade: Trade) -> list[Message]:
    """The print, stamped with its own time, and the bar of its minute with the print in it."""
    asset = market.assets.get(trade.symbol)
    if "/" in trade.symbol:
        row = rows.crypto_trade(trade, market.prices.quote(trade.symbol, trade.at))
    else:
        row = rows.stock_trade(trade, asset)
    start = trade.at - trade.at % MINUTE
    known = market.prices.bar(trade.symbol, start, start + MINUTE)
    price = trade.price
    late = Bar(trade.symbol, start, price, price, price, price, trade.size, 1, price)
    bar = merged_bar(start, [late] if known is None else [known, late])
    assert bar is not None
    shown = rows.bar_row(bar)
    if known is not None:
        shown["c"] = rows.number(known.close)  # a print that is late closes nothing
    return [{"T": "t", "S": trade.symbol, **row}, {"T": "u", "S": trade.symbol, **shown}]


def correction(market: MarketView, trade: Trade, price: Decimal, size: Decimal, now: Ns) -> Message:
    """The original's id, price, size and conditions, and the corrected ones."""
    row = rows.stock_trade(trade, market.assets.get(trade.symbol))
    return {
        "T": "c",
        "S": trade.symbol,
        "x": row["x"],
        "oi": row["i"],
        "op": row["p"],
        "os": row["s"],
        "oc": row["c"],
        "ci": rows.trade_id(Trade(trade.symbol, now + 1, price, size)),  # no print has it
        "cp": rows.number(price),
        "cs": rows.number(size),
        "cc": row["c"],
        "z": row["z"],
        "t": format_ns(now),
    }


def cancel_error(market: MarketView, trade: Trade, action: str, now: Ns) -> Message:
    """`action`: C for a cancel, E for an error."""
    row = rows.stock_trade(trade, market.assets.get(trade.symbol))
    return {
        "T": "x",
        "S": trade.symbol,
        "i": row["i"],
        "x": row["x"],
        "p": row["p"],
        "s": row["s"],
        "a": action,
        "z": row["z"],
        "t": format_ns(now),
    }


def imbalance(market: MarketView, symbol: str, price: Decimal, now: Ns) -> Message:
    return {
        "T": "i",
        "S": symbol,
        "p": rows.number(price),
        "z": rows.tape(market.assets.get(symbol)),
        "t": format_ns(now),
    }
