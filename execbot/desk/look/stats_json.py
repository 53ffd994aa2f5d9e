"""Statistics as data: the fields of `stats --json` and of its `--csv`."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from execbot.desk.look.statistics import By, EquityDay, EquityStats, Statistics, TradeStats
from execbot.desk.look.trade_json import neat
from execbot.trades.equity_stats import Drawdown
from execbot.trades.figures import Figure
from execbot.trades.trade_stats import HoldingTime

STEP = Decimal("0.000001")
"""Rates, ratios and returns end here."""

GROUP_COLUMNS = (
    *("group", "trades", "wins", "losses", "even", "win_rate", "win_rate_low", "win_rate_high"),
    *("gross_pl", "fees", "net_pl", "expectancy_usd", "expectancy_r", "profit_factor", "payoff"),
    *("mean_win", "mean_loss", "best", "worst", "longest_wins", "longest_losses"),
    *("held_winners_seconds", "held_losers_seconds"),
)


def number(value: Decimal | float | None) -> Decimal | None:
    """As text that says no more than is known."""
    if value is None:
        return None
    if isinstance(value, Decimal):
        return neat(value)
    return Decimal(repr(value)).quantize(STEP, ROUND_HALF_EVEN) if abs(value) < 1e15 else None


def figure_json(found: Figure) -> dict[str, Any]:
    return {
        "value": number(found.value),
        "low": number(found.low),
        "high": number(found.high),
        "n": found.n,
        "least": found.least,
    }


def stats_json(
    found: Statistics, by: By | None, since: datetime | None, until: datetime | None
) -> dict[str, Any]:
    return {
        "since": since,
        "until": until,
        "trades": trades_json(found.trades),
        "open_trades": found.open_trades,
        "by": by,
        "groups": [{"group": word, **trades_json(one)} for word, one in found.groups.items()],
        "equity": None if found.equity is None else equity_json(found.equity),
        "days": [_day_json(day) for day in found.days],
    }


def trades_json(found: TradeStats) -> dict[str, Any]:
    days = found.days
    return {
        "trades": found.trades,
        "wins": found.wins,
        "losses": found.losses,
        "even": found.even,
        "gross_pl": neat(found.gross),
        "fees": neat(found.fees),
        "fees_estimated": found.fees_estimated,
        "net_pl": neat(found.net),
        "win_rate": figure_json(found.win_rate),
        "expectancy_usd": figure_json(found.expectancy),
        "expectancy_r": figure_json(found.expectancy_r),
        "profit_factor": figure_json(found.profit_factor),
        "payoff": figure_json(found.payoff),
        "mean_win": figure_json(found.mean_win),
        "mean_loss": figure_json(found.mean_loss),
        "best": neat(found.best),
        "worst": neat(found.worst),
        "held_winners": _holding_json(found.held_winners),
        "held_losers": _holding_json(found.held_losers),
        "longest_wins": found.longest_wins,
        "longest_losses": found.longest_losses,
        "days": {
            "won": days.won,
            "even": days.even,
            "lost": days.lost,
            "best": neat(days.best),
            "worst": neat(days.worst),
        },
    }


def group_rows(found: Statistics) -> list[dict[str, Any]]:
    """A flat row for each group."""
    return [
        {
            **trades_json(one),
            "group": word,
            "win_rate": number(one.win_rate.value),
            "win_rate_low": number(one.win_rate.low),
            "win_rate_high": number(one.win_rate.high),
            "expectancy_usd": number(one.expectancy.value),
            "expectancy_r": number(one.expectancy_r.value),
            "profit_factor": number(one.profit_factor.value),
            "payoff": number(one.payoff.value),
            "mean_win": number(one.mean_win.value),
            "mean_loss": number(one.mean_loss.value),
            "held_winners_seconds": _seconds(one.held_winners.mean),
            "held_losers_seconds": _seconds(one.held_losers.mean),
        }
        for word, one in found.groups.items()
    ]


def equity_json(found: EquityStats) -> dict[str, Any]:
    fall = found.drawdown
    return {
        "first": found.first,
        "last": found.last,
        "opening": found.opening,
        "closing": found.closing,
        "profit": found.profit,
        "flows": found.flows,
        "return_time_weighted": figure_json(found.twr),
        "return_time_weighted_year": figure_json(found.twr_year),
        "return_money_weighted": figure_json(found.mwr),
        "drawdown": None if fall is None else _drawdown_json(fall),
        "sharpe": figure_json(found.sharpe),
        "sortino": figure_json(found.sortino),
        "days_won": found.days_won,
        "days_even": found.days_even,
        "days_lost": found.days_lost,
        "best_day": found.best_day,
        "worst_day": found.worst_day,
        "under_water": figure_json(found.under_water),
        "spy": number(found.spy),
        "sessions": found.sessions,
        "spanned": found.spanned,
        "gap_minutes": found.gap_minutes,
        "bases": {basis.value: count for basis, count in found.bases.items()},
    }


def _drawdown_json(fall: Drawdown) -> dict[str, Any]:
    return {
        "share": number(fall.share),
        "usd": neat(fall.usd),
        "peak_on": fall.peak_on,
        "trough_on": fall.trough_on,
        "recovered_on": fall.recovered_on,
    }


def _day_json(day: EquityDay) -> dict[str, Any]:
    return {
        "date": day.day,
        "basis": day.basis,
        "began": day.began,
        "closed": day.closed,
        "flows": day.flows,
        "profit": day.profit,
        "rate": number(day.rate),
        "spans": day.spans,
        "samples": len(day.samples),
        "gap_minutes": day.gap_minutes,
    }


def _holding_json(found: HoldingTime) -> dict[str, Any]:
    return {
        "n": found.n,
        "mean_seconds": _seconds(found.mean),
        "median_seconds": _seconds(found.median),
    }


def _seconds(value: timedelta | None) -> int | None:
    return None if value is None else int(value.total_seconds())
