"""One order's day (or a chain of replacements) as the exchange knows it, and all reports of it.

`Day` plays the truth: executions, corrections, busts, replaces and an end. Each step makes the
reports that a broker could send of it: frames, FILL rows, REST answers. A test delivers any part of
them, in any order, and compares the books with the truth.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from execbot.broker.port import TradeUpdate
from execbot.journal.journal import Journal
from execbot.journal.records import Execution
from execbot.model.account import Activity
from execbot.model.order import Order
from execbot.model.times import iso
from execbot.oms.ledger import recording
from execbot.oms.machine.events import activity_event
from execbot.oms.sync.intake import apply_snapshot, apply_update

D = Decimal
T0 = datetime(2026, 10, 7, 14, 0, tzinfo=UTC)
NOW = datetime(2026, 10, 7, 21, 0, tzinfo=UTC)
CENT = D("0.01")
AVERAGE = D("0.000001")


def apply_row(journal: Journal, row: Activity) -> None:
    """Take in one FILL row, as a gap fill does; nothing while nobody knows its order."""
    with recording(journal) as ledger:
        key = ledger.key_of(row.order_id or "")
        if key is not None:
            ledger.apply(activity_event(row, key, NOW))


@dataclass
class Lot:
    """One true execution: as it was executed, and as it stands."""

    execution_id: str
    activity_id: str
    qty: Decimal
    price: Decimal
    at: datetime
    net_qty: Decimal
    net_price: Decimal
    last_id: str
    """The id under which its last correction left it."""
    amended_at: datetime | None = None


@dataclass
class TrueOrder:
    """One order at the exchange. `carried` is what its totals count of the orders before it."""

    order_id: str
    client_order_id: str
    qty: Decimal
    replaces: str | None = None
    carried: tuple[Decimal, Decimal] = (D(0), D(0))
    lots: list[Lot] = field(default_factory=list)
    status: str = "new"
    replaced_by: str | None = None
    updated_at: datetime = T0

    @property
    def filled(self) -> Decimal:
        return sum((lot.net_qty for lot in self.lots), D(0))

    @property
    def value(self) -> Decimal:
        return sum((lot.net_qty * lot.net_price for lot in self.lots), D(0))

    def wire(self) -> dict[str, Any]:
        total, value = self.filled + self.carried[0], self.value + self.carried[1]
        average = (value / total).quantize(AVERAGE, ROUND_HALF_EVEN) if total else None
        return {
            "id": self.order_id,
            "client_order_id": self.client_order_id,
            "symbol": "AAPL",
            "side": "buy",
            "type": "limit",
            "time_in_force": "day",
            "status": self.status,
            "qty": str(self.qty),
            "limit_price": "110",
            "filled_qty": str(total),
            "filled_avg_price": None if average is None else str(average),
            "replaces": self.replaces,
            "replaced_by": self.replaced_by,
            "created_at": iso(T0),
            "submitted_at": iso(T0),
            "updated_at": iso(self.updated_at),
        }


@dataclass(frozen=True)
class Report:
    """Something that may arrive. `proves` are the execution ids that it carries, `row` its own."""

    what: str
    deliver: Callable[[Journal], object]
    must_come: bool = False
    proves: frozenset[str] = frozenset()
    row: str | None = None

    def __repr__(self) -> str:
        return self.what


class Day:
    """The truth, played from a seed. `chain`: replacements as well, at most two."""

    def __init__(self, seed: int, *, chain: bool) -> None:
        self.chance = random.Random(seed)
        self.chain = chain
        self.carries = chain and self.chance.random() < 0.5
        self.rows_carry = chain and self.chance.random() < 0.5
        self.rows_round = self.chance.random() < 0.3
        self.names_anew = self.chance.random() < 0.5
        """A correction gives its execution a new id, to which the next one refers."""
        self.bust_says_what = self.chance.random() < 0.5
        self.now = T0 + timedelta(seconds=1)
        self.numbers = 0
        self.orders = [TrueOrder("order-1", "mine-1", D(self.chance.choice([10, 12, 20])))]
        self.reports: list[Report] = []
        self._say("new", must_come=True)
        self._play()

    # --- the exchange ----------------------------------------------------------------------

    @property
    def order(self) -> TrueOrder:
        return self.orders[-1]

    def _play(self) -> None:
        for _ in range(self.chance.randint(1, 9)):
            acts = [self._fill] * 5 + [self._amend] * 2 + [self._pause]
            if self.chain and len(self.orders) < 3:
                acts.append(self._replace)
            self.chance.choice(acts)()
        if self.order.status == "partially_filled" or self.order.status == "new":
            end = self.chance.choice(["canceled", "expired", "", ""])
            if end:
                self._tick()
                self.order.status = end
                self._say(end)
        self._tick()
        for order in self.orders:
            self._look(order, must_come=True)

    def _tick(self) -> None:
        self.now += timedelta(milliseconds=self.chance.choice([1, 3, 40, 700, 5000, 90000]))
        self.order.updated_at = self.now

    def _pause(self) -> None:
        self._look(self.order)

    def _left(self) -> Decimal:
        return self.order.qty - sum((order.filled for order in self.orders), D(0))

    def _fill(self) -> None:
        order, left = self.order, self._left()
        if left <= 0 or order.status not in ("new", "partially_filled"):
            return
        if self.chance.random() < 0.8:
            self._tick()  # else in the same instant as what was before
            order.updated_at = self.now
        qty = min(D(self.chance.choice([1, 2, 2, 3, 4, 4, 6])), left)
        price = D(self.chance.choice(["100", "100", "101", "100.5", "100.1234", "99.999"]))
        self.numbers += 1
        number = self.numbers
        lot = Lot(f"x{number}", f"a{number}", qty, price, self.now, qty, price, f"x{number}")
        order.lots.append(lot)
        order.status = "filled" if qty == left else "partially_filled"
        word = "fill" if order.status == "filled" else "partial_fill"
        self._say(word, lot=lot, qty=qty, price=price, execution_id=lot.execution_id)
        self._row(lot, order)

    def _amend(self) -> None:
        """Any lot, of an order that was replaced since as well: then those that carry follow."""
        if self.order.status in ("canceled", "expired"):
            return
        alive = [(order, lot) for order in self.orders for lot in order.lots if lot.net_qty]
        if not alive:
            return
        self._tick()
        order, lot = self.chance.choice(alive)
        order.updated_at = self.now
        is_bust = self.chance.random() < 0.5
        qty, price = lot.net_qty, lot.net_price
        if is_bust:
            lot.net_qty = D(0)
        elif self.chance.random() < 0.5:
            lot.net_price = price = price + D(self.chance.choice(["-1", "0.5", "0.01"]))
        else:
            room = self._left()
            lot.net_qty = qty = max(qty + min(D(self.chance.choice([-1, 1, 2])), room), D(1))
        lot.amended_at = self.now
        self._carry()
        last = self.order
        if self._left() <= 0:
            last.status = "filled"
        elif last.filled + last.carried[0]:
            last.status = "partially_filled"
        elif last.status == "filled":
            last.status = "new"
        refers_to, own = lot.last_id, lot.last_id
        if self.names_anew:
            self.numbers += 1
            own = lot.last_id = f"c{self.numbers}"
        says = not is_bust or self.bust_says_what
        self._say(
            "trade_bust" if is_bust else "trade_correct",
            order=order,
            lot=lot,
            qty=(lot.qty if is_bust else qty) if says else None,
            price=(lot.price if is_bust else price) if says else None,
            execution_id=own,
            raw={"previous_execution_id": refers_to} if self.names_anew else {},
            must_come=True,
        )

    def _carry(self) -> None:
        """A replacement that shows what its chain has filled follows what becomes of that."""
        if not self.carries:
            return
        for number, order in enumerate(self.orders[1:], start=1):
            older = self.orders[:number]
            carried = (
                sum((item.filled for item in older), D(0)),
                sum((item.value for item in older), D(0)),
            )
            if carried != order.carried:
                order.carried, order.updated_at = carried, self.now

    def _replace(self) -> None:
        old, left = self.order, self._left()
        if left <= 0 or old.status not in ("new", "partially_filled"):
            return
        self._tick()
        number = len(self.orders) + 1
        new = TrueOrder(f"order-{number}", f"mine-{number}", old.qty, replaces=old.order_id)
        filled = sum((order.filled for order in self.orders), D(0))
        if self.carries:
            new.carried = (filled, sum((order.value for order in self.orders), D(0)))
            new.status = "partially_filled" if filled else "new"
        old.status, old.replaced_by, old.updated_at = "replaced", new.order_id, self.now
        self._say("replaced")
        self.orders.append(new)
        self._tick()
        self._say("new")

    # --- its reports -----------------------------------------------------------------------

    def _say(
        self,
        event: str,
        *,
        order: TrueOrder | None = None,
        lot: Lot | None = None,
        qty: Decimal | None = None,
        price: Decimal | None = None,
        execution_id: str | None = None,
        raw: dict[str, str] | None = None,
        must_come: bool = False,
    ) -> None:
        shown = (order or self.order).wire()
        update = TradeUpdate(
            event=event,
            order=Order.from_wire(shown),
            at=self.now,
            execution_id=execution_id,
            qty=qty,
            price=price,
            raw={"event": event, "order": shown, "execution_id": execution_id, **(raw or {})},
        )
        self.reports.append(
            Report(
                f"{event} {execution_id or ''} {qty}@{price} total {shown['filled_qty']}",
                lambda journal: apply_update(journal, update, NOW),
                must_come,
                frozenset() if lot is None else frozenset({lot.execution_id}),
            )
        )

    def _row(self, lot: Lot, order: TrueOrder) -> None:
        before = sum((item.filled for item in self.orders[:-1]), D(0))
        total = order.filled + (before if self.rows_carry else D(0))
        price = lot.price.quantize(CENT, ROUND_HALF_EVEN) if self.rows_round else lot.price
        activity = Activity(
            id=lot.activity_id,
            activity_type="FILL",
            at=lot.at,
            order_id=order.order_id,
            symbol="AAPL",
            side="buy",
            qty=lot.qty,
            price=price,
            cum_qty=total,
            order_status="partially_filled",
        )
        self.reports.append(
            Report(
                f"row {lot.activity_id} {lot.qty}@{price} total {total}",
                lambda journal: apply_row(journal, activity),
                must_come=self.chain,
                row=lot.activity_id,
            )
        )

    def _look(self, order: TrueOrder, *, must_come: bool = False) -> None:
        shown = Order.from_wire(order.wire())
        self.reports.append(
            Report(
                f"look at {order.order_id}: {order.status} {shown.filled_qty}",
                lambda journal: apply_snapshot(journal, shown, NOW),
                must_come,
            )
        )

    # --- delivering and judging ------------------------------------------------------------

    def delivery(self, seed: int) -> list[Report]:
        """Some of the reports, some of them twice, in any order."""
        chance = random.Random(seed)
        share = chance.choice([0.2, 0.5, 0.8, 1.0])
        kept = [r for r in self.reports if r.must_come or chance.random() < share]
        kept += [report for report in kept if chance.random() < 0.2]
        if chance.random() < 0.8:
            chance.shuffle(kept)
        return kept

    def judge(self, journal: Journal, delivered: list[Report]) -> list[str]:
        """What the books have wrong, in words."""
        wrong: list[str] = []
        proven = frozenset[str]().union(*(report.proves for report in delivered))
        rows = {report.row for report in delivered}
        for order in self.orders:
            record = journal.order_by_broker_id(order.order_id)
            if record is None:
                wrong.append(f"{order.order_id} is not known")
                continue
            books = {
                item.execution_id: item for item in journal.executions_of(record.client_order_id)
            }
            mine = record.order
            if mine.filled_qty != order.filled:
                wrong.append(f"{order.order_id} filled {mine.filled_qty}, truly {order.filled}")
            wrong += self._off_average(order, mine)
            if str(mine.status) != order.status:
                wrong.append(f"{order.order_id} is {mine.status}, truly {order.status}")
            for lot in order.lots:
                wrong += _off_lot(lot, books, lot.execution_id in proven, lot.activity_id in rows)
        total = sum((order.filled for order in self.orders), D(0))
        position = journal.position("AAPL")
        held = position.qty if position is not None else D(0)
        if held != total:
            wrong.append(f"position {held}, truly {total}")
        return wrong

    def _off_average(self, order: TrueOrder, mine: Order) -> list[str]:
        if not order.filled or mine.filled_avg_price is None:
            return []
        true = order.value / order.filled
        # The broker's average is rounded, and worth as many shares as its total counts.
        total = order.filled + order.carried[0]
        allowed = AVERAGE * (1 + total / order.filled)
        if abs(mine.filled_avg_price - true) <= allowed:
            return []
        return [f"{order.order_id} at {mine.filled_avg_price}, truly {true}"]


def _off_lot(lot: Lot, books: dict[str, Execution], by_id: bool, by_row: bool) -> list[str]:
    if by_id:
        item = books.get(lot.execution_id)
        if item is None:
            return [f"{lot.execution_id} is not in the books"]
        if item.net_qty != lot.net_qty:
            return [f"{lot.execution_id} counts {item.net_qty}, truly {lot.net_qty}"]
        return []
    if by_row and not any(item.activity_id == lot.activity_id for item in books.values()):
        return [f"{lot.activity_id} is not in the books"]
    return []
