"""Shares that came or went without an order, told by the account's activities. Pure.

Rows are proof (docs/evidence.md, E-POS-5): a transfer, shares paid as a dividend, a spin-off, a
merger, a new name. They carry the day they take effect and may be written long after it, so a row
is taken only where it, with the later ones of its symbol, explains exactly what the broker holds
beyond the fills. Each row is booked once, by its id.

Shapes of the rows: Alpaca's OpenAPI description (`group_id` links the rows of one event).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from execbot.journal.records import Execution
from execbot.model.account import Activity
from execbot.model.numbers import ZERO, text
from execbot.model.options.changed import ContractChange
from execbot.model.symbols import multiplier_of
from execbot.risk.flows import TRANSFER_ROWS

NAME_ROWS = ("NC",)
MERGER_ROWS = ("MA", "REORG")
SHARE_ROWS = (*TRANSFER_ROWS, "SPIN", "PTR", "DIV")
CONTRACT_ROWS = ("OPEXP", "OPEXC", "OPASN", "OPCSH")
"""A contract ended: expired, exercised, assigned, settled in cash. Written up to a day late."""

DELIVERING_ROWS = ("OPEXC", "OPASN")
"""Those among them that deliver shares, or take them away."""

DELIVERY_ROWS = ("OPTRD",)
"""The shares that an exercise or an assignment bought or sold, at the strike."""

CHANGE_ROWS = ("OPCA",)
"""A corporate action made a contract into another one: a pair, out and in."""

OPTION_ROWS = (*CONTRACT_ROWS, *DELIVERY_ROWS, *CHANGE_ROWS)
SUCCESSION_ROWS = (*NAME_ROWS, *MERGER_ROWS, *CHANGE_ROWS)
MOVING_ROWS = (*NAME_ROWS, *MERGER_ROWS, *SHARE_ROWS, *OPTION_ROWS)
"""Types of rows that may move shares without a trade; splits have rules of their own."""

STOCK_DIVIDEND = "SDIV"
"""The only dividend whose row counts shares that come; the others name the shares they are for."""


class MovedShares(Struct, frozen=True):
    """What rows of one symbol brought or took away: `qty` is signed. Of it `adopted` was taken over
    at `adopted_at` before the rows said where it came from: that is taken back. `is_before_split`:
    a split came after it, so it is booked where it belongs, whatever else differs."""

    symbol: str
    qty: Decimal
    rows: tuple[Activity, ...]
    adopted: Decimal = ZERO
    adopted_at: Decimal = ZERO
    is_before_split: bool = False

    def __str__(self) -> str:
        kinds = ", ".join(sorted({row.activity_type for row in self.rows}))
        if self.is_before_split:
            words = f"{text(self.qty)} {self.symbol} before its split"
            return f"{words}, by the account's record ({kinds})"
        if not self.qty and not self.adopted:
            return f"{self.symbol} bought and sold in the same number by the record ({kinds})"
        return f"{text(self.qty + self.adopted)} {self.symbol} by the account's record ({kinds})"


class Succession(Struct, frozen=True):
    """Shares `gone` (signed) of one symbol became `come` of another. `rows`: out, then in."""

    old: str
    new: str
    gone: Decimal
    come: Decimal
    rows: tuple[Activity, Activity]

    @property
    def is_rename(self) -> bool:
        """As many shares under another name: books, plan and exits follow."""
        named = all(row.activity_type in NAME_ROWS for row in self.rows)
        return self.is_contract or (named and self.gone == -self.come)

    @property
    def is_contract(self) -> bool:
        """A contract became another of the same worth: as many, or more at a divided strike."""
        return all(row.activity_type in CHANGE_ROWS for row in self.rows)

    @property
    def change(self) -> ContractChange:
        return ContractChange(self.old, self.new, self.come / -self.gone)

    def __str__(self) -> str:
        if self.is_contract:
            return f"{text(-self.gone)} {self.old} became {text(self.come)} {self.new}"
        if self.is_rename:
            return f"{self.old} is called {self.new} now: {text(self.come)} shares"
        return f"{text(-self.gone)} {self.old} became {text(self.come)} {self.new}"


def rows_by_symbol(rows: Iterable[Activity]) -> Mapping[str, list[Activity]]:
    """Rows that move shares, oldest first, by symbol; taken back ones are left out."""
    found: defaultdict[str, list[Activity]] = defaultdict(list)
    for row in sorted(rows, key=_when):
        if row.symbol and row.qty and _moves(row) and row.activity_type not in CHANGE_ROWS:
            found[row.symbol].append(row)
    return found


def explaining(
    difference: Decimal, rows: Sequence[Activity], executions: Sequence[Execution]
) -> tuple[Activity, ...]:
    """The youngest rows of one symbol that add up to the difference; empty where none do.

    `executions` are the symbol's: a row that was booked, or that is of a day before the broker's
    quantity was last taken over, explains nothing any more.
    """
    booked = {item.activity_id for item in executions if item.activity_id}
    since = _taken_over(executions)
    fresh = [row for row in rows if row.id not in booked and _is_since(row, since)]
    total = ZERO
    for count, row in enumerate(reversed(fresh), start=1):
        total += signed_qty(row, difference)
        if total == difference:
            return tuple(fresh[-count:])
    return ()


def signed_qty(row: Activity, difference: Decimal) -> Decimal:
    """What a row moves. Of a contract that was sold Alpaca shows the quantity with either sign;
    its end always takes away, so it goes where the difference goes."""
    qty = row.qty or ZERO
    if row.activity_type not in CONTRACT_ROWS:
        return qty
    return abs(qty) if difference > 0 else -abs(qty)


def booked_as(activity_type: str) -> str:
    """The journal's word for what was booked by such a row."""
    return activity_type.lower()


def price_of(row: Activity) -> Decimal | None:
    """At what an option row trades; None for rows that move shares and realise nothing.

    A contract ends worth nothing, its premium is realised; what it delivers goes at the strike,
    and what is settled in cash at the cash.
    """
    if row.activity_type in DELIVERY_ROWS:
        return row.price
    if row.activity_type not in CONTRACT_ROWS:
        return None
    cash = abs(row.net_amount or ZERO)
    units = abs(row.qty or ZERO) * multiplier_of(row.symbol or "")
    return cash / units if units else ZERO


def successions(rows: Iterable[Activity], booked: Collection[str]) -> list[Succession]:
    """Pairs of rows of one event, of which one takes a symbol away and the other brings one."""
    groups: defaultdict[str, list[Activity]] = defaultdict(list)
    for row in rows:
        name = str(row.raw.get("group_id") or "")
        if name and row.activity_type in SUCCESSION_ROWS and _moves(row) and row.qty:
            groups[name].append(row)
    found = []
    for group in groups.values():
        if len(group) != 2 or group[0].symbol == group[1].symbol:
            continue
        if any(row.id in booked for row in group):
            continue
        found += _succession(group)
    # One contract may become what another one was: that one goes first. Strikes only fall.
    return sorted(found, key=lambda pair: pair.old) if _of_contracts(found) else found


def _of_contracts(found: Sequence[Succession]) -> bool:
    return any(pair.is_contract for pair in found)


def _succession(group: Sequence[Activity]) -> list[Succession]:
    """Which row takes away: a long position's negative one; both signs turn for a short."""
    out, into = sorted(group, key=lambda row: row.qty or ZERO)
    gone, come = out.qty or ZERO, into.qty or ZERO
    if not gone < 0 < come or not out.symbol or not into.symbol:
        return []
    pair = Succession(out.symbol, into.symbol, gone, come, (out, into))
    return [pair, Succession(pair.new, pair.old, come, gone, (into, out))]


def _moves(row: Activity) -> bool:
    if row.activity_type not in MOVING_ROWS:
        return False
    if row.activity_type == "DIV" and row.raw.get("activity_sub_type") != STOCK_DIVIDEND:
        return False
    return str(row.raw.get("status") or "executed") != "canceled"


def _taken_over(executions: Sequence[Execution]) -> datetime | None:
    """When the broker's quantity was taken over as it was, without a row that says why."""
    found = (item.at for item in executions if item.is_adjustment and not item.activity_id)
    return max(found, default=None)


def _is_since(row: Activity, since: datetime | None) -> bool:
    return since is None or row.at is None or row.at.date() >= since.date()


def _when(row: Activity) -> tuple[str, str]:
    return (str(row.raw.get("created_at") or row.at or ""), row.id)
