"""The day's cash: does the account hold what fills, flows and fees have left of it? Pure.

Fees of US stocks accrue during the day and are charged as one sum a day and type, later: until
then cash is off by a little, and that is no error (docs.alpaca.markets/docs/regulatory-fees).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from execbot.journal.confirmation import CashDay, CashSample, ExecutionVerdict
from execbot.journal.records import Execution, FillState
from execbot.model.account import Activity
from execbot.model.amounts import signed
from execbot.model.numbers import CENT, ZERO
from execbot.model.symbols import multiplier_of
from execbot.model.times import eastern
from execbot.risk.fees import COIN_ROW, FEE_ROWS, day_of, standing_rows

CASH_FEES = frozenset(FEE_ROWS) - {COIN_ROW}
"""Fees in coins move no cash."""

FLOWS = (
    *("CSD", "CSW", "JNL", "JNLC", "ACATC", "TRANS", "INT", "INTNRA", "INTTW", "MA", "REORG"),
    *("DIV", "DIVCGL", "DIVCGS", "DIVFT", "DIVNRA", "DIVROC", "DIVTW", "DIVTXEX", "CGD", "MISC"),
    *("OPCSH", "OPASN", "OPEXC", "OPTRD"),
)
"""Rows that move cash and are neither trades nor fees, by Alpaca's OpenAPI description."""

BESIDE = timedelta(seconds=5)
"""So near to a fill it is not known on which side of it the cash was read."""

KINDS = (*FLOWS, *sorted(CASH_FEES))


def cash_day(
    day: date,
    samples: tuple[CashSample, CashSample],
    executions: Iterable[Execution],
    rows: Sequence[Activity],
    now: datetime,
    previous: CashDay | None = None,
) -> CashDay:
    """`executions` and `rows` may hold more than those between the samples."""
    first, last = samples
    change, known = last.cash - first.cash, list(executions)
    fills = fills_cash(e for e in known if first.at < e.at <= last.at)
    standing = standing_rows(rows)
    flows = _sum(row for row in standing if row.activity_type in FLOWS and _is_of(row, day))
    fees = _sum(row for row in standing if row.activity_type in CASH_FEES and _is_of(row, day))
    rest = change - fills - flows
    difference = rest - fees
    room = first.accrued_fees + last.accrued_fees + _around(standing, day)
    if abs(difference) < CENT:
        verdict, why = ExecutionVerdict.CONFIRMED, ""
    elif abs(rest) <= room + CENT:
        verdict, why = ExecutionVerdict.UNVERIFIED, "fees_not_charged_yet"
    elif any(abs(e.at - sample.at) < BESIDE for e in known for sample in samples):
        verdict, why = ExecutionVerdict.UNVERIFIED, "fill_beside_a_reading"
    elif eastern(first.at).date() == day and (flows or fees):
        # Rows have a date and no hour: before the first reading of this day, or after it.
        verdict, why = ExecutionVerdict.UNVERIFIED, "row_beside_a_reading"
    else:
        verdict, why = ExecutionVerdict.DIFFERS, ""
    version = 1 if previous is None else previous.version + 1
    return CashDay(
        day, version, now, verdict, first.at, last.at, change, fills, flows, fees, difference, why
    )


def fills_cash(executions: Iterable[Execution]) -> Decimal:
    """What the fills paid (minus) and brought (plus), as they stand. What was booked by a row of
    the account (a delivery at a strike) has no order: that row is among the flows.
    """
    return sum(
        (
            -e.signed_qty * e.net_price * multiplier_of(e.symbol)
            for e in executions
            if e.state is not FillState.ADJUSTMENT and (e.order_id or e.client_order_id)
        ),
        ZERO,
    )


def _sum(rows: Iterable[Activity]) -> Decimal:
    return sum((row.net_amount or ZERO for row in rows), ZERO)


def _is_of(row: Activity, day: date) -> bool:
    """By the date that the row carries: when the money moved."""
    return row.at is not None and row.at.date() == day


def _around(rows: Iterable[Activity], day: date) -> Decimal:
    """Fees of the day and of its neighbours: which of them was charged when is not told."""
    near = timedelta(days=4)
    return sum(
        (
            abs(row.net_amount or ZERO)
            for row in rows
            if row.activity_type in CASH_FEES
            and (of := day_of(row)) is not None
            and abs(of - day) <= near
        ),
        ZERO,
    )


def cash_words(item: CashDay) -> str:
    """One line for people."""
    if item.verdict is ExecutionVerdict.DIFFERS:
        return (
            f"Cash of {item.day}: {_usd(item.difference)} USD are explained by no fill, flow or "
            f"fee ({_usd(item.change)} changed, {_usd(item.fills)} by fills, {_usd(item.flows)} "
            f"by flows, {_usd(item.fees)} by fees)"
        )
    if item.verdict is ExecutionVerdict.UNVERIFIED:
        waits = "fees that come later" if item.why == "fees_not_charged_yet" else "a later reading"
        return f"Cash of {item.day}: {_usd(item.difference)} USD wait for {waits}"
    return f"Cash of {item.day}: the change of {_usd(item.change)} USD is explained to the cent"


def _usd(value: Decimal) -> str:
    return signed(value, comma=",")
