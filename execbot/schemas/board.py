"""What the page tells programs: all that is live, and each change of it. See docs/page.md.

The page builds what it sends of these very models. A default is what is said while nothing is
known; whoever reads gets every field.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, PlainSerializer, TypeAdapter, WithJsonSchema

from execbot.model.numbers import text
from execbot.model.times import iso
from execbot.schemas.base import Day, Number, Output, Time

Amount = Annotated[
    Decimal,
    PlainSerializer(text, return_type=str, when_used="json"),
    WithJsonSchema(TypeAdapter(Number).json_schema()),
]
Moment = Annotated[
    datetime,
    PlainSerializer(iso, return_type=str, when_used="json"),
    WithJsonSchema(TypeAdapter(Time).json_schema()),
]
On = Annotated[date, WithJsonSchema(TypeAdapter(Day).json_schema())]
GuardTone = Literal["good", "care", "bad", "none"]


def _sends_all(shape: dict[str, Any]) -> None:
    """Publish what is sent, not what whoever builds it must give."""
    for field in shape["properties"].values():
        field.pop("default", None)
    shape["required"] = list(shape["properties"])
    shape["additionalProperties"] = True  # a later version adds some


class Sent(Output):
    """A part of what is sent; nothing is put into it that is not described here."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_sends_all)


class BoardSource(Sent):
    """Where what is shown comes from."""

    kind: Literal["watch", "journal", "nothing"]
    """`watch`: a running `watch` tells of it. `journal`: none runs, journal and broker are read."""
    words: str
    """The same for people."""
    at: Moment | None = None
    """When it was last told anything."""


class BoardLimit(Sent):
    """How far a limit is used."""

    name: str
    """In words: `positions`, `day's loss`."""
    used: Amount | None
    """Null: not known."""
    limit: Amount | None
    """Null: there is none."""
    unit: str = ""
    """`%`, or empty for a count."""


class BoardAccount(Sent):
    """The account as the broker has it. Null: not known."""

    equity: Amount | None = None
    """USD."""
    day_pl: Amount | None = None
    """USD since the last close, flows taken out."""
    day_pl_pct: Amount | None = None
    """Percent of the equity of the last close and what came since."""
    open_pl: Amount | None = None
    """USD of what is held."""
    buying_power: Amount | None = None
    """USD."""
    exposure: Amount | None = None
    """USD: what is held at its price, sold as well as bought."""
    contracts: Amount | None = None
    """How many option contracts are held, bought and sold ones."""
    contracts_max_loss: Amount | None = None
    """USD that they can lose at most; null where that has no end."""
    bars: tuple[BoardLimit, ...] = ()
    """The limits of the account."""
    at: Moment | None = None
    """When it was read."""
    trouble: str = ""
    """Why it could not be read last time; empty where it could."""


class BoardMarket(Sent):
    """The session."""

    session: str = ""
    """`overnight`, `pre`, `regular`, `after`, `closed`; empty where it is not known yet."""
    is_open: bool = False
    """The regular session runs."""
    never_closes: bool = False
    """The exchange trades around the clock."""
    changes_at: Moment | None = None
    """When it opens or closes next."""
    changes_to: str = ""
    """`opens` or `closes`; empty where it does neither."""
    halts: tuple[str, ...] = ()
    """Symbols that are halted at the exchange."""


class BoardHalt(Sent):
    """The kill switch."""

    stops_entries: bool = False
    """No entries go out."""
    level: str = ""
    """How far; empty where nothing is halted."""
    reason: str = ""
    """Why, in the words of who did it."""
    since: Moment | None = None
    """From when."""


class BoardWatch(Sent):
    """How the running `watch` is doing."""

    stream_up: bool
    """It hears the broker's stream."""
    frame_at: Moment | None
    """When the last frame came."""
    lag_ms: float
    """How late its loop was last."""
    requests_left: int | None
    """Of the minute's, now."""
    requests_per_minute: int | None
    """What the broker takes."""
    guarded_at: Moment | None
    """When every position was last looked at."""
    differing: tuple[str, ...]
    """Symbols whose quantity differs at the broker."""


class BoardPosition(Sent):
    """One position, or one that is being entered."""

    symbol: str
    """AAPL, BTC/USD, or a contract."""
    side: str
    """`long` or `short`."""
    qty: Amount
    """Below 0 is short."""
    state: str
    """Where it is in its life: `PENDING_ENTRY`, `OPEN`, `PENDING_EXIT`."""
    entry: Amount | None
    """The average price."""
    price: Amount | None
    """The last one that is known."""
    price_at: Moment | None
    """When it was told."""
    bid: Amount | None
    """Of the last quote."""
    ask: Amount | None
    """Of the last quote."""
    value: Amount | None
    """USD at that price."""
    pl: Amount | None
    """USD, open."""
    pl_pct: Amount | None
    """Percent of what it has cost."""
    r: Amount | None
    """The open profit by what was risked at the entry."""
    best_r: Amount | None
    """The best of it since the entry, as `watch` has seen it."""
    worst_r: Amount | None
    """The worst of it."""
    risk_usd: Amount | None
    """What was risked at the entry, USD."""
    stop: Amount | None
    """Where the stop stands."""
    targets: tuple[Amount, ...]
    """Targets that are left, the nearest first."""
    opened_at: Moment | None
    """When it was opened."""
    guard: str
    """How it is protected, in the words of the screen."""
    guard_tone: GuardTone
    """How that is to be taken; `bad`: what was promised is not there, or there is no plan."""
    missing: str
    """What is promised and not there; empty where nothing is."""
    is_promised: bool
    """A plan, or `exits.every_position`, promises it a stop."""
    protected_qty: Amount
    """How much a stop stands for."""
    differs: bool = False
    """The broker holds another quantity."""
    structure: str | None = None
    """The levels of the structure that a contract is protected with, in words."""


class BoardOrder(Sent):
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
    qty: Amount | None
    """Asked for; null for one of dollars."""
    notional: Amount | None
    """Dollars asked for."""
    filled_qty: Amount
    """So far."""
    filled_avg_price: Amount | None
    """Of what filled."""
    limit_price: Amount | None
    """Of a limit."""
    stop_price: Amount | None
    """Of a stop."""
    trail_price: Amount | None
    """Of a trailing stop in dollars."""
    trail_percent: Amount | None
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
    at: Moment | None
    """When it was decided or given."""
    changed_at: Moment | None
    """When it changed last."""
    ends_at: Moment | None
    """When `watch` cancels it, unfilled."""


class BoardEvent(Sent):
    """Something that was told: by `watch`, or by the page itself."""

    number: int
    """Grows with those of `watch`; below 0 for the page's own."""
    at: Moment
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


class BoardConfirmation(Sent):
    """An execution that was looked at, see docs/quality.md."""

    client_order_id: str
    """Of its order."""
    symbol: str
    """What was traded."""
    at: Moment
    """When this was made."""
    words: str
    """For people."""
    verdict: str
    """`confirmed`, `differs` or `unverified`."""
    cost_bps: Amount | None
    """Against the price on arrival, + is worse; null where it is unmeasured."""


class BoardQueued(Sent):
    """An order that waits for the open."""

    client_order_id: str
    """Ours."""
    symbol: str
    """What it is of."""
    words: str
    """The order for people."""
    due: str
    """What would be done with it now: `keep`, `release`, `expire`."""
    waits_for: str
    """Why, for people."""
    expires_at: str | None
    """When it lapses, ISO 8601; null: never."""


class BoardScore(Sent):
    """One line of the scorecard, see docs/reports.md."""

    name: str
    """What is judged."""
    goal: str
    """What it is to reach."""
    figure: Amount | None
    """What it has reached; null where there is no basis."""
    unit: str | None
    """Of the figure."""
    n: int
    """How many it is made of."""
    judged: str
    """`met`, `not_met`, `no_basis`."""
    basis: str
    """What it rests on, or why there is none."""


class BoardQuality(Sent):
    """Today's execution quality. Costs in basis points, + is worse."""

    day: On | None = None
    """Null until it was worked out."""
    sent: int = 0
    """Orders that left."""
    taken: int = 0
    """Those that the broker took."""
    rejected: int = 0
    """Those that it did not."""
    fills: int = 0
    """Executions."""
    mean_bps: Amount | None = None
    """By what was traded."""
    median_bps: Amount | None = None
    """By order."""
    worst_bps: Amount | None = None
    """Of one order."""
    cost_usd: Amount | None = None
    """Of all that were measured."""
    measured: int = 0
    """Orders with an honest arrival."""
    scorecard: tuple[BoardScore, ...] = ()
    """Line by line."""
    notes: tuple[str, ...] = ()
    """What to think of when reading it."""
    at: Moment | None = None
    """When it was worked out."""
    trouble: str = ""
    """Why it could not be last time; empty where it could."""


class BoardProfile(Sent):
    """Another account of this user, by what its files say."""

    name: str
    """Of the profile."""
    url: str | None
    """Where its page is; null where it has none."""
    state: str
    """The worst of it, for people."""
    is_fine: bool
    """Nothing there needs a look."""


class BoardShown(Sent):
    """All that the page shows live."""

    mode: str
    """`paper`, `live` or `sim`."""
    account: str
    """The account number."""
    version: str
    """Of execbot."""
    now: Moment
    """The broker's time when this was made."""
    actions: bool
    """Whether anything may be done from the page."""
    source: BoardSource
    account_line: BoardAccount = BoardAccount()
    market: BoardMarket = BoardMarket()
    halt: BoardHalt = BoardHalt()
    watch: BoardWatch | None = None
    """Null where none runs."""
    positions: dict[str, BoardPosition] = Field(default_factory=dict)
    """By symbol."""
    positions_known: bool = False
    """False until somebody has said what is held: none here does not mean none held."""
    orders: dict[str, BoardOrder] = Field(default_factory=dict)
    """By `client_order_id`; of a day the newest 500."""
    events: tuple[BoardEvent, ...] = ()
    """The last 200, the youngest last."""
    confirmations: tuple[BoardConfirmation, ...] = ()
    """Today's."""
    alerts: tuple[BoardEvent, ...] = ()
    """Today's alarms."""
    queue: tuple[BoardQueued, ...] = ()
    """What waits for the open."""
    quality: BoardQuality = BoardQuality()
    profiles: tuple[BoardProfile, ...] = ()
    """Other accounts of this user."""


class BoardSnapshot(Sent):
    """`GET /api/board`, and the first message of the socket `/live`: all that is live."""

    type: Literal["snapshot"] = "snapshot"
    """The whole, not a change."""
    seq: int
    """The number of the last change in it."""
    lost: bool = False
    """On the socket: the reader was too slow, changes before this are missing."""
    board: BoardShown


class BoardChange(Sent):
    """A later message of the socket `/live`: what is new since the one before."""

    type: Literal["change"] = "change"
    """A change, not the whole."""
    seq: int
    """One more than the last; after a gap a snapshot comes."""
    now: Moment
    """The broker's time when this was made."""
    positions: dict[str, BoardPosition | None] = Field(default_factory=dict)
    """Those that are new or changed; null: it is gone."""
    orders: dict[str, BoardOrder | None] = Field(default_factory=dict)
    """Those that are new or changed; null: it is gone."""
    events: tuple[BoardEvent, ...] = ()
    """Added to those before."""
    sections: dict[str, Any] = Field(default_factory=dict)
    """Every other field of the board that changed, whole, by its name."""


PAGE: dict[str, tuple[Any, str]] = {
    "board": (BoardSnapshot, "200 of `GET /api/board`, and what the socket `/live` begins with."),
    "board-change": (BoardChange, "Each later message of the socket `/live`."),
}
"""By name: what `execbot page` tells programs."""
