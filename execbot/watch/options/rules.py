"""What must be done now for the contracts of one underlying. Pure.

Contracts that are held together are closed together, in one order, so that no sold leg is ever
left alone. The broker begins to close what it thinks too risky 45 minutes before the last close,
one leg at a time; whoever wants his structure left whole leaves before
(`options.close_before_expiry_minutes`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from msgspec import Struct, field

from execbot.exits.structures.plan import StructurePlan
from execbot.model.amounts import money_words
from execbot.model.numbers import ZERO, text
from execbot.model.options.changed import ContractChange
from execbot.model.options.contract import is_plain_root
from execbot.model.quote import Quote
from execbot.model.symbols import option_contract

TIME_VALUE_MIN = Decimal("0.05")
"""A sold contract in the money with less time value than this may be assigned any night."""


NO_BID_ASK_MAX = Decimal("0.20")
"""Up to this ask a contract that nobody bids for is priced; a higher one says nothing."""


class Around(Struct, frozen=True):
    """The moment. `closes_at` is the end of today's session, None where none runs."""

    now: datetime
    today: date
    closes_at: datetime | None
    close_before: timedelta | None
    dividends: Mapping[str, Decimal] = field(default_factory=dict)
    """By underlying what goes ex on the next trading day, in USD a share."""


class Group(Struct, frozen=True):
    """The contracts held of one underlying, signed, with what the market says of them."""

    underlying: str
    held: Mapping[str, Decimal]
    quotes: Mapping[str, Quote] = field(default_factory=dict)
    price: Decimal | None = None
    """Of the underlying."""

    @property
    def middles(self) -> dict[str, Decimal]:
        found = ((s, _middle(q)) for s, q in self.quotes.items())
        return {symbol: middle for symbol, middle in found if middle is not None and middle > 0}


def _middle(quote: Quote) -> Decimal | None:
    """Of a contract that is nearly worthless there is often no bid: it is worth something between
    nothing and its ask. Without it the stop of a losing spread would be reached unseen."""
    if quote.bid <= 0 < quote.ask <= NO_BID_ASK_MAX:
        return quote.ask / 2
    return quote.mid


class Leave(Struct, frozen=True):
    """Close these contracts together; `reason` is a slug, `plan_id` the plan that says so."""

    underlying: str
    held: Mapping[str, Decimal]
    reason: str
    plan_id: str = ""


class Warn(Struct, frozen=True):
    """Told once a day for each `kind` and `symbol`."""

    kind: str
    symbol: str
    message: str
    critical: bool = False


def expiring(group: Group, around: Around) -> Leave | None:
    """Everything that stands together is left where one of it expires today, in time."""
    if around.close_before is None or around.closes_at is None:
        return None
    ends_today = [s for s in group.held if expires_on(s, around.today)]
    if not ends_today or around.now < around.closes_at - around.close_before:
        return None
    if around.now >= around.closes_at:
        return None
    sellable = _sellable(_with_their_cover(group.held, ends_today), group.quotes)
    return Leave(group.underlying, sellable, "expiry") if sellable else None


def _sellable(held: Mapping[str, Decimal], quotes: Mapping[str, Quote]) -> dict[str, Decimal]:
    return {s: q for s, q in held.items() if q < 0 or not _is_worthless(s, quotes)}


def _is_worthless(symbol: str, quotes: Mapping[str, Quote]) -> bool:
    """Nobody bids for it. What was bought may expire so, and covers what was sold until then: it
    must not keep that from being bought back."""
    quote = quotes.get(symbol)
    return quote is not None and quote.bid <= 0 < quote.ask


def _with_their_cover(held: Mapping[str, Decimal], ends: Sequence[str]) -> dict[str, Decimal]:
    """What expires; with a bought one that covers a sold one goes that one, too."""
    left = {s: q for s, q in held.items() if s not in ends}
    leaving = {s: held[s] for s in ends}
    for symbol, qty in left.items():
        contract = option_contract(symbol)
        if contract is None or qty >= 0:
            continue
        kind = [s for s in ends if held[s] > 0 and _is_call(s) == contract.is_call]
        longs = sum((q for s, q in left.items() if q > 0 and _is_call(s) == contract.is_call), ZERO)
        if kind and longs < -qty:
            leaving[symbol] = qty
    return leaving


def planned(
    plan: StructurePlan, group: Group, before: Mapping[str, str]
) -> tuple[Leave | None, str]:
    """Whether a level of the plan is reached, the same or another one: twice in a row, so that one
    bad quote closes nothing. `before` is what was due at the last look, by plan. Returns what is
    due now besides."""
    units = plan.units_in(group.held)
    if not units:
        return None, ""
    due = plan.due(plan.worth(group.middles), group.price)
    if not due or not before.get(plan.plan_id):
        return None, due
    sellable = _sellable(plan.quantities(units), group.quotes)
    return (Leave(group.underlying, sellable, due, plan.plan_id) if sellable else None), due


def is_unpriced(plan: StructurePlan, group: Group) -> bool:
    """Its net price is not known, and a level of it rests on that."""
    rests = plan.stop_net is not None or plan.target_net is not None
    return rests and plan.worth(group.middles) is None


def unpriced(plan: StructurePlan, group: Group) -> Warn:
    missing = ", ".join(sorted(set(plan.ratios) - set(group.middles)))
    message = (
        f"{missing} has no two-sided quote for a minute now: the net price is not known, "
        f"and nobody acts on {plan.levels}"
    )
    return Warn("structure_unpriced", plan.underlying, message, critical=True)


def unsold(plan: StructurePlan) -> Warn:
    message = (
        f"a level of {', '.join(sorted(plan.ratios))} is reached ({plan.levels}), and nobody bids: "
        "nothing of it can be sold; it is closed as soon as somebody does, else it expires"
    )
    return Warn("option_exit_unsold", plan.underlying, message)


def dangers(group: Group, around: Around) -> list[Warn]:
    """Sold contracts that may be assigned any night."""
    found = []
    for symbol, qty in sorted(group.held.items()):
        contract = option_contract(symbol)
        if contract is None or qty >= 0 or group.price is None or not is_plain_root(contract.root):
            continue  # an adjusted contract delivers another number of shares than its strike says
        gain = group.price - contract.strike if contract.is_call else contract.strike - group.price
        if gain <= 0:
            continue
        middle = group.middles.get(symbol)
        time_value = None if middle is None else middle - gain
        dividend = around.dividends.get(group.underlying) if contract.is_call else None
        if dividend is not None and (time_value is None or time_value < dividend):
            message = (
                f"{text(-qty)} sold and {money_words(gain)} in the money: {group.underlying} goes "
                f"ex dividend ({money_words(dividend)}) on the next trading day, assignment is "
                "likely tonight"
            )
            found.append(Warn("assignment_dividend", symbol, message, critical=True))
        elif time_value is not None and time_value < TIME_VALUE_MIN:
            message = (
                f"{text(-qty)} sold and {money_words(gain)} in the money with no time value left: "
                "it may be assigned any night"
            )
            found.append(Warn("assignment_risk", symbol, message))
    return found


def changing(change: ContractChange) -> Warn:
    """Its rows come a day late; the broker has canceled the orders in it."""
    message = (
        f"by a corporate action {change}; the broker's rows are not there yet: no stop and no "
        "target of it is kept until they are, orders in it were canceled"
    )
    return Warn("contract_changed", change.old, message, critical=True)


def broken(
    plan: StructurePlan, held: Mapping[str, Decimal], closed_by_others: Iterable[str]
) -> tuple[Leave | None, Warn | None]:
    """The legs of a planned structure do not stand as they should any more. Where the broker has
    closed one of them the rest goes at once; else it is told."""
    if plan.units_in(held) is not None:
        return None, None
    rest = {s: held[s] for s in plan.ratios if held.get(s)}
    if plan.units is not None:
        part = plan.quantities(plan.units)
        rest = {s: min(q, part[s], key=abs) for s, q in rest.items() if q * part[s] > 0}
    gone = [s for s, ratio in plan.ratios.items() if held.get(s, ZERO) * ratio <= 0]
    by_others = sorted({*closed_by_others} & {*plan.ratios})
    shown = ", ".join(f"{text(q)} {s}" for s, q in rest.items()) or "nothing"
    if by_others:
        message = (
            f"{', '.join(by_others)} was closed by an order that nobody here gave: the broker "
            f"closes single legs before an expiry. Left: {shown}; it is closed at once"
        )
        warn = Warn("leg_closed_by_broker", plan.underlying, message, critical=True)
        leave = Leave(plan.underlying, rest, "broken", plan.plan_id) if rest else None
        return leave, warn
    what = f"{', '.join(gone)} is gone" if gone else "the legs are held in other numbers"
    message = (
        f"{what}, left of the structure: {shown}. It fits an assignment or exercise, or orders "
        "of yours; its stop and target are not kept any more"
    )
    return None, Warn("structure_broken", plan.underlying, message, critical=bool(rest))


def outlived(plan: StructurePlan, held: Mapping[str, Decimal]) -> Warn | None:
    """What is held of a plan's contracts was opened after its structure had been closed."""
    left = {s: held[s] for s in plan.ratios if held.get(s)}
    if not left:
        return None
    shown = ", ".join(f"{text(qty)} {symbol}" for symbol, qty in left.items())
    message = (
        f"the structure that its exits were given for was closed; {shown} was opened later and has "
        f"none: execbot option protect {plan.underlying}"
    )
    return Warn("structure_outlived", plan.underlying, message, critical=True)


def expires_on(symbol: str, day: date) -> bool:
    contract = option_contract(symbol)
    return contract is not None and contract.expires == day


def _is_call(symbol: str) -> bool:
    contract = option_contract(symbol)
    return contract is not None and contract.is_call
