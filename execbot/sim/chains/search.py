"""Finds when the market of a contract comes to a price, without walking over every second.

Within a stretch of a day a contract's fair price is a function of the stock's price that only
rises (a call) or only falls (a put), and moves little with the time. So the stretch is searched on
the stock's path for the price at which the contract could at the earliest be there, and only the
moments found are looked at closely.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from execbot.sim.calendar import new_york, new_york_date
from execbot.sim.chains import pricing
from execbot.sim.chains.contract import Contract
from execbot.sim.chains.expiries import expires_at
from execbot.sim.chains.market import YEAR, Chains
from execbot.sim.types import SECOND, Crossing, Field, Ns, Tick, Trade

STRETCH: Ns = 1800 * SECOND
SLACK = 0.002
"""Dollars by which the time may move the fair price against its trend within a stretch."""


def windows(chains: Chains, contract: Contract, after: Ns, until: Ns) -> Iterator[tuple[Ns, Ns]]:
    """The parts of `(after, until]`, again as `(after, until]`, in which the contract trades."""
    until = min(until, chains.last_moment(contract) - 1)
    at = after + 1
    while at <= until:
        day = new_york_date(at)
        session = chains.session(contract.underlying, day)
        if session is not None and at < session[1]:
            begin, end = max(session[0], at), min(session[1] - 1, until)
            if begin <= end:
                yield begin - 1, end
        # Dates are walked one by one; the end of a session is before the next date.
        at = max(at + 1, _next_midnight(day))


def _next_midnight(day: str) -> Ns:
    return new_york(day, 1440)


def tick_at(chains: Chains, contract: Contract, at: Ns) -> Tick | None:
    """The tick of an instant; None while the contract has no quote."""
    quote = chains.quote(contract, at)
    if quote is None:
        return None
    last = chains.last_print(contract, at)
    if last is None:
        last = Trade(contract.symbol, 0, quote.ask, Decimal(1))
    return Tick(at, quote, last)


def first_crossing(
    chains: Chains, contract: Contract, after: Ns, until: Ns, condition: Crossing
) -> Tick | None:
    """The first tick in `(after, until]` where the condition holds."""
    rising = condition.op == ">="
    for begin, end in windows(chains, contract, after, until):
        if condition.field is Field.LAST:
            for trade in chains.prints(contract, begin + 1, end):
                if trade.price >= condition.price if rising else trade.price <= condition.price:
                    return tick_at(chains, contract, trade.at)
            continue
        opening = _if_held(chains, contract, begin + 1, condition)
        if opening is not None and begin >= after and _opens(chains, contract, begin + 1):
            return opening
        # What no order waits for, a bid that falls or an ask that rises, is walked to.
        search = _within if (condition.field is Field.BID) == rising else _walked
        while begin < end:
            stop = min(end, begin + STRETCH)
            found = search(chains, contract, begin, stop, condition)
            if found is not None:
                return found
            begin = stop
    return None


def _opens(chains: Chains, contract: Contract, at: Ns) -> bool:
    session = chains.session(contract.underlying, new_york_date(at))
    return session is not None and session[0] == at


def _if_held(chains: Chains, contract: Contract, at: Ns, condition: Crossing) -> Tick | None:
    tick = tick_at(chains, contract, at)
    return tick if tick is not None and tick.meets(condition) else None


def _within(
    chains: Chains, contract: Contract, begin: Ns, end: Ns, condition: Crossing
) -> Tick | None:
    wanted = _on_the_stock(chains, contract, begin, end, condition)
    while begin < end:
        found = chains.prices.first_crossing(contract.underlying, begin, end, wanted)
        if found is None:
            return None
        tick = _if_held(chains, contract, found.at, condition)
        if tick is not None:
            return tick
        begin = found.at
    return None


def _walked(
    chains: Chains, contract: Contract, begin: Ns, end: Ns, condition: Crossing
) -> Tick | None:
    ticks = chains.prices.ticks(contract.underlying, begin, end)
    found = (_if_held(chains, contract, tick.at, condition) for tick in ticks)
    return next((tick for tick in found if tick is not None), None)


def _on_the_stock(
    chains: Chains, contract: Contract, begin: Ns, end: Ns, condition: Crossing
) -> Crossing:
    """What the stock's quote must show for the contract's side to be where it is wanted.

    A bid lies at or below the fair price, an ask at or above: so must the fair price be.
    """
    rising = condition.op == ">="
    share = float(contract.shares) / 100.0
    price = float(condition.price) + (-SLACK if rising else SLACK)
    day = chains.day_at(contract, end)
    near = chains.reference(contract.underlying, new_york_date(end)) or float(contract.strike)
    found = []
    for at in (begin, end):
        years = max(expires_at(contract.expires) - at, 0) / YEAR
        found.append(
            pricing.spot_for(
                max(price, 0.0), float(contract.strike), years, day.sigma, chains.rate,
                contract.is_call, near=max(near * share, float(contract.strike)),
            )
        )  # fmt: skip
    up = rising == contract.is_call  # the stock must rise
    edge = (min if up else max)(found) / share
    # Its middle is between bid and ask: the ask must rise so far, or the bid fall.
    step = Decimal("0.01")
    if up:
        return Crossing(Field.ASK, ">=", Decimal(edge).quantize(step) - step)
    return Crossing(Field.BID, "<=", Decimal(edge).quantize(step) + step)
