"""How well orders were executed: outcomes, success, fill rate of entries, costs, times. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from statistics import median

from msgspec import Struct

from execbot.exits.exit_orders import is_meant_to_close
from execbot.journal.confirmation import Confirmation, ExecutionVerdict, OrderKind
from execbot.journal.records import OrderRecord
from execbot.model.enums import NOT_TAKEN, OWN_ENDS, OrderStatus, Outcome
from execbot.model.numbers import ZERO
from execbot.report.costs import CostBy, CostRow, TimeRow, cost_row, cost_rows, time_rows


class Success(Struct, frozen=True):
    """Our orders that were handed to the broker, and those of them that it took."""

    sent: int
    rejected: int
    never_sent: int
    in_doubt: int

    @property
    def taken(self) -> int:
        return self.sent - self.rejected - self.never_sent - self.in_doubt

    @property
    def rate(self) -> Decimal | None:
        return Decimal(self.taken) / self.sent if self.sent else None


class EntryFills(Struct, frozen=True):
    """Entries of ours that ended at the broker. `by_quantity` is the mean of each order's share."""

    ended: int
    whole: int
    part: int
    none: int
    by_quantity: Decimal | None

    @property
    def rate(self) -> Decimal | None:
        """Share of the entries that filled, in part or whole."""
        return Decimal(self.whole + self.part) / self.ended if self.ended else None


class Missed(Struct, frozen=True):
    """Opportunity cost of entries that did not fill whole (Perold): plus is a gain missed."""

    orders: int
    measured: int
    usd: Decimal


class Drift(Struct, frozen=True):
    """Where the price went after the fill: plus is on in the order's direction. Mean and median of
    basis points, by order."""

    after_seconds: int
    n: int
    mean: Decimal
    median: Decimal


class Executions(Struct, frozen=True):
    """`tracked` are the orders whose change of the position the broker has told, `mistracked` those
    of them where it, or the order's total, was not what the fills say."""

    outcomes: Mapping[Outcome, int]
    success: Success
    entries: EntryFills
    verdicts: Mapping[ExecutionVerdict, int]
    findings: Mapping[str, int]
    all: CostRow
    costs: Mapping[CostBy, Sequence[CostRow]]
    effective_over_quoted: Decimal | None
    quoted: int
    missed: Missed
    drifts: Sequence[Drift]
    times: Sequence[TimeRow]
    tracked: int
    mistracked: int

    def of_class(self, kind: OrderKind) -> CostRow | None:
        return next((row for row in self.costs[CostBy.CLASS] if row.group == kind), None)


def executions_of(
    records: Iterable[OrderRecord], made: Sequence[Confirmation], missed: Sequence[Confirmation]
) -> Executions:
    """`records` are the orders of the span (legs only where they filled), `made` the confirmations
    of what filled in it, `missed` those of entries that ended without any fill."""
    known = [r for r in records if r.status is not OrderStatus.REPLACED]
    # A replaced order goes on in its successor, which is counted.
    tracked = [i for i in made if i.position is not None and i.position.actual is not None]
    ratios = [i.effective_over_quoted for i in made if i.effective_over_quoted is not None]
    return Executions(
        outcomes=Counter(record.outcome for record in known),
        success=success_of(known),
        entries=entry_fills(known),
        verdicts=Counter(item.verdict for item in made),
        findings=Counter(found.kind for item in made for found in item.findings),
        all=cost_row("all", made),
        costs={by: cost_rows(made, by) for by in CostBy},
        effective_over_quoted=median(ratios) if ratios else None,
        quoted=len(ratios),
        missed=_missed([*made, *missed]),
        drifts=_drifts(made),
        times=time_rows(made),
        tracked=len(tracked),
        mistracked=sum(1 for item in tracked if _is_mistracked(item)),
    )


def _is_mistracked(item: Confirmation) -> bool:
    return any(found.kind in ("position", "quantity") for found in item.findings)


def success_of(records: Iterable[OrderRecord]) -> Success:
    asked = [
        r
        for r in records
        if r.is_ours and r.parent_id is None and r.status not in OWN_ENDS and _was_sent(r)
    ]
    ends = Counter(r.status for r in asked)
    return Success(
        len(asked),
        ends[OrderStatus.REJECTED],
        ends[OrderStatus.NEVER_SENT],
        ends[OrderStatus.IN_DOUBT],
    )


def _was_sent(record: OrderRecord) -> bool:
    """Withdrawn from the queue, or lapsed in it: the broker was never asked."""
    return bool(record.order.id) or record.status in NOT_TAKEN


def entry_fills(records: Iterable[OrderRecord]) -> EntryFills:
    ended = [
        r
        for r in records
        if r.is_ours
        and r.parent_id is None
        and r.order.id
        and r.order.is_terminal
        and not is_meant_to_close(r)
    ]
    shares = [_filled_share(r) for r in ended]
    whole = sum(1 for r in ended if r.status is OrderStatus.FILLED)
    none = sum(1 for r in ended if not r.order.filled_qty and not r.progress.chain_qty)
    known = [share for share in shares if share is not None]
    return EntryFills(
        ended=len(ended),
        whole=whole,
        part=len(ended) - whole - none,
        none=none,
        by_quantity=sum(known, ZERO) / len(known) if known else None,
    )


def _filled_share(record: OrderRecord) -> Decimal | None:
    """None of an order in dollars that ended early: how many shares it wanted is not known."""
    if record.status is OrderStatus.FILLED:
        return Decimal(1)
    order = record.order
    if not order.qty:
        return ZERO if not order.filled_qty else None
    return min((order.filled_qty + record.progress.chain_qty) / order.qty, Decimal(1))


def _missed(made: Iterable[Confirmation]) -> Missed:
    found = [item.missed for item in made if item.missed is not None]
    usd = [one.usd for one in found if one.usd is not None]
    return Missed(len(found), len(usd), sum(usd, ZERO))


def _drifts(made: Iterable[Confirmation]) -> list[Drift]:
    by_seconds: dict[int, list[Decimal]] = {}
    for item in made:
        for later in item.later:
            if later.moved_bps is not None:
                by_seconds.setdefault(later.after_seconds, []).append(later.moved_bps)
    return [
        Drift(seconds, len(some), sum(some, ZERO) / len(some), median(some))
        for seconds, some in sorted(by_seconds.items())
    ]
