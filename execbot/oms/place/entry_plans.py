"""The one planner of entries: from what exits were asked for to a request with its legs and a plan.

`submit`, signals, the queue and a retry come here with an order and `ExitsAsked`, and get a
`PricedEntry`. This module writes nothing: `Placer` makes the plan durable in the transaction of the
intent, so that any process that sees the first fill knows where its stop belongs.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from execbot.exits.plan.legs import NoLegs, has_legs, why_no_legs, without_legs
from execbot.exits.plan.plan import NO_RULES
from execbot.exits.plan.plan_json import from_data
from execbot.exits.plan.wishes import (
    NO_WISHES,
    Wishes,
    default_rules,
    default_wishes,
    wishes_of,
)
from execbot.exits.store import drop_plan, entry_is, plan_by_id, plan_of, save_plan
from execbot.journal.journal import Journal
from execbot.journal.records import OrderRecord, Origin
from execbot.model.amounts import price_words
from execbot.model.enums import ErrorCategory, PositionSide, Side
from execbot.model.options.spreads import underlying_of
from execbot.model.order import OrderRequest
from execbot.oms.errors import ClientIdReused, NeedsWatch, OmsError
from execbot.risk.facts import Facts, market_price
from execbot.risk.options.facts import is_of_options

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from execbot.config.schema import TradingSettings
    from execbot.exits.level_facts import LevelReader
    from execbot.exits.plan.plan import ExitPlan
    from execbot.exits.structures.plan import StructurePlan
    from execbot.risk.sizing import Sized


class LegsRefused(OmsError):
    """The stop or target that was asked for cannot go with this order."""

    kind = "usage.legs"
    category = ErrorCategory.ADJUSTABLE

    def __init__(self, why: NoLegs, next_step: str) -> None:
        super().__init__(why.message[0].upper() + why.message[1:], hint=why.hint)
        self.why = why
        self.next_step = next_step


class NoEntryPrice(OmsError):
    """There is no price at which the entry would trade."""

    kind = "risk.no_quote"
    category = ErrorCategory.ADJUSTABLE
    hint = "A percentage, R or ATR needs a price to start from."
    next_step = "Give the order a --limit."


class ExitsAsked(Struct, frozen=True):
    """The exits that an entry should have, and how firmly.

    `must_go_along`: asked for by hand with this very order, which is refused where the broker takes
    no legs with it; without it they may come after the fill. `stop_goes_along`: with several
    targets the stop is sent with the entry. `far`: levels further than half the price away are
    meant. `watch_places`: where they cannot go along a running `watch` places them at the fill.
    `plan_id` is made from the client_order_id if empty.
    """

    wishes: Wishes = NO_WISHES
    must_go_along: bool = False
    stop_goes_along: bool = True
    watch_places: bool = False
    tif_is_given: bool = False
    far: bool = False
    origin: str = Origin.SUBMIT
    strength: Decimal | None = None
    plan_id: str = ""


NO_EXITS = ExitsAsked()


class PricedEntry(Struct, frozen=True):
    """The request to send, and the plan to make durable with it.

    `plan` is the entry's own, None where it has none. `joins` is the plan of the position that it
    adds to. `price` is where it would trade: the levels were measured from it. `conflict` says why
    the wishes cannot be met, once every other check has passed. `sized` is how its size came about,
    None where it was given. `known`: the order that was given under the id before, for which
    nothing was planned now, and for which nothing may be sent. `structure` is the plan of a spread.
    """

    request: OrderRequest
    plan: ExitPlan | None = None
    joins: str | None = None
    price: Decimal | None = None
    conflict: LegsRefused | None = None
    sized: Sized | None = None
    known: OrderRecord | None = None
    structure: StructurePlan | None = None


def asked_by_submit(
    settings: TradingSettings,
    request: OrderRequest,
    given: Wishes,
    *,
    tif_is_given: bool = False,
    far: bool = False,
    keeps_rules: bool = True,
    is_watched: bool = False,
) -> ExitsAsked:
    """Levels given with the order; else those of trading.yaml where `protect_submitted` is on.

    The plan changes by the rules of trading.yaml unless `keeps_rules` is False. For contracts
    Alpaca takes no exits with the order; where `is_watched`, they come at the fill.
    """
    wishes = given
    by_default = settings.exits.protect_submitted and not is_of_options(request)
    if not given.has_levels and by_default:  # a few percent of a premium are within its spread
        wishes = default_wishes(settings, side_of(request))
    if not wishes.has_levels:
        return NO_EXITS
    rules = default_rules(settings) if keeps_rules else NO_RULES
    return ExitsAsked(
        replace(wishes, rules=rules),
        must_go_along=given.has_levels,
        watch_places=is_watched and is_of_options(request),
        tif_is_given=tif_is_given,
        far=far,
    )


def asked_again(plan: ExitPlan, *, plan_id: str = "") -> ExitsAsked:
    """The wishes that a plan was made from, for another try at its entry."""
    return ExitsAsked(
        wishes_of(plan),
        tif_is_given=True,
        far=True,
        origin=plan.origin,
        strength=plan.strength,
        plan_id=plan_id,
    )


def side_of(request: OrderRequest) -> PositionSide:
    """The side of the position that the order would open."""
    return PositionSide.LONG if request.side is Side.BUY else PositionSide.SHORT


class EntryPlanner:
    """Plans the entries of one account. `now` stamps the plans."""

    def __init__(
        self,
        journal: Journal,
        levels: LevelReader,
        now: Callable[[], datetime],
    ) -> None:
        self._journal = journal
        self._levels = levels
        self._now = now

    def priced(self, request: OrderRequest, asked: ExitsAsked, facts: Facts) -> PricedEntry:
        """The entry with its exits, measured from where it would trade by `facts`.

        `request` must have its `client_order_id`. Raises LevelError where a level makes no sense,
        LegsRefused, NoEntryPrice, NeedsWatch, and BrokerError.
        """
        if request.spread:
            return self._of_structure(request, asked, facts)
        held = facts.position(request.symbol)
        if held is not None and held.qty * request.side.sign < 0:
            refused = _closes(request) if asked.must_go_along else None
            return PricedEntry(request, conflict=refused)
        held = facts.counted(request.symbol)
        existing = plan_of(self._journal, request.symbol) if held is not None else None
        if existing is not None:
            # It adds: the position's own plan covers the whole.
            refused = _second_plan(request) if asked.must_go_along else None
            if refused is None:
                _check_standing_stop(existing, request, facts)
            return PricedEntry(request, joins=existing.plan_id, conflict=refused)
        if not asked.wishes.has_levels:
            return PricedEntry(request)
        return self._planned(without_legs(request), asked, facts, holds_already=held is not None)

    def _of_structure(self, request: OrderRequest, asked: ExitsAsked, facts: Facts) -> PricedEntry:
        """A spread goes out alone: `watch` keeps its net levels from the first fill on."""
        if not asked.wishes.has_levels:
            return PricedEntry(request)
        from execbot.exits.structures.asked import plan_of_entry

        if any(not leg.opens for leg in request.spread):
            raise LegsRefused(_CLOSES_LEGS, _once_filled(request))
        plan = plan_of_entry(request, asked.wishes, self._now())
        if asked.must_go_along and not asked.watch_places:
            raise _unkept(request)
        held = [leg.symbol for leg in request.spread if facts.position(leg.symbol) is not None]
        if held:
            return PricedEntry(
                request, conflict=LegsRefused(held_before(held), _once_filled(request))
            )
        return PricedEntry(request, structure=plan)

    def _planned(
        self, request: OrderRequest, asked: ExitsAsked, facts: Facts, *, holds_already: bool
    ) -> PricedEntry:
        from execbot.exits.plan.attach import attach

        price = request.limit_price or market_price(facts, request.side)
        if price is None:
            raise NoEntryPrice(f"{request.symbol} has no quote to measure stop and target from")
        is_crypto = facts.asset is not None and facts.asset.is_crypto
        attached = attach(
            request,
            asked.wishes,
            entry_price=price,
            plan_id=asked.plan_id or f"plan-{request.client_order_id}",
            now=self._now(),
            facts=self._levels.facts(
                request.symbol,
                facts.market.at,
                asset=facts.asset,
                needs_bars=asked.wishes.needs_bars,
            ),
            is_crypto=is_crypto,
            holds_already=holds_already,
            origin=asked.origin,
            strength=asked.strength,
            tif_is_given=asked.tif_is_given,
            stop_goes_along=asked.stop_goes_along,
            far=asked.far,
        )
        entry = PricedEntry(attached.request, attached.plan, price=price)
        if not asked.must_go_along or has_legs(entry.request):
            return entry
        if asked.watch_places and not holds_already:
            return entry
        why = why_no_legs(request, is_crypto=is_crypto, holds_already=holds_already)
        if why is None or not holds_already:
            raise LegsRefused(why or _NO_LEG_FOR_IT, _instead(request))
        return replace(entry, conflict=LegsRefused(why, _instead(request)))


_NO_LEG_FOR_IT = NoLegs("no leg could be that exit", "A leg is a stop or a limit at a fixed price.")


def _instead(request: OrderRequest) -> str:
    return f"Leave them out, and protect the position: execbot protect {request.symbol}"


_CLOSES_LEGS = NoLegs(
    "a leg of this order closes: no stop or target goes with it",
    "Its net price is not that of the structure which it leaves.",
)


def held_before(symbols: Sequence[str]) -> NoLegs:
    return NoLegs(
        f"{', '.join(symbols)} is held already: exits of this order would close that, too",
        "Exits of a structure are for all that is held of its contracts.",
    )


def _once_filled(request: OrderRequest) -> str:
    return f"Leave them out; once it has filled: execbot option protect {underlying_of(request)}"


def _unkept(request: OrderRequest) -> NeedsWatch:
    error = NeedsWatch(
        f"no `execbot watch` is running to keep the exits of this {underlying_of(request)} spread",
        hint="No broker holds exits of a spread, and nobody would act on them.",
    )
    error.next_step = "Start it: execbot watch. Or leave the exits out."
    return error


def _second_plan(request: OrderRequest) -> LegsRefused:
    symbol = request.symbol
    return LegsRefused(
        NoLegs(
            f"{symbol} is held under an exit plan: its stop and targets cover the addition too",
            "A stop or target of its own would be a second plan for one position.",
        ),
        f"Leave them out; move the levels: execbot exits move {symbol}",
    )


def _check_standing_stop(plan: ExitPlan, request: OrderRequest, facts: Facts) -> None:
    """What is added beyond the stop would be sold as soon as it is bought, or bought once the stop
    has sold the rest. Raises LevelError."""
    from execbot.exits.levels import LevelError, check_stop

    stop, side = plan.stop.price, side_of(request)
    price = request.limit_price or market_price(facts, request.side)
    if stop is None or price is None or plan.side is not side:
        return
    try:
        check_stop(stop, side, price)
    except LevelError as error:
        symbol, words = request.symbol, "below" if side is PositionSide.LONG else "above"
        raise LevelError(
            error.kind,
            f"the stop of {symbol} stands at {price_words(stop, symbol)}, and this addition would "
            f"trade at {price_words(price, symbol)}: its shares would be sold at once",
            f"An addition counts on the stop of its position, which must be {words} its price.",
            f"Give another price, or move the stop: execbot exits move {symbol} --stop",
        ) from None


def _closes(request: OrderRequest) -> LegsRefused:
    return LegsRefused(
        NoLegs(
            f"this order closes {request.symbol}: no stop or target goes with it",
            "Alpaca takes legs only with an order that opens a position.",
        ),
        "Leave them out.",
    )


def check_same_exits(journal: Journal, known: OrderRecord, asked: ExitsAsked) -> None:
    """Raises ClientIdReused when an id is given again with another stop or other targets.

    What was asked for first counts: the trader may have moved the levels since.
    """
    history = journal.plan_history(known.plan_id) if known.plan_id else ()
    first = from_data(history[0].body) if history else None
    if first is not None and first.entry_client_order_id != known.client_order_id:
        first = None
    before = NO_WISHES if first is None else wishes_of(first)
    if _levels(before) == _levels(asked.wishes):
        return
    raise ClientIdReused(
        f"client_order_id {known.client_order_id} was used with other exits "
        f"({', '.join(_levels(before)) or 'none'})",
        record=known,
    )


def _levels(wishes: Wishes) -> list[str]:
    targets = sorted(f"target {level.words}" for level, _ in wishes.targets)
    return [*([f"stop {wishes.stop.words}"] if wishes.stop is not None else []), *targets]


# --- in the journal ----------------------------------------------------------------------------


def save_entry_plan(journal: Journal, plan: ExitPlan) -> None:
    """Write the plan of an entry, in the transaction that writes its intent.

    An order may be given again under its id, or wait in the queue and be priced anew: its plan is
    then the next version.
    """
    known = plan_by_id(journal, plan.plan_id)
    if known is not None:
        plan = replace(plan, version=known.version + 1, created_at=known.created_at)
    save_plan(journal, plan)


def entry_failed(journal: Journal, plan: ExitPlan, now: datetime, reason: str) -> None:
    """The entry never came to be: its plan is closed, unless it protects something by now."""
    drop_plan(journal, plan.plan_id, now, reason)


def entry_went_out(journal: Journal, plan: ExitPlan, entry: OrderRecord, now: datetime) -> None:
    """The entry may have gone out under another id (a smaller attempt): tell the plan."""
    entry_is(journal, plan.plan_id, entry, now)
