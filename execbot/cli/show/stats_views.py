"""Statistics for people: the figures, the groups, and the conventions under them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from textwrap import wrap

from execbot.cli.show.amounts import fee, fixed, money
from execbot.cli.show.output import Table
from execbot.desk.look.statistics import (
    CLASS_MIN,
    SESSIONS_MIN,
    TRADES_MIN,
    YEAR_SESSIONS,
    Basis,
    By,
    EquityStats,
    Figure,
    Statistics,
    TradeStats,
)
from execbot.model.times import show_age

_NUMERIC = frozenset({"value", "trades", "won", "win rate", "net", "fees", "mean", "mean R"}) | {
    *("profit factor", "payoff", "best", "worst", "95 %", "n")
}

LINE_WIDTH = 79

_FIGURE_COLUMNS = ("figure", "value", "95 %", "of")

Form = Callable[[Decimal | float], str]


def trades_figures_table(found: Statistics) -> Table:
    one = found.trades
    rows: list[Sequence[object]] = [
        ("closed trades", str(one.trades), "", f"{found.open_trades} open"),
        ("won, lost, even", f"{one.wins}, {one.losses}, {one.even}", "", ""),
        ("gross", _usd(one.gross), "", ""),
        ("fees", fee(one.fees, estimated=one.fees_estimated), "", ""),
        ("net", _usd(one.net), "", ""),
        _line("win rate", one.win_rate, percent),
        _line("mean a trade", one.expectancy, dollars),
        _line("mean a trade, R", one.expectancy_r, ratio, "trades with a known risk"),
        _line("profit factor", one.profit_factor, ratio),
        _line("payoff", one.payoff, ratio, "mean win over mean loss"),
        _line("mean win", one.mean_win, dollars),
        _line("mean loss", one.mean_loss, dollars),
        ("best, worst trade", _pair(one.best, one.worst), "", ""),
        ("longest streaks", f"{one.longest_wins} won, {one.longest_losses} lost", "", ""),
        ("winners held", _held(one.held_winners.mean), "", _median(one.held_winners.median)),
        ("losers held", _held(one.held_losers.mean), "", _median(one.held_losers.median)),
        (
            "days with exits",
            f"{one.days.won} won, {one.days.even} even, {one.days.lost} lost",
            "",
            "",
        ),
        ("best, worst day", _pair(one.days.best, one.days.worst), "", ""),
    ]
    return Table(_FIGURE_COLUMNS, rows, _NUMERIC, title="Trades", drop=("of",))


def _line(name: str, found: Figure, form: Form, about: str = "") -> Sequence[object]:
    if found.value is None:
        few = f"{found.n} of {found.least} needed" if found.n < found.least else "not defined"
        return (name, "-", "", f"{few}{', ' + about if about else ''}")
    interval = ""
    if found.low is not None and found.high is not None:
        interval = f"{form(found.low)} to {form(found.high)}"
    return (name, form(found.value), interval, f"n {found.n}{', ' + about if about else ''}")


def percent(value: Decimal | float) -> str:
    return f"{fixed(float(value) * 100, 1)} %"


def percent_2(value: Decimal | float) -> str:
    return f"{fixed(float(value) * 100, 2)} %"


def dollars(value: Decimal | float) -> str:
    return fixed(value, 2)


def ratio(value: Decimal | float) -> str:
    return fixed(value, 2)


def _usd(value: Decimal | None) -> object:
    return money(value)


def _pair(one: Decimal | None, other: Decimal | None) -> str:
    return f"{_short(one)}, {_short(other)}"


def _short(value: Decimal | None) -> str:
    return "-" if value is None else fixed(value, 2)


def _held(value: timedelta | None) -> str:
    return "-" if value is None else show_age(int(value.total_seconds()))


def _median(value: timedelta | None) -> str:
    return "" if value is None else f"median {_held(value)}"


# --- groups ------------------------------------------------------------------------------------


def groups_table(found: Statistics, by: By) -> Table:
    columns = (
        *(by.value, "trades", "won", "win rate", "95 %", "net", "fees", "mean", "mean R"),
        *("profit factor", "payoff", "best", "worst"),
    )
    rows = [_group(word, one) for word, one in found.groups.items()]
    drop = ("payoff", "best", "worst", "95 %", "fees", "profit factor")
    return Table(columns, rows, _NUMERIC, empty="No closed trades.", title=f"By {by}", drop=drop)


def _group(word: str, one: TradeStats) -> Sequence[object]:
    low, high = one.win_rate.low, one.win_rate.high
    return (
        word,
        str(one.trades),
        str(one.wins),
        _value(one.win_rate, percent),
        f"{percent(low)} to {percent(high)}" if low is not None and high is not None else "",
        money(one.net),
        fee(one.fees, estimated=one.fees_estimated),
        _value(one.expectancy, dollars),
        _value(one.expectancy_r, ratio),
        _value(one.profit_factor, ratio),
        _value(one.payoff, ratio),
        _short(one.best),
        _short(one.worst),
    )


def _value(found: Figure, form: Form) -> str:
    return "-" if found.value is None else form(found.value)


# --- the account -------------------------------------------------------------------------------


def equity_table(found: EquityStats) -> Table:
    fall = found.drawdown
    rows: list[Sequence[object]] = [
        ("sessions", f"{found.first} to {found.last}", "", _sessions(found)),
        ("equity", _pair(found.opening, found.closing), "", "at the opening, now"),
        ("profit", _usd(found.profit), "", f"without {fixed(found.flows, 2)} that came and went"),
        _line("return, time-weighted", found.twr, percent_2),
        _line("a year", found.twr_year, percent_2),
        _line("return, money-weighted", found.mwr, percent_2),
        ("SPY", "-" if found.spy is None else percent_2(found.spy), "", "the same sessions"),
    ]
    if fall is not None:
        since = "the opening" if fall.peak_on is None else str(fall.peak_on)
        back = "not recovered" if fall.recovered_on is None else f"recovered {fall.recovered_on}"
        span = f"{since} to {fall.trough_on}, {back}" if fall.trough_on is not None else "none"
        rows.append(("largest drawdown", percent_2(fall.share), "", span))
        rows.append(("in dollars", _usd(fall.usd), "", "of profit, flows left out"))
    rows += [
        _line("sessions under water", found.under_water, percent),
        _line("Sharpe", found.sharpe, ratio),
        _line("Sortino", found.sortino, ratio),
        (
            "days",
            f"{found.days_won} won, {found.days_even} even, {found.days_lost} lost",
            "",
            "",
        ),
        ("best, worst day", _pair(found.best_day, found.worst_day), "", ""),
    ]
    return Table(_FIGURE_COLUMNS, rows, _NUMERIC, title="The account", drop=("of",))


def _sessions(found: EquityStats) -> str:
    words = [f"{found.sessions} measured"]
    if found.spanned:
        words.append(f"{found.spanned} in spans")
    told = found.bases.get(Basis.BROKER, 0)
    if told:
        words.append(f"{told} closes as the broker tells them")
    if found.gap_minutes:
        words.append(f"{found.gap_minutes} minutes without a sample")
    return ", ".join(words)


def conventions(found: Statistics, by: By | None) -> list[str]:
    """How the figures were made: under the tables, in lines that every terminal has room for."""
    lines = [
        "Trades: closed round trips, flat to flat at average cost, net of the fees that are known"
        f" (~: a day's fees shared out). Rates and means need {TRADES_MIN} trades, those of"
        f" winners or losers {CLASS_MIN}. Intervals: 95 %; of the win rate by Wilson."
    ]
    if by in (By.WEEKDAY, By.HOUR):
        lines.append(f"By {by}: of the entry, in New York.")
    if by is By.MONTH:
        lines.append("By month: of the exit, in New York.")
    if found.equity is not None:
        lines.append(
            "The account: equity from close to close as watch sampled it, what came and went taken"
            " out (what came counts from the beginning of its session, what went to the end)."
            " Open profit, fees, interest and dividends are in it."
        )
        lines.append(
            f"Sharpe, Sortino: sessions with flat days, risk-free rate 0, ddof 1 (Sortino: root"
            f" mean square of losses), times the root of {YEAR_SESSIONS}; at least"
            f" {SESSIONS_MIN} sessions; intervals for independent days (Lo 2002; delta method)."
            " Drawdown: the first peak is the opening equity. SPY: price without dividends."
        )
    return [part for line in lines for part in wrap(line, LINE_WIDTH)]
