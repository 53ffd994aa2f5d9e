"""Round trips of the account, with what is known of them; one of them by its id."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from execbot.broker.errors import BrokerError
from execbot.desk.account import Desk
from execbot.desk.errors import UnknownTrade
from execbot.desk.executions import EVERYTHING
from execbot.desk.following import lowered
from execbot.desk.look.fees import learn_fees
from execbot.desk.look.freshen import freshen
from execbot.desk.look.plan_versions import plan_in, plan_versions
from execbot.desk.look.structure_reads import together_with
from execbot.exits.plan.plan import ExitPlan
from execbot.exits.structures.plan import StructurePlan
from execbot.journal.confirmation import Confirmation
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord
from execbot.model.account import Position
from execbot.model.enums import OrderClass
from execbot.model.numbers import maybe_decimal
from execbot.model.quote import Bar
from execbot.model.symbols import option_contract, symbol_key
from execbot.model.times import eastern
from execbot.quality.shown import doubts_of
from execbot.risk.account_rows import history_of
from execbot.risk.fees import Settled
from execbot.trades.excursions import SeenBy
from execbot.trades.model import Lot, RoundTrip
from execbot.trades.round_trips import round_trips
from execbot.trades.structures import plain_trips, with_structures
from execbot.trades.trade import Known, Levels, Trade, stood_of, trade_of

__all__ = [
    "Levels",
    "Lot",
    "RoundTrip",
    "Trade",
    "Trades",
    "Wanted",
    "one_trade",
    "read_trades",
    "trades_of",
]

BARS_MAX = 50
"""Trades for which bars are read at most: each costs a request."""

MINUTES_FOR = timedelta(days=5)
"""Trades that lasted longer are looked at in daily bars."""


class Wanted(Struct, frozen=True):
    """Which trades. Closed ones count to the moment of their closing; open ones are of every span
    that began before its end. `state` is `open`, `closed` or None, `reasons` are words of
    `trades.endings` (`target` stands for each target). `bars`: look at bars where `watch` has not
    followed a trade."""

    since: datetime | None = None
    until: datetime | None = None
    symbol: str | None = None
    strategy: str | None = None
    state: str | None = None
    reasons: Sequence[str] = ()
    bars: bool = False


class Trades(Struct, frozen=True):
    """In the order in which they were opened."""

    trades: Sequence[Trade]
    warnings: Sequence[str] = ()
    history: Settled = Settled()


def read_trades(desk: Desk, wanted: Wanted) -> Trades:
    """Trades after a look at the broker. Raises BrokerError, JournalError."""
    warnings, held = take_in(desk)
    found = trades_of(desk.journal, wanted)
    trades = found.trades
    warnings += found.doubts
    if wanted.bars:
        trades, more = _with_bars(desk, trades, found)
        warnings += more
    return Trades(trades, [*warnings, *_not_here(held, trades, wanted)], found.history)


def one_trade(desk: Desk, word: str) -> Trades:
    """The trade with that id, or the only one whose id ends so; of a symbol the newest. Raises
    UnknownTrade too."""
    warnings, _ = take_in(desk)
    found = trades_of(desk.journal, Wanted(), of=word)
    wanted = word.strip().upper()
    same = [t for t in found.trades if t.trip.id.upper() == wanted] or [
        t for t in found.trades if wanted and t.trip.id.upper().endswith(wanted)
    ]
    same = same or [t for t in found.trades if symbol_key(t.trip.symbol) == symbol_key(wanted)][-1:]
    if len(same) != 1:
        raise UnknownTrade(word, [trade.trip.id for trade in same])
    trades, more = _with_bars(desk, same, found)
    doubts = replace(found, trades=same).doubts
    return Trades(trades, [*warnings, *doubts, *more], found.history)


def take_in(desk: Desk) -> tuple[list[str], Sequence[Position]]:
    """What happened at the broker since, and what it charged; the positions that it shows now."""
    warnings = freshen(desk, confirms=EVERYTHING)
    if desk.journal_trouble is not None and not desk.journal_is_copy:
        raise desk.journal_trouble  # what the broker remembers has no trades
    try:
        held: Sequence[Position] = desk.client.get_positions()
    except BrokerError as error:
        return [*warnings, f"Fees may be missing: {lowered(error.message)}."], ()
    return [*warnings, *learn_fees(desk, held)], held


def _not_here(held: Sequence[Position], trades: Sequence[Trade], wanted: Wanted) -> list[str]:
    """Positions that the journal knows nothing of: their trades are missing here."""
    if wanted != Wanted(since=wanted.since, until=wanted.until, bars=wanted.bars):
        return []
    known = {
        symbol_key(trip.symbol)
        for trade in trades
        for trip in plain_trips(trade.trip)
        if trip.is_open
    }
    missing = [p.symbol for p in held if p.qty and symbol_key(p.symbol) not in known]
    if not missing or wanted.until is not None:
        return []
    return [f"Held at the broker and not in the journal: {', '.join(missing)}; run reconcile."]


# --- from the journal --------------------------------------------------------------------------


class _Read(Struct, frozen=True):
    trades: Sequence[Trade]
    history: Settled
    trips: Sequence[RoundTrip]
    known: Known

    @property
    def doubts(self) -> list[str]:
        """Warnings where the broker says otherwise of the trades that are shown."""
        names = {part.client_order_id for trade in self.trades for part in trade.trip.parts}
        made = self.known.confirmations
        return doubts_of(made[name] for name in names if name in made)


PLANS_A_TIME = 500
TRIPS_A_TIME = 250
"""As they are stored they take several times the room of what is read of them."""


class Kept(Struct, frozen=True):
    """What the caller has read already, so that it is not read, and kept, twice."""

    orders: Sequence[OrderRecord] = ()
    confirmations: Mapping[str, Confirmation] = {}


def trades_of(journal: Journal, wanted: Wanted, *, of: str = "") -> _Read:
    """The trades as the journal has them. `of` is the id of the one that is asked for: its symbol
    is read alone. Raises JournalError."""
    history, trips, structures = _trips(journal, wanted, of)
    known = _known(journal, trips, Kept(), structures)
    trades = [
        trade for trade in (trade_of(trip, known) for trip in trips) if _is_wanted(trade, wanted)
    ]
    return _Read(trades, history, trips, known)


def trades_alone(journal: Journal, wanted: Wanted, kept: Kept) -> list[Trade]:
    """The same trades without what they were read from, some of a symbol at a time: the plans of
    those are gone before the next are read. Raises JournalError."""
    _, trips, structures = _trips(journal, wanted, "")
    found: dict[str, Trade] = {}
    for some in _some_at_a_time(trips):
        known = _known(journal, some, kept, structures)
        found |= {trip.id: trade_of(trip, known) for trip in some}
    return [found[trip.id] for trip in trips if _is_wanted(found[trip.id], wanted)]


def _some_at_a_time(trips: Sequence[RoundTrip]) -> Iterator[Sequence[RoundTrip]]:
    """Of one symbol, those that stood near each other in time; open ones reach until now."""
    by_symbol: dict[str, list[RoundTrip]] = {}
    for trip in sorted(trips, key=lambda trip: (trip.closed_at is None, trip.opened_at)):
        by_symbol.setdefault(trip.symbol, []).append(trip)
    for symbol in sorted(by_symbol):
        of_symbol = by_symbol[symbol]
        for start in range(0, len(of_symbol), TRIPS_A_TIME):
            yield of_symbol[start : start + TRIPS_A_TIME]


def _trips(
    journal: Journal, wanted: Wanted, of: str
) -> tuple[Settled, list[RoundTrip], Sequence[StructurePlan]]:
    """With the plans of contracts that were kept together."""
    symbols = _symbols(journal, wanted, of)
    first = journal.first_execution_at()
    if not symbols or first is None:
        return Settled(), [], ()
    since = wanted.since or first
    near = together_with(journal, symbols, since)
    history = history_of(journal, sorted(near.symbols), eastern(since).date(), near.contracts)
    single = round_trips(history, _booked_as(journal, history))
    trips = [
        trip
        for trip in with_structures(single, near.parents, near.kept)
        if _is_of(trip, wanted)
        and not {leg.symbol for leg in plain_trips(trip)}.isdisjoint(symbols)
    ]
    return history, trips, near.plans


def _symbols(journal: Journal, wanted: Wanted, of: str) -> list[str]:
    traded = journal.executions(wanted.since, wanted.until)
    found = {item.symbol for item in traded} | {item.symbol for item in journal.positions()}
    if wanted.symbol is not None:
        found = {name for name in found if symbol_key(wanted.symbol) in _names(name)}
    names = {symbol_key(name) for name in found}
    head = symbol_key(of) if symbol_key(of) in names else symbol_key(of).partition("-")[0]
    if head and any(head in _names(name) for name in found):
        found = {name for name in found if head in _names(name)}
    return sorted(found)


def _names(symbol: str) -> set[str]:
    """A contract is found by its underlying, too: so its structure is called."""
    contract = option_contract(symbol)
    return {symbol_key(symbol)} | ({contract.root} if contract is not None else set())


def _is_of(trip: RoundTrip, wanted: Wanted) -> bool:
    if wanted.until is not None and trip.opened_at >= wanted.until:
        return False
    if trip.closed_at is None:
        return wanted.state != "closed"
    if wanted.state == "open":
        return False
    after = wanted.since is None or trip.closed_at >= wanted.since
    return after and (wanted.until is None or trip.closed_at < wanted.until)


def _is_wanted(trade: Trade, wanted: Wanted) -> bool:
    if wanted.strategy is not None and (trade.strategy or "-") != wanted.strategy:
        return False
    if not wanted.reasons:
        return True
    ending = trade.ending
    return ending is not None and (
        ending.by.value in wanted.reasons or str(ending) in wanted.reasons
    )


def _booked_as(journal: Journal, history: Settled) -> Mapping[str, str]:
    """The journal's words for what belongs to no order."""
    if all(item.client_order_id for item in history.executions):
        return {}
    return {
        str(event.details.get("execution_id")): str(event.details.get("reason") or "")
        for event in journal.events_of("")
    }


def _known(
    journal: Journal,
    trips: Sequence[RoundTrip],
    kept: Kept,
    structures: Sequence[StructurePlan],
) -> Known:
    if not trips:
        return Known()
    names = {part.client_order_id for trip in trips for part in trip.parts} - {""}
    orders = _orders_of(journal, kept, names)
    parents = {r.parent_id for r in orders.values() if r.order.order_class is OrderClass.MLEG}
    above = _orders_of(journal, kept, {name for name in parents if name})
    orders |= above
    names |= above.keys()
    made = {name: kept.confirmations[name] for name in names & kept.confirmations.keys()}
    made |= journal.confirmations_of(sorted(names - made.keys()))
    plans = _plans(journal, trips, orders)
    return Known(
        orders=orders,
        plans=plans,
        stood=stood_of(plans),
        structures=structures,
        strengths=_strengths(journal, trips, orders),
        confirmations=made,
    )


def _orders_of(journal: Journal, kept: Kept, names: Collection[str]) -> dict[str, OrderRecord]:
    found = {r.client_order_id: r for r in kept.orders if r.client_order_id in names}
    missing = sorted(set(names) - found.keys())
    return found | {record.client_order_id: record for record in journal.orders_alone(missing)}


def _plans(
    journal: Journal, trips: Sequence[RoundTrip], orders: Mapping[str, OrderRecord]
) -> Mapping[str, Sequence[ExitPlan]]:
    """Plans that orders name, and plans of a symbol while it was held. Of most the first versions
    and the last one tell all; where a position was added to, or split, every version is read."""
    since = min(trip.opened_at for trip in trips)
    names = {r.plan_id for r in orders.values() if r.plan_id}
    closed = [trip.closed_at for trip in trips]
    until = None if None in closed else max(end for end in closed if end is not None)
    names |= set(journal.plan_ids_of({trip.symbol for trip in trips}, since, until))
    whole = {
        orders[part.client_order_id].plan_id
        for trip in trips
        if trip.splits or len({part.client_order_id for part in trip.entries}) > 1
        for part in trip.parts
        if part.client_order_id in orders
    } - {None}
    found: dict[str, list[ExitPlan]] = {}
    ends = sorted(names - whole)
    for start in range(0, len(ends), PLANS_A_TIME):
        for record in journal.plan_ends(ends[start : start + PLANS_A_TIME]):
            plan = plan_in(record)
            if plan is not None:
                found.setdefault(record.plan_id, []).append(plan)
    for plan_id in sorted(name for name in whole if name):
        versions = plan_versions(journal, plan_id)
        if versions:  # a structure's plan is kept elsewhere, and one may be unreadable
            found[plan_id] = versions
    return found


def _strengths(
    journal: Journal, trips: Iterable[RoundTrip], orders: Mapping[str, OrderRecord]
) -> Mapping[str, Decimal]:
    """What the signals of the entries said of themselves."""
    names = {
        record.signal_id
        for trip in trips
        for part in trip.entries
        if (given := orders.get(part.client_order_id)) is not None
        and (record := orders.get(given.parent_id or "", given)).signal_id
    }
    found: dict[str, Decimal] = {}
    for name in sorted(name for name in names if name):
        signal = journal.signal(name)
        strength = None if signal is None else maybe_decimal(signal.body.get("strength"))
        if strength is not None:
            found[name] = strength
    return found


# --- bars --------------------------------------------------------------------------------------


def _with_bars(
    desk: Desk, trades: Sequence[Trade], read: _Read
) -> tuple[Sequence[Trade], list[str]]:
    """Trades that nobody followed are looked at in bars, the newest first."""
    bare = [t for t in trades if t.excursion is not None and t.excursion.seen_by is SeenBy.FILLS]
    asked = sorted(bare, key=lambda trade: trade.trip.opened_at, reverse=True)[:BARS_MAX]
    bars: dict[str, Sequence[Bar]] = {}
    kinds: dict[str, SeenBy] = {}
    warnings = []
    for trade in asked:
        trip = trade.trip
        until = trip.closed_at or desk.now()
        kinds[trip.id] = SeenBy.MINUTES if until - trip.opened_at <= MINUTES_FOR else SeenBy.DAYS
        frame = "1Min" if kinds[trip.id] is SeenBy.MINUTES else "1Day"
        try:
            bars[trip.id] = desk.client.get_bars(
                trip.symbol, frame, start=trip.opened_at, end=until
            )
        except BrokerError as error:
            warnings.append(f"No bars of {trip.symbol}: {lowered(error.message)}.")
            kept = _kept(desk, [other for other in asked if other.trip.id not in bars])
            bars |= kept
            kinds |= dict.fromkeys(kept, SeenBy.MINUTES)
            break
    if len(bare) > BARS_MAX:
        warnings.append(f"Bars were read for the newest {BARS_MAX} trades only.")
    known = replace(read.known, bars=bars, bars_are=kinds)
    return [
        trade_of(trade.trip, known) if trade.trip.id in bars else trade for trade in trades
    ], warnings


def _kept(desk: Desk, trades: Sequence[Trade]) -> dict[str, Sequence[Bar]]:
    """Of those that `watch` followed, for as long as it did."""
    from execbot.desk.look.kept_bars import kept_bars

    found = {
        trade.trip.id: kept_bars(
            desk,
            trade.trip.symbol,
            "1Min",
            trade.trip.opened_at,
            trade.trip.closed_at or desk.now(),
        )
        for trade in trades
    }
    return {name: bars for name, bars in found.items() if bars}
