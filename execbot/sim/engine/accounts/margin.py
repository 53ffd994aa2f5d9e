"""Margin calls of the rule in force since June 2026: a deficit at a close, two days to meet it.

Equity below the maintenance margin at a close, by more than the least of 1000 dollars and 5 % of
equity, is a call. It is met when a later close shows no deficit. One that is not met by the close
two trading days later freezes the account for 90 days: it may trade with its cash only.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from execbot.sim.engine.accounts import fees, funds
from execbot.sim.engine.accounts.account import Account, MarginCall
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.options import collateral
from execbot.sim.engine.render import ZERO
from execbot.sim.types import Ns

DE_MINIMIS = Decimal(1000)
DE_MINIMIS_SHARE = Decimal("0.05")
DAYS_TO_MEET = 2
FREEZE_DAYS = 90
CLOSES_LOOKED_AT = 60  # of an account that nobody asked about for longer


def at_close(core: ExchangeCore, account: Account, close: Ns) -> tuple[Decimal, Decimal]:
    """Equity and maintenance margin at the prices of a close."""
    equity, maintenance = account.cash, collateral.required(account)
    for position in account.positions.values():
        price = core.price(position.symbol, close)
        equity += position.qty * price * core.multiplier(position.symbol)
        asset = core.assets.get(position.symbol)
        assert asset is not None
        maintenance += funds.maintenance_of(asset, position.qty, price)
    return equity, maintenance


def roll(core: ExchangeCore, account: Account) -> None:
    """Brings the account into the present trading day: last equity, overnight positions.

    Nothing was traded since the last roll; the closes between are looked at for margin calls.
    """
    today = core.hours.trading_date(core.now)
    if account.day == today:
        return
    fees.settle(core, account)
    look_back(core, account, today)
    close = core.hours.previous_close(core.now)
    account.last_equity, account.last_maintenance = at_close(core, account, close)
    for position in account.positions.values():
        position.start_day()
    account.day = today
    account.opened_today.clear()
    oldest = (date.fromisoformat(today) - timedelta(days=7)).isoformat()
    account.day_trades = [day for day in account.day_trades if day > oldest]
    account.taken.clear()


def look_back(core: ExchangeCore, account: Account, today: str) -> None:
    """Looks at every close from the account's day up to the one before `today`."""
    if account.frozen_until and account.frozen_until <= today:
        account.frozen_until = ""
    if not account.positions:
        account.margin_call = None
        return
    yesterday = (date.fromisoformat(today) - timedelta(days=1)).isoformat()
    for day in core.calendar.days(account.day, yesterday)[-CLOSES_LOOKED_AT:]:
        equity, maintenance = at_close(core, account, day.close)
        _judge(core, account, day.date, equity, maintenance - equity)


def _judge(
    core: ExchangeCore, account: Account, day: str, equity: Decimal, deficit: Decimal
) -> None:
    call = account.margin_call
    if deficit <= 0:
        account.margin_call = None
    elif call is None:
        if deficit > min(DE_MINIMIS, max(ZERO, equity * DE_MINIMIS_SHARE)):
            account.margin_call = MarginCall(day, deficit, _due(core, day))
    else:
        call.amount = deficit
        if day >= call.due and not account.frozen_until:
            until = date.fromisoformat(day) + timedelta(days=FREEZE_DAYS)
            account.frozen_until = until.isoformat()


def _due(core: ExchangeCore, day: str) -> str:
    first = date.fromisoformat(day) + timedelta(days=1)
    last = first + timedelta(days=14)
    following = core.calendar.days(first.isoformat(), last.isoformat())
    return following[DAYS_TO_MEET - 1].date
