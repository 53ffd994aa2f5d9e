"""Rules about the day so far: losses, orders, rejections, and the same order given twice."""

from __future__ import annotations

from decimal import Decimal

from execbot.config.schema import TradingSettings
from execbot.model.flags import Flag
from execbot.model.numbers import text
from execbot.model.times import eastern
from execbot.risk.equity import equity_of
from execbot.risk.facts import Facts, Intent, intent_key
from execbot.risk.finding import Finding, percent, unknown, unless
from execbot.risk.flows import day_change

HUNDRED = Decimal(100)


def day_loss_pct(facts: Facts) -> Decimal | None:
    """The loss since yesterday's close, in percent of that equity; 0 without one, None if unknown.
    Deposits and withdrawals are neither profit nor loss."""
    account = facts.account
    if account is None or account.equity is None or not account.last_equity:
        return None
    if not equity_of(account).is_known:
        return None  # no loss is measured, and nothing latched, by an impossible figure
    change = day_change(account, facts.flows, eastern(facts.now).date()) or Decimal(0)
    return max(-change / account.last_equity * HUNDRED, Decimal(0))


def daily_loss(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    most = limits.risk.max_daily_loss_pct
    if most is None:
        return None
    if facts.account is None:
        return unknown("account")
    lost = day_loss_pct(facts)
    if lost is None:
        return Finding(True, f"below {percent(most)}", "not known")
    return Finding(lost < most, f"below {percent(most)}", percent(lost))


def daily_orders(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    most = limits.risk.max_daily_orders
    if most is None:
        return None
    seen = facts.counters.orders_today
    return Finding(seen < most, str(most), f"{seen} sent today")


def consecutive_losses(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    most = limits.risk.max_consecutive_losses
    if most is None:
        return None
    seen = facts.counters.consecutive_losses
    return Finding(seen < most, f"fewer than {most}", str(seen))


def consecutive_rejections(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    most = limits.risk.max_consecutive_rejections
    if most is None:
        return None
    seen = facts.counters.consecutive_rejections
    return Finding(seen < most, f"fewer than {most}", str(seen))


def duplicate_intent(intent: Intent, facts: Facts, limits: TradingSettings) -> Finding | None:
    """The same order given again within the window is taken for a slip of the finger."""
    window = limits.risk.duplicate_window_seconds
    if window <= 0 or Flag.ALLOW_DUPLICATE in intent.flags:
        return None
    limit = f"not twice within {text(window)} s"
    key = intent_key(intent.request)
    own_id = intent.request.client_order_id
    for past in facts.counters.recent:
        if past.key != key or (own_id and past.client_order_id == own_id):
            continue
        age = Decimal(str((facts.now - past.at).total_seconds()))
        if age < window:
            seen = f"{past.client_order_id}, {text(age.quantize(Decimal('0.1')))} s ago"
            message = f"the same order was given {seen} (duplicate_intent)."
            message += unless(Flag.ALLOW_DUPLICATE, "If it is meant", limits)
            return Finding(False, limit, seen, message)
    return Finding(True, limit, "not given")
