"""The charts of a report: equity, the days, one trade with its levels. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from msgspec import Struct

from execbot.exits.plan.plan import ExitPlan
from execbot.journal.records import EquitySample
from execbot.model.amounts import dollars, even
from execbot.model.enums import Side
from execbot.model.numbers import text
from execbot.model.quote import Bar
from execbot.model.times import eastern
from execbot.report.draw.svg import (
    Area,
    Label,
    Point,
    arrow,
    axes,
    drawing,
    line,
    seconds_of,
    steps,
    thinned,
)
from execbot.report.period import DayRow
from execbot.trades.equity import EquityDay
from execbot.trades.trade import Trade

POINTS_MAX = 400
MARKS_MAX = 60
"""Executions of one trade that are drawn; of more the first and the last of them."""


def equity_chart(samples: Sequence[EquitySample], days: Sequence[EquityDay]) -> str:
    """Samples of a short span, closes of a long one; nothing with less than two points."""
    closes = [(d.day, d.closed) for d in days if d.closed is not None]
    points: Sequence[Point]
    if len(samples) >= 2 and samples[-1].at - samples[0].at <= timedelta(days=10):
        points = [Point(seconds_of(s.at), float(s.equity)) for s in samples]
        labels = _labels(samples[0].at, samples[-1].at)
    elif len(closes) >= 2:
        points = [Point(float(day.toordinal()), float(value)) for day, value in closes]
        labels = [f"{closes[0][0]:%b %d}", f"{closes[-1][0]:%b %d}"]
    else:
        return ""
    shown = thinned(points, POINTS_MAX)
    area = Area.around([p.at for p in shown], [p.value for p in shown])
    says = f"Equity from {points[0].value:,.2f} to {dollars(points[-1].value)}"
    times = [(points[0].at, labels[0]), (points[-1].at, labels[1])]
    return drawing(area, says, [axes(area, times), line(area, shown, "price")])


def days_chart(days: Sequence[DayRow]) -> str:
    """What each day made, net, as bars from zero."""
    known = [day for day in days if day.fills or day.net]
    if len(known) < 2:
        return ""
    first = days[0].day.toordinal()
    values = [float(day.net) for day in known]
    places = [day.day.toordinal() - first for day in known]
    area = Area.around([places[0] - 1, places[-1] + 1], [*values, 0.0], height=180)
    wide = min((area.x(1) - area.x(0)) * 0.7, 40)
    parts = [
        axes(area, [(places[0], f"{known[0].day:%b %d}"), (places[-1], f"{known[-1].day:%b %d}")])
    ]
    zero = area.y(0)
    for place, value, day in zip(places, values, known, strict=True):
        top, height = min(area.y(value), zero), abs(area.y(value) - zero)
        kind = "won" if value >= 0 else "lost"
        parts.append(
            f'<rect class="{kind}" x="{area.x(place) - wide / 2:.1f}" y="{top:.1f}" '
            f'width="{wide:.1f}" height="{max(height, 0.5):.1f}">'
            f"<title>{day.day} {dollars(value)}</title></rect>"
        )
    says = f"Net profit of {len(known)} days, {dollars(sum(values))} together"
    return drawing(area, says, parts)


class Level(Struct, frozen=True):
    """A price that was in force from a moment on; None: there was none any more."""

    at: datetime
    price: Decimal


class Levels(Struct, frozen=True):
    """How stop and targets went over time."""

    stop: tuple[Level, ...] = ()
    targets: tuple[tuple[Level, ...], ...] = ()


def levels_of(versions: Iterable[ExitPlan]) -> Levels:
    """From every version of a plan, oldest first: only where a price changed."""
    stop: list[Level] = []
    targets: list[list[Level]] = []
    for plan in versions:
        if plan.stop.price is not None:
            _put(stop, Level(plan.updated_at, plan.stop.price))
        for number, target in enumerate(plan.targets):
            while len(targets) <= number:
                targets.append([])
            if target.price is not None:
                _put(targets[number], Level(plan.updated_at, target.price))
    return Levels(tuple(stop), tuple(tuple(one) for one in targets if one))


def _put(levels: list[Level], level: Level) -> None:
    if not levels or levels[-1].price != level.price:
        levels.append(level)


def trade_chart(trade: Trade, bars: Sequence[Bar], levels: Sequence[Levels], now: datetime) -> str:
    """Prices with entries, exits, and the way stop and targets went. Without bars the executions
    alone."""
    trip = trade.trip
    until = trip.closed_at or now
    if trip.legs:  # prices of its contracts have no place among those of their underlying
        return ""
    fills = [part for part in trip.parts if part.is_trade]
    if len(fills) > MARKS_MAX:
        fills = [*fills[: MARKS_MAX // 2], *fills[-MARKS_MAX // 2 :]]
    marks = [
        (Point(seconds_of(p.at), float(trip.in_shares_of_the_end(p.price, p.at))), p) for p in fills
    ]
    if not marks:
        return ""
    prices = [
        Point(seconds_of(bar.at), float(value))
        for bar in bars
        if bar.at is not None
        for value in (bar.low, bar.high)
    ]
    path = thinned(
        [Point(seconds_of(bar.at), float(bar.close)) for bar in bars if bar.at is not None],
        POINTS_MAX,
    )
    stops = [_steps(found.stop, trade, until) for found in levels]
    targets = [_steps(one, trade, until) for found in levels for one in found.targets]
    near = [p.value for p, _ in marks] + [p.value for p in prices]
    drawn = [p for one in (*stops, *targets) for p in one]
    area = Area.around(
        [*(p.at for p, _ in marks), seconds_of(until), *(p.at for p in prices)],
        [*near, *_within(near, [p.value for p in drawn])],
    )
    end = seconds_of(until)
    ends = (area.first, area.last)
    labels = _labels(*(datetime.fromtimestamp(at, UTC) for at in ends))
    times = list(zip(ends, labels, strict=True))
    parts = [axes(area, times), line(area, path, "price")]
    parts += [steps(area, _inside(area, one), end, "stop") for one in stops]
    parts += [steps(area, _inside(area, one), end, "target") for one in targets]
    parts += [
        arrow(
            area,
            point,
            f"{part.side} {text(part.qty)} at {text(part.price)}, "
            f"{eastern(part.at):%Y-%m-%d %H:%M:%S} ET",
            up=part.side is Side.BUY,
        )
        for point, part in marks
    ]
    return drawing(area, says_of(trade), parts)


def says_of(trade: Trade) -> str:
    trip, ends = trade.trip, "open"
    if not trip.is_open and trip.exit_price is not None:
        ends = f"out {even(trip.exit_price)}, net {dollars(trip.net)}"
    return f"{trip.symbol} {trip.side}: in {even(trip.entry_price)}, {ends}"


def _labels(first: datetime, last: datetime) -> list[str]:
    label = Label.between(first, last)
    return [label.of(first), label.of(last)]


def _steps(levels: Sequence[Level], trade: Trade, until: datetime) -> list[Point]:
    """In shares of the trade's end; what was said before its entry counts from there."""
    trip = trade.trip
    found: list[Point] = []
    for level in levels:
        if level.at > until:
            continue
        price = float(trip.in_shares_of_the_end(level.price, level.at))
        point = Point(seconds_of(max(level.at, trip.opened_at)), price)
        found = [*found[:-1], point] if found and found[-1].at == point.at else [*found, point]
    return found


FAR, NEAR = 2.0, 0.06
"""A level is left out that lies further away than so many times the range of prices, and than this
share of the price: prices would be flat."""


def _within(near: Sequence[float], levels: Sequence[float]) -> list[float]:
    low, high = min(near), max(near)
    room = max((high - low) * FAR, abs(high) * NEAR)
    return [value for value in levels if low - room <= value <= high + room]


def _inside(area: Area, points: Sequence[Point]) -> list[Point]:
    return [point for point in points if area.low <= point.value <= area.high]
