"""Trades as data: the fields of `trades --json`, `--csv` and `--columns`."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from execbot.model.enums import PositionSide
from execbot.trades.costs import SideCost
from execbot.trades.model import Lot, Part, RoundTrip
from execbot.trades.structures import contracts_of, ratio_of
from execbot.trades.trade import Levels, Trade

COLUMNS = (
    *("id", "symbol", "side", "strategy_id", "strength", "opened_at", "closed_at", "held_seconds"),
    *("entered_qty", "exited_qty", "qty", "peak_qty", "entry_price", "exit_price"),
    *("gross_pl", "gross_pl_fifo", "fees", "fees_estimated", "net_pl", "r", "risk_usd"),
    *("risk_stop", "risk_from", "reason", "reasons", "asked.stop", "asked.trail", "asked.targets"),
    *("stood.stop", "stood.trail", "stood.targets", "worst_price", "best_price", "worst_r"),
    *("best_r", "excursion_from", "cost_in.bps", "cost_in.usd", "cost_in.measured"),
    *("cost_in.orders", "cost_out.bps", "cost_out.usd", "cost_out.measured", "cost_out.orders"),
    *("asset_class", "entry_net", "exit_net"),
)

LOT_COLUMNS = (
    *("symbol", "side", "qty", "opened_at", "closed_at", "price_in", "price_out", "gross_pl"),
    *("fees", "fees_estimated", "net_pl", "is_sale", "trade_id", "execution_in", "execution_out"),
)

PART_COLUMNS = (
    *("execution_id", "client_order_id", "symbol", "at", "side", "qty", "price", "opens"),
    *("is_trade", "held", "gross_pl", "fee", "fee_estimated", "booked_as"),
)


DIGITS = Decimal("0.000000001")
"""Averages and quotients end here; what has fewer digits keeps them all."""


def neat(value: Decimal | None) -> Decimal | None:
    """A number without the noise of a division, and without zeros at the end."""
    if value is None:
        return None
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -9:
        value = value.quantize(DIGITS, ROUND_HALF_EVEN)
    return value


def trade_json(trade: Trade) -> dict[str, Any]:
    """Amounts in USD. `fees` None: none is known; `r` None: no risk is known, or it is open."""
    risk, seen = trade.risk, trade.excursion
    return {
        **trip_json(trade.trip),
        "strategy_id": trade.strategy,
        "strength": trade.strength,
        "r": neat(trade.r),
        "risk_usd": None if risk is None else neat(risk.usd),
        "risk_stop": None if risk is None else risk.stop,
        "risk_from": None if risk is None else risk.source,
        "reason": None if trade.ending is None else str(trade.ending),
        "reasons": [f"{ending}:{ending.qty:f}" for ending in trade.endings],
        "asked": _levels(trade.asked),
        "stood": _levels(trade.stood),
        "worst_price": None if seen is None else neat(seen.worst),
        "best_price": None if seen is None else neat(seen.best),
        "worst_r": None if seen is None else neat(seen.worst_r),
        "best_r": None if seen is None else neat(seen.best_r),
        "excursion_from": None if seen is None else seen.seen_by,
        "cost_in": _cost(trade.cost_in),
        "cost_out": _cost(trade.cost_out),
        "plan_ids": list(trade.plan_ids),
    }


def trip_json(trip: RoundTrip) -> dict[str, Any]:
    held = trip.holding
    return {
        "id": trip.id,
        "symbol": trip.symbol,
        "asset_class": trip.asset_class,
        "side": trip.side,
        "opened_at": trip.opened_at,
        "closed_at": trip.closed_at,
        "held_seconds": None if held is None else int(held.total_seconds()),
        "entered_qty": trip.entered,
        "exited_qty": trip.exited,
        "qty": trip.qty,
        "peak_qty": trip.peak_qty,
        "entry_price": neat(trip.entry_price),
        "exit_price": neat(trip.exit_price),
        "gross_pl": neat(trip.gross),
        "gross_pl_fifo": neat(trip.gross_fifo),
        "fees": None if trip.fees is None else neat(trip.fees.amount),
        "fees_estimated": trip.fees is not None and trip.fees.estimated,
        "net_pl": neat(trip.net),
        "splits": [{"at": split.at, "ratio": split.ratio} for split in trip.splits],
        "entry_net": _net(trip, trip.entry_price),
        "exit_net": _net(trip, trip.exit_price),
        "legs": [_leg_json(leg, trip) for leg in trip.legs],
    }


def _net(trip: RoundTrip, price: Decimal | None) -> Decimal | None:
    """Of one unit, signed: what it cost, or below 0 what it brought."""
    if price is None or not trip.legs:
        return None
    return neat(price if trip.side is PositionSide.LONG else -price)


def _leg_json(leg: RoundTrip, trip: RoundTrip) -> dict[str, Any]:
    """Shares that its contracts delivered have no ratio."""
    is_contract = leg in contracts_of(trip)
    return {
        "symbol": leg.symbol,
        "trade_id": leg.id,
        "side": leg.side,
        "ratio": neat(ratio_of(leg, trip)) if is_contract else None,
        "entered_qty": leg.entered,
        "exited_qty": leg.exited,
        "qty": leg.qty,
        "entry_price": neat(leg.entry_price),
        "exit_price": neat(leg.exit_price),
        "closed_at": leg.closed_at,
        "gross_pl": neat(leg.gross),
        "fees": None if leg.fees is None else neat(leg.fees.amount),
        "net_pl": neat(leg.net),
    }


def part_json(part: Part) -> dict[str, Any]:
    return {
        "execution_id": part.execution_id,
        "client_order_id": part.client_order_id or None,
        "symbol": part.symbol or None,
        "at": part.at,
        "side": part.side,
        "qty": part.qty,
        "price": part.price,
        "opens": part.opens,
        "is_trade": part.is_trade,
        "held": part.held,
        "gross_pl": neat(part.gross),
        "fee": None if part.fee is None else neat(part.fee.amount),
        "fee_estimated": part.fee is not None and part.fee.estimated,
        "booked_as": part.booked_as or None,
    }


def lot_json(lot: Lot) -> dict[str, Any]:
    return {
        "symbol": lot.symbol,
        "side": lot.side,
        "qty": lot.qty,
        "opened_at": lot.opened_at,
        "closed_at": lot.closed_at,
        "price_in": neat(lot.price_in),
        "price_out": neat(lot.price_out),
        "gross_pl": neat(lot.gross),
        "fees": neat(lot.fees.amount),
        "fees_estimated": lot.fees.estimated,
        "net_pl": neat(lot.net),
        "is_sale": lot.is_trade,
        "trade_id": lot.trade_id,
        "execution_in": lot.execution_in,
        "execution_out": lot.execution_out,
    }


def _levels(levels: Levels) -> dict[str, Any]:
    return {"stop": levels.stop, "trail": levels.trail, "targets": list(levels.targets)}


def _cost(cost: SideCost) -> dict[str, Any]:
    return {
        "bps": neat(cost.bps),
        "usd": neat(cost.usd),
        "measured": cost.measured,
        "orders": cost.orders,
    }
