"""Splits of a position: told by the broker's own record, else by quantity and price. Pure.

The record are the SPLIT rows of the account's activities: of each split one row takes the old
shares away and one brings the new ones. That is proof where it fits what is in the books at that
moment and ends at what the broker holds now, fills of before and after it included. Without rows
(the broker writes them late, often overnight) the average price must have moved by the inverse of
the ratio that the quantity moved by, with no fill that is unknown here. All else is no split.

A split leaves the cost of a position as it was, and realises nothing; so does what is paid out for
a fraction of a share.

Shapes of the rows: Alpaca's OpenAPI description (`group_id` links siblings, `created_at` is when a
row was written, which may be long after its `date`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from msgspec import Struct
from msgspec.structs import replace

from execbot.exits.plan.plan import ExitPlan
from execbot.exits.plan.rescale import plan_ratio, ratio_words, split_ratio, used_ratio
from execbot.journal.records import Execution, PositionRecord
from execbot.model.account import Activity
from execbot.model.numbers import ZERO, text
from execbot.model.times import day_begins, parse_time
from execbot.oms.machine.positions import PRICE_STEP, add_execution
from execbot.risk.flows import TRANSFER_ROWS

SPLIT_ROWS = ("SPLIT",)


class SplitStep(Struct, frozen=True):
    """One split: at `at` the shares `before` (signed) became `after`, each worth `price` of cost.

    `activity_id` is the broker's row of the new shares, None where quantity and price told it.
    """

    at: datetime
    before: Decimal
    after: Decimal
    price: Decimal
    ratio: Decimal
    activity_id: str | None = None


class Split(Struct, frozen=True):
    """What brings `ours` to `theirs`: one split, or several that nobody here has seen."""

    symbol: str
    ours: Decimal
    theirs: Decimal
    steps: tuple[SplitStep, ...]

    @property
    def ratios(self) -> tuple[Decimal, ...]:
        """New shares for one old share: over all steps, over all but the first, and so on."""
        found = [Decimal(1)]
        for step in reversed(self.steps):
            found.append(found[-1] * step.ratio)
        return tuple(reversed(found[1:]))

    def ratio_for(self, plan: ExitPlan, average: Decimal | None) -> Decimal:
        """By what the levels of a plan have to be divided; 1 where they stand right.

        Where prices alone have told a split, they may have told an earlier one to the plan only.
        """
        ratios = self.ratios
        if not self.is_proven and plan.entry_price and average:
            by_price = used_ratio(plan.entry_price / average)
            ratios = (*ratios, by_price) if by_price is not None else ratios
        return plan_ratio(plan, ratios, average)

    @property
    def is_proven(self) -> bool:
        """The broker's own rows say so."""
        return all(step.activity_id is not None for step in self.steps)

    def __str__(self) -> str:
        said = ", ".join(_step_words(step) for step in self.steps)
        why = "by the broker's record" if self.is_proven else "by quantity and average price"
        return f"{self.symbol} was split {said} ({why})"


# --- from quantity and price ---------------------------------------------------------------


def by_quantity(
    symbol: str,
    ours: Decimal,
    average: Decimal | None,
    theirs: Decimal,
    their_average: Decimal | None,
    now: datetime,
    *,
    in_lieu: bool = False,
) -> Split | None:
    """A split seen from what is held here and at the broker; see `exits.splits.split_ratio`."""
    ratio = split_ratio(ours, average, theirs, their_average, in_lieu=in_lieu)
    if ratio is None or average is None:
        return None
    price = _rounded(ours * average / theirs)
    return Split(symbol, ours, theirs, (SplitStep(now, ours, theirs, price, ratio),))


def looks_like(ours: Decimal, theirs: Decimal) -> str:
    """`4:1` where the quantities alone would make a split of it, else nothing."""
    if not ours or theirs / ours <= 0:
        return ""
    ratio = used_ratio(theirs / ours)
    return ratio_words(ratio) if ratio is not None and ratio * ours == theirs else ""


# --- from the broker's record --------------------------------------------------------------


class _Pair(Struct, frozen=True):
    """The two rows of one split. `low` and `high` are their signed quantities: which of them takes
    away depends on the side of the position. `times` are when it may have taken effect."""

    times: tuple[datetime, ...]
    low: Activity
    high: Activity


def by_record(
    symbol: str,
    executions: Sequence[Execution],
    rows: Sequence[Activity],
    theirs: Decimal,
    their_average: Decimal | None,
) -> Split | None:
    """The splits among `rows` that bring the books to what the broker holds.

    `executions` are all of the symbol in order. A row that was booked, or that is older than the
    last adjustment (which took the broker's quantity over), explains nothing any more.
    """
    booked = {item.activity_id for item in executions if item.activity_id}
    since = last_adjustment(executions)
    pairs = [pair for pair in _pairs(symbol, rows) if pair.high.id not in booked]
    for first in range(len(pairs)):
        for which in (0, -1):
            split = _replayed(
                symbol, executions, pairs[first:], which, theirs, their_average, since
            )
            if split is not None:
                return split
    return None


def last_adjustment(executions: Sequence[Execution]) -> datetime | None:
    """When the broker's quantity was taken over last."""
    found = (item.at for item in executions if item.is_adjustment)
    return max(found, default=None)


def is_transferred(symbol: str, rows: Sequence[Activity], since: datetime | None) -> bool:
    """Shares of the symbol came from or went to another account since then."""
    return any(
        row.symbol == symbol
        and row.activity_type in TRANSFER_ROWS
        and row.qty
        and (since is None or row.at is None or row.at.date() >= since.date())
        for row in rows
    )


def _pairs(symbol: str, rows: Sequence[Activity]) -> list[_Pair]:
    """Splits of the symbol, oldest first. What does not consist of two rows is something else."""
    groups: defaultdict[str, list[Activity]] = defaultdict(list)
    for row in rows:
        wanted = row.symbol == symbol and row.activity_type in SPLIT_ROWS and row.qty is not None
        if wanted and str(row.raw.get("status") or "executed") != "canceled":
            groups[str(row.raw.get("group_id") or row.raw.get("date") or "")].append(row)
    pairs = []
    for group in groups.values():
        if len(group) != 2:
            continue
        low, high = sorted(group, key=lambda row: row.qty or ZERO)
        times = _times(low)
        if times and (low.qty or ZERO) <= 0 <= (high.qty or ZERO):
            pairs.append(_Pair(times, low, high))
    return sorted(pairs, key=lambda pair: (pair.times[-1], pair.times[0]))


def _times(row: Activity) -> tuple[datetime, ...]:
    """When the row was written, and the beginning of its day in New York."""
    found = []
    written = parse_time(row.raw.get("created_at"))
    if written is not None:
        found.append(written)
    if row.at is not None:
        found.append(day_begins(row.at.date()))
    return tuple(found)


def _replayed(
    symbol: str,
    executions: Sequence[Execution],
    pairs: Sequence[_Pair],
    which: int,
    theirs: Decimal,
    their_average: Decimal | None,
    since: datetime | None,
) -> Split | None:
    """Executions and splits in the order of their time: does it add up, at each of them?"""
    position, steps = PositionRecord(symbol=symbol), list[SplitStep]()
    waiting = [(pair.times[which], pair) for pair in pairs]
    if since is not None and any(at <= since for at, _ in waiting):
        return None
    ours = ZERO
    for execution in [*executions, None]:
        while waiting and (execution is None or waiting[0][0] < execution.at):
            at, pair = waiting.pop(0)
            hint = their_average if execution is None else None
            step = _step(position, pair, at, hint)
            if step is None:
                return None
            steps.append(step)
            position = _after(position, step)
        if execution is not None:
            position = add_execution(position, execution)
            ours += execution.net_qty * execution.side.sign
    return Split(symbol, ours, theirs, tuple(steps)) if position.qty == theirs else None


def _step(
    position: PositionRecord, pair: _Pair, at: datetime, their_average: Decimal | None
) -> SplitStep | None:
    """The split as it takes hold of this position; None where its rows speak of another one."""
    gone, come = (pair.low, pair.high) if position.qty > 0 else (pair.high, pair.low)
    before, after = position.qty, come.qty or ZERO
    if not before or -(gone.qty or ZERO) != before:
        return None
    average = position.avg_entry_price
    hints = [
        old / new
        for old, new in ((average, their_average), (gone.price, come.price))
        if old and new
    ]
    ratio = _exact_ratio(before, after, hints)
    price = _rounded(position.cost / after) if after else average or ZERO
    return SplitStep(at, before, after, price, ratio, pair.high.id)


def _exact_ratio(before: Decimal, after: Decimal, hints: Sequence[Decimal]) -> Decimal:
    """The ratio before what makes no whole share was paid out, where prices tell it."""
    plain, share = after / before, 1 / abs(before)
    for hint in hints:
        ratio = used_ratio(hint)
        if ratio is not None and plain <= ratio < plain + share:
            return ratio
    near = used_ratio(plain) if plain else None
    return near if near is not None and abs(near / plain - 1) < Decimal("0.000001") else plain


def _after(position: PositionRecord, step: SplitStep) -> PositionRecord:
    left = bool(step.after)
    return replace(
        position,
        qty=step.after,
        cost=position.cost if left else ZERO,
        avg_entry_price=step.price if left else None,
    )


def _rounded(price: Decimal) -> Decimal:
    return price.quantize(PRICE_STEP, ROUND_HALF_EVEN)


def _step_words(step: SplitStep) -> str:
    if not step.after:
        return f"to nothing: {text(abs(step.before))} shares were paid out"
    words = f"{ratio_words(step.ratio)}: {text(step.before)} shares are {text(step.after)}"
    lost = abs(step.before) * step.ratio - abs(step.after)
    paid = lost.quantize(Decimal("0.0001")).normalize()
    return f"{words}, {text(paid)} of one paid out" if paid else words
