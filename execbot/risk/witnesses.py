"""The two witnesses of orders and positions, side by side: the broker's answer and the journal.

An order of ours that the broker's answer cannot show yet counts in full, and what neither of them
shows counts as unfilled: an order's shares never count zero times (docs/evidence.md, E-POS-2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from execbot.exits.exit_orders import is_exit
from execbot.journal.journal import Journal
from execbot.journal.records import PROTECTIVE_ROLES, OrderRecord, PositionRecord
from execbot.model.account import Account, Clock, Position
from execbot.model.enums import TERMINAL_STATUSES, OrderClass
from execbot.model.numbers import ZERO
from execbot.model.order import Order
from execbot.model.symbols import pair_symbol, symbol_key
from execbot.model.unread import Unread, unread_about
from execbot.risk.holding_evidence import (
    NOTHING,
    Holdings,
    MayFill,
    counted_positions,
    holding,
    unseen_leaves,
)
from execbot.risk.options.spreads import legs_of_record, risk_of_record, risk_of_spread
from execbot.risk.pending import (
    PendingOrder,
    Purpose,
    counted_in_full,
    merge_pending,
    pending_from_order,
)


class AccountFacts(Struct, frozen=True):
    """The account as the broker showed it at one moment; `seq` is the journal's place before.

    An exit needs neither `account` nor `clock`, and waits for none: they may be None for one.
    """

    account: Account | None
    orders: tuple[Order, ...]
    positions: Mapping[str, Position]
    clock: Clock | None
    seq: int
    read_at: datetime
    """Before the first of them was asked for: what was sent later may be missing."""
    clock_at: datetime
    """When the clock was read or reckoned, the last of them."""
    flows: Decimal = ZERO
    """Cash and securities that came since the last close (plus) or went (minus), in USD."""
    unread: tuple[Unread, ...] = ()
    """Impossible orders and positions: nothing is known of their symbols."""
    began_seconds: float = 0.0
    """`read_at` in the machine's seconds, which neither leap nor run at an exchange's speed."""
    clock_is_kept: bool = False
    """The broker said it a while ago (`KeptFacts`)."""

    def unread_of(self, symbol: str) -> Unread | None:
        return unread_about(symbol, self.unread, self.positions)

    def held(self, symbol: str) -> Decimal:
        """The signed quantity of a symbol; 0 when there is none."""
        position = self.positions.get(symbol_key(symbol))
        return position.qty if position is not None else ZERO


class Known(Struct, frozen=True):
    """An order of the journal; `changed` after the broker was asked. `group`: the multi-leg order
    of which it is a leg, and what that may lose."""

    record: OrderRecord
    changed: bool
    group: str = ""
    group_risk: Decimal | None = None

    @property
    def has_ended_since(self) -> bool:
        return self.changed and self.record.status in TERMINAL_STATUSES

    def pending(self, account: AccountFacts) -> PendingOrder:
        pending = _as_pending(self.record, account.held(self.record.symbol))
        return replace(pending, group=self.group, group_risk=self.group_risk)


class Seen(Struct, frozen=True):
    """The journal's view at event `seq`, beside the broker's answer `account`."""

    seq: int
    account: AccountFacts
    known: list[Known]
    holdings: Holdings


def seen_with(journal: Journal, account: AccountFacts, before: Seen | None) -> Seen:
    """The journal beside the broker's answer, read anew once anything happened to an order."""
    seq = journal.last_seq()
    if before is not None and before.seq == seq and before.account is account:
        return before
    known = _known(journal, account)
    return Seen(seq, account, known, _holdings_of(known, account, journal))


def _known(journal: Journal, account: AccountFacts) -> list[Known]:
    """The journal's open orders, and those that changed since the broker was asked."""
    changed = journal.changed_since(account.seq)
    records = {r.client_order_id: r for r in journal.orders("open")}
    for name in changed - records.keys():
        record = journal.order_by_client_id(name)
        if record is not None:
            records[name] = record
    # A multi-leg option order has no symbol: its legs are orders of their own.
    spreads = {name: record for name, record in records.items() if record.order.is_spread}
    found = []
    for name, record in records.items():
        if name in spreads:
            continue
        parent = spreads.get(record.parent_id or "")
        if parent is None and record.order.order_class is OrderClass.MLEG and record.parent_id:
            parent = journal.order_by_client_id(record.parent_id)
        if parent is None:
            found.append(Known(record, name in changed))
        else:
            risk = risk_of_record(parent)
            found.append(Known(record, name in changed, parent.client_order_id, risk))
    with_legs = {item.group for item in found}
    for name, record in spreads.items():
        if name not in with_legs:  # sent, and the broker has not named its legs yet
            found += _legs_to_come(record, changed=name in changed)
    return found


def _legs_to_come(parent: OrderRecord, *, changed: bool) -> list[Known]:
    """The legs of an order that only its request tells: they count from the intent on."""
    order, risk = parent.order, risk_of_record(parent)
    units = order.qty or ZERO
    return [
        Known(
            replace(
                parent,
                parent_id=parent.client_order_id,
                order=replace(
                    order,
                    client_order_id=f"{parent.client_order_id}/{number}",
                    id="",
                    symbol=leg.symbol,
                    side=leg.side,
                    qty=units * leg.ratio,
                    limit_price=None,
                    position_intent=leg.intent,
                ),
            ),
            changed,
            parent.client_order_id,
            risk,
        )
        for number, leg in enumerate(legs_of_record(parent))
    ]


def _holdings_of(known: Sequence[Known], account: AccountFacts, journal: Journal) -> Holdings:
    """Every symbol by both witnesses, and what of our entries neither of them shows."""
    under_way: dict[str, MayFill] = {}
    for item in known:
        key = symbol_key(item.record.symbol)
        under_way[key] = under_way.get(key, NOTHING).with_order(
            item.record,
            is_entry=item.pending(account).purpose is Purpose.ENTRY,
            changed=item.changed,
        )
    ours = _positions_among(journal, account.positions.keys() | under_way.keys())
    held = {
        key: holding(record, account.positions.get(key), under_way.get(key, NOTHING))
        for key, record in ours.items()
        if record.qty or key in account.positions or key in under_way
    }
    listed = {order.client_order_id for order in account.orders}
    unlisted = [
        item.record
        for item in known
        if not item.changed
        and item.record.order.is_working
        and item.record.client_order_id not in listed
        and item.pending(account).purpose is Purpose.ENTRY
    ]
    return Holdings(
        counted_positions(held.values(), account.positions, ours),
        held,
        unseen_leaves(unlisted, held, account.positions),
    )


def _positions_among(journal: Journal, keys: Iterable[str]) -> dict[str, PositionRecord]:
    """By symbol key: what is held here, and these symbols where they were ever held."""
    spelled = {name for key in keys for name in (key, pair_symbol(key))}
    found = (*journal.positions_of(spelled).values(), *journal.positions())
    return {symbol_key(record.symbol): record for record in found}


def pending_of(
    known: Sequence[Known], account: AccountFacts, holdings: Holdings
) -> tuple[PendingOrder, ...]:
    """Quantities that may still fill, by both witnesses. Shares that neither the broker's orders
    nor its positions show count as unfilled: an order's shares never count zero times."""
    ours = []
    for item in known:
        pending, record = item.pending(account), item.record
        unseen = holdings.unseen.get(record.client_order_id)
        if item.changed:
            pending = counted_in_full(pending, record.order)
            sent_since = record.sent_at is not None and record.sent_at >= account.read_at
            pending = replace(pending, sent_since=sent_since)
        elif unseen is not None:
            pending = replace(pending, leaves_qty=unseen)
        ours.append((pending, item.changed or unseen is not None))
    theirs = [
        _grouped(pending_from_order(order, held_qty=account.held(order.symbol)), listed)
        for listed in account.orders
        for order in listed.parts
    ]
    return merge_pending(ours, theirs)


def _grouped(pending: PendingOrder, listed: Order) -> PendingOrder:
    if not listed.is_spread:
        return pending
    return replace(pending, group=listed.client_order_id, group_risk=risk_of_spread(listed))


def _as_pending(record: OrderRecord, held: Decimal) -> PendingOrder:
    return pending_from_order(
        record.order,
        held_qty=held,
        protective=record.role in PROTECTIVE_ROLES,
        purpose=Purpose.EXIT if is_exit(record, held) else Purpose.ENTRY,
        price_hint=record.arrival_price,
    )
