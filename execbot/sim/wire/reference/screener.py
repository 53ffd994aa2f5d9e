"""`/v1beta1/screener`: the most active stocks and the largest moves, from the market as it is.

Moves are computed once a minute, volumes once in five (each is a sum over a day's prints), as of
the beginning of that span: `last_updated`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from execbot.sim.calendar import new_york, new_york_date
from execbot.sim.times import format_ns
from execbot.sim.types import Asset, AssetClass, Ns
from execbot.sim.wire import data_query as fields
from execbot.sim.wire.data_history import Source, day_bar, day_of

TOP_DEFAULT, MOVERS_MAX, ACTIVES_MAX = 10, 50, 100
MOVES_EVERY, VOLUMES_EVERY = fields.MINUTE, 5 * fields.MINUTE

Row = dict[str, Any]


class Screener:
    """Remembers what was computed last, for each market."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Ns, list[Row]]] = {}

    def most_active(self, source: Source, query: Mapping[str, str]) -> Row:
        """Raises `ApiError` 400."""
        fields.known_only(query, ("by", "top"))
        by = query.get("by") or "volume"
        if by not in ("volume", "trades"):
            raise fields.bad(f"invalid by: {by}")
        count = fields.count(query, "top", TOP_DEFAULT, ACTIVES_MAX)
        name = "volume" if by == "volume" else "trade_count"
        at, rows = self._rows("volumes", VOLUMES_EVERY, source, _volumes)
        ranked = sorted(rows, key=lambda row: (-row[name], row["symbol"]))
        return {"most_actives": ranked[:count], "last_updated": format_ns(at)}

    def movers(self, market: str, source: Source, query: Mapping[str, str]) -> Row:
        """Raises `ApiError` 400."""
        fields.known_only(query, ("top",))
        if market not in ("stocks", "crypto"):
            raise fields.bad(f"invalid market type: {market}")
        count = fields.count(query, "top", TOP_DEFAULT, MOVERS_MAX)
        moves = _stock_moves if market == "stocks" else _coin_moves
        at, rows = self._rows(market, MOVES_EVERY, source, moves)
        ranked = sorted(rows, key=lambda row: (-row["percent_change"], row["symbol"]))
        return {
            "gainers": [row for row in ranked if row["change"] > 0][:count],
            "losers": [row for row in reversed(ranked) if row["change"] < 0][:count],
            "market_type": market,
            "last_updated": format_ns(at),
        }

    def _rows(
        self, name: str, every: Ns, source: Source, compute: Callable[[Source, Ns], Iterator[Row]]
    ) -> tuple[Ns, list[Row]]:
        at = source.now // every * every
        known = self._known.get(name)
        if known is None or known[0] != at:
            known = self._known[name] = (at, list(compute(source, at)))
        return known


def _traded(source: Source, wanted: AssetClass) -> Iterator[Asset]:
    for asset in source.assets.all():
        if asset.asset_class is wanted and asset.active and asset.tradable:
            yield asset


def _volumes(source: Source, at: Ns) -> Iterator[Row]:
    """Today's volume of each stock that has traded."""
    for asset in _traded(source, AssetClass.US_EQUITY):
        found = day_bar(source, asset.symbol, day_of(source, asset.symbol, at))
        if found is not None:
            bar = found[1]
            yield {
                "symbol": asset.symbol,
                "volume": int(bar.volume),
                "trade_count": bar.trade_count,
            }


def _stock_moves(source: Source, at: Ns) -> Iterator[Row]:
    """From the last print of the session before today's to the last print."""
    today = date.fromisoformat(day_of(source, "", at))
    days = source.calendar.days((today - timedelta(days=10)).isoformat(), today.isoformat())
    closes = [day.close for day in days if day.date < today.isoformat()]
    if closes:
        yield from _moves(source, AssetClass.US_EQUITY, closes[-1] - 1, at)


def _coin_moves(source: Source, at: Ns) -> Iterator[Row]:
    """From New York's midnight to the last print."""
    yield from _moves(source, AssetClass.CRYPTO, new_york(new_york_date(at)) - 1, at)


def _moves(source: Source, wanted: AssetClass, since: Ns, at: Ns) -> Iterator[Row]:
    for asset in _traded(source, wanted):
        before = source.prices.last_trade(asset.symbol, since)
        last = source.prices.last_trade(asset.symbol, at)
        if before is None or last is None or not before.price:
            continue
        change = last.price - before.price
        yield {
            "symbol": asset.symbol,
            "percent_change": float((change / before.price * 100).quantize(Decimal("0.01"))),
            "change": float(change.quantize(Decimal("0.0001"))),
            "price": float(last.price),
        }
