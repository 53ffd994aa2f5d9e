"""What the core knows of one symbol, and how that becomes the view that the exit rules look at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec.structs import replace

from execbot.exits.exit_orders import is_meant_to_close
from execbot.exits.levels import NICKEL
from execbot.exits.living_orders import SymbolOrder, read_orders
from execbot.exits.plan.plan import ExitPlan, PlanStatus
from execbot.exits.plan.rescale import SPLIT_GAP
from execbot.exits.rules.view import Coverage, Limits, Memory, SymbolMarket, View
from execbot.exits.structures.plan import StructurePlan
from execbot.exits.structures.standing import StructureStanding
from execbot.journal.records import OrderRecord
from execbot.market.sessions import MarketNow, Session
from execbot.model.enums import ARRIVING, STANDING, OrderStatus, OrderType, PositionSide
from execbot.model.numbers import ZERO
from execbot.model.symbols import is_option
from execbot.oms.machine.alarms import OrderAlarm

ORDERS_KEPT = 20
"""More orders than this are looked through for those that say nothing any more."""

CHAIN_KEPT = 50
"""How many replaced ancestors of a living order are kept: enough to find its family."""

BROKER_FRESH = timedelta(seconds=10)
"""How long the broker's position counts as confirmation."""

ORDER_SETTLES = timedelta(seconds=1)
"""An order sent less than this before the broker was asked may not be in its answer."""

ACKNOWLEDGED_SETTLES = timedelta(milliseconds=300)
"""The same for an order that the broker has acknowledged: only the two requests may cross."""


READ_FIRST_MAX = timedelta(seconds=2)
"""How long shares wait for the broker's position before they get a stop all the same."""

LONG_UNTOUCHED = timedelta(hours=1)
"""A plan that nobody has touched for so long may be of before a split that nobody here has seen."""


@dataclass
class Difference:
    """The broker's quantity is not the sum of the fills, and has not been `since`."""

    ours: Decimal
    theirs: Decimal
    since: datetime
    is_reported: bool = False
    is_awaited: bool = False
    """Rows that would explain it are to come: shown, and not told as unexplained."""


@dataclass
class SymbolState:
    """Mutable memory of one symbol. `qty` is signed: what is held, and has to be guarded."""

    symbol: str
    qty: Decimal = ZERO
    journal_qty: Decimal = ZERO
    """The sum of the fills."""
    unexplained: Decimal = ZERO
    """What `qty` has beyond the fills because the broker says so: less after a fee in coins."""
    difference: Difference | None = None
    bought_qty: Decimal = ZERO
    avg_entry_price: Decimal | None = None
    realized_pl: Decimal = ZERO
    opened_at: datetime | None = None
    changed_at: datetime | None = None
    orders: dict[str, OrderRecord] = field(default_factory=dict)
    plan: ExitPlan | None = None
    waiting: tuple[ExitPlan, ...] = ()
    """Plans of entries that were given before that of what is held has ended, the oldest first."""
    structure: StructureStanding = field(default_factory=StructureStanding)
    """What a contract had of its structure's exits when it was looked at last."""
    memory: Memory = field(default_factory=Memory)
    coverage: Coverage = field(default_factory=Coverage)
    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None
    quoted_at: datetime | None = None
    priced_at: datetime | None = None
    believed_price: Decimal | None = None
    """The last price that was no jump, or that the broker's position has borne out."""
    jumped_at: datetime | None = None
    is_halted: bool = False
    is_crypto: bool = False
    tick: Decimal | None = None
    smallest: Decimal | None = None
    broker_qty: Decimal | None = None
    broker_avg: Decimal | None = None
    broker_available: Decimal | None = None
    broker_asked_at: datetime | None = None
    last_execution: str = ""
    """The id of the youngest execution in the books."""
    agreed: tuple[datetime, str] | None = None
    """When the broker last answered what the fills add up to, and the youngest of them then."""
    is_busy: bool = False
    """Actions of this symbol are being carried out: the next decision waits for their result."""
    is_dirty: bool = True
    wake_at: datetime | None = None
    hands_off_until: datetime | None = None
    taken_away: int = 0
    """How often somebody else has canceled our protection since it was last left alone."""
    taken_at: datetime | None = None
    canceled_at: datetime | None = None
    """When an exit ended last that we had not asked to end."""
    asked_cancels: dict[str, datetime] = field(default_factory=dict)
    """Cancels that the broker has taken and whose end was not reported yet."""
    _living: list[OrderRecord] | None = None
    """Of `orders`, until one of them changes: every tick asks for them several times."""

    # --- taking in -------------------------------------------------------------------------

    def put(self, record: OrderRecord) -> OrderRecord | None:
        """Remember an order with its legs; returns what was known of it before."""
        before = self.orders.get(record.client_order_id)
        self.orders[record.client_order_id], self._living = record, None
        self.is_crypto = self.is_crypto or record.order.asset_class == "crypto"
        self.is_dirty = True
        return before

    def guard_qty(self, unexplained: Decimal) -> None:
        """Guard the sum of the fills and what the broker has beyond it (or less)."""
        self.unexplained = unexplained
        qty = self.journal_qty + unexplained
        if qty != self.qty:
            self.qty, self.is_dirty = qty, True

    def tidy(self) -> None:
        """Keep the orders few, so that a decision on a busy day is as cheap as on a quiet one."""
        if len(self.orders) > ORDERS_KEPT:
            self.forget_ended()

    def forget_ended(self) -> None:
        """Drop orders that say nothing any more, so that a week of trading stays small.

        Kept: the living, their families, and what sold under the plan.
        """
        by_id = {r.order_id for r in self.orders.values() if r.order_id}
        # An order whose successor nobody has heard of lives on in that one, which is asked for.
        going_on = [
            record
            for record in self.orders.values()
            if _is_alive(record) or (record.order.replaced_by or "") not in by_id | {""}
        ]
        keep = set(self._family(going_on))
        entries = {plan.entry_client_order_id for plan in self.plans}
        for name, record in self.orders.items():
            if name in entries or self._has_sold(record):
                keep.add(name)
        keep |= set(self._what_became_of(keep))
        self.orders = {name: r for name, r in self.orders.items() if name in keep}
        asked = self.asked_cancels.items()
        self.asked_cancels = {name: at for name, at in asked if name in self.orders}
        self._living = None

    def _has_sold(self, record: OrderRecord) -> bool:
        """It filled on the closing side while the plan was in force: it served a target, or tells
        that the position was left."""
        plan, order = self.plan, record.order
        if plan is None or order.side is not plan.exit_side or not order.filled_qty:
            return False
        since = record.sent_at or record.intent_at
        return record.plan_id == plan.plan_id or since is None or since >= plan.created_at

    def _what_became_of(self, kept: Iterable[str]) -> Iterable[str]:
        """An order whose successor is forgotten would look as if it had just been replaced."""
        by_id = {r.order_id: r for r in self.orders.values() if r.order_id}
        for name in kept:
            yield from (r.client_order_id for r in _took_its_place(self.orders[name], by_id))

    def entry_of(self, plan: ExitPlan) -> list[OrderRecord]:
        """The entry of a plan, and what took its place: the last one is what became of it."""
        entry = self.orders.get(plan.entry_client_order_id or "")
        if entry is None:
            return []
        by_id = {r.order_id: r for r in self.orders.values() if r.order_id}
        return [entry, *_took_its_place(entry, by_id)]

    def _family(self, living: Iterable[OrderRecord]) -> Iterable[str]:
        by_id = {r.order_id: r for r in self.orders.values() if r.order_id}
        for record in living:
            yield from self._chain(record, by_id)
            parent = self.orders.get(record.parent_id or "")
            if parent is not None:
                yield from self._chain(parent, by_id)
                for other in self.orders.values():
                    # A leg whose stop is moved all day leaves an order behind with each move.
                    was_moved = other.order.replaced_by in by_id
                    if other.parent_id == parent.client_order_id and not was_moved:
                        yield other.client_order_id

    def _chain(self, record: OrderRecord, by_id: dict[str, OrderRecord]) -> Iterable[str]:
        current: OrderRecord | None = record
        for _ in range(CHAIN_KEPT):
            if current is None:
                return
            yield current.client_order_id
            current = by_id.get(current.order.replaces or "")

    # --- asking ----------------------------------------------------------------------------

    @property
    def uncounted_qty(self) -> Decimal:
        """Executions, signed, that the broker does not count in the orders any more: each says so
        itself, later than it had executed (docs/evidence.md, E-EXE-9)."""
        lesser = [r for r in self.orders.values() if r.alarm == OrderAlarm.FILLED_LESS]
        gone = (r.order.side.sign * (r.order.filled_qty - r.progress.latest_qty) for r in lesser)
        return sum(gone, ZERO)

    @property
    def is_pending(self) -> bool:
        """The broker's quantity differs as rows that are to come will explain."""
        return self.difference is not None and self.difference.is_awaited

    @property
    def structure_plan(self) -> StructurePlan | None:
        """The plan that rules it, where it has none of its own."""
        has_own = self.plan is not None and self.plan.status is not PlanStatus.CLOSED
        return None if has_own else self.structure.plan

    @property
    def living(self) -> list[OrderRecord]:
        if self._living is None:
            self._living = [r for r in self.orders.values() if _is_alive(r)]
        return self._living

    @property
    def broker_trails(self) -> bool:
        """A trailing stop works at the broker."""
        return any(r.order.type is OrderType.TRAILING_STOP for r in self.living)

    @property
    def plans(self) -> tuple[ExitPlan, ...]:
        """The one that counts, and those that wait."""
        return self.waiting if self.plan is None else (self.plan, *self.waiting)

    @property
    def is_idle(self) -> bool:
        """Nothing is held, nothing works and no plan waits."""
        open_plan = self.plan is not None and self.plan.status is not PlanStatus.CLOSED
        has_plan = open_plan or bool(self.waiting)
        return self.qty == 0 and not self.living and not has_plan and not self.is_busy

    def confirmed(self, now: datetime) -> bool:
        asked = self.broker_asked_at
        if asked is None or now - asked > BROKER_FRESH:
            return False
        return self.broker_qty == self.qty

    @property
    def is_absent(self) -> bool:
        """The broker has shown none of what the fills make for so long that it was reported. That
        proves no sale, and no split either: prices are believed, and exits that are watched here
        still fire (docs/evidence.md, E-POS-4)."""
        known = self.difference
        return self.qty != 0 and not self.broker_qty and known is not None and known.is_reported

    def is_read_since(self, moment: datetime) -> bool:
        """The broker was asked for its position after `moment`."""
        return self.broker_asked_at is not None and self.broker_asked_at >= moment

    def is_price_doubtful(self, now: datetime) -> bool:
        """The price has jumped, and the broker's position was not read (or differs) since."""
        if self.jumped_at is None:
            return False
        if not self.is_read_since(self.jumped_at):
            return True
        return not self.confirmed(now) and not self.is_absent

    def reads_first(self, now: datetime) -> bool:
        """Exits were canceled elsewhere, as the broker does before a split, or the plan is an old
        one and this program has just begun. The wait is bounded: reads may be held up."""
        if self.canceled_at is not None and not self.is_read_since(self.canceled_at):
            return now - self.canceled_at < READ_FIRST_MAX
        if self.broker_asked_at is not None or self.plan is None or self.changed_at is None:
            return False
        untouched = now - self.plan.updated_at > LONG_UNTOUCHED
        return untouched and now - self.changed_at < READ_FIRST_MAX

    def weigh(self, price: Decimal, now: datetime) -> None:
        """Look whether a price is a jump from the last one that was believed."""
        known = self.believed_price or self.avg_entry_price or price
        if abs(price - known) <= known * SPLIT_GAP:
            self.believed_price, self.jumped_at = price, None
        elif self.jumped_at is None:
            self.jumped_at = now
        elif not self.is_price_doubtful(now):
            self.believed_price, self.jumped_at = price, None

    def available(self) -> Decimal | None:
        """The broker's free shares, when it was asked after everything of ours had settled."""
        asked = self.broker_asked_at
        if asked is None or self.broker_qty != self.qty:
            return None
        for record in self.living:
            sent = record.sent_at or record.intent_at
            settles = ORDER_SETTLES if record.status in ARRIVING else ACKNOWLEDGED_SETTLES
            if sent is not None and sent + settles > asked:
                return None
        if self.changed_at is not None and asked < self.changed_at:
            return None
        return self.broker_available

    def _seen(self, record: OrderRecord, at: datetime) -> SymbolOrder:
        """The order as it is; one that was asked to be canceled is shown as being canceled."""
        order = SymbolOrder.from_record(record)
        if not self.is_asked_to_end(record, at) or not record.order.is_working:
            self.asked_cancels.pop(record.client_order_id, None)
            return order
        return replace(order, order=replace(record.order, status=OrderStatus.PENDING_CANCEL))

    def is_asked_to_end(self, record: OrderRecord, at: datetime) -> bool:
        """The broker took a cancel of the order a moment ago; its end was not reported yet."""
        asked = self.asked_cancels.get(record.client_order_id)
        return asked is not None and at - asked < CANCEL_SHOWN

    def held(self) -> Decimal:
        """Shares that our orders hold by what we know."""
        orders = [SymbolOrder.from_record(r) for r in self.orders.values()]
        return read_orders(orders, PositionSide.of(self.qty).closing).held

    @property
    def is_quiet(self) -> bool:
        """Of a kind that trades seldom: coins and option contracts."""
        return self.is_crypto or is_option(self.symbol)

    @property
    def price(self) -> Decimal | None:
        """The last trade. Coins and contracts trade so seldom that one beyond the present quote is
        out of date; of the quote then the side counts that is nearer to it."""
        last, bid, ask = self.last, self.bid, self.ask
        if not self.is_quiet or last is None or not bid or not ask or bid > ask:
            return last
        return min(max(last, bid), ask)

    def market(self, now: MarketNow, *, extended: frozenset[Session]) -> SymbolMarket:
        if self.is_crypto or now.never_closes:
            return SymbolMarket(self.bid, self.ask, self.price, is_halted=self.is_halted)
        return SymbolMarket(
            bid=self.bid,
            ask=self.ask,
            last=self.price,
            quoted_at=self.quoted_at,
            is_open=now.is_open,
            is_extended=now.session in extended and not is_option(self.symbol),
            is_halted=self.is_halted,
            close_at=now.day.close if now.day is not None and now.is_open else None,
        )

    def view(
        self, at: datetime, now: MarketNow, limits: Limits, extended: frozenset[Session]
    ) -> View:
        """The symbol as the exit rules see it."""
        return View(
            symbol=self.symbol,
            now=at,
            qty=self.qty,
            plan=self.plan,
            orders=tuple(self._seen(r, at) for r in self.orders.values()),
            avg_entry_price=self.broker_avg if self.unexplained else self.avg_entry_price,
            opened_at=self.opened_at,
            available=self.available(),
            is_confirmed=self.confirmed(at) or self.is_absent,
            confirmed_at=self.broker_asked_at,
            is_price_doubtful=self.is_price_doubtful(at),
            reads_first=self.reads_first(at),
            is_crypto=self.is_crypto,
            tick=NICKEL if is_option(self.symbol) else self.tick,
            smallest=self.smallest,
            market=self.market(now, extended=extended),
            limits=limits,
            memory=self.memory,
            structure=self.structure,
            is_pending=self.is_pending,
        )


CANCEL_SHOWN = timedelta(seconds=3)
"""How long an order counts as being canceled on our word alone."""


def _took_its_place(record: OrderRecord, by_id: Mapping[str, OrderRecord]) -> Iterator[OrderRecord]:
    """The orders that replaced this one, one after the other, as far as they are known."""
    for _ in range(CHAIN_KEPT):
        later = by_id.get(record.order.replaced_by or "")
        if later is None:
            return
        yield later
        record = later


def _is_alive(record: OrderRecord) -> bool:
    return record.order.is_open


def is_entry(record: OrderRecord) -> bool:
    """An order of ours that opens or adds, at the broker and not ended."""
    return record.is_ours and record.status in STANDING and not is_meant_to_close(record)


def without_memory(state: SymbolState) -> None:
    """Forget what was learned, when the trader changes the plan.

    How long shares have had no stop is no lesson but a fact, and goes on being counted.
    """
    old = state.memory
    state.memory = Memory(
        uncovered_since=old.uncovered_since,
        exposed_since=old.exposed_since,
        is_alarmed=old.is_alarmed,
        refreshed_at=old.refreshed_at,
    )
