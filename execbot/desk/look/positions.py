"""What is held, what it is worth, and what protects it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from execbot.broker.errors import BrokerError
from execbot.desk.account import Desk
from execbot.desk.look.account_state import AccountState, account_state
from execbot.desk.look.entries import Opening, opening_of
from execbot.desk.look.fees import learn_fees
from execbot.desk.look.freshen import freshen
from execbot.exits.position_view import Known, PositionView, position_view
from execbot.journal.records import PositionRecord
from execbot.model.account import Position
from execbot.model.order import Order
from execbot.model.symbols import symbol_key
from execbot.model.times import eastern
from execbot.model.unread import unread_of
from execbot.risk.account_rows import fees_of
from execbot.risk.fees import FillFee

if TYPE_CHECKING:  # imported where something is held
    from execbot.exits.protection import Protection
    from execbot.exits.rules.view import Coverage

__all__ = ["Opening", "PositionView", "Positions", "positions", "read_positions"]


class Positions(Struct, frozen=True):
    """By symbol; each view carries the broker's own row. `warnings` say what may be old."""

    views: Sequence[PositionView]
    warnings: Sequence[str] = ()
    openings: Mapping[str, Opening] = {}
    """How each came to be, by symbol."""
    state: AccountState | None = None
    """The account's totals, where they were asked for and could be had."""


def positions(desk: Desk, symbol: str | None = None, *, totals: bool = False) -> Positions:
    """Open positions, or the one in `symbol`, after a look at the broker; with the `totals` of the
    account. Raises BrokerError."""
    state, more = _totals(desk) if totals else (None, [])
    warnings = [*more, *([] if state is not None else freshen(desk))]
    wanted = None if symbol is None else symbol_key(symbol)
    rows = state.held if state is not None else desk.client.get_positions()
    warnings += [] if state is not None else learn_fees(desk, rows)
    openings: dict[str, Opening] = {}
    found = _views(desk, rows, openings)
    unknown = [f"Not known, the broker's answer is impossible: {row}." for row in unread_of(rows)]
    shown = [v for v in found if wanted in (None, symbol_key(v.symbol))]
    bare = [f"{v.symbol} is unprotected: {v.missing}" for v in shown if v.missing]
    return Positions(shown, [*bare, *warnings, *unknown], openings, state)


def _totals(desk: Desk) -> tuple[AccountState | None, list[str]]:
    """Positions are shown all the same where the rest of the account cannot be had."""
    try:
        state = account_state(desk)
    except BrokerError as error:
        if error.kind.startswith("auth."):
            raise
        return None, [f"The account's totals are not known: {error.message}"]
    return state, list(state.warnings)


def read_positions(desk: Desk) -> list[PositionView]:
    """Positions of the account, whoever opened them; `freshen` first. Raises BrokerError."""
    return _views(desk, desk.client.get_positions())


def _views(
    desk: Desk, rows: Sequence[Position], openings: dict[str, Opening] | None = None
) -> list[PositionView]:
    """`openings` is filled in where it is wanted."""
    # The journal, not the broker's list of open orders: that one hides the held leg of a pair.
    open_orders: dict[str, list[Order]] = {}
    for record in desk.journal.orders("open"):
        open_orders.setdefault(symbol_key(record.symbol), []).append(record.order)
    records = {symbol_key(record.symbol): record for record in desk.journal.positions()}
    now, listed = desk.now(), sorted(rows, key=lambda item: item.symbol)
    if not listed:
        return []
    from execbot.desk.look.protection import protection_of

    protected = {symbol_key(found.symbol): found for found in protection_of(desk, listed)}
    fees = fees_of(
        desk.journal, [record.symbol for record in records.values()], eastern(now).date()
    )
    if openings is not None:
        for held in listed:
            key = symbol_key(held.symbol)
            plan = protected[key].plan if key in protected else None
            openings[held.symbol] = opening_of(desk.journal, records.get(key), plan)
    return [
        _view(
            held,
            records.get(symbol_key(held.symbol)),
            protected.get(symbol_key(held.symbol)),
            open_orders.get(symbol_key(held.symbol), []),
            fees,
            now,
        )
        for held in listed
    ]


def _view(
    held: Position,
    record: PositionRecord | None,
    protection: Protection | None,
    orders: Sequence[Order],
    fees: Mapping[str, FillFee],
    now: datetime,
) -> PositionView:
    """One position as it is shown. Dust has no protection. A stop that `watch` holds itself stands
    in the plan alone."""
    from execbot.exits.rules.view import Coverage, Guarded

    if protection is None:
        known = _known(held, record, fees, Coverage(Guarded.DUST, abs(held.qty)))
        return position_view(held.symbol, held.qty, known, now=now, orders=orders)
    known = _known(held, record, fees, protection.coverage, protection.missing)
    known = replace(known, structure=protection.structure_plan)
    plan = protection.plan if protection.state is Guarded.EMULATED else None
    return position_view(
        held.symbol,
        held.qty,
        known,
        now=now,
        plan=plan,
        orders=orders,
        planned=protection.plan,
    )


def _known(
    held: Position,
    record: PositionRecord | None,
    costs: Mapping[str, FillFee],
    coverage: Coverage,
    missing: str = "",
) -> Known:
    fees = costs.get(record.symbol) if record is not None else None
    return Known(
        fees=None if fees is None else fees.amount,
        fees_estimated=fees is not None and fees.estimated,
        coverage=coverage,
        missing=missing,
        avg_entry_price=held.avg_entry_price,
        price=held.current_price,
        realized_pl=record.realized_pl if record is not None else None,
        opened_at=record.opened_at if record is not None and record.qty else None,
        broker=held,
    )
