"""The one list of checks that every order passes before it may be sent.

Each check is a pure function of (intent, facts, limits); `evaluate` runs all of them and reports
every failure at once. Codes are stable: they are part of error slugs (`risk.<code>`), of audit
rows and of docs/risk.md, whose table is generated from this list.

A limit on entries never holds back an exit. A check that applies to exits too says so (`ALL`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum

from msgspec import Struct

from execbot.config.schema import TradingSettings
from execbot.model.enums import ErrorCategory
from execbot.risk import rules_account as account
from execbot.risk import rules_history as history
from execbot.risk import rules_market as market
from execbot.risk import rules_position as position
from execbot.risk.facts import Facts, Intent
from execbot.risk.finding import Finding
from execbot.risk.options import rules as options
from execbot.risk.pending import Purpose
from execbot.risk.verdict import CheckResult, Verdict

Rule = Callable[[Intent, Facts, TradingSettings], Finding | None]
"""None: the rule does not apply to this order."""


class Applies(StrEnum):
    ENTRY = "entries"
    ALL = "entries and exits"


class Check(Struct, frozen=True):
    """`title` says when it holds, `broken` what is wrong where it fails. `setting` names the key in
    trading.yaml that moves the limit, where there is one."""

    code: str
    title: str
    broken: str
    rule: Rule
    category: ErrorCategory = ErrorCategory.FATAL
    applies_to: Applies = Applies.ENTRY
    setting: str = ""


INSTRUMENT = "instrument"

_FATAL, _ADJUST, _WAIT = ErrorCategory.FATAL, ErrorCategory.ADJUSTABLE, ErrorCategory.WAITING

CHECKS: tuple[Check, ...] = (
    Check("kill_switch", "no halt is in force",
          "a halt is in force", account.kill_switch),
    Check("reduce_only", "reduce-only is not in force",
          "reduce-only is in force", account.reduce_only),
    Check("mode_gate", "live needs both of its switches",
          "live has only one of its switches", account.mode_gate,
          applies_to=Applies.ALL),
    Check("limits_adopted", "in live, no limit is looser than before without `config adopt`",
          "limits became looser than before",
          account.limits_adopted),
    Check("account_active", "the account is active",
          "the account is not active", account.account_active),
    Check("account_not_blocked", "trading is not blocked",
          "the broker has blocked trading", account.account_not_blocked),
    Check("account_not_suspended", "the owner has not suspended trading",
          "the owner has suspended trading", account.not_suspended),
    Check("facts_together", "what the broker said is of one moment",
          "the broker's answers are of different moments", account.facts_together,
          ErrorCategory.RETRYABLE),
    Check("equity_known", "the account's equity fits what it holds",
          "the account's equity does not fit what it holds", account.equity_known,
          ErrorCategory.RETRYABLE),
    Check("intraday_margin", "equity covers the maintenance margin",
          "equity does not cover the maintenance margin", account.intraday_margin,
          _ADJUST),
    Check("day_trading", "no pattern-day-trading restriction",
          "day trades are restricted", account.day_trading),
    Check(INSTRUMENT, "a stock, an option contract, or a pair quoted in dollars",
          "execbot does not trade this instrument",
          market.instrument),
    Check("option_terms", "type, time in force and ratios are taken for options",
          "options do not take this type, time in force or ratio", options.terms,
          _ADJUST, Applies.ALL),
    Check("option_contract", "contracts are listed, standard, and not about to expire",
          "the contract is not listed, not standard, or about to expire",
          options.contract, setting="options.min_days"),
    Check("option_level", "the account's options level allows it",
          "the account's options level is too low", options.level),
    Check("option_grid", "prices stand on the contract's grid",
          "the price is off the contract's grid", options.grid, _ADJUST,
          Applies.ALL),
    Check("asset_tradable", "the asset is active and tradable",
          "the asset is not active and tradable", market.asset_tradable),
    Check("symbol_allowed", "the symbol is one of ours",
          "the symbol is not one of ours", market.symbol_allowed, setting="symbols"),
    Check("symbol_not_denied", "the symbol is not denied",
          "the symbol is denied", market.symbol_not_denied,
          setting="denied_symbols"),
    Check("fractionable", "a fraction is possible",
          "a fraction is not possible", market.fractionable, _ADJUST),
    Check("shortable", "the asset can be sold short",
          "the asset cannot be sold short", market.shortable, setting="risk.allow_short"),
    Check("short_is_meant", "nothing is sold that is not held, or a short was asked for",
          "this would sell short without --short",
          market.short_is_meant),
    Check("session", "the order may trade in this session",
          "the order may not trade in this session", market.session, _WAIT,
          setting="market_hours"),
    Check("halt", "the symbol is not halted",
          "the symbol is halted", market.halt, _WAIT),
    Check("luld_band", "the order can trade inside the limit-up limit-down band",
          "the order cannot trade inside the limit-up limit-down band", market.luld_band,
          _ADJUST),
    Check("entry_window", "not in the first or last minutes",
          "too close to the open or the close", market.entry_window, _WAIT,
          setting="market_hours.no_entry_first_minutes, .no_entry_last_minutes"),
    Check("quote_fresh", "the quote is fresh",
          "the quote is too old", market.quote_fresh,
          setting="risk.max_quote_age_seconds"),
    Check("spread", "the spread is sane",
          "the spread is too wide", market.spread, setting="risk.max_spread_pct"),
    Check("limit_price_band", "the limit is near the market",
          "the limit is too far from the market", market.limit_price_band, _ADJUST,
          setting="risk.limit_price_band_pct, .limit_price_passive_band_pct"),
    Check("option_quote", "both sides of each contract are quoted, lately and not too wide",
          "a contract's quote is missing, old or too wide",
          options.quoted, setting="options.max_spread_pct"),
    Check("option_price_band", "an option's limit is not far through the market",
          "the option's limit is too far through the market",
          options.price_band, _ADJUST, setting="risk.limit_price_band_pct"),
    Check("option_premium", "the premium stays within its share of equity",
          "the premium is too large a share of equity", options.premium,
          _ADJUST, setting="options.max_premium_pct"),
    Check("option_max_loss", "the structure's loss stays within its share of equity",
          "the structure can lose too large a share of equity", options.loss,
          _ADJUST, setting="options.max_loss_pct"),
    Check("option_contracts", "not too many contracts in one order",
          "too many contracts in one order", options.contracts, _ADJUST,
          setting="options.max_contracts"),
    Check("option_covered", "no sold contract is left without cover",
          "a sold contract would be left without cover", options.covered,
          applies_to=Applies.ALL),
    Check("option_legs_free", "legs that close are held and free",
          "a leg that closes is not held, or not free", options.available, _ADJUST,
          Applies.ALL),
    Check("max_order_notional", "the order's value is capped",
          "the order's value is too large", position.max_order_notional, _ADJUST,
          setting="risk.max_order_notional"),
    Check("max_order_qty", "the order's quantity is capped",
          "the order's quantity is too large", position.max_order_qty, _ADJUST,
          setting="risk.max_order_qty"),
    Check("buying_power", "buying power suffices, pending orders included",
          "buying power does not suffice, pending orders included", position.buying_power,
          _ADJUST),
    Check("position_known", "fills and the broker's position fit together",
          "fills and the broker's position differ",
          position.position_known, ErrorCategory.RETRYABLE),
    Check("positions_protected", "every position has the protection promised to it",
          "a position lacks the protection promised to it",
          position.positions_protected, ErrorCategory.RETRYABLE,
          setting="exits.unprotected_stops_entries"),
    Check("max_position_size", "the position stays within its share of equity",
          "the position would be too large a share of equity",
          position.max_position_size, _ADJUST, setting="max_position_size_pct"),
    Check("max_positions", "not too many positions at once",
          "too many positions at once", position.max_positions,
          setting="max_positions"),
    Check("max_exposure", "all positions together stay within their share of equity",
          "all positions together would be too large a share of equity",
          position.max_exposure, _ADJUST, setting="max_account_exposure_pct"),
    Check("broker_position_ratio", "Alpaca's equity/order ratio is kept",
          "the position would exceed Alpaca's equity/order ratio",
          position.broker_position_ratio, _ADJUST),
    Check("one_pending", "no other order is pending on the symbol",
          "another order is pending on the symbol", position.one_pending,
          setting="risk.one_pending_per_symbol"),
    Check("duplicate_position", "no position is held yet, or scaling in is allowed",
          "a position is already held",
          position.duplicate_position, setting="risk.scale_in"),
    Check("opposite_order", "no order of the other direction is working",
          "an order of the other direction is working", position.opposite_order),
    Check("wash_trade", "no trade with our own orders",
          "the order could trade with one of our own", position.wash_trade),
    Check("shares_available", "what is sold is held and free",
          "what would be sold is not held, or not free", position.shares_available, _ADJUST,
          Applies.ALL),
    Check("daily_loss", "the day's loss is within its limit",
          "the day's loss has reached its limit", history.daily_loss,
          setting="risk.max_daily_loss_pct"),
    Check("daily_orders", "not too many orders today",
          "too many orders today", history.daily_orders,
          setting="risk.max_daily_orders"),
    Check("consecutive_losses", "not too many losses in a row",
          "too many losses in a row", history.consecutive_losses,
          setting="risk.max_consecutive_losses"),
    Check("consecutive_rejections", "not too many rejections in a row",
          "too many rejections in a row",
          history.consecutive_rejections, setting="risk.max_consecutive_rejections"),
    Check("duplicate_intent", "the same order was not just given",
          "the same order was just given", history.duplicate_intent,
          setting="risk.duplicate_window_seconds"),
)  # fmt: skip
"""In the order in which people read the table: may anybody trade, may this trade, how much."""


def evaluate(intent: Intent, facts: Facts, limits: TradingSettings) -> Verdict:
    """Run every check, also after a failure. The exception is an instrument that execbot does not
    open at all: its other findings would mean nothing."""
    results = tuple(_run(check, intent, facts, limits) for check in CHECKS)
    if all(result.passed for result in results if result.code == INSTRUMENT):
        return Verdict(results)
    return Verdict(tuple(r if r.code == INSTRUMENT else _not_applied(r) for r in results))


def _not_applied(result: CheckResult) -> CheckResult:
    return CheckResult(result.code, True, "-", "-", result.message, result.category, applies=False)


def _run(check: Check, intent: Intent, facts: Facts, limits: TradingSettings) -> CheckResult:
    finding: Finding | None = None
    if check.applies_to is Applies.ALL or intent.purpose is Purpose.ENTRY:
        finding = check.rule(intent, facts, limits)
    if finding is None:
        return CheckResult(check.code, True, "-", "-", check.title, check.category, applies=False)
    rule = check.title if finding.passed else check.broken
    message = finding.message or f"{rule}: limit {finding.limit}, seen {finding.seen}"
    category = finding.category or check.category
    return CheckResult(check.code, finding.passed, finding.limit, finding.seen, message, category)


def table_markdown() -> str:
    """The table of docs/risk.md."""
    rows = ["| code | holds when | applies to | if it fails | setting |", "|---|---|---|---|---|"]
    rows.extend(_markdown_rows())
    return "\n".join(rows) + "\n"


def _markdown_rows() -> Iterator[str]:
    for check in CHECKS:
        setting = f"`{check.setting}`" if check.setting else ""
        cells = (f"`{check.code}`", check.title, check.applies_to, check.category, setting)
        yield f"| {' | '.join(cells)} |"
