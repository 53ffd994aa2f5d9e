"""How long shares were without a stop, and which stops did their work. Pure.

`watch` writes down each change of a position's guard with the shares that nothing covers; between
two of them they are taken as they were, and while no `watch` ran nothing is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct

from execbot.exits.exit_orders import is_meant_to_close
from execbot.exits.rules.view import Guarded
from execbot.journal.records import AuditRow, OrderRecord, Role
from execbot.model.enums import STOP_TYPES, OrderStatus
from execbot.model.numbers import ZERO, to_decimal

WITHOUT_STOP = frozenset({Guarded.UNPROTECTED, Guarded.ARRIVING, Guarded.LIFTED})
"""A stop was promised, and the broker does not hold it: for as long as its order travels, too."""

_MINUTE = timedelta(minutes=1)


class Exposure(Struct, frozen=True):
    """One symbol in one state: for how long, and how many shares times how many minutes."""

    symbol: str
    state: Guarded
    times: int
    lasted: timedelta
    share_minutes: Decimal


class Stops(Struct, frozen=True):
    """Stops of ours that were due in the span: the broker triggered them, or it took them away
    by itself (rejected, expired) while shares may have needed them. `whole` filled entirely."""

    whole: int
    part: int
    rejected: int
    expired: int

    @property
    def due(self) -> int:
        return self.whole + self.part + self.rejected

    @property
    def rate(self) -> Decimal | None:
        return Decimal(self.whole) / self.due if self.due else None


class ProtectionReport(Struct, frozen=True):
    """`exposures` are the states in which shares were uncovered. `changes` of guards were on
    record; 0: no `watch` was there to see. `alarms` of shares without a stop."""

    exposures: Sequence[Exposure]
    stops: Stops
    changes: int
    alarms: int

    @property
    def share_minutes(self) -> Decimal:
        """Shares times minutes without a promised stop."""
        return sum((e.share_minutes for e in self.exposures if e.state in WITHOUT_STOP), ZERO)

    @property
    def lasted(self) -> timedelta:
        found = (e.lasted for e in self.exposures if e.state in WITHOUT_STOP)
        return sum(found, timedelta(0))


def protection_report(
    rows: Sequence[AuditRow],
    records: Iterable[OrderRecord],
    start: datetime,
    end: datetime,
    gaps: Sequence[tuple[datetime, datetime]] = (),
) -> ProtectionReport:
    """`rows` are the audit rows of the span and those before it that say how it began. `gaps` are
    times in which no `watch` ran: nothing is counted in them."""
    guards = [row for row in rows if row.kind == "guard"]
    alarms = [
        row
        for row in rows
        if row.kind == "alarm" and row.facts.get("kind") == "unprotected" and row.at >= start
    ]
    return ProtectionReport(
        exposures=exposures_of(guards, start, end, gaps),
        stops=stops_of(records, start, end),
        changes=sum(1 for row in guards if row.at >= start),
        alarms=len(alarms),
    )


def exposures_of(
    guards: Sequence[AuditRow],
    start: datetime,
    end: datetime,
    gaps: Sequence[tuple[datetime, datetime]] = (),
) -> list[Exposure]:
    found: dict[tuple[str, Guarded], Exposure] = {}
    by_symbol: dict[str, list[AuditRow]] = {}
    for row in guards:
        by_symbol.setdefault(row.subject, []).append(row)
    for symbol, some in by_symbol.items():
        for number, row in enumerate(some):
            until = some[number + 1].at if number + 1 < len(some) else end
            state, shares = _said(row.facts)
            lasted = _between(max(row.at, start), min(until, end), gaps)
            if state is None or not shares or lasted <= timedelta(0):
                continue
            before = found.get((symbol, state), Exposure(symbol, state, 0, timedelta(0), ZERO))
            minutes = shares * Decimal(lasted // timedelta(microseconds=1)) / 60_000_000
            found[symbol, state] = Exposure(
                symbol,
                state,
                before.times + 1,
                before.lasted + lasted,
                before.share_minutes + minutes,
            )
    return sorted(found.values(), key=lambda e: (-e.share_minutes, e.symbol, e.state))


def _said(facts: Mapping[str, object]) -> tuple[Guarded | None, Decimal]:
    """Where shares are on their way out nothing is missing."""
    try:
        state = Guarded(str(facts.get("state")))
        shares = to_decimal(str(facts.get("uncovered") or "0"))
    except (ValueError, ArithmeticError):
        return None, ZERO
    is_left = state in (Guarded.FLAT, Guarded.DUST, Guarded.LEAVING, Guarded.PENDING)
    return (None, ZERO) if is_left else (state, shares)


def _between(
    start: datetime, end: datetime, gaps: Sequence[tuple[datetime, datetime]]
) -> timedelta:
    lasted = end - start
    for begins, ends in gaps:
        lasted -= max(min(ends, end) - max(begins, start), timedelta(0))
    return lasted


def stops_of(records: Iterable[OrderRecord], start: datetime, end: datetime) -> Stops:
    stops = [r for r in records if _is_stop(r)]
    filled = [r for r in stops if r.order.filled_qty and _within(_ended(r), start, end)]
    whole = sum(1 for r in filled if r.status is OrderStatus.FILLED)
    taken = [r for r in stops if not r.order.filled_qty and r.order.id]
    rejected = [
        r
        for r in taken
        if r.status is OrderStatus.REJECTED
        and r.order.submitted_at is not None
        and _within(r.order.failed_at or r.order.updated_at, start, end)
    ]
    expired = [
        r
        for r in taken
        if r.status is OrderStatus.EXPIRED and _within(r.order.expired_at, start, end)
    ]
    return Stops(whole, len(filled) - whole, len(rejected), len(expired))


def _ended(record: OrderRecord) -> datetime | None:
    order = record.order
    return order.filled_at or order.canceled_at or order.expired_at or order.updated_at


def _is_stop(record: OrderRecord) -> bool:
    if not record.is_ours or record.order.type not in STOP_TYPES:
        return False
    return record.role == Role.STOP or is_meant_to_close(record) is True


def _within(moment: datetime | None, start: datetime, end: datetime) -> bool:
    return moment is not None and start <= moment < end
