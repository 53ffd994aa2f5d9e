"""One order, from what is wanted to what became of it: prepared, shown, sent, followed.

    draft = prepare(desk, request, wishes)
    sent = place(desk, draft, wait_seconds=30)

Between the two it may be shown and confirmed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from execbot.broker.errors import BrokerError
from execbot.desk.additions import Added, added, addition_warnings
from execbot.desk.context import Context
from execbot.desk.following import follow
from execbot.desk.later_targets import LaterTargets, later_targets_behind, later_targets_of
from execbot.desk.protect import Restorer, watched_by
from execbot.exits.plan.wishes import NO_WISHES, Wishes
from execbot.journal.records import OrderRecord
from execbot.model.account import Asset
from execbot.model.enums import OrderType, TimeInForce
from execbot.model.flags import NO_FLAGS, Flag, Flags
from execbot.model.order import OrderRequest
from execbot.model.order_words import describe
from execbot.oms.errors import OmsError
from execbot.oms.place.entry_plans import PricedEntry, asked_by_submit
from execbot.oms.place.placer import Prepared, refuse_conflict

if TYPE_CHECKING:
    from execbot.exits.distances import Distance
    from execbot.oms.place.add_to_position import Addition as Addition
    from execbot.risk.verdict import Verdict as Verdict


class ShownExits(Struct, frozen=True):
    """How far the levels of an entry are from where it trades, the stop first; empty without."""

    found: tuple[Distance, ...] = ()

    def lines(self) -> list[str]:
        return [one.words() for one in self.found]

    def to_list(self) -> list[dict[str, Any]]:
        return [one.to_dict() for one in self.found]


class Draft(Struct, frozen=True):
    """An order as it would be sent. `flags` lift guards against slips."""

    prepared: Prepared
    asset: Asset
    exits: ShownExits = ShownExits()

    @property
    def request(self) -> OrderRequest:
        return self.prepared.entry.request

    @property
    def words(self) -> str:
        """The order in one line; that it opens a short is part of what it is."""
        said, opens_short = describe(self.request), self.prepared.opens_short
        return f"{said}, {opens_short}" if opens_short else said


class DryRun(Struct, frozen=True):
    """What would be sent, and every check with its limit and what it saw."""

    draft: Draft
    verdict: Verdict
    addition: Addition | None
    later: LaterTargets | None

    @property
    def passes(self) -> bool:
        refused = self.addition is not None and bool(self.addition.refusal)
        return self.verdict.passed and not refused


class Sent(Struct, frozen=True):
    """What became of an order. `opens_short` says so in words; `added` where it enlarged a
    position that has an exit plan."""

    record: OrderRecord
    warnings: Sequence[str] = ()
    added: Added | None = None
    later: LaterTargets | None = None
    exits: ShownExits = ShownExits()
    opens_short: str = ""


def prepare(
    desk: Context,
    request: OrderRequest,
    wishes: Wishes = NO_WISHES,
    *,
    flags: Flags = NO_FLAGS,
    tif_is_given: bool = True,
    keeps_rules: bool = True,
) -> Draft:
    """Plan the order's exits and check it; nothing is written yet.

    Without `tif_is_given` the time in force may be changed: gtc for pairs and for legs. Raises
    LevelError, OmsError, BrokerError.
    """
    asset = desk.client.get_asset(request.symbol)
    if not tif_is_given and asset.is_crypto:
        request = replace(request, time_in_force=TimeInForce.GTC)
    asked = asked_by_submit(
        desk.settings.trading,
        request,
        wishes,
        tif_is_given=tif_is_given,
        far=Flag.FAR in flags,
        keeps_rules=keeps_rules,
    )
    prepared = desk.placer.prepare(request, asked, asset=asset, flags=flags)
    return Draft(prepared, asset)


def with_exits(desk: Context, draft: Draft) -> Draft:
    """The draft with its exits measured. Raises LevelError."""
    return replace(draft, exits=_exits_of(desk, draft.prepared.entry))


def dry_run(desk: Context, draft: Draft) -> DryRun:
    """What would happen if it were placed. Raises WouldRest and the like, and BrokerError."""
    entry, checked = draft.prepared.entry, draft.prepared.checked
    assert checked is not None
    addition = desk.placer.addition(entry.request, checked)
    refuse_conflict(entry, checked)
    draft = with_exits(desk, draft)
    later = None
    if entry.plan is not None:
        later = later_targets_of(desk, entry.plan, entry.request, entry.price)
    return DryRun(draft, checked.verdict, addition, later)


def place(
    desk: Context, draft: Draft, *, wait_seconds: float | None = None, check_again: bool = False
) -> Sent:
    """Send it, exactly once; with `wait_seconds` follow it to its end.

    `check_again`: time has passed since it was prepared, and its facts are old. Raises Refused,
    InDoubt, BrokerError and the like; an error after exits were lifted says whether they are back.
    """
    entry = draft.prepared.entry
    checked = None if check_again else draft.prepared.checked
    desk.placer.protect = restorer = Restorer(desk)
    try:
        placed = desk.placer.place(
            entry, asset=draft.asset, checked=checked, flags=draft.prepared.flags
        )
    except (BrokerError, OmsError) as error:
        restorer.tell(error)
        raise
    record, warnings = placed.record, list[str]()
    if wait_seconds is not None:
        record, warnings = follow(desk, record, wait_seconds)
    warnings = [*warnings, *legs_lapse(entry.request)]
    if placed.addition is not None:
        warnings += addition_warnings(desk, placed.addition, record, restorer)
        whole = added(desk, placed.addition, restorer)
        return Sent(record, warnings, whole, opens_short=placed.opens_short)
    later = later_targets_behind(desk, record, entry.price)
    warnings += _unwatched(desk, entry, tells_targets=later is not None)
    exits = _exits_of(desk, entry, record)
    return Sent(record, warnings, None, later, exits, placed.opens_short)


def legs_lapse(request: OrderRequest) -> list[str]:
    """Entry and legs have one time in force: what that means for the order given."""
    if request.stop_loss is None and request.take_profit is None:
        return []
    if request.time_in_force is TimeInForce.DAY:
        return ["Stop and target of a day order lapse at the close: leave --tif out, or run watch."]
    if request.type is OrderType.LIMIT:
        return ["The limit rests until it fills or is canceled (gtc): its stop outlives the day."]
    return []


def _unwatched(desk: Context, entry: PricedEntry, *, tells_targets: bool) -> list[str]:
    """What of the plan nobody does while no `watch` runs."""
    if entry.plan is None or watched_by(desk) is not None:
        return []
    from execbot.exits.plan.left_to_watch import left_to_watch, without_watch

    left = left_to_watch(entry.plan, entry.request, targets=not tells_targets)
    return [without_watch(entry.plan.symbol, left)] if left else []


def _exits_of(desk: Context, entry: PricedEntry, record: OrderRecord | None = None) -> ShownExits:
    """Measured from what was paid, where something was, else from where the order would trade."""
    if entry.plan is None:
        return ShownExits()
    from execbot.exits.distances import distances_of

    price, qty = entry.price, entry.request.qty
    if record is not None:
        price = record.order.filled_avg_price or price
        qty = record.order.qty or qty
    return ShownExits(distances_of(entry.plan, price, qty, desk.now()))
