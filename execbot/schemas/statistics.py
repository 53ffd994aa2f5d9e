"""Answers of `stats`: figures of trades, and of the account, over a span."""

from __future__ import annotations

from typing import Literal

from execbot.schemas.base import Day, Number, Output, Time


class Figure(Output):
    """A figure with what it rests on."""

    value: Number | None
    """Null below the minimum, or where it is not defined."""
    low: Number | None
    """The lower end of its 95 % interval, where it has one."""
    high: Number | None
    """The upper end."""
    n: int
    """Trades or sessions behind it."""
    least: int
    """How many it needs."""


class Holding(Output):
    """How long trades were held."""

    n: int
    """How many trades."""
    mean_seconds: int | None
    """Null below three."""
    median_seconds: int | None
    """Null below three."""


class DaysOfTrades(Output):
    """Days of New York on which trades were closed."""

    won: int
    """Made a cent or more, net."""
    even: int
    """Neither."""
    lost: int
    """Lost a cent or more, net."""
    best: Number | None
    """Net of the best day."""
    worst: Number | None
    """Net of the worst day."""


class TradeFigures(Output):
    """Figures of closed trades, net of the fees that are known. Amounts are USD."""

    trades: int
    """Closed round trips."""
    wins: int
    """Net above zero."""
    losses: int
    """Net below zero."""
    even: int
    """Net zero."""
    gross_pl: Number
    """All together."""
    fees: Number
    """All together."""
    fees_estimated: bool
    """Shares of what a day was charged are in it."""
    net_pl: Number
    """All together."""
    win_rate: Figure
    """A fraction of trades; the interval is Wilson's."""
    expectancy_usd: Figure
    """Mean net of a trade."""
    expectancy_r: Figure
    """Mean R of the trades with a known risk."""
    profit_factor: Figure
    """What was won by what was lost."""
    payoff: Figure
    """Mean win by mean loss."""
    mean_win: Figure
    """Mean net of winners."""
    mean_loss: Figure
    """Mean net of losers, negative."""
    best: Number | None
    """Net of the best trade."""
    worst: Number | None
    """Net of the worst trade."""
    held_winners: Holding
    """Winners."""
    held_losers: Holding
    """Losers."""
    longest_wins: int
    """The longest streak of winners, in the order of closing."""
    longest_losses: int
    """The longest streak of losers."""
    days: DaysOfTrades
    """Days with exits."""


class GroupOfTrades(TradeFigures):
    """Figures of one group."""

    group: str
    """A strategy, a symbol, a reason, a weekday, an hour (New York) or a month."""


class Drawdown(Output):
    """The largest fall from a peak; the first peak is the opening equity."""

    share: Number
    """A fraction of the peak, by the time-weighted index."""
    usd: Number
    """The largest fall of the profit in USD, flows left out."""
    peak_on: Day | None
    """Null: the opening equity."""
    trough_on: Day | None
    """Null where it never fell."""
    recovered_on: Day | None
    """Null: not yet."""


class EquityFigures(Output):
    """Figures of the account's equity, what came and went taken out. Returns are fractions."""

    first: Day
    """The first session."""
    last: Day
    """The last one, which may be running."""
    opening: Number
    """Equity at the close before the first session."""
    closing: Number
    """Equity at the end."""
    profit: Number
    """The change of equity less what came and went."""
    flows: Number
    """What came (plus) and went (minus)."""
    return_time_weighted: Figure
    """Of the whole span."""
    return_time_weighted_year: Figure
    """By the year, from a year of sessions on."""
    return_money_weighted: Figure
    """Of the whole span."""
    drawdown: Drawdown | None
    """Null below two sessions."""
    sharpe: Figure
    """Sessions with flat days, risk-free rate 0, ddof 1, times the root of 252."""
    sortino: Figure
    """As Sharpe, by the root mean square of losses."""
    days_won: int
    """Sessions that made a cent or more."""
    days_even: int
    """Neither."""
    days_lost: int
    """Sessions that lost a cent or more."""
    best_day: Number | None
    """Profit of the best session."""
    worst_day: Number | None
    """Profit of the worst session."""
    under_water: Figure
    """Share of sessions that closed below an earlier peak."""
    spy: Number | None
    """The return of SPY's price over the same sessions; null where it is not known."""
    sessions: int
    """Sessions measured one by one."""
    spanned: int
    """Sessions that could not be told apart."""
    gap_minutes: int
    """Minutes of sessions without a sample."""
    bases: dict[str, int]
    """Where closing equities are from: `own`, `broker`, `running`, `missing`."""


class EquityDay(Output):
    """Equity of one session."""

    date: Day
    """The session."""
    basis: Literal["own", "broker", "running", "missing"]
    """Where its closing equity is from."""
    began: Number | None
    """The last known closing equity before it."""
    closed: Number | None
    """Null where nothing is known."""
    flows: Number
    """What came and went since then."""
    profit: Number | None
    """The change of equity less flows."""
    rate: Number | None
    """Its return: profit by what was there to make it."""
    spans: int
    """Sessions since the last known close."""
    samples: int
    """How often equity was seen in it."""
    gap_minutes: int
    """Minutes without a sample."""


class Statistics(Output):
    """How well trades and the account went over a span."""

    since: Time | None
    """Its beginning; null: all there is."""
    until: Time | None
    """Its end, not included; null: now."""
    trades: TradeFigures
    """Of the trades that were closed in it."""
    open_trades: int
    """Trades that are in no figure yet."""
    by: Literal["strategy", "symbol", "reason", "weekday", "hour", "month"] | None
    """What groups are made of."""
    groups: list[GroupOfTrades]
    """In their order; empty without --by."""
    equity: EquityFigures | None
    """Null where no session is known, and with --symbol, --strategy or --reason."""
    days: list[EquityDay]
    """Session by session."""
