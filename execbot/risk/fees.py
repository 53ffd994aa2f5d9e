"""Fees of trading: exact by day, exact or estimated by execution. Pure.

Fees of stocks are charged for account, day and type, rounded once, and name no order; they are
shared over the executions that they were charged for by largest remainder, so the shares add up to
the row to the cent. Fees of coins come out of the coin that was bought, or out of the dollars of a
sale (docs/evidence.md, E-FEE-1, E-FEE-2). All follows from the set of executions and rows: a row
that comes later gives what it would have given in time.

Types of rows and the sides they charge: Alpaca's OpenAPI description, its page on regulatory fees.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from execbot.journal.records import SAME_MOMENT, Execution, FillState, PositionRecord
from execbot.model.account import Activity
from execbot.model.enums import AssetClass, Side
from execbot.model.numbers import CENT, QTY_STEP, ZERO
from execbot.model.symbols import is_option, is_pair, multiplier_of, symbol_key
from execbot.model.times import eastern, parse_time

COIN_ROW = "CFEE"
FEE_ROWS = ("FEE", COIN_ROW, "PTC", "PTR", "DIVFEE")
"""Charges, and a rebate (PTR). All but FEE and CFEE are for holding, not for trading."""

_TRADING_DAY = re.compile(r" on (\d{4}-\d\d-\d\d)\b")
"""`TAF fee for proceed of 2 shares (1 trades) on 2025-08-04 by ...`: written the next morning."""


class FillFee(Struct, frozen=True):
    """USD that one execution cost. `estimated`: its share of a row that charged several."""

    amount: Decimal
    estimated: bool = False

    def __add__(self, other: FillFee) -> FillFee:
        return FillFee(self.amount + other.amount, self.estimated or other.estimated)


NO_FEE = FillFee(ZERO)


class Settled(Struct, frozen=True):
    """Executions without the coins that went as fees, and what everything cost.

    `fills` has fees by execution id, `days` those of a day of New York by kind: `TAF`, `CFEE`, ...
    """

    executions: tuple[Execution, ...] = ()
    fills: Mapping[str, FillFee] = {}
    days: Mapping[date, Mapping[str, Decimal]] = {}

    def fee_of(self, execution_id: str) -> FillFee:
        return self.fills.get(execution_id, NO_FEE)

    def fee_of_all(self, executions: Iterable[Execution]) -> FillFee | None:
        """Of these together; None where no fee of any of them is known."""
        known = [
            self.fills[item.execution_id] for item in executions if item.execution_id in self.fills
        ]
        return sum(known, NO_FEE) if known else None


class _Charge(Struct, frozen=True):
    """Rows of one kind that charge the same executions, put together."""

    kind: str
    day: date
    symbol: str
    order_id: str
    created_at: datetime | None
    options: bool


def settled(
    executions: Iterable[Execution],
    rows: Iterable[Activity],
    held: Mapping[str, Decimal] | None = None,
    beside: Iterable[Execution] = (),
) -> Settled:
    """Everything that is known, put together. The executions may come in any order.

    `beside` are others that rows may have been charged for as well: they take their shares.
    `held` is what was held of a symbol before its first execution, where they are not all there
    ever were: of coins they must begin where no fee was outstanding (`none_outstanding`).
    """
    history = sorted(executions, key=lambda item: (item.at, item.execution_id))
    standing = standing_rows(rows)
    fills: defaultdict[str, FillFee] = defaultdict(lambda: NO_FEE)
    days: defaultdict[date, defaultdict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    in_coins = [row for row in standing if _is_in_coins(row)]
    net = _without_coin_fees(history, in_coins, held or {}, fills, days)
    mine = {item.execution_id for item in history}
    others = [item for item in beside if item.execution_id not in mine]
    everybody = sorted([*history, *others], key=lambda item: (item.at, item.execution_id))
    trades = [item for item in everybody if item.net_qty and item.state is not FillState.ADJUSTMENT]
    for charge, amount in sorted(_charges(standing).items(), key=lambda item: repr(item[0])):
        days[charge.day][charge.kind] += amount
        charged = _charged_by(charge, trades)
        for item, share in zip(charged, _shares(charge, amount, charged), strict=True):
            if item.execution_id in mine:
                fills[item.execution_id] += FillFee(share, estimated=len(charged) > 1)
    return Settled(tuple(net), dict(fills), {day: dict(kinds) for day, kinds in days.items()})


def standing_rows(rows: Iterable[Activity]) -> list[Activity]:
    """Without what was canceled, and without what a later row takes the place of."""
    found = {row.id: row for row in rows}
    replaced = {str(row.raw.get("previous_id") or "") for row in found.values()} - {""}
    return [
        found[name]
        for name in sorted(found)
        if str(found[name].raw.get("status") or "executed") != "canceled"
        and not {name, name.rpartition("::")[2]} & replaced
    ]


def day_of(row: Activity) -> date | None:
    """The day of New York that a row belongs to: the trading day that it names, else its date."""
    named = _TRADING_DAY.search(str(row.raw.get("description") or ""))
    if named is not None:
        return date.fromisoformat(named.group(1))
    if row.at is not None and row.raw.get("transaction_time") is None:
        return row.at.date()
    written = row.at or parse_time(row.raw.get("created_at"))
    return None if written is None else eastern(written).date()


def shared(amount: Decimal, weights: Sequence[Decimal], unit: Decimal) -> list[Decimal]:
    """`amount` in whole units by weight, by largest remainder: the parts add up to it exactly."""
    from fractions import Fraction

    unit = min(unit, Decimal((0, (1,), int(amount.as_tuple().exponent))))
    units = int(abs(amount) / unit)
    whole = sum(map(Fraction, weights), Fraction(0))
    exact = [
        Fraction(weight) * units / whole if whole else Fraction(units, len(weights))
        for weight in weights
    ]
    parts = [int(part) for part in exact]
    by_remainder = sorted(range(len(parts)), key=lambda place: (parts[place] - exact[place], place))
    for place in by_remainder[: units - sum(parts)]:
        parts[place] += 1
    return [(unit * part).copy_sign(amount) if part else ZERO for part in parts]


# --- dollars -------------------------------------------------------------------------------

Weigh = Callable[[Execution], Decimal]


def _value(item: Execution) -> Decimal:
    return item.net_qty * item.net_price * multiplier_of(item.symbol)


def _units(item: Execution) -> Decimal:
    return item.net_qty * multiplier_of(item.symbol)


_BOTH = (Side.BUY, Side.SELL)
_TRADE_FEES: Mapping[str, tuple[tuple[Side, ...], Weigh]] = {
    "REG": ((Side.SELL,), _value),
    "TAF": ((Side.SELL,), _units),
    "CAT": (_BOTH, _units),
    "ORF": (_BOTH, _units),
    "OCC": (_BOTH, _units),
    "COM": (_BOTH, _value),
    "NRC": (_BOTH, _value),
    "NRV": (_BOTH, _value),
    "LCT": (_BOTH, _value),
    COIN_ROW: ((Side.SELL,), _value),
}
"""Which sides a kind of fee is charged for, and by what. Others are the account's alone."""

_OPTIONS_ONLY = ("ORF", "OCC")


def _charges(rows: Iterable[Activity]) -> Mapping[_Charge, Decimal]:
    found: defaultdict[_Charge, Decimal] = defaultdict(Decimal)
    for row in rows:
        day = day_of(row)
        if row.activity_type not in FEE_ROWS or day is None or not row.net_amount:
            continue
        kind = _kind_of(row)
        charge = _Charge(
            kind=kind,
            day=day,
            symbol=symbol_key(row.symbol or ""),
            order_id=row.order_id or "",
            created_at=parse_time(row.raw.get("created_at")) if kind == COIN_ROW else None,
            options=kind in _OPTIONS_ONLY or _about(row).startswith("OPT "),
        )
        found[charge] -= row.net_amount
    return found


def _about(row: Activity) -> str:
    return str(row.raw.get("description") or "")


def _kind_of(row: Activity) -> str:
    said = str(row.raw.get("activity_sub_type") or "")
    if said or row.activity_type != "FEE":
        return said or row.activity_type
    words = _about(row).split()[:2]  # an older row has its kind in words alone
    return next((word for word in words if word in _TRADE_FEES), "FEE")


def _charged_by(charge: _Charge, trades: Iterable[Execution]) -> list[Execution]:
    """The executions that the row was charged for; none for what is no matter of trading."""
    if charge.kind not in _TRADE_FEES:
        return []
    sides, _ = _TRADE_FEES[charge.kind]
    found = [
        item
        for item in trades
        if item.side in sides
        and (item.asset_class == AssetClass.CRYPTO) == (charge.kind == COIN_ROW)
        and is_option(item.symbol) == charge.options
        and charge.symbol in ("", symbol_key(item.symbol))
        and charge.order_id in ("", item.order_id)
    ]
    return _at_its_time(found, charge.day, charge.created_at)


def _at_its_time(
    found: Sequence[Execution], day: date | None, written: datetime | None
) -> list[Execution]:
    """Those of the very moment where the row was written with its execution, else of its day."""
    near = [item for item in found if written and abs(item.at - written) <= SAME_MOMENT]
    return near or [item for item in found if eastern(item.at).date() == day]


def _shares(charge: _Charge, amount: Decimal, charged: Sequence[Execution]) -> list[Decimal]:
    if not charged:
        return []
    _, weigh = _TRADE_FEES[charge.kind]
    return shared(amount, [weigh(item) for item in charged], CENT)


# --- coins ---------------------------------------------------------------------------------


def _is_in_coins(row: Activity) -> bool:
    return row.activity_type == COIN_ROW and bool(row.qty) and not row.net_amount


def is_coin_fee(item: Execution) -> bool:
    """The booking of coins that went as a fee."""
    return item.state is FillState.ADJUSTMENT and item.fee is not None


def none_outstanding(position: PositionRecord) -> bool:
    """Was every fee in coins booked that its purchases cost? Dollars are of their day alone."""
    return not is_pair(position.symbol) or not position.bought_qty


def coins_charged(rows: Iterable[Activity], symbol: str, since: date | None) -> Decimal:
    """The quantity of a coin that fees took from that day on, by the rows."""
    return sum(
        (
            -(row.qty or ZERO)
            for row in standing_rows(rows)
            if _is_in_coins(row)
            and symbol_key(row.symbol or "") == symbol_key(symbol)
            and (since is None or (day := day_of(row)) is None or day >= since)
        ),
        ZERO,
    )


def _without_coin_fees(
    history: Sequence[Execution],
    rows: Collection[Activity],
    stood: Mapping[str, Decimal],
    fills: defaultdict[str, FillFee],
    days: defaultdict[date, defaultdict[str, Decimal]],
) -> list[Execution]:
    """Take the coins of each booked fee out of the purchases that it was taken of.

    A fee is booked when the broker's quantity is seen, it was charged with the purchase: so it
    belongs there, at that price, however late it was booked.
    """
    net = {item.execution_id: item for item in history}
    waiting: defaultdict[str, list[str]] = defaultdict(list)
    held = defaultdict(Decimal, stood)
    for item in history:
        bought = waiting[item.symbol]
        held[item.symbol] += item.signed_qty
        if is_coin_fee(item):
            parts, estimated = _coins_of_each(item.net_qty, [net[name] for name in bought], rows)
            if parts:
                for name, coins in zip(bought, parts, strict=True):
                    _take_coins(net, name, coins, fills, days, estimated)
                del net[item.execution_id]
            bought.clear()
        elif item.is_adjustment or not held[item.symbol]:
            bought.clear()
        elif item.side is Side.BUY and item.net_qty and item.asset_class == AssetClass.CRYPTO:
            bought.append(item.execution_id)
    return sorted(net.values(), key=lambda item: (item.at, item.execution_id))


def _coins_of_each(
    coins: Decimal, bought: Sequence[Execution], rows: Iterable[Activity]
) -> tuple[list[Decimal], bool]:
    """How many coins each purchase cost, and whether that is an estimate: by the rows where they
    name all of it, else by quantity. None at all where it is more than was bought."""
    if not bought or coins >= sum((item.net_qty for item in bought), ZERO):
        return [], False
    named, one_each = _coins_named(bought, rows)
    if sum(named, ZERO) == coins and all(
        part < item.net_qty for part, item in zip(named, bought, strict=True)
    ):
        return named, not one_each
    parts = shared(coins, [item.net_qty for item in bought], QTY_STEP)
    return parts, len(bought) > 1


def _coins_named(
    bought: Sequence[Execution], rows: Iterable[Activity]
) -> tuple[list[Decimal], bool]:
    named = [ZERO] * len(bought)
    one_each = True
    for row in rows:
        found = [
            item
            for item in bought
            if symbol_key(item.symbol) == symbol_key(row.symbol or "")
            and (row.order_id or "") in ("", item.order_id)
        ]
        found = _at_its_time(found, day_of(row), parse_time(row.raw.get("created_at")))
        if not found:
            continue
        one_each = one_each and len(found) == 1
        weights = [item.net_qty for item in found]
        for item, part in zip(found, shared(-(row.qty or ZERO), weights, QTY_STEP), strict=True):
            named[bought.index(item)] += part
    return named, one_each


def _take_coins(
    net: dict[str, Execution],
    name: str,
    coins: Decimal,
    fills: defaultdict[str, FillFee],
    days: defaultdict[date, defaultdict[str, Decimal]],
    estimated: bool,
) -> None:
    item = net[name]
    cost = coins * item.net_price
    net[name] = replace(item, net_qty=item.net_qty - coins)
    fills[name] += FillFee(cost, estimated)
    days[eastern(item.at).date()][COIN_ROW] += cost
