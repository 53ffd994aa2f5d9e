"""What the page tells programs: all that is live, and each change of it. See docs/page.md."""

from __future__ import annotations

from typing import Any, Literal

from execbot.schemas.base import Day, Number, Output, Time


class BoardSource(Output):
    """Where what is shown comes from."""

    kind: Literal["watch", "journal", "nothing"]
    """`watch`: a running `watch` tells of it. `journal`: none runs, journal and broker are read."""
    words: str
    """The same for people."""
    at: Time | None
    """When it was last told anything."""


class BoardLimit(Output):
    """How far a limit is used."""

    name: str
    """In words: `positions`, `day's loss`."""
    used: Number | None
    """Null: not known."""
    limit: Number | None
    """Null: there is none."""
    unit: str
    """`%`, or empty for a count."""


class BoardAccount(Output):
    """The account as the broker has it. Null: not known."""

    equity: Number | None
    """USD."""
    day_pl: Number | None
    """USD since the last close, flows taken out."""
    day_pl_pct: Number | None
    """Percent of the equity of the last close and what came since."""
    open_pl: Number | None
    """USD of what is held."""
    buying_power: Number | None
    """USD."""
    exposure: Number | None
    """USD: what is held at its price, sold as well as bought."""
    contracts: Number | None
    """How many option contracts are held, bought and sold ones."""
    contracts_max_loss: Number | None
    """USD that they can lose at most; null where that has no end."""
    bars: list[BoardLimit]
    """The limits of the account."""
    at: Time | None
    """When it was read."""
    trouble: str
    """Why it could not be read last time; empty where it could."""


class BoardMarket(Output):
    """The session."""

    session: str
    """`overnight`, `pre`, `regular`, `after`, `closed`; empty where it is not known yet."""
    is_open: bool
    """The regular session runs."""
    never_closes: bool
    """The exchange trades around the clock."""
    changes_at: Time | None
    """When it opens or closes next."""
    changes_to: str
    """`opens` or `closes`; empty where it does neither."""
    halts: list[str]
    """Symbols that are halted at the exchange."""


class BoardHalt(Output):
    """The kill switch."""

    stops_entries: bool
    """No entries go out."""
    level: str
    """How far; empty where nothing is halted."""
    reason: str
    """Why, in the words of who did it."""
    since: Time | None
    """From when."""


class BoardWatch(Output):
    """How the running `watch` is doing."""

    stream_up: bool
    """It hears the broker's stream."""
    frame_at: Time | None
    """When the last frame came."""
    lag_ms: float
    """How late its loop was last."""
    requests_left: int | None
    """Of the minute's, now."""
    requests_per_minute: int | None
    """What the broker takes."""
    guarded_at: Time | None
    """When every position was last looked at."""
    differing: list[str]
    """Symbols whose quantity differs at the broker."""


class BoardPosition(Output):
    """One position, or one that is being entered."""

    symbol: str
    """AAPL, BTC/USD, or a contract."""
    side: str
    """`long` or `short`."""
    qty: Number
    """Below 0 is short."""
    state: str
    """Where it is in its life: `PENDING_ENTRY`, `OPEN`, `PENDING_EXIT`."""
    entry: Number | None
    """The average price."""
    price: Number | None
    """The last one that is known."""
    price_at: Time | None
    """When it was told."""
    bid: Number | None
    """Of the last quote."""
    ask: Number | None
    """Of the last quote."""
    value: Number | None
    """USD at that price."""
    pl: Number | None
    """USD, open."""
    pl_pct: Number | None
    """Percent of what it has cost."""
    r: Number | None
    """The open profit by what was risked at the entry."""
    best_r: Number | None
    """The best of it since the entry, as `watch` has seen it."""
    worst_r: Number | None
    """The worst of it."""
    risk_usd: Number | None
    """What was risked at the entry, USD."""
    stop: Number | None
    """Where the stop stands."""
    targets: list[Number]
    """Targets that are left, the nearest first."""
    opened_at: Time | None
    """When it was opened."""
    guard: str
    """How it is protected, in the words of the screen."""
    guard_tone: Literal["good", "care", "bad", "none"]
    """How that is to be taken; `bad`: what was promised is not there, or there is no plan."""
    missing: str
    """What is promised and not there; empty where nothing is."""
    is_promised: bool
    """A plan, or `exits.every_position`, promises it a stop."""
    protected_qty: Number
    """How much a stop stands for."""
    differs: bool
    """The broker holds another quantity."""
    structure: str | None
    """The levels of the structure that a contract is protected with, in words."""


class BoardOrder(Output):
    """One order, living or ended today."""

    id: str
    """The broker's; empty while it is not there."""
    client_order_id: str
    """Ours."""
    symbol: str
    """AAPL, BTC/USD, or a contract."""
    side: str
    """`buy` or `sell`."""
    type: str
    """`market`, `limit`, `stop` ..."""
    time_in_force: str
    """`day`, `gtc` ..."""
    qty: Number | None
    """Asked for; null for one of dollars."""
    notional: Number | None
    """Dollars asked for."""
    filled_qty: Number
    """So far."""
    filled_avg_price: Number | None
    """Of what filled."""
    limit_price: Number | None
    """Of a limit."""
    stop_price: Number | None
    """Of a stop."""
    trail_price: Number | None
    """Of a trailing stop in dollars."""
    trail_percent: Number | None
    """Of a trailing stop in percent."""
    status: str
    """As `orders` has it."""
    is_open: bool
    """It may still do something."""
    order_class: str
    """`simple`, `bracket`, `oco`, `mleg` ..."""
    role: str | None
    """`entry`, `stop`, `target`, `exit`; null where nobody said."""
    origin: str
    """Who gave it."""
    strategy: str | None
    """Whose it is."""
    reason: str | None
    """Why it was given."""
    at: Time | None
    """When it was decided or given."""
    changed_at: Time | None
    """When it changed last."""
    ends_at: Time | None
    """When `watch` cancels it, unfilled."""


class BoardEvent(Output):
    """Something that was told: by `watch`, or by the page itself."""

    number: int
    """Grows with those of `watch`; below 0 for the page's own."""
    at: Time
    """When."""
    type: str
    """What kind of thing, as in docs/events.md."""
    text: str
    """For people."""
    symbol: str
    """What it is about; empty for the account."""
    is_alarm: bool
    """A person is told."""
    is_critical: bool
    """At once."""


class BoardConfirmation(Output):
    """An execution that was looked at, see docs/quality.md."""

    client_order_id: str
    """Of its order."""
    symbol: str
    """What was traded."""
    at: Time
    """When this was made."""
    words: str
    """For people."""
    verdict: str
    """`confirmed`, `differs` or `unverified`."""
    cost_bps: Number | None
    """Against the price on arrival, + is worse; null where it is unmeasured."""


class BoardQueued(Output):
    """An order that waits for the open."""

    client_order_id: str
    """Ours."""
    symbol: str
    """What it is of."""
    words: str
    """The order for people."""
    due: str
    """When it is sent, for people."""
    waits_for: str
    """What it waits for besides; empty for nothing."""
    expires_at: str | None
    """Until when it is good, for people."""


class BoardScore(Output):
    """One line of the scorecard, see docs/reports.md."""

    name: str
    """What is judged."""
    goal: str
    """What it is to reach."""
    figure: Number | None
    """What it has reached; null where there is no basis."""
    unit: str | None
    """Of the figure."""
    n: int
    """How many it is made of."""
    judged: str
    """`met`, `not_met`, `no_basis`."""
    basis: str
    """What it rests on, or why there is none."""


class BoardQuality(Output):
    """Today's execution quality. Costs in basis points, + is worse."""

    day: Day | None
    """Null until it was worked out."""
    sent: int
    """Orders that left."""
    taken: int
    """Those that the broker took."""
    rejected: int
    """Those that it did not."""
    fills: int
    """Executions."""
    mean_bps: Number | None
    """By what was traded."""
    median_bps: Number | None
    """By order."""
    worst_bps: Number | None
    """Of one order."""
    cost_usd: Number | None
    """Of all that were measured."""
    measured: int
    """Orders with an honest arrival."""
    scorecard: list[BoardScore]
    """Line by line."""
    notes: list[str]
    """What to think of when reading it."""
    at: Time | None
    """When it was worked out."""
    trouble: str
    """Why it could not be last time; empty where it could."""


class BoardProfile(Output):
    """Another account of this user, by what its files say."""

    name: str
    """Of the profile."""
    url: str | None
    """Where its page is; null where it has none."""
    state: str
    """The worst of it, for people."""
    is_fine: bool
    """Nothing there needs a look."""


class BoardShown(Output):
    """All that the page shows live."""

    mode: str
    """`paper`, `live` or `sim`."""
    account: str
    """The account number."""
    version: str
    """Of execbot."""
    now: Time
    """The broker's time when this was made."""
    actions: bool
    """Whether anything may be done from the page."""
    source: BoardSource
    account_line: BoardAccount
    market: BoardMarket
    halt: BoardHalt
    watch: BoardWatch | None
    """Null where none runs."""
    positions: dict[str, BoardPosition]
    """By symbol."""
    positions_known: bool
    """False until somebody has said what is held: none here does not mean none held."""
    orders: dict[str, BoardOrder]
    """By `client_order_id`; of a day the newest 500."""
    events: list[BoardEvent]
    """The last 200, the youngest last."""
    confirmations: list[BoardConfirmation]
    """Today's."""
    alerts: list[BoardEvent]
    """Today's alarms."""
    queue: list[BoardQueued]
    """What waits for the open."""
    quality: BoardQuality
    profiles: list[BoardProfile]
    """Other accounts of this user."""


class BoardSnapshot(Output):
    """`GET /api/board`, and the first message of the socket `/live`: all that is live."""

    type: Literal["snapshot"]
    """The whole, not a change."""
    seq: int
    """The number of the last change in it."""
    lost: bool
    """On the socket: the reader was too slow, changes before this are missing."""
    board: BoardShown


class BoardChange(Output):
    """A later message of the socket `/live`: what is new since the one before."""

    type: Literal["change"]
    """A change, not the whole."""
    seq: int
    """One more than the last; after a gap a snapshot comes."""
    now: Time
    """The broker's time when this was made."""
    positions: dict[str, BoardPosition | None]
    """Those that are new or changed; null: it is gone."""
    orders: dict[str, BoardOrder | None]
    """Those that are new or changed; null: it is gone."""
    events: list[BoardEvent]
    """Added to those before."""
    sections: dict[str, Any]
    """Every other field of the board that changed, whole, by its name."""


PAGE: dict[str, tuple[Any, str]] = {
    "board": (BoardSnapshot, "200 of `GET /api/board`, and what the socket `/live` begins with."),
    "board-change": (BoardChange, "Each later message of the socket `/live`."),
}
"""By name: what `execbot page` tells programs."""
