"""One order, from what is wanted to what became of it: prepared, shown, sent, followed.

    draft = prepare(desk, request, wishes)
    sent = place(desk, draft, wait_seconds=30)

Between the two it may be shown and confirmed.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from execbot.broker.budget import RequestPriority, reading_at
from execbot.broker.errors import BrokerError
from execbot.config.schema import TimeoutScope
from execbot.desk.account import Desk
from execbot.desk.additions import added, addition_warnings
from execbot.desk.following import follow
from execbot.desk.later_targets import LaterTargets, later_targets_behind, later_targets_of
from execbot.desk.look.halts_known import halts_known
from execbot.desk.look.order_ends import endings_of
from execbot.desk.opening.ahead import begin_facts, opens_by_journal
from execbot.desk.opening.outcomes import CommandStep, carried_out
from execbot.desk.protect import Restorer, watched_by
from execbot.desk.queue_care import unattended
from execbot.desk.sent import Sent, ShownExits
from execbot.exits.plan.wishes import NO_WISHES, Wishes
from execbot.exits.store import plan_by_id
from execbot.journal.records import OrderRecord
from execbot.model.account import Asset
from execbot.model.enums import OrderType, TimeInForce
from execbot.model.flags import NO_FLAGS, Flag, Flags
from execbot.model.order import OrderRequest
from execbot.model.order_words import describe
from execbot.model.symbols import is_pair
from execbot.model.times import show_eastern
from execbot.oms.errors import OmsError, refuse_unsettled
from execbot.oms.place.entry_plans import PricedEntry, asked_by_submit
from execbot.oms.place.entry_risk import EntryRisk, entry_risk, risk_of
from execbot.oms.place.placed import Placed, Prepared
from execbot.oms.place.placer import refuse_conflict
from execbot.oms.place.sized import sizing_json as sizing_json
from execbot.risk.pending import Purpose
from execbot.risk.sizing import Risked as Risked

if TYPE_CHECKING:
    from execbot.config.schema import TradingSettings
    from execbot.exits.plan.plan import ExitPlan
    from execbot.oms.place.add_to_position import Addition as Addition
    from execbot.oms.place.risk_gate import Checked
    from execbot.risk.verdict import Verdict as Verdict


class Draft(Struct, frozen=True):
    """An order as it would be sent. `asset` is None where none was needed, for an exit."""

    prepared: Prepared
    asset: Asset | None
    exits: ShownExits = ShownExits()

    @property
    def request(self) -> OrderRequest:
        """As it was sent, where its id was given before."""
        given = self.prepared.given
        if given is not None and given.entry is not None:
            return given.entry.request
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
    risk: EntryRisk | None = None

    @property
    def repeats(self) -> str:
        """The client_order_id, where it was given before: nothing would be sent."""
        given = self.draft.prepared.given
        return "" if given is None else given.record.client_order_id

    @property
    def passes(self) -> bool:
        if self.repeats:
            return True
        refused = self.addition is not None and bool(self.addition.refusal)
        return self.verdict.passed and not refused


def prepare(
    desk: Desk,
    request: OrderRequest,
    wishes: Wishes = NO_WISHES,
    *,
    flags: Flags = NO_FLAGS,
    tif_is_given: bool = True,
    keeps_rules: bool = True,
    risk: Risked | None = None,
) -> Draft:
    """Plan the order's exits and check it; nothing is written yet. One without a size gets that at
    which its stop loses `risk`.

    Without `tif_is_given` the time in force may be changed: gtc for pairs and for legs. An entry
    without a `cancel_after` of its own has one where `timeout_applies_to` says so. Raises
    LevelError, OmsError (NoSize among them), BrokerError.
    """
    with _at_its_urgency(desk, request):
        return _prepared(desk, request, wishes, flags, tif_is_given, keeps_rules, risk)


def _at_its_urgency(desk: Desk, request: OrderRequest) -> AbstractContextManager[None]:
    """Give what an order that closes looks at the urgency of an exit: no rate limit holds it
    back."""
    if opens_by_journal(desk, request):
        return nullcontext()
    return reading_at(RequestPriority.EXIT)


def _prepared(
    desk: Desk,
    request: OrderRequest,
    wishes: Wishes,
    flags: Flags,
    tif_is_given: bool,
    keeps_rules: bool,
    risk: Risked | None,
) -> Draft:
    begin_facts(desk, request)
    asset = None
    if not request.spread and opens_by_journal(desk, request):
        asset = desk.risk.reader.asset(request.symbol)
    if not tif_is_given and is_pair(request.symbol):
        request = replace(request, time_in_force=TimeInForce.GTC)
    asked = asked_by_submit(
        desk.settings.trading,
        request,
        wishes,
        tif_is_given=tif_is_given,
        far=Flag.FAR in flags,
        keeps_rules=keeps_rules,
        is_watched=watched_by(desk) is not None,
    )
    prepared = desk.placer.prepare(request, asked, asset=asset, flags=flags, risk=risk)
    if prepared.checked is not None and desk.risk.rests_on_kept(prepared.checked):
        asset = None if request.spread else desk.risk.reader.asset(request.symbol)
        prepared = desk.placer.prepare(request, asked, asset=asset, flags=flags, risk=risk)
    return Draft(with_clock(prepared, desk.settings.trading, tif_is_given=tif_is_given), asset)


def with_clock(
    prepared: Prepared, trading: TradingSettings, *, tif_is_given: bool = True
) -> Prepared:
    """The time-out of the configuration for an entry that has no clock yet.

    A time in force that says itself how long it lasts (an explicit gtc, an auction) stands for it.
    """
    request, rules = prepared.entry.request, trading.order_management
    applies = rules.timeout_applies_to is TimeoutScope.ALL and request.cancel_after is None
    lasts = request.time_in_force is not TimeInForce.DAY and tif_is_given
    is_entry = prepared.checked is not None and prepared.checked.purpose is Purpose.ENTRY
    if not applies or lasts or not is_entry:
        return prepared
    request = replace(request, cancel_after=rules.timeout_seconds, clock_by_rule=True)
    return replace(prepared, entry=replace(prepared.entry, request=request))


def with_exits(desk: Desk, draft: Draft) -> Draft:
    """The draft with its exits measured. Raises LevelError."""
    given = draft.prepared.given
    if given is not None and given.entry is not None:
        return replace(draft, exits=_exits_of(desk, given.entry, given.record))
    return replace(draft, exits=_exits_of(desk, draft.prepared.entry))


def dry_run(desk: Desk, draft: Draft) -> DryRun:
    """What would happen if the draft were placed. Raises WouldRest and the like, and
    BrokerError."""
    entry, checked = draft.prepared.entry, draft.prepared.checked
    assert checked is not None
    if (given := draft.prepared.given) is not None:
        return _dry_repeat(desk, draft, checked, given)
    addition = desk.placer.addition(entry.request, checked)
    refuse_conflict(entry, checked)
    draft = with_exits(desk, draft)
    later = None
    if entry.plan is not None:
        later = later_targets_of(desk, entry.plan, entry.request, entry.price)
    risk = entry_risk(
        checked, plan_behind(desk, entry, addition), desk.settings.trading, price=entry.price
    )
    return DryRun(draft, checked.verdict, addition, later, risk)


def _dry_repeat(desk: Desk, draft: Draft, checked: Checked, given: Placed) -> DryRun:
    """Of an id that was given before: what was planned then, and that nothing would be sent."""
    risk = risk_of(given, given.plan, desk.settings.trading)
    later = later_targets_behind(
        desk, given.record, None if given.entry is None else given.entry.price
    )
    draft = with_exits(desk, draft)
    return DryRun(draft, checked.verdict, given.addition, later, risk)


def risk_of_draft(desk: Desk, draft: Draft) -> EntryRisk | None:
    """What is about to be risked; None for exits."""
    entry, given = draft.prepared.entry, draft.prepared.given
    if given is not None:
        return risk_of(given, given.plan, desk.settings.trading)
    plan, limits = plan_behind(desk, entry, None), desk.settings.trading
    return entry_risk(draft.prepared.checked, plan, limits, price=entry.price)


def plan_behind(
    desk: Desk, entry: PricedEntry | None, addition: Addition | None
) -> ExitPlan | None:
    """The plan whose stop limits what the entry can lose: its own, or that of the position."""
    if addition is not None:
        return addition.plan
    if entry is None or entry.plan is not None or entry.joins is None:
        return None if entry is None else entry.plan
    return plan_by_id(desk.journal, entry.joins)


@carried_out(
    CommandStep.INTENT, CommandStep.ANSWER, CommandStep.PLAN, CommandStep.DECISION, CommandStep.MARK
)
def place(
    desk: Desk, draft: Draft, *, wait_seconds: float | None = None, check_again: bool = False
) -> Sent:
    """Send the draft, exactly once; with `wait_seconds` follow it to its end.

    `check_again`: time has passed since it was prepared, and its facts are old. Raises Refused,
    InDoubt, BrokerError and the like; an error after exits were lifted says whether they are back.
    """
    entry = draft.prepared.entry
    checked = None if check_again else draft.prepared.checked
    desk.placer.protect = restorer = Restorer(desk)
    try:
        with _at_its_urgency(desk, entry.request):
            placed = desk.placer.place(
                entry, asset=draft.asset, checked=checked, flags=draft.prepared.flags
            )
    except (BrokerError, OmsError) as error:
        restorer.tell(error)
        raise
    refuse_unsettled(placed.record)
    sent = sent_of(desk, placed, restorer, wait_seconds, draft.prepared.flags)
    return replace(sent, shortfall=shortfall_of(draft) or sent.shortfall)


def sent_elsewhere(desk: Desk, record: OrderRecord, *, wait_seconds: float | None) -> Sent:
    """What became of an order that another process has sent for this command and could not report.
    Follows it where that is wished."""
    desk.placer.protect = restorer = Restorer(desk)
    return sent_of(desk, desk.placer.carried_on(record), restorer, wait_seconds)


def sent_of(
    desk: Desk,
    placed: Placed,
    restorer: Restorer,
    wait_seconds: float | None = None,
    flags: Flags = NO_FLAGS,
) -> Sent:
    """What became of the order, in the same words whoever has sent it."""
    record, warnings, entry = placed.record, list[str](), placed.entry
    assert entry is not None
    halts = halts_known(desk, record)
    if wait_seconds is not None:
        record, warnings = follow(desk, record, wait_seconds)
    ending = endings_of(desk, [record]).get(record.client_order_id)
    warnings = [*warnings, *legs_lapse(entry.request)]
    warnings += unattended(desk, record, ending)
    if Flag.AT_BROKER in flags and record.order.is_working:
        warnings += _kept_at_broker(placed.checked)
    plan = placed.plan or plan_behind(desk, entry, placed.addition)
    risk = risk_of(replace(placed, record=record), plan, desk.settings.trading)
    sent = Sent(
        record,
        warnings,
        opens_short=placed.opens_short,
        ending=ending,
        halts=halts,
        risk=risk,
        shortfall="" if placed.basis is None else placed.basis.shortfall,
    )
    if placed.addition is not None:
        more = addition_warnings(desk, placed.addition, record, restorer)
        whole = added(desk, placed.addition, restorer)
        return replace(sent, warnings=[*warnings, *more], added=whole)
    later = later_targets_behind(desk, record, entry.price)
    more = _unwatched(desk, entry, tells_targets=later is not None)
    exits = _exits_of(desk, entry, record)
    return replace(sent, warnings=[*warnings, *more], later=later, exits=exits)


def shortfall_of(draft: Draft) -> str:
    """Why the order is smaller than what it was sized by; empty where it is not."""
    sized, given = draft.prepared.entry.sized, draft.prepared.given
    if given is not None and given.basis is not None:
        return given.basis.shortfall
    return sized.shortfall() if sized is not None else ""


def _kept_at_broker(checked: Checked | None) -> list[str]:
    if checked is None or checked.facts.market.is_open:
        return []
    opens = show_eastern(checked.facts.market.next_open)
    said = f"The broker keeps it for the open, {opens}, at whatever price that brings."
    return [f"{said} Nothing here sizes or checks it again."]


def legs_lapse(request: OrderRequest) -> list[str]:
    """Entry and legs have one time in force: what that means for the order given."""
    if request.stop_loss is None and request.take_profit is None:
        return []
    if request.time_in_force is TimeInForce.DAY:
        return ["Stop and target of a day order lapse at the close: leave --tif out, or run watch."]
    if request.type is OrderType.LIMIT and not request.for_the_day:
        return ["The limit rests until it fills or is canceled (gtc): its stop outlives the day."]
    return []


def _unwatched(desk: Desk, entry: PricedEntry, *, tells_targets: bool) -> list[str]:
    """What no process does for the plan while no `watch` runs, in words."""
    if entry.plan is None or watched_by(desk) is not None:
        return []
    from execbot.exits.plan.left_to_watch import left_to_watch, without_watch

    left = left_to_watch(entry.plan, entry.request, targets=not tells_targets)
    return [without_watch(entry.plan.symbol, left)] if left else []


def _exits_of(desk: Desk, entry: PricedEntry, record: OrderRecord | None = None) -> ShownExits:
    """Measured from what was paid, where something was, else from where the order would trade."""
    if entry.plan is None and entry.structure is None:
        return ShownExits()
    from execbot.exits.distances import distances_of, distances_of_structure

    price, qty = entry.price, entry.request.qty
    if record is not None:
        price = record.order.filled_avg_price or price
        qty = record.order.qty or qty
    if entry.structure is not None:
        return ShownExits(distances_of_structure(entry.structure, price, qty))
    assert entry.plan is not None
    return ShownExits(distances_of(entry.plan, price, qty, desk.now()))
