"""Trades as double-entry bookings, the same for every program that keeps books. Pure.

Lots go first in, first out, at their own cost; the profit is booked at average cost, as execbot
counts it, and what FIFO makes of it beside that stands on a line of its own, whose sum over a
closed trade is nothing. Every booking adds up to nothing exactly, to the last digit: programs that
check take their tolerance from the digits that they see, of this line or of the whole file.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum

from msgspec import Struct

from execbot.model.enums import PositionSide
from execbot.model.numbers import QTY_STEP, ZERO, text
from execbot.model.symbols import is_pair, multiplier_of, quote_currency
from execbot.model.times import eastern
from execbot.trades.model import Part, SplitAt
from execbot.trades.trade import Trade

COST_STEP = Decimal("0.000000001")


HEAD = "Trades by execbot: lots first in, first out; profit at average cost, the difference apart."


class Account(StrEnum):
    """Names that both hledger and beancount take."""

    POSITIONS = "Assets:Broker:Positions"
    CASH = "Assets:Broker:Cash"
    REALIZED = "Income:Trading:Realized"
    LOT_DIFFERENCE = "Income:Trading:FifoMinusAverage"
    FEES = "Expenses:Trading:Fees"
    BROUGHT = "Equity:Broker:Brought"
    TAKEN = "Equity:Broker:Taken"
    ROUNDING = "Equity:Rounding"


class LotCost(Struct, frozen=True):
    """Which lot: cost of one unit in the currency, the day it was opened, and its own name."""

    each: Decimal
    on: date
    name: str


class Posting(Struct, frozen=True):
    """`amount` of `commodity`; with `cost` it is worth `amount * cost.each` of the currency.
    `price` is what was paid or got for one unit."""

    account: Account
    amount: Decimal
    commodity: str
    cost: LotCost | None = None
    price: Decimal | None = None


class Booking(Struct, frozen=True):
    """One transaction; `at` orders those of a day."""

    at: datetime
    on: date
    words: str
    currency: str
    postings: tuple[Posting, ...]
    facts: Mapping[str, str] = {}

    @property
    def balance(self) -> Decimal:
        """Nothing, in the currency."""
        return sum(
            (p.amount if p.cost is None else p.amount * p.cost.each for p in self.postings), ZERO
        )


# --- names -------------------------------------------------------------------------------------

_NAME = re.compile(r"[A-Z][A-Z0-9._'-]{0,22}[A-Z0-9]")
"""A commodity of beancount, of all versions: one letter is none (`F`), a slash is none."""
_VALUES = ("TRUE", "FALSE", "NULL")
"""Values of beancount's language and no commodities (seen in 3.2.3), but `TRUE` was a share."""


def commodity_of(symbol: str) -> str:
    """The name of a symbol in the books: `BTC/USD` is `BTC.COIN`, `F` is `F.US`.

    A coin is marked, since shares bear the same letters: BTC and ETH are funds, LTC a company.
    """
    if is_pair(symbol):
        return f"{_lettered(symbol.partition('/')[0])}.COIN"
    name = _lettered(symbol)
    return f"{name}.US" if name in _VALUES or len(name) == 1 else name


def _lettered(symbol: str) -> str:
    """`symbol` of the letters that a commodity may have, beginning with one of A to Z."""
    name = re.sub(r"[^A-Z0-9._-]", "", symbol.upper())
    if _NAME.fullmatch(name) or (len(name) == 1 and name.isalpha()):
        return name
    return f"X.{name}"[:18].rstrip("._-")


# --- bookings ----------------------------------------------------------------------------------


class _Held(Struct):
    qty: Decimal
    cost: LotCost


def bookings_of(trades: Iterable[Trade]) -> list[Booking]:
    """All bookings of these trades, each trade from its beginning, in the order of time."""
    found = [booking for trade in trades for booking in _Books(trade).all()]
    return sorted(found, key=lambda booking: booking.at)


class _Books:
    """The lots of one trade, and what becomes of them."""

    def __init__(self, trade: Trade) -> None:
        self._trade, self._trip = trade, trade.trip
        self._name = commodity_of(self._trip.symbol)
        self._currency = quote_currency(self._trip.symbol)
        self._each = multiplier_of(self._trip.symbol)
        self._sign = 1 if self._trip.side is PositionSide.LONG else -1
        self._lots: deque[_Held] = deque()
        self._splits = 0

    def all(self) -> Iterable[Booking]:
        steps: list[tuple[datetime, Part | SplitAt]] = [
            *((part.at, part) for part in self._trip.parts),
            *((split.at, split) for split in self._trip.splits),
        ]
        for _, step in sorted(steps, key=lambda one: one[0]):
            if isinstance(step, SplitAt):
                yield self._split(step)
            elif step.opens:
                yield self._open(step)
            else:
                yield self._close(step)
        if not self._trip.is_open and self._lots:
            yield self._left_over()

    def _booking(self, at: datetime, words: str, postings: Iterable[Posting]) -> Booking:
        """Whatever digits are missing to nothing get a line of their own."""
        trip, trade = self._trip, self._trade
        facts = {"trade": trip.id, "symbol": trip.symbol}
        if trade.strategy:
            facts["strategy"] = trade.strategy
        booking = Booking(
            at,
            eastern(at).date(),
            words,
            self._currency,
            tuple(p for p in postings if p.amount),
            facts,
        )
        if not booking.balance:
            return booking
        rest = Posting(Account.ROUNDING, -booking.balance, self._currency)
        return Booking(at, booking.on, words, self._currency, (*booking.postings, rest), facts)

    def _money(self, account: Account, amount: Decimal) -> Posting:
        return Posting(account, amount, self._currency)

    def _fees(self, part: Part) -> list[Posting]:
        if part.fee is None:
            return []
        amount = _digits(part.fee.amount)
        return [self._money(Account.FEES, amount), self._money(Account.CASH, -amount)]

    def _open(self, part: Part) -> Booking:
        each = part.price * self._each
        cost = LotCost(each, eastern(part.at).date(), f"{self._trip.id} {part.execution_id}")
        self._lots.append(_Held(part.qty, cost))
        other = Account.CASH if part.is_trade else Account.BROUGHT
        lot = Posting(Account.POSITIONS, self._sign * part.qty, self._name, cost)
        value = part.qty * each
        words = _words(part) if part.is_trade else f"{part.booked_as or 'adopted'}"
        return self._booking(
            part.at,
            f"{words} {text(part.qty)} {self._trip.symbol}",
            [lot, self._money(other, -self._sign * value), *self._fees(part)],
        )

    def _close(self, part: Part) -> Booking:
        price = part.price * self._each
        taken = list(self._take(part.qty, price if part.is_trade else None, part.is_trade))
        at_cost = sum((p.amount * p.cost.each for p in taken if p.cost is not None), ZERO)
        postings = list(taken)
        if not part.is_trade:
            postings.append(self._money(Account.TAKEN, -at_cost))
            words = part.booked_as or "taken away"
        else:
            proceeds = self._sign * part.qty * price
            gained = proceeds + at_cost
            average = _digits(part.gross)
            postings += [
                self._money(Account.CASH, proceeds),
                self._money(Account.REALIZED, -average),
                self._money(Account.LOT_DIFFERENCE, average - gained),
                *self._fees(part),
            ]
            words = _words(part)
        return self._booking(part.at, f"{words} {text(part.qty)} {self._trip.symbol}", postings)

    def _take(self, qty: Decimal, price: Decimal | None, is_trade: bool) -> Iterable[Posting]:
        """Postings of the oldest lots; what nobody sold is of every lot a part."""
        held, left = sum((lot.qty for lot in self._lots), ZERO), qty
        for lot in list(self._lots):
            if not left:
                break
            share = lot.qty if is_trade or not held else _up(lot.qty * qty / held)
            out = min(share, lot.qty, left)
            lot.qty, left = lot.qty - out, left - out
            yield Posting(Account.POSITIONS, -self._sign * out, self._name, lot.cost, price)
        self._lots = deque(lot for lot in self._lots if lot.qty)

    def _split(self, split: SplitAt) -> Booking:
        """Each lot becomes one of new shares, at the same cost as near as nine digits come."""
        self._splits += 1
        postings: list[Posting] = []
        whole = sum((lot.qty for lot in self._lots), ZERO)
        left = (whole * split.ratio).quantize(QTY_STEP, ROUND_HALF_EVEN)
        for number, lot in enumerate(self._lots, start=1):
            new = (lot.qty * split.ratio).quantize(QTY_STEP, ROUND_HALF_EVEN)
            new = left if number == len(self._lots) else new
            left -= new
            old = lot.cost
            each = _digits(lot.qty * old.each / new)
            cost = LotCost(each, old.on, f"{old.name} split {self._splits}")
            postings.append(Posting(Account.POSITIONS, -self._sign * lot.qty, self._name, old))
            postings.append(Posting(Account.POSITIONS, self._sign * new, self._name, cost))
            lot.qty, lot.cost = new, cost
        return self._booking(split.at, f"split of {self._trip.symbol}", postings)

    def _left_over(self) -> Booking:
        """Coins that went as fees, and shares that were taken away whole."""
        rest = sum((lot.qty for lot in self._lots), ZERO)
        taken = list(self._take(rest, None, True))
        at_cost = sum((p.amount * p.cost.each for p in taken if p.cost is not None), ZERO)
        other = self._money(Account.FEES, -at_cost)
        at = self._trip.closed_at or self._trip.opened_at
        return self._booking(at, f"fees in {self._trip.symbol}", [*taken, other])


def _words(part: Part) -> str:
    return "buy" if part.side.sign > 0 else "sell"


def _digits(value: Decimal) -> Decimal:
    return value.quantize(COST_STEP, ROUND_HALF_EVEN)


def _up(value: Decimal) -> Decimal:
    return (value / QTY_STEP).to_integral_value("ROUND_CEILING") * QTY_STEP


def accounts_of(bookings: Iterable[Booking]) -> list[Account]:
    used = {posting.account for booking in bookings for posting in booking.postings}
    return [account for account in Account if account in used]
