"""The last day of a contract by the clock: what the broker closes, and what becomes of the rest.

Half an hour before the close nothing is opened any more. From then on the broker looks several
times at what expires, and closes by itself, one contract at a time and at the market, what the
account could not bear: the short leg of a spread that is in the money or near it, then what is
long and in the money without the cash or the shares to exercise it. After the close, by the
official price of the stock, what is in the money is exercised or assigned, and the rest is gone.
No stream tells the latter; positions and cash change at once, the rows come a day late, as on
paper.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

from execbot.sim.calendar import new_york_date
from execbot.sim.chains.contract import MULTIPLIER, Contract
from execbot.sim.chains.expiries import expires_at
from execbot.sim.engine.accounts import funds
from execbot.sim.engine.accounts.account import Account
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.ids import named_share
from execbot.sim.engine.options import collateral, ends
from execbot.sim.engine.order import OrderClass
from execbot.sim.engine.orders import endings
from execbot.sim.engine.orders.place import place
from execbot.sim.engine.render import text
from execbot.sim.types import SECOND, ApiError, Ns

MINUTE: Ns = 60 * SECOND
LOOKS: tuple[Ns, ...] = (-30 * MINUTE, -15 * MINUTE, -5 * MINUTE)
"""When the broker looks at what expires, as seen: 15:30, 15:45, and shortly before the close."""
SETTLES: Ns = 45 * MINUTE  # after the close; instructions are taken until half an hour after it
NEAR = Decimal("0.005")  # a short leg so near to its strike is a risk
PENNY = Decimal("0.01")  # so far in the money is exercised


def next_at(core: ExchangeCore, until: Ns) -> Ns | None:
    """When something happens next to contracts, after what has happened, by `until`."""
    if not core.option_days and not core.config.early_assignment_share:
        return None
    found = [at for day in core.option_days for at in _moments(day)]
    if core.config.early_assignment_share:
        found += _nights(core)
    return min(
        (at for at in found if core.option_looked_at < at <= until and at >= core.now),
        default=None,
    )


def watch_all(core: ExchangeCore) -> None:
    """Watches the last days of all contracts held, after the state was read from a file."""
    for account in core.accounts.values():
        for symbol in account.positions:
            core.watch_contract(symbol)


def _moments(day: str) -> Iterable[Ns]:
    close = expires_at(day)
    return (*(close + look for look in LOOKS), close + SETTLES)


def happen(core: ExchangeCore) -> None:
    """What is due at this very instant."""
    core.option_looked_at = core.now
    for day in sorted(core.option_days):
        if core.now == expires_at(day) + SETTLES:
            core.option_days.discard(day)
            for account in core.accounts.values():
                _settle(core, account, day)
        elif core.now in _moments(day) and core.config.option_risk_close:
            for account in core.accounts.values():
                _close_risks(core, account, day)
    if core.config.early_assignment_share and core.now in _nights(core):
        _assign_early(core)


def _nights(core: ExchangeCore) -> list[Ns]:
    """The coming evenings of assignments."""
    first = date.fromisoformat(new_york_date(core.now))
    days = core.calendar.days(first.isoformat(), (first + timedelta(days=10)).isoformat())
    return [expires_at(day.date) + SETTLES for day in days]


def _expiring(account: Account, day: str) -> dict[str, dict[Contract, Decimal]]:
    found = {}
    for underlying, mine in collateral.held(account).items():
        ending = {c: q for c, q in mine.items() if c.expires == day}
        if ending:
            found[underlying] = ending
    return found


def official(core: ExchangeCore, contract: Contract) -> Decimal:
    """The price of the stock that decides: the official close, else the last print at the close."""
    close = expires_at(contract.expires)
    found = core.prices.official(contract.underlying, close)
    return found if found is not None else core.price(contract.underlying, close)


# --- before the close ------------------------------------------------------------------------


def _close_risks(core: ExchangeCore, account: Account, day: str) -> None:
    for underlying, ending in _expiring(account, day).items():
        spot = core.price(underlying, core.now)
        for contract, qty in sorted(ending.items(), key=lambda item: (item[1] > 0, item[0].symbol)):
            risky = _is_risky_short if qty < 0 else _is_unbearable_long
            if risky(core, account, contract, qty, spot):
                _close(core, account, contract, qty)
                break  # one at a time: the next look sees what it has left


def _is_risky_short(
    core: ExchangeCore, account: Account, contract: Contract, qty: Decimal, spot: Decimal
) -> bool:
    """In the money or near it, and only another contract covers it."""
    if not contract.intrinsic(spot) and abs(spot - contract.strike) > contract.strike * NEAR:
        return False
    if contract.is_call:
        return account.qty(contract.underlying) < -qty * contract.shares
    needed = -qty * contract.strike * MULTIPLIER
    return account.cash < needed


def _is_unbearable_long(
    core: ExchangeCore, account: Account, contract: Contract, qty: Decimal, spot: Decimal
) -> bool:
    if contract.intrinsic(spot) < PENNY or contract.symbol in account.not_to_exercise:
        return False
    return not can_exercise(core, account, contract, qty)


def can_exercise(core: ExchangeCore, account: Account, contract: Contract, qty: Decimal) -> bool:
    """Whether there is the cash for the shares of calls, or the shares that puts deliver."""
    if contract.is_call:
        needed = qty * contract.strike * MULTIPLIER
        return needed <= funds.money(core, account).buying_power
    held = account.qty(contract.underlying)
    return held > 0 and held - funds.held_qty(core, account, contract.underlying) >= (
        qty * contract.shares
    )


def _close(core: ExchangeCore, account: Account, contract: Contract, qty: Decimal) -> None:
    """An order of the broker's: single, at the market, under an id that nobody knows. What the
    account had working in the contract is canceled before.
    """
    for order in [o for o in account.live.values() if o.symbol == contract.symbol]:
        parent = core.orders.get(order.parent_id or "")
        target = parent if order.order_class is OrderClass.MLEG and parent else order
        if target.is_open:
            endings.cancel(core, target)
    account.holds = [hold for hold in account.holds if hold.symbol != contract.symbol]
    body = {
        "symbol": contract.symbol,
        "qty": text(abs(qty)),
        "side": "buy" if qty < 0 else "sell",
        "type": "market",
        "time_in_force": "day",
    }
    try:
        place(core, account, body, by_broker=True)
    except ApiError:
        return  # held by something else: the next look tries again


# --- after it --------------------------------------------------------------------------------


def _settle(core: ExchangeCore, account: Account, day: str) -> None:
    """Assignments first: what they bring may be delivered by what is exercised."""
    delay = core.config.option_row_delay
    for ending in _expiring(account, day).values():
        for contract, qty in sorted(ending.items(), key=lambda item: (item[1] > 0, item[0].symbol)):
            in_money = contract.intrinsic(official(core, contract)) >= PENNY
            if qty < 0 and in_money:
                ends.assign(core, account, contract.symbol, row_after=delay)
            elif qty > 0 and in_money and _is_exercised(core, account, contract, qty):
                ends.exercise(core, account, contract.symbol, row_after=delay)
            else:
                ends.expire(core, account, contract.symbol, row_after=delay)
    account.not_to_exercise = {s for s in account.not_to_exercise if account.qty(s)}


def _is_exercised(core: ExchangeCore, account: Account, contract: Contract, qty: Decimal) -> bool:
    """Unless its holder, or the broker for lack of cash or shares, has said no. Shares that an
    assignment has sold short are taken in whatever the cash.
    """
    if contract.symbol in account.not_to_exercise:
        return False
    shares, held = qty * contract.shares, account.qty(contract.underlying)
    if contract.is_call and held <= -shares:
        return True
    return can_exercise(core, account, contract, qty)


# --- at any night ----------------------------------------------------------------------------


def _assign_early(core: ExchangeCore) -> None:
    """A share of the short contracts in the money, drawn by account, contract and day."""
    delay = core.config.option_row_delay
    today = new_york_date(core.now)
    for account in core.accounts.values():
        for underlying, mine in collateral.held(account).items():
            spot = core.price(underlying, core.now)
            for contract, qty in mine.items():
                if qty < 0 and contract.expires > today and contract.intrinsic(spot) >= PENNY:
                    drawn = named_share(core.config.seed, f"{account.id}{contract.symbol}{today}")
                    if drawn < core.config.early_assignment_share:
                        ends.assign(core, account, contract.symbol, row_after=delay)
