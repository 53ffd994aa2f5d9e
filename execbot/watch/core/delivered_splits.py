"""Shares with a plan, to which contracts brought or took others before a split whose rows are not
there yet (docs/evidence.md, E-OPT-8): the levels follow at once, no share is booked. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from msgspec.structs import replace

from execbot.exits.plan.plan import ExitPlan
from execbot.exits.plan.rescale import plan_ratio, rescaled
from execbot.journal.records import PositionRecord
from execbot.model.account import Position
from execbot.model.numbers import ZERO
from execbot.model.symbols import option_contract
from execbot.oms.sync.differences import PositionDifference
from execbot.oms.sync.options.split_deliveries import perhaps_ended, split_since
from execbot.watch.core.symbol_state import SymbolState


def delivered_split(
    state: SymbolState,
    known: Iterable[SymbolState],
    listed: Mapping[str, Position],
    now: datetime,
) -> Decimal | None:
    """New shares for an old one, where contracts that are gone and a split explain together what
    the broker shows."""
    cost = state.journal_qty * (state.avg_entry_price or ZERO)
    ours = PositionRecord(
        symbol=state.symbol,
        qty=state.journal_qty,
        avg_entry_price=state.avg_entry_price,
        cost=cost,
    )
    for ended in perhaps_ended(_differing(state.symbol, known, listed)):
        split = split_since(ours, ended, listed.get(state.symbol), None, now)
        if split is not None:
            return split.steps[0].ratio
    return None


def _differing(
    root: str, known: Iterable[SymbolState], listed: Mapping[str, Position]
) -> Iterable[PositionDifference]:
    for state in known:
        contract = option_contract(state.symbol)
        if contract is not None and contract.root == root and state.journal_qty:
            held = listed.get(state.symbol)
            theirs = held.qty if held is not None else ZERO
            yield PositionDifference(state.symbol, state.journal_qty, theirs)


def plan_after(
    plan: ExitPlan, ours: Decimal, theirs: Position, ratio: Decimal, now: datetime
) -> ExitPlan | None:
    """The plan at the prices of after the split, measured from what the broker shows; None where it
    is so already. `ours` is what a share cost before both."""
    average = theirs.avg_entry_price
    if not average or plan.entry_price == average or plan_ratio(plan, (ratio,), ours / ratio) == 1:
        return None
    new = rescaled(plan, ratio, now)
    return replace(new, entry_price=average, base_qty=max(new.base_qty, abs(theirs.qty)))
