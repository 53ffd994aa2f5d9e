"""What is held, the life of a position, and closing it."""

from __future__ import annotations

from typing import Literal

from execbot.exits.position_view import PositionState
from execbot.exits.rules.view import Guarded
from execbot.model.enums import PositionSide
from execbot.schemas.base import Number, Output, Time
from execbot.schemas.contracts import StructureExits
from execbot.schemas.errors import Error
from execbot.schemas.orders import OrderRecord


class Position(Output):
    """One open position, whoever opened it."""

    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    side: PositionSide
    """Long or short."""
    qty: Number
    """Shares or coins; negative when short."""
    avg_entry_price: Number | None
    """USD a share."""
    current_price: Number | None
    """The broker's last price, USD a share."""
    market_value: Number | None
    """USD; negative when short."""
    unrealized_pl: Number | None
    """Profit if it were closed at the current price, USD before fees."""
    state: PositionState
    """Whether it is held or being left."""
    stop: Number | None
    """The stop price nearest to the market, USD a share; null when no stop works."""
    targets: list[Number]
    """Prices at which profit is taken, USD a share."""
    age_seconds: int | None
    """How long it has been held; null when nobody here saw it open."""
    qty_available: Number | None
    """Shares that no order holds."""
    asset_class: str
    """`us_equity`, `crypto` or `us_option`."""
    cost_basis: Number | None
    """What it cost, USD; negative when short."""
    unrealized_plpc: Number | None
    """Unrealized profit as a fraction of the cost: `0.01` is 1 %."""
    realized_pl: Number | None
    """Profit taken in this symbol over the life of the journal, USD before fees."""
    fees: Number | None
    """What trading it has cost over the same time, USD; null while no fee is known."""
    fees_estimated: bool
    """Part of it is a share of what a whole day was charged."""
    net_pl: Number | None
    """`realized_pl` less `fees`, USD."""
    protected_qty: Number
    """How many shares stops cover."""
    guarded: Guarded
    """How the position is protected now."""
    missing: str | None
    """Which protection was promised to it and is not there, in words."""
    structure: StructureExits | None
    """What protects a contract with others; null where it has a plan of its own, or none."""
    opened_at: Time | None
    """When the first share of it was filled; null for what was taken over without an order."""
    entry_client_order_id: str | None
    """The order that opened it."""
    strategy_id: str | None
    """For whom it was opened."""
    signal_id: str | None
    """The signal that it was opened on."""
    signal_strength: Number | None
    """0 to 100."""
    r: Number | None
    """Profit at the current price in multiples of the risk first taken; null without a stop."""
    risk_usd: Number | None
    """One R of the whole position, USD: from the price paid to the first stop."""


class LifeStep(Output):
    """One state of a position, until the next one of the same symbol."""

    at: Time
    """When it began, by the broker's clock where it says so."""
    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    state: PositionState
    """Wanted, held, being left, or flat."""
    cause: str
    """Why, in words: `entry filled`, `stop`, `target`, the reason of an exit."""
    qty: Number
    """What was held then; negative when short."""
    price: Number | None
    """What was paid or taken, USD a share; null where nothing was traded."""
    client_order_id: str | None
    """The order that led to it; null for bookings without one."""
    position_id: int
    """The same for all states of one position, from flat to flat."""
    event_seq: int
    """The journal's number of the event that led to it."""
    recorded_at: Time
    """When the journal learned it."""


class NothingClosed(Output):
    """There was nothing to close."""

    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""
    outcome: Literal["not_sent"]
    """Nothing was sent."""
    id: None
    """There is no order."""
    lifted: list[OrderRecord]
    """Exits that were canceled for it."""
    recorded: bool = True
    """What was done is in the journal."""


class Closed(OrderRecord):
    """The order that closes a position."""

    lifted: list[OrderRecord]
    """Exits that were canceled for it, because they held its shares."""


class ClosedPosition(Closed):
    """The order that closes a position."""

    recorded: bool
    """What was done is in the journal; false with `--without-journal` where it cannot be used."""


class CloseFailure(Error):
    """A position that could not be closed: an error of its own."""

    symbol: str
    """`AAPL`, `BRK.B`, `BTC/USD`."""


class ClosedAll(Output):
    """What became of each position under `close --all`."""

    closed: list[Closed | NothingClosed]
    """Positions whose closing order was sent."""
    failed: list[CloseFailure]
    """Positions that could not be closed."""
    recorded: bool
    """What was done is in the journal."""
