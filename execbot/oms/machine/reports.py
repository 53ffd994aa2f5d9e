"""The reports of an order's executions, taken apart and put together again. Pure.

Four kinds of report name an execution: the frame of the stream, the FILL row, the correction and
the bust. The books keep one `Execution` for each, with all that its reports have said, so that they
can be taken apart at any time (`Reports.of`) and put together anew when another one comes
(`assembled`). What belongs together is decided in `identity`; as it is decided anew each time, the
books follow from the set of the reports, not from the order in which they came.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from msgspec import Struct, field
from msgspec.structs import replace

from execbot.journal.records import Amendment, Execution, FillState, RowReport
from execbot.model.enums import EventSource
from execbot.model.numbers import ZERO
from execbot.model.order import Order
from execbot.oms.machine.events import ROW_PREFIX, OrderEvent

RECOUNT_PREFIX = "recount:"
"""Begins the id of a correction or bust that was concluded from totals, not reported."""


class Frame(Struct, frozen=True, gc=False):
    """A fill as the stream (or a poll of it) told it, under the execution's own id."""

    execution_id: str
    qty: Decimal
    price: Decimal
    at: datetime
    cum_qty: Decimal | None
    position_qty: Decimal | None
    source: EventSource


class Row(Struct, frozen=True, gc=False):
    """A FILL row of the account activities: an id of its own, none of the execution."""

    activity_id: str
    qty: Decimal
    price: Decimal
    at: datetime
    cum_qty: Decimal | None


class Reports(Struct):
    """The reports of one order: frames and amendments by execution id, rows by their own."""

    frames: dict[str, Frame] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    amendments: dict[str, tuple[Amendment, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, executions: Iterable[Execution]) -> Reports:
        """Take the books of an order apart; what was inferred is no report."""
        found = cls()
        for item in executions:
            if item.state is FillState.INFERRED:
                continue
            name = item.execution_id
            if item.is_heard:
                found.frames[name] = _frame(item)
            if item.activity_id is not None:
                found.rows[item.activity_id] = _row(item, item.activity_id)
            amendments = item.amendments or _older_amendments(item)
            if amendments:
                found.amendments[name] = amendments
        return found

    def amend(self, name: str, amendment: Amendment) -> None:
        """Take an amendment of the execution `name` in; from now on it goes by the id of that too.

        A later amendment may have come before it, under that id: both belong to one execution.
        """
        key = self.known_as(name)
        if key == amendment.id:
            key = name
        merged = {amendment}
        for known in {key, self.known_as(amendment.id)}:
            merged |= set(self.amendments.pop(known, ()))
            if known != key and known in self.frames:
                frame = replace(self.frames.pop(known), execution_id=key)
                self.frames.setdefault(key, frame)
        self.amendments[key] = tuple(sorted(merged, key=_precedence))

    def forget_conclusions(self) -> None:
        """A real amendment has come: what totals alone had said is decided anew beside it."""
        for name, items in list(self.amendments.items()):
            told = tuple(item for item in items if not item.id.startswith(RECOUNT_PREFIX))
            if told:
                self.amendments[name] = told
            else:
                del self.amendments[name]

    def known_as(self, name: str) -> str:
        """The id under which the books keep the execution that goes by this one."""
        if name in self.frames or name in self.amendments:
            return name
        for key, items in self.amendments.items():
            if any(item.id == name for item in items):
                return key
        return name


def ruling(amendments: Sequence[Amendment], at: datetime | None = None) -> Amendment | None:
    """The amendment that counted at a time: a bust is final, of corrections the youngest counts."""
    found = [item for item in amendments if at is None or item.at <= at]
    return found[-1] if found else None


def _precedence(item: Amendment) -> tuple[bool, datetime, bool, str, str]:
    """The one that counts last; of two at once it is always the same. What totals alone said was
    concluded with the broker's own corrections at hand, so it counts after those of its moment."""
    is_concluded = item.id.startswith(RECOUNT_PREFIX)
    return item.is_bust, item.at, is_concluded, f"{item.qty}@{item.price}", item.id


def _older_amendments(item: Execution) -> tuple[Amendment, ...]:
    """Written before amendments were kept as such: only what they led to is known."""
    if item.changed_at is None or item.state not in (FillState.BUSTED, FillState.CORRECTED):
        return ()
    is_bust = item.state is FillState.BUSTED
    qty = None if is_bust else item.net_qty
    return (Amendment(item.execution_id, is_bust, item.changed_at, qty, item.net_price),)


def _frame(item: Execution) -> Frame:
    return Frame(
        item.execution_id,
        item.qty,
        item.price,
        item.at,
        item.cum_qty,
        item.position_qty,
        item.source,
    )


def _row(item: Execution, activity_id: str) -> Row:
    said = item.row
    if said is None:
        return Row(activity_id, item.qty, item.price, item.at, item.cum_qty)
    return Row(activity_id, item.qty, said.price, said.at, said.cum_qty)


# --- from an event -------------------------------------------------------------------------


def frame_of(event: OrderEvent, name: str) -> Frame:
    assert event.qty is not None and event.price is not None
    return Frame(
        name,
        event.qty,
        event.price,
        _time_of(event),
        event.cum_qty,
        event.position_qty,
        event.source,
    )


def row_of(event: OrderEvent, activity_id: str) -> Row:
    assert event.qty is not None and event.price is not None
    return Row(activity_id, event.qty, event.price, _time_of(event), event.cum_qty)


def amendment_of(event: OrderEvent, own_id: str, *, is_bust: bool) -> Amendment:
    """Its time is never after that of the order shown in it: that total counts it already."""
    order, at = event.order, _time_of(event)
    if order is not None and order.updated_at is not None:
        at = min(at, order.updated_at)
    return Amendment(
        id=own_id,
        is_bust=is_bust,
        at=at,
        qty=event.qty,
        price=event.price,
        total=order.filled_qty if order is not None else None,
        average=order.filled_avg_price if order is not None else None,
    )


def _time_of(event: OrderEvent) -> datetime:
    return event.at or event.stamp or event.recorded_at


# --- put together --------------------------------------------------------------------------


def assembled(reports: Reports, owners: Mapping[str, str], order: Order) -> dict[str, Execution]:
    """The books of an order: `owners` says which execution each FILL row belongs to.

    A row without an owner is an execution of its own. Sorted by time and id, so that nothing that
    follows depends on the order of arrival.
    """
    row_for = {name: reports.rows[activity_id] for activity_id, name in owners.items()}
    found: list[Execution] = []
    for name, frame in reports.frames.items():
        item = _heard(frame, row_for.get(name), order)
        found.append(with_amendments(item, reports.amendments.get(name, ())))
    for name, amendments in reports.amendments.items():
        if name not in reports.frames:
            row = row_for.get(name)
            item = _named(name, amendments, order) if row is None else _from_row(name, row, order)
            found.append(with_amendments(item, amendments))
    for activity_id, row in reports.rows.items():
        if activity_id not in owners:
            found.append(_from_row(f"{ROW_PREFIX}{activity_id}", row, order))
    found.sort(key=lambda item: (item.at, item.execution_id))
    return {item.execution_id: item for item in found}


def _heard(frame: Frame, row: Row | None, order: Order) -> Execution:
    item = Execution(
        execution_id=frame.execution_id,
        order_id=order.id,
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        at=frame.at,
        source=frame.source,
        state=FillState.BOOKED,
        qty=frame.qty,
        price=frame.price,
        net_qty=frame.qty,
        net_price=frame.price,
        cum_qty=frame.cum_qty,
        position_qty=frame.position_qty,
        asset_class=order.asset_class,
    )
    if row is None:
        return item
    same = (row.price, row.at, row.cum_qty) == (frame.price, frame.at, frame.cum_qty)
    said = None if same else RowReport(row.price, row.at, row.cum_qty)
    return replace(item, activity_id=row.activity_id, row=said)


def _from_row(name: str, row: Row, order: Order) -> Execution:
    return Execution(
        execution_id=name,
        order_id=order.id,
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        at=row.at,
        source=EventSource.ACTIVITY,
        state=FillState.BOOKED,
        qty=row.qty,
        price=row.price,
        net_qty=row.qty,
        net_price=row.price,
        cum_qty=row.cum_qty,
        activity_id=row.activity_id,
        asset_class=order.asset_class,
        is_heard=False,
    )


def _named(name: str, amendments: Sequence[Amendment], order: Order) -> Execution:
    """Only amendments have named it: `totals` says how much of it counts."""
    first = min(item.at for item in amendments)
    return Execution(
        execution_id=name,
        order_id=order.id,
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        at=first,
        source=EventSource.STREAM,
        state=FillState.BOOKED,
        qty=ZERO,
        price=ZERO,
        net_qty=ZERO,
        net_price=ZERO,
        asset_class=order.asset_class,
        is_heard=False,
    )


def with_amendments(item: Execution, amendments: tuple[Amendment, ...]) -> Execution:
    """The execution as its corrections or its bust left it."""
    counts = ruling(amendments)
    if counts is None:
        return item
    qty, price = amended(item.qty, item.price, counts)
    return replace(
        item,
        state=FillState.BUSTED if counts.is_bust else FillState.CORRECTED,
        net_qty=qty,
        net_price=price,
        changed_at=counts.at,
        amendments=amendments,
    )


def amended(qty: Decimal, price: Decimal, amendment: Amendment) -> tuple[Decimal, Decimal]:
    """Quantity and price as the amendment leaves them."""
    if amendment.is_bust:
        return ZERO, price
    return (
        qty if amendment.qty is None else amendment.qty,
        price if amendment.price is None else amendment.price,
    )
