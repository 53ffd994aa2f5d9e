"""The answer of `chart`: the data of the picture."""

from __future__ import annotations

from typing import Literal

from execbot.schemas.base import Number, Output, Time


class BarOfChart(Output):
    """A bar of the broker; prices as today's shares count them."""

    at: Time
    """Its start."""
    open: Number
    """USD."""
    high: Number
    """USD."""
    low: Number
    """USD."""
    close: Number
    """USD."""
    volume: Number
    """Shares, or coins."""


class ExecutionOfChart(Output):
    """An entry or an exit."""

    at: Time
    """By the broker's clock."""
    side: Literal["buy", "sell"]
    """What was done."""
    qty: Number
    """As it was executed."""
    price: Number
    """What was paid or got."""
    chart_price: Number
    """The same after the splits that came while the trade was open."""
    opens: bool
    """It made the position larger: an entry."""
    trade_id: str
    """As `trades` has it."""
    execution_id: str
    """The broker's."""
    client_order_id: str | None
    """Null for what belongs to no order."""


class StepOfLevel(Output):
    """From a moment on a level stands there."""

    at: Time
    """Not before the trade was opened."""
    price: Number | None
    """USD; null: from here on there is none."""


class LevelOfChart(Output):
    """The way of a stop or of a target through a trade, as its plan had it."""

    kind: Literal["stop", "target"]
    """What it is."""
    number: int | None
    """Of a target its place in the plan, from 1."""
    trade_id: str
    """As `trades` has it."""
    plan_id: str
    """The plan that had it."""
    steps: list[StepOfLevel]
    """Oldest first."""


class ChartData(Output):
    """What a chart shows."""

    symbol: str
    """`AAPL`, `BTC/USD`, or an option contract."""
    bars_of: Literal["1Min", "5Min", "15Min", "1Hour", "1Day", "1Week"]
    """The length of a bar."""
    since: Time
    """Where the picture begins."""
    until: Time
    """Where it ends."""
    trades: list[str]
    """Ids of the trades in it."""
    bars: list[BarOfChart]
    """Oldest first; empty where the broker has none."""
    executions: list[ExecutionOfChart]
    """Those within the time that is shown."""
    levels: list[LevelOfChart]
    """Stops and targets of these trades."""
    files: list[str]
    """Files that were written."""
