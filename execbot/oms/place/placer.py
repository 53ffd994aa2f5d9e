"""Placing an order through the risk gate, with the plan of its exits.

`Placer.place` is the one way from a request to the broker for commands, signals and the queue:
check, queue or submit, and after a failure what `attempts` makes of it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cached_property, partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from execbot.alerts import Alerter
from execbot.broker.errors import BrokerError
from execbot.exits.structures.plan import end_structures
from execbot.journal.records import OrderRecord, Role
from execbot.model.account import Asset
from execbot.model.enums import REOPENABLE, AssetClass
from execbot.model.flags import NO_FLAGS, Flags
from execbot.model.options.spreads import with_intent
from execbot.model.order import OrderRequest
from execbot.model.symbols import is_option
from execbot.oms.errors import FlagNotAllowed, OmsError, WouldRest
from execbot.oms.place.attempts import Attempts, Resize
from execbot.oms.place.denied_exits import keep_denied
from execbot.oms.place.entry_plans import (
    NO_EXITS,
    PricedEntry,
    check_same_exits,
    entry_failed,
    entry_went_out,
    save_entry_plan,
)
from execbot.oms.place.family import (
    alone,
    family_of,
    filled,
    made_before,
    refuse_second,
    standing_for,
)
from execbot.oms.place.given import given_before
from execbot.oms.place.placed import Placed, Prepared, Provenance, was_sent_back, why_again
from execbot.oms.place.risk_gate import Checked, OnPass, RiskGate
from execbot.oms.place.sized import audit_size, sized_by_risk
from execbot.oms.place.structure_entries import (
    check_same_structure,
    save_entry_structure,
    structure_went_out,
)
from execbot.oms.send.intent import check_same_order
from execbot.oms.service import OrderManagementSystem
from execbot.risk.pending import Purpose

if TYPE_CHECKING:
    from datetime import datetime

    from execbot.exits.plan.plan import ExitPlan
    from execbot.exits.structures.plan import StructurePlan
    from execbot.journal.journal import Journal
    from execbot.oms.place.add_to_position import Addition
    from execbot.oms.place.entry_plans import EntryPlanner, ExitsAsked
    from execbot.risk.sizing import Risked, Sized

Protect = Callable[[str, OrderRecord | None], None]
"""Called with symbol and order (None: nothing was sent) after an addition to a position, so that
somebody covers the whole. It must not raise."""


class Placer(Attempts):
    """Places orders for one account."""

    def __init__(
        self,
        oms: OrderManagementSystem,
        risk: RiskGate,
        *,
        alerter: Alerter | None = None,
        protect: Protect = lambda symbol, record: None,
    ) -> None:
        super().__init__(oms, risk, alerter=alerter)
        self.protect = protect

    @cached_property
    def planner(self) -> EntryPlanner:
        from execbot.oms.place.entry_plans import EntryPlanner

        return EntryPlanner(self.oms.journal, self.risk.reader.levels, self.oms.now)

    def prepare(
        self,
        request: OrderRequest,
        asked: ExitsAsked = NO_EXITS,
        *,
        asset: Asset | None = None,
        flags: Flags = NO_FLAGS,
        implied: Flags = NO_FLAGS,
        risk: Risked | None = None,
    ) -> Prepared:
        """Plan the exits of an order and judge it as it would be sent, on one reading of the facts.

        `flags` were given, `implied` follow from what is done; an order without a size gets that at
        which its stop loses `risk`. Nothing is written. An id that was given before is neither
        planned nor sized again; one that was never sent is, so its fate is looked up first. Raises
        FlagNotAllowed, ClientIdReused (other exits), NoSize, what `EntryPlanner.priced` raises, and
        BrokerError.
        """
        self.refuse_flags(flags)
        if not request.client_order_id:
            request = replace(request, client_order_id=self.oms.new_id(self.oms.now()))
        known, sized = self.oms.sent_before(request.client_order_id), None
        read = self.risk.reader.read(request, asset=asset)
        facts = self.risk.reader.complete(request, read)
        if risk is not None and known is not None:
            request = replace(request, qty=known.order.qty)
        elif risk is not None:
            levels, settings = self.risk.reader.levels, self.risk.settings
            sized = sized_by_risk(request, asked.wishes, risk, facts, levels, settings)
            request = replace(request, qty=sized.qty)
        entry, given = PricedEntry(request), None
        if known is not None:
            check_same_order(known, request)
            if asked.wishes.has_levels and asked.must_go_along:
                self._check_same_exits(known, request, asked)
            given = given_before(self.oms.journal, standing_for(self.oms.journal, known))
            entry = replace(entry, known=known)
        elif asked.wishes.has_levels or facts.counted(request.symbol) is not None:
            # What is held may have a plan, which an addition without levels joins, too.
            entry = replace(self.planner.priced(request, asked, facts), sized=sized)
        checked = self.risk.judge(entry.request, read, facts, flags | implied)
        return Prepared(entry, checked, flags | implied, given)

    def _check_same_exits(
        self, known: OrderRecord, request: OrderRequest, asked: ExitsAsked
    ) -> None:
        journal = self.oms.journal
        if request.spread:
            check_same_structure(journal, known, request, asked.wishes, self.oms.now())
        else:
            check_same_exits(journal, known, asked)

    def refuse_flags(self, flags: Flags) -> None:
        """Raise FlagNotAllowed for a flag that the configuration forbids."""
        for flag in sorted(flags - set(self.risk.settings.risk.allow_flags)):
            raise FlagNotAllowed(f"{flag.option} is not allowed here")

    def place(
        self,
        what: OrderRequest | PricedEntry,
        why: Provenance = Provenance(),
        *,
        asset: Asset | None = None,
        checked: Checked | None = None,
        adjust: bool = False,
        flags: Flags = NO_FLAGS,
        resize: Resize | None = None,
    ) -> Placed:
        """Check and send, or queue where only time is missing.

        The plan of a `PricedEntry` is durable with the intent, or not at all. `adjust` allows a
        smaller or different order after a refusal of the broker; without it only the very same
        order is ever sent. An order that adds to a position is sent while the exits in its way are
        lifted. Raises Refused (by the checks), BrokerError (by the broker),
        InDoubt, StaleIntent, ClientIdReused, NotPossible (exits could not be lifted),
        LegsRefused, WouldRest or JournalError.
        """
        entry = _entry_of(what)
        request, plan = entry.request, entry.plan
        if not request.client_order_id:
            request = replace(request, client_order_id=self.oms.new_id(self.oms.now()))
        is_new = entry.known is None and self._known(request) is None
        if is_new:
            name = request.client_order_id
            refuse_second(self.oms.journal, why.of or name, why.counted, name)
        if checked is None:
            checked = self.risk.check(request, asset=asset, flags=flags)
        if not is_new:
            record = self._submit(closing_only(request, checked), why, checked, is_new=False)
            return replace(self.carried_on(record), checked=checked)
        checked.entry_price = entry.price
        if entry.sized is not None:
            checked.shortfall = entry.sized.shortfall()
            checked.on_pass = _keeping_size(checked.on_pass, request, entry.sized, self.oms.now())
        request = closing_only(request, checked)
        addition = self.addition(request, checked)
        refuse_conflict(entry, checked)
        joined = addition.plan.plan_id if addition is not None else entry.joins
        if plan is not None:
            why = replace(why, plan_id=plan.plan_id, role=Role.ENTRY)
            checked.on_pass = _saving(checked.on_pass, plan)
        elif joined is not None and why.plan_id is None:
            why = replace(why, plan_id=joined, role=Role.ENTRY)
        # What joins a position was planned for one that is held: it is not judged without it.
        checked.joins = joined if plan is None else None
        checked.asks_anew = joined is None
        if entry.structure is not None:
            checked.on_pass = _saving_structure(checked.on_pass, entry.structure, self.oms.now())
        checked.on_denial = partial(
            keep_denied, plan=plan, structure=entry.structure, now=self.oms.now()
        )

        def attempts(request: OrderRequest) -> Placed:
            return self._attempts(
                request,
                why,
                checked=checked,
                first=self._submit,
                may_queue=True,
                adjust=adjust,
                flags=flags,
                resize=resize,
            )

        return self._planned(
            replace(entry, request=request),
            lambda: self._adding(request, addition, checked, attempts),
        )

    def _planned(self, entry: PricedEntry, send: Callable[[], Placed]) -> Placed:
        """Send, and tell the plan of the entry what became of it."""
        plan, journal = entry.plan, self.oms.journal
        try:
            placed = send()
        except (BrokerError, OmsError) as error:
            if isinstance(error, BrokerError):
                self.risk.reader.forget(entry.request.symbol)
            is_over = not error.in_doubt and not self._may_fill(entry.request)
            if plan is not None and is_over:
                entry_failed(journal, plan, self.oms.now(), f"not sent: {error.message}")
            if entry.structure is not None and is_over:
                end_structures(journal, [entry.structure.plan_id], "not sent", self.oms.now())
            raise
        if placed.record.already:
            return replace(self.carried_on(placed.record), checked=placed.checked)
        if plan is not None:
            entry_went_out(journal, plan, placed.record, self.oms.now())
        if entry.structure is not None:
            structure_went_out(journal, entry.structure, placed.record, self.oms.now())
        return replace(placed, entry=entry)

    def _may_fill(self, request: OrderRequest) -> bool:
        """Whether an order of this wish waits, works or has filled: its plan is for that one, also
        where another process has made it meanwhile."""
        known = self.oms.journal.order_by_client_id(request.client_order_id)
        if known is None:
            return False
        family = family_of(self.oms.journal, known)
        return bool(family.open or filled(family.orders))

    def carried_on(self, record: OrderRecord) -> Placed:
        """What became of an order that was given before. The whole of what it added to is
        protected, should the process that gave it have ended before that."""
        standing = standing_for(self.oms.journal, record)
        record = replace(standing, already=record.already)
        found = given_before(self.oms.journal, record)
        if found.lacks_legs:
            # Found by its id, which does not show them.
            with suppress(BrokerError):
                seen = self.oms.refresh(record.order_id)
                record = replace(seen, already=record.already)
                found = given_before(self.oms.journal, record)
        if found.addition is not None and (record.order.is_working or record.order.filled_qty):
            self.protect(record.symbol, record)
        return found

    def _known(self, request: OrderRequest) -> OrderRecord | None:
        """The order that was given under the id; None where something may be sent under it."""
        known = self.oms.journal.order_by_client_id(request.client_order_id)
        return None if known is None or known.status in REOPENABLE else known

    def addition(self, request: OrderRequest, checked: Checked) -> Addition | None:
        """The position that the request adds to; `checked` is judged anew without the exits in its
        way."""
        held = checked.facts.counted(request.symbol)
        if held is None or held.qty * request.side.sign <= 0:
            return None
        from execbot.oms.place.add_to_position import addition_of

        found = addition_of(self.oms.journal, request, checked.facts)
        if found is not None and found.lifts:
            checked.lifting(found.lifts)
        return found

    def release(
        self, what: OrderRequest | PricedEntry, checked: Checked, *, adjust: bool = False
    ) -> Placed:
        """Send a queued order as it is judged now; see `OrderManagementSystem.release`.

        Its plan, priced anew, is durable with the release. A refusal of the broker leads to what
        `place` would do after it; what ends it is told, since nobody waits for the answer. Raises
        like `place`.
        """
        entry = _entry_of(what)
        checked.entry_price = entry.price
        request = closing_only(entry.request, checked)
        if entry.plan is not None:
            checked.on_pass = _saving(checked.on_pass, entry.plan)
        addition = self.addition(request, checked)
        checked.joins = addition.plan.plan_id if addition is not None else entry.joins
        checked.asks_anew = checked.joins is None
        record = self.oms.record(request.client_order_id)
        family = family_of(self.oms.journal, record)
        before = made_before(family, record)
        why = replace(
            why_again(family, record),
            plan_id=record.plan_id,
            arrival_price=record.arrival_price,
            sent_back=was_sent_back(self.oms.journal, record),
            unattended=True,
        )

        def attempts(request: OrderRequest) -> Placed:
            return self._attempts(
                request,
                why,
                checked=checked,
                first=lambda request, _, checked: self.oms.release(
                    request,
                    gate=alone(checked.gate, family.name, before, request.client_order_id),
                ),
                may_queue=False,
                adjust=adjust,
                flags=checked.flags,
                resize=None,
            )

        return self._planned(
            replace(entry, request=request),
            lambda: self._adding(request, addition, checked, attempts),
        )

    def _adding(
        self,
        request: OrderRequest,
        addition: Addition | None,
        checked: Checked,
        send: Callable[[OrderRequest], Placed],
    ) -> Placed:
        """Lift what stands in the way, but only for an order that passes every check."""
        if addition is None:
            return send(request)
        placed: list[Placed] = []
        if not addition.lifts or not checked.verdict.passed:
            placed.append(send(request))
            if placed[0].record.order.is_working or placed[0].record.order.filled_qty:
                self.protect(request.symbol, placed[0].record)
            return replace(placed[0], addition=addition)

        if addition.refusal:
            raise WouldRest(addition.refusal)
        from execbot.oms.place.add_to_position import add_to_position

        def place(request: OrderRequest) -> OrderRecord:
            placed.append(send(request))
            return placed[0].record

        record = add_to_position(
            self.oms,
            request,
            place,
            held=addition.held,
            protect=lambda symbol: self.protect(symbol, placed[0].record if placed else None),
        )
        return replace(placed[0], record=record, addition=addition)


def _entry_of(what: OrderRequest | PricedEntry) -> PricedEntry:
    return what if isinstance(what, PricedEntry) else PricedEntry(what)


def refuse_conflict(entry: PricedEntry, checked: Checked) -> None:
    """Raise what stands against the exits that were asked for; every other refusal comes first."""
    if entry.conflict is not None and checked.verdict.passed:
        raise entry.conflict


def _saving(before: OnPass | None, plan: ExitPlan) -> OnPass:
    """Writes the entry's plan with the intent, after `before`."""

    def on_pass(journal: Journal) -> None:
        if before is not None:
            before(journal)
        save_entry_plan(journal, plan)

    return on_pass


def _saving_structure(before: OnPass | None, plan: StructurePlan, at: datetime) -> OnPass:
    """Writes the plan of a spread with the intent, after `before`."""

    def on_pass(journal: Journal) -> None:
        if before is not None:
            before(journal)
        save_entry_structure(journal, plan, at)

    return on_pass


def _keeping_size(
    before: OnPass | None, request: OrderRequest, sized: Sized, at: datetime
) -> OnPass:
    """Writes with the intent how its size came about, after `before`."""

    def on_pass(journal: Journal) -> None:
        if before is not None:
            before(journal)
        audit_size(journal, request.client_order_id, sized, at)

    return on_pass


def closing_only(request: OrderRequest, checked: Checked) -> OrderRequest:
    """An exit says so to the broker, which then refuses it should it open a position instead.

    What was judged as an exit passed no limit on entries, and the position may be gone when the
    order arrives. Crypto knows no intent and cannot be sold short; nor can dollar amounts.
    """
    if is_option(request.symbol):
        return with_intent(request, opens=checked.purpose is Purpose.ENTRY)
    held = checked.facts.position(request.symbol)
    if checked.purpose is not Purpose.EXIT or held is None or request.qty is None:
        return request
    if held.asset_class == AssetClass.CRYPTO:
        return request
    return replace(request, position_intent=request.side.to_close)
