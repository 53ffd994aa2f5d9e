"""A round trip with what is known of it: why, by which plan, at what risk and cost. Pure.

trips = round_trips(history, booked_as)
found = [trade_of(trip, known) for trip in trips]
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from operator import itemgetter

from msgspec import Struct
from msgspec.structs import replace

from execbot.exits.plan.plan import ExitPlan, PlanStatus
from execbot.exits.structures.plan import StructurePlan
from execbot.journal.confirmation import Confirmation
from execbot.journal.records import OrderRecord
from execbot.model.enums import AssetClass, PositionSide
from execbot.model.quote import Bar
from execbot.trades.costs import SideCost, cost_of
from execbot.trades.endings import Ending, endings
from execbot.trades.excursions import Excursion, SeenBy, excursion
from execbot.trades.model import RoundTrip
from execbot.trades.risk_taken import RiskTaken, largest_loss, risk_taken
from execbot.trades.structures import contracts_of, structure_endings


class Levels(Struct, frozen=True):
    """Stop and targets as words (`2%`, `2R`) or prices, in the order of the targets."""

    stop: str | None = None
    trail: str | None = None
    targets: tuple[str, ...] = ()


class Trade(Struct, frozen=True):
    """`asked` are the levels as they were asked for, `stood` as they stood at the end (of an open
    trade: stand). `r` is the net profit in units of `risk`, of a closed trade. `endings` are the
    ways its shares were closed, the last one last."""

    trip: RoundTrip
    strategy: str | None = None
    strength: Decimal | None = None
    asked: Levels = Levels()
    stood: Levels = Levels()
    endings: tuple[Ending, ...] = ()
    risk: RiskTaken | None = None
    r: Decimal | None = None
    excursion: Excursion | None = None
    cost_in: SideCost = SideCost(0, 0)
    cost_out: SideCost = SideCost(0, 0)
    plan_ids: tuple[str, ...] = ()

    @property
    def ending(self) -> Ending | None:
        """Why it ended; None while it is open."""
        return None if self.trip.is_open or not self.endings else self.endings[-1]

    @property
    def is_win(self) -> bool:
        return self.trip.net > 0

    @property
    def is_loss(self) -> bool:
        return self.trip.net < 0


Stood = Mapping[tuple[str, PositionSide], Sequence[tuple[datetime, int, str]]]
"""By symbol and side: at each of these moments a plan was in force, ascending; with its place among
the plans and its id."""


class Known(Struct, frozen=True):
    """What a trade is described by. `orders` and `confirmations` are by client_order_id; `plans`
    has every version of each plan, oldest first, by plan id, and `stood` when they stood
    (`stood_of`; without it no plan but those that orders name is found); `strengths` are of signals
    by their id, `bars` by trade id, of the kind `bars_are`."""

    orders: Mapping[str, OrderRecord] = {}
    plans: Mapping[str, Sequence[ExitPlan]] = {}
    stood: Stood = {}
    structures: Sequence[StructurePlan] = ()
    """Plans of contracts that were kept together, as they were saved last."""
    strengths: Mapping[str, Decimal] = {}
    confirmations: Mapping[str, Confirmation] = {}
    bars: Mapping[str, Sequence[Bar]] = {}
    bars_are: Mapping[str, SeenBy] = {}


def trade_of(trip: RoundTrip, known: Known) -> Trade:
    """A round trip with what is known of it."""
    given = [r for name in _orders_of(trip) if (r := known.orders.get(name)) is not None]
    records = [known.orders.get(r.parent_id or "", r) if trip.legs else r for r in given]
    plan_ids = _plan_ids(trip, records, known)
    plans = _versions(trip, plan_ids, known.plans)
    risk = _risk(trip, plans)
    is_won = not trip.is_open and risk is not None
    return Trade(
        trip=trip,
        strategy=_first(r.strategy_id for r in records) or _first(p.strategy_id for p in plans),
        strength=_strength(records, plans, known.strengths),
        asked=_asked(plans),
        stood=_of_structure(trip, known.structures) if trip.legs else _stood(plans),
        endings=structure_endings(trip, known.orders)
        if trip.legs
        else endings(trip, known.orders, plans),
        risk=risk,
        r=trip.net / risk.usd if is_won and risk is not None else None,
        excursion=None
        if trip.legs
        else excursion(
            trip,
            risk,
            plans,
            known.bars.get(trip.id, ()),
            known.bars_are.get(trip.id, SeenBy.MINUTES),
        ),
        cost_in=cost_of(trip, known.orders, known.confirmations, is_entry=True),
        cost_out=cost_of(trip, known.orders, known.confirmations, is_entry=False),
        plan_ids=plan_ids,
    )


def of_single_symbols(trade: Trade) -> list[Trade]:
    """As journals and books keep it: a structure is a trade of each of its symbols there. R and
    costs are of the whole, and stay out."""
    if not trade.trip.legs:
        return [trade]
    whole = {"risk": None, "r": None, "cost_in": SideCost(0, 0), "cost_out": SideCost(0, 0)}
    return [replace(trade, trip=leg, **whole) for leg in trade.trip.legs]


def _risk(trip: RoundTrip, plans: Sequence[ExitPlan]) -> RiskTaken | None:
    """Of a structure its largest loss; of a contract that never had a stop, too."""
    if trip.legs:
        return largest_loss(contracts_of(trip), trip.entered)
    risk = risk_taken(trip, plans)
    if risk is None and trip.asset_class == AssetClass.US_OPTION:
        has_stop = any(plan.stop.price is not None for plan in plans)
        return None if has_stop else largest_loss([trip], trip.entered)
    return risk


def _orders_of(trip: RoundTrip) -> list[str]:
    """Entries first: what they say of a strategy comes before what an exit says."""
    names = [part.client_order_id for part in (*trip.entries, *trip.exits)]
    return [name for name in dict.fromkeys(names) if name]


def _first(values: Iterable[str | None]) -> str | None:
    return next((value for value in values if value), None)


def _strength(
    records: Sequence[OrderRecord], plans: Sequence[ExitPlan], strengths: Mapping[str, Decimal]
) -> Decimal | None:
    ids = [r.signal_id for r in records if r.signal_id is not None]
    told = [strengths[name] for name in ids if name in strengths]
    of_plans = [plan.strength for plan in plans if plan.strength is not None]
    return next(iter([*told, *of_plans]), None)


# --- plans -------------------------------------------------------------------------------------


def _plan_ids(trip: RoundTrip, records: Sequence[OrderRecord], known: Known) -> tuple[str, ...]:
    """Those that its orders name, and those of its symbol that stood while it was held. A structure
    has the symbol of its underlying, whose plan is that of the shares."""
    named = [r.plan_id for r in records if r.plan_id]
    moments = () if trip.legs else known.stood.get((trip.symbol, trip.side), ())
    # By bisection: a month may have thousands of plans of one symbol, and as many trades.
    first = bisect_left(moments, trip.opened_at, key=itemgetter(0))
    last = len(moments)
    if trip.closed_at is not None:
        last = bisect_right(moments, trip.closed_at, lo=first, key=itemgetter(0))
    beside = [name for _, name in sorted({moment[1:] for moment in moments[first:last]})]
    return tuple(name for name in dict.fromkeys([*named, *beside]) if name in known.plans)


def stood_of(plans: Mapping[str, Sequence[ExitPlan]]) -> Stood:
    """When each plan was in force, as far as its versions tell."""
    found: dict[tuple[str, PositionSide], list[tuple[datetime, int, str]]] = {}
    for place, (plan_id, versions) in enumerate(plans.items()):
        moments = found.setdefault((versions[0].symbol, versions[0].side), [])
        moments += [
            (plan.updated_at, place, plan_id)
            for plan in versions
            if plan.status is not PlanStatus.PENDING
        ]
    for moments in found.values():
        moments.sort()
    return found


def _versions(
    trip: RoundTrip, plan_ids: Iterable[str], plans: Mapping[str, Sequence[ExitPlan]]
) -> list[ExitPlan]:
    """What was planned until the trip ended, oldest first. The version that ended it is written a
    moment later, and has the last prices that were seen."""
    found = [plan for name in plan_ids for plan in plans[name]]
    found.sort(key=lambda plan: (plan.updated_at, plan.version))
    end = trip.closed_at
    if end is None:
        return found
    kept = [plan for plan in found if plan.updated_at <= end]
    after = [plan for plan in found if plan.updated_at > end]
    last = {plan.plan_id: plan for plan in reversed(after) if plan.opened_at is not None}
    closing = [
        plan
        for plan in last.values()
        if plan.opened_at is not None and plan.opened_at <= end and plan.created_at <= end
    ]
    return [*kept, *closing]


def _asked(plans: Sequence[ExitPlan]) -> Levels:
    if not plans:
        return Levels()
    plan = plans[0]
    stop, trail = plan.stop.spec, plan.stop.trail
    return Levels(
        None if stop is None else str(stop),
        None if trail is None else str(trail),
        tuple(str(target.spec) for target in plan.targets),
    )


def _is_within(trip: RoundTrip, at: datetime) -> bool:
    return at >= trip.opened_at and (trip.closed_at is None or at <= trip.closed_at)


def _of_structure(trip: RoundTrip, structures: Iterable[StructurePlan]) -> Levels:
    """Net prices, unsigned; the newest plan of its contracts while it was open."""
    names = {leg.symbol for leg in trip.legs}
    plans = [p for p in structures if names & set(p.ratios) and _is_within(trip, p.created_at)]
    if not plans:
        return Levels()
    plan = max(plans, key=lambda one: one.created_at)
    stop = None if plan.stop_net is None else f"{abs(plan.stop_net):f}"
    if stop is None and plan.underlying_stop is not None:
        stop = f"{plan.underlying} {plan.underlying_stop.price:f}"
    target = () if plan.target_net is None else (f"{abs(plan.target_net):f}",)
    return Levels(stop, None, target)


def _stood(plans: Sequence[ExitPlan]) -> Levels:
    if not plans:
        return Levels()
    plan = plans[-1]
    stop, trail = plan.stop.price, plan.stop.trail
    return Levels(
        None if stop is None else f"{stop:f}",
        None if trail is None else str(trail),
        tuple("-" if t.price is None else f"{t.price:f}" for t in plan.targets),
    )
