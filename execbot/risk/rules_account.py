"""Rules about whether anybody may trade: kill switch, mode, account state, margin."""

from __future__ import annotations

from decimal import Decimal

from execbot.config.schema import Mode, TradingSettings
from execbot.model.amounts import dollars
from execbot.model.numbers import ZERO
from execbot.risk.equity import EQUITY_TOLERANCE, equity_of
from execbot.risk.facts import Facts, Intent, broker_cost, spread_max
from execbot.risk.finding import Finding, percent, unknown
from execbot.risk.kill_switch import Level
from execbot.risk.options.facts import is_of_options

HUNDRED = Decimal(100)
MAINTENANCE_PCT = Decimal(30)
"""Alpaca's maintenance margin of a long stock where the asset names none."""
PDT_EQUITY = Decimal(25_000)
PDT_DAY_TRADES = 3
"""The old rule (until June 2026): below 25,000 a fourth day trade in five days was refused."""


def kill_switch(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    halted = facts.kill_switch.level is Level.HALTED
    seen = facts.kill_switch.describe()
    return Finding(not halted, "off", seen, f"entries are stopped: {seen}" if halted else "")


def reduce_only(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    reducing = facts.kill_switch.level is Level.REDUCE_ONLY
    seen = facts.kill_switch.describe()
    return Finding(
        not reducing, "off", seen, f"positions may only shrink: {seen}" if reducing else ""
    )


def mode_gate(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    passed = facts.mode is not Mode.LIVE or facts.live_allowed
    return Finding(passed, "mode: live and ALPACA_LIVE_TRADE=true", str(facts.mode))


def limits_adopted(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """In live no file is looser than what ruled the last entry, unless the trader adopted it."""
    if facts.mode is not Mode.LIVE:
        return None
    said = "; ".join(facts.loosened)
    message = f"limits became looser: {said}; if that is meant: execbot config adopt"
    return Finding(not said, "as they ruled last, or adopted", said or "as before",
                   message if said else "")  # fmt: skip


def account_active(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    account = facts.account
    if account is None:
        return unknown("account")
    is_crypto = facts.asset is not None and facts.asset.is_crypto
    status = account.crypto_status if is_crypto and account.crypto_status else account.status
    return Finding(status == "ACTIVE", "ACTIVE", status or "none")


def account_not_blocked(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    account = facts.account
    if account is None:
        return unknown("account")
    flags = {
        "trading_blocked": account.trading_blocked,
        "account_blocked": account.account_blocked,
    }
    blocked = [name for name, is_set in flags.items() if is_set]
    return Finding(not blocked, "not blocked", ", ".join(blocked) or "not blocked")


def not_suspended(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    account = facts.account
    if account is None:
        return unknown("account")
    suspended = account.trade_suspended_by_user
    return Finding(not suspended, "not suspended", "suspended" if suspended else "not suspended")


def facts_together(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """Facts that were read far apart are no picture of one account, whatever each of them says."""
    most, spread = spread_max(limits), facts.spread_seconds
    if spread is None or spread <= most:
        return None
    seen = f"{spread:.1f} s apart"
    return Finding(
        False,
        f"within {most:g} s",
        seen,
        f"the broker is slow: what it said was read {seen}, twice in a row (limit {most:g} s)",
    )


def equity_known(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """The account's equity fits what it holds (docs/evidence.md, E-EQ-1)."""
    if facts.account is None:
        return unknown("account")
    equity = equity_of(facts.account)
    limit = f"above 0, within {percent(EQUITY_TOLERANCE * HUNDRED)} of cash and positions"
    stated = "none" if equity.stated is None else dollars(equity.stated)
    seen = (
        stated
        if equity.summed is None
        else f"{stated}, cash and positions {dollars(equity.summed)}"
    )
    message = "" if equity.is_known else f"the account's equity cannot be right: {seen}"
    return Finding(equity.is_known, limit, seen, message)


def intraday_margin(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """The rule since June 2026: equity covers maintenance margin all through the day.

    Crypto is bought outright and needs none.
    """
    account, asset = facts.account, facts.asset
    if account is None or account.maintenance_margin is None:
        return None
    if is_of_options(intent.request) or (asset is not None and asset.is_crypto):
        return None  # paid in full, or with collateral in full
    cost = broker_cost(intent, facts)
    if cost is None:
        return unknown("price")
    required = asset.maintenance_margin_requirement if asset is not None else None
    share = (required or MAINTENANCE_PCT) / HUNDRED
    pending = sum(
        (o.notional or (o.leaves_qty or ZERO) * (o.limit_price or o.price_hint or ZERO))
        for o in facts.pending
        if o.purpose == "entry"
    )
    needed = account.maintenance_margin + (cost + pending) * share
    return Finding(needed <= facts.equity, dollars(facts.equity), dollars(needed))


def day_trading(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """The rule until June 2026, for servers that still count day trades.

    A position opened now could not be closed today, so it is not opened.
    """
    account = facts.account
    if account is None:
        return unknown("account")
    if facts.asset is not None and facts.asset.is_crypto:
        return None
    if account.daytrade_count is None and account.pattern_day_trader is None:
        return None
    count = account.daytrade_count or 0
    limit = f"fewer than {PDT_DAY_TRADES} day trades, or {dollars(PDT_EQUITY)} of equity"
    marked = bool(account.pattern_day_trader)
    passed = facts.equity >= PDT_EQUITY or not (marked or count >= PDT_DAY_TRADES)
    seen = f"{count} day trades, equity {dollars(facts.equity)}"
    power = account.daytrading_buying_power
    cost = broker_cost(intent, facts)
    if passed and marked and power is not None and cost is not None and cost > power:
        return Finding(False, f"day-trading buying power {dollars(power)}", dollars(cost))
    return Finding(passed, limit, seen + (", marked" if marked else ""))
