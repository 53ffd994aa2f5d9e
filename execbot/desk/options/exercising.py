"""Exercising a long contract, or letting it expire.

Neither request carries an id, so neither could be repeated blindly. So the position is read first,
what is asked for is in the journal before a byte leaves, and where no answer was read the outcome
is in doubt: the contracts and shares show it, not a second try.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from execbot.broker.errors import BrokerError
from execbot.desk.account import Desk
from execbot.desk.errors import DeskError
from execbot.desk.opening.outcomes import CommandStep, carried_out
from execbot.market.sessions import trading_day
from execbot.model.amounts import dollars
from execbot.model.numbers import text
from execbot.model.symbols import OPTION_MULTIPLIER, OptionContract, option_contract
from execbot.model.times import eastern
from execbot.risk.facts import index_positions
from execbot.risk.options.cover import uncovered_after

DECISION = "option"
"""The kind of their audit rows."""


class NotExercised(DeskError):
    kind = "option.not_exercised"
    hint = "Nothing was sent."
    next_step = "See what is held: execbot option held"


class Exercised(Struct, frozen=True):
    """What was asked for. `shares` are signed, `cash` in USD (negative: paid)."""

    symbol: str
    qty: Decimal
    shares: Decimal
    cash: Decimal
    is_abandoned: bool
    warnings: list[str] = []

    @property
    def words(self) -> str:
        if self.is_abandoned:
            return f"{text(self.qty)} {self.symbol} will expire and not be exercised"
        verb = "buys" if self.shares > 0 else "sells"
        return (
            f"exercising {text(self.qty)} {self.symbol} {verb} {text(abs(self.shares))} shares "
            f"for {dollars(abs(self.cash))}"
        )


def what_exercise_does(desk: Desk, symbol: str, *, abandons: bool = False) -> Exercised:
    """What exercising, or abandoning, the contract would mean; writes nothing. Raises NotExercised,
    BrokerError."""
    contract = option_contract(symbol)
    if contract is None:
        raise NotExercised(f"{symbol} is no option contract")
    position = desk.client.get_position(symbol)
    if position is None or position.qty <= 0:
        what = "is sold" if position is not None and position.qty < 0 else "is not held"
        raise NotExercised(f"{symbol} {what}: only bought contracts are exercised")
    free = position.qty if position.qty_available is None else position.qty_available
    if free <= 0:
        raise NotExercised(f"{symbol}: all {text(position.qty)} are held by working orders")
    if not abandons and free < position.qty:
        raise NotExercised(
            f"{symbol}: {text(position.qty - free)} of {text(position.qty)} are held by working "
            "orders, and an exercise takes all that are free"
        )
    if abandons:
        _refuse_other_day(desk, contract, symbol)
    units = position.qty * OPTION_MULTIPLIER
    sign = 1 if contract.is_call else -1
    return Exercised(symbol, position.qty, units * sign, -units * sign * contract.strike, abandons)


def _refuse_other_day(desk: Desk, contract: OptionContract, symbol: str) -> None:
    now = desk.now()
    day = trading_day(desk.risk.reader.table_at(now), contract.expires)
    if day is None or eastern(now).date() != contract.expires:
        raise NotExercised(
            f"{symbol} expires on {contract.expires}: that it is not to be exercised can be said "
            "on that day alone"
        )


@carried_out(CommandStep.DECISION)
def exercise_contract(desk: Desk, wanted: Exercised) -> Exercised:
    """Exercise the contracts, or let them expire, at the broker. Raises BrokerError; in doubt where
    no answer was read."""
    verb = "abandon" if wanted.is_abandoned else "exercise"
    facts = {"qty": text(wanted.qty), "shares": text(wanted.shares), "cash": text(wanted.cash)}
    desk.journal.audit(DECISION, wanted.symbol, verb, facts, "asked", desk.now())
    try:
        if wanted.is_abandoned:
            desk.client.do_not_exercise(wanted.symbol)
        else:
            desk.client.exercise(wanted.symbol)
    except BrokerError as error:
        result = "in doubt" if error.in_doubt else f"refused: {error.message}"
        desk.journal.audit(DECISION, wanted.symbol, verb, facts, result, desk.now())
        raise
    desk.journal.audit(DECISION, wanted.symbol, verb, facts, "accepted", desk.now())
    return wanted


def other_legs(desk: Desk, wanted: Exercised) -> list[str]:
    """Warnings: what would lose its cover, with the shares that come or go."""
    contract = option_contract(wanted.symbol)
    if contract is None:
        return []
    change = {wanted.symbol: -wanted.qty}
    if not wanted.is_abandoned:
        change[contract.root] = wanted.shares
    positions = index_positions(desk.client.get_positions())
    why = uncovered_after(contract.root, positions, change, None)
    return [f"Without {wanted.symbol} {why}."] if why else []
