"""Every refusal Alpaca is known to give, as data: what it means, and what to do about it.

One row a meaning. A reply is matched by HTTP status, then by the words of its message: Alpaca uses
one numeric code for many unrelated refusals (40310000 has more than fifteen meanings), and texts
drift over the years, so a pattern holds every wording seen and no more than what tells it apart.
The first row that matches wins. `docs/errors.md` is printed from this table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from execbot.model.enums import ErrorCategory
from execbot.model.numbers import ZERO, maybe_decimal


class Remedy(StrEnum):
    """What a program does about an error: finer than the category, which is for people."""

    DUPLICATE = "duplicate"  # the id is in use: look the order up and adopt it
    IN_DOUBT = "in_doubt"  # a write may have happened: look up, never resend blindly
    RETRY = "retry"  # nothing happened: the same request may be sent again
    RETRY_AFTER = "retry_after"  # nothing happened: wait for the rate limit first
    WAIT = "wait"  # the state will change by itself: poll, then try again
    WAIT_OR_ADJUST = "wait_or_adjust"  # it may change; if it does not, ask for less
    ADJUST = "adjust"  # compute a request that is allowed
    ALREADY_DONE = "already_done"  # the goal is reached or out of reach: read the state again
    NOT_FOUND = "not_found"  # definitive: it does not exist
    FATAL_REQUEST = "fatal_request"  # bad input: stop and show
    FATAL_ACCOUNT = "fatal_account"  # stop trading and tell a human


CATEGORY_OF: dict[Remedy, ErrorCategory] = {
    Remedy.DUPLICATE: ErrorCategory.WAITING,
    Remedy.IN_DOUBT: ErrorCategory.WAITING,
    Remedy.RETRY: ErrorCategory.RETRYABLE,
    Remedy.RETRY_AFTER: ErrorCategory.RETRYABLE,
    Remedy.WAIT: ErrorCategory.WAITING,
    Remedy.WAIT_OR_ADJUST: ErrorCategory.WAITING,
    Remedy.ADJUST: ErrorCategory.ADJUSTABLE,
    Remedy.ALREADY_DONE: ErrorCategory.WAITING,
    Remedy.NOT_FOUND: ErrorCategory.FATAL,
    Remedy.FATAL_REQUEST: ErrorCategory.FATAL,
    Remedy.FATAL_ACCOUNT: ErrorCategory.FATAL,
}


@dataclass(frozen=True, slots=True)
class Row:
    """`statuses` and `pattern` (a case-blind search in the broker's text) select; the rest says.

    `when` looks at the extra fields of the body where words alone do not tell two cases apart.
    """

    kind: str
    remedy: Remedy
    statuses: tuple[int, ...]
    pattern: str
    says: str
    hint: str
    next_step: str
    when: Callable[[Mapping[str, Any]], bool] | None = None


def _nothing_held(extra: Mapping[str, Any]) -> bool:
    """No order reserves any of it: waiting will not bring more."""
    held = maybe_decimal(extra.get("held_for_orders"))
    return held is not None and held == ZERO


REFUSALS = (400, 403, 422)
"""Statuses under which Alpaca sends refusals; a wording has moved between them before."""

AUTHENTICATION_ROWS: tuple[Row, ...] = (
    Row(
        "auth.rejected",
        Remedy.FATAL_ACCOUNT,
        (401,),
        r"",
        "Alpaca did not accept the API keys",
        "The key or secret is wrong, was regenerated, or belongs to the other environment:"
        " paper keys work only on paper, live keys only on live.",
        "check the keys with `execbot doctor`",
    ),
    Row(
        "auth.rejected",
        Remedy.FATAL_ACCOUNT,
        (403,),
        r"^\W*(forbidden|unauthorized|request is not authorized|access denied)\W*$"
        r"|access key verification failed|40[13] (forbidden|unauthorized)",
        "Alpaca did not accept the API keys on this host",
        "The keys belong to the other environment: paper keys work only on paper, live keys only"
        " on live.",
        "check the keys and the mode with `execbot doctor`",
    ),
)

MONEY_ROWS: tuple[Row, ...] = (
    Row(
        "broker.insufficient_day_trading_buying_power",
        Remedy.ADJUST,
        REFUSALS,
        r"insufficient day.?trad(e|ing) buying power",
        "Not enough day-trading buying power for this order",
        "A legacy limit of accounts under the pattern-day-trader rule.",
        "reduce the quantity, or hold the position overnight",
    ),
    Row(
        "broker.insufficient_options_buying_power",
        Remedy.ADJUST,
        REFUSALS,
        r"insufficient options? buying power",
        "Not enough options buying power for this order",
        "Options are bought with cash, not with margin.",
        "reduce the quantity",
    ),
    Row(
        "broker.insufficient_buying_power",
        Remedy.ADJUST,
        REFUSALS,
        r"insufficient (overnight |intraday )?(buying power|funds|margin)",
        "Not enough buying power for this order",
        "Open buy orders reserve buying power too, and a market buy is priced above the last"
        " trade.",
        "reduce the quantity, or cancel open buy orders",
    ),
    Row(
        "broker.insufficient_qty",
        Remedy.ADJUST,
        REFUSALS,
        r"insufficient qty available",
        "The position is smaller than this order",
        "Alpaca sells at most what is held; one order cannot cross from long to short.",
        "check `execbot positions` and reduce the quantity",
        when=_nothing_held,
    ),
    Row(
        "broker.qty_held_for_orders",
        Remedy.WAIT_OR_ADJUST,
        REFUSALS,
        r"insufficient qty available",
        "The quantity is reserved by other open orders",
        "Shares stay reserved until the order that holds them is canceled or filled, and for a"
        " moment longer.",
        "cancel the orders that hold it (`execbot orders`), then try again",
    ),
    Row(
        "broker.insufficient_balance",
        Remedy.ADJUST,
        REFUSALS,
        r"insufficient balance",
        "The balance is smaller than this order",
        "Crypto is sold from what is held, after fees; there is no short and no margin.",
        "check `execbot positions` and reduce the quantity",
    ),
    Row(
        "broker.order_too_small",
        Remedy.ADJUST,
        REFUSALS,
        r"minimal amount of order|minimum (order )?(amount|notional)|min(imal|imum) order size",
        "The order is smaller than the least the broker takes",
        "At least 1 USD for shares; 1 or 10 USD for crypto.",
        "raise the quantity or the notional",
    ),
    Row(
        "broker.margin_restricted",
        Remedy.FATAL_ACCOUNT,
        REFUSALS,
        r"margin (call|deficit|restrict)|equity.{0,12}ratio",
        "The account is restricted by its margin",
        "A margin call or the equity to position ratio blocks orders that open or add.",
        "close positions or deposit; see the account's page at Alpaca",
    ),
)

ACCOUNT_ROWS: tuple[Row, ...] = (
    Row(
        "broker.day_trading_protection",
        Remedy.FATAL_ACCOUNT,
        REFUSALS,
        r"pattern day trad",
        "Refused by pattern-day-trading protection",
        "A legacy rule for accounts below 25,000 USD; the broker still applies it here.",
        "hold the position overnight, or ask the broker",
    ),
    Row(
        "broker.short_not_allowed",
        Remedy.FATAL_ACCOUNT,
        REFUSALS,
        r"account is not allowed to short|shorting is (disabled|not allowed)",
        "This account may not sell short",
        "Shorting needs at least 2,000 USD equity and must be enabled; for a sale of what is"
        " held, check the quantity.",
        "check `execbot positions`; enable shorting at Alpaca if it is meant",
    ),
    Row(
        "broker.account_not_authorized",
        Remedy.FATAL_ACCOUNT,
        REFUSALS,
        r"not authorized to trade|account (is )?(blocked|not active|inactive)|trading is blocked",
        "This account may not trade",
        "It is not active yet, or blocked.",
        "see the account's page at Alpaca",
    ),
    Row(
        "broker.liquidation_only",
        Remedy.FATAL_ACCOUNT,
        REFUSALS,
        r"liquidation only|closing (orders|transactions) only",
        "The account may only close positions",
        "Alpaca restricted it, for instance after positions beyond 600 % of equity.",
        "close positions; contact Alpaca to lift the restriction",
    ),
    Row(
        "broker.trading_suspended_by_user",
        Remedy.FATAL_ACCOUNT,
        REFUSALS,
        r"rejected by user request|trading (is )?suspended",
        "Trading is suspended in the account's own settings",
        "The account configuration has suspend_trade switched on.",
        "switch suspend_trade off at Alpaca",
    ),
    Row(
        "broker.asset_class_not_allowed",
        Remedy.FATAL_ACCOUNT,
        REFUSALS,
        r"orders not allowed for account",
        "This account may not trade this class of assets",
        "The class is not enabled for the account or its region.",
        "enable it at Alpaca, or trade another symbol",
    ),
    Row(
        "broker.crypto_not_in_region",
        Remedy.FATAL_ACCOUNT,
        REFUSALS,
        r"not available in your (jurisdiction|region)",
        "Crypto trading is not available where this account is registered",
        "A rule of the region, not of the order.",
        "trade another asset class",
    ),
    Row(
        "broker.options_level",
        Remedy.FATAL_ACCOUNT,
        REFUSALS,
        r"not eligible for level",
        "The account's options level is too low for this order",
        "Alpaca grants options trading in levels.",
        "ask Alpaca for a higher level",
    ),
    Row(
        "broker.advanced_instructions_not_allowed",
        Remedy.FATAL_REQUEST,
        REFUSALS,
        r"not allowed to use advanced_instructions",
        "This account may not use advanced instructions",
        "They need Alpaca's Elite router.",
        "send the order without advanced instructions",
    ),
    Row(
        "broker.fractional_disabled",
        Remedy.ADJUST,
        REFUSALS,
        r"fractional trading is disabled",
        "Fractional trading is switched off for this account",
        "The account configuration has fractional_trading set to false.",
        "use a whole quantity, or switch it on at Alpaca",
    ),
)

CONFLICT_ROWS: tuple[Row, ...] = (
    Row(
        "broker.duplicate_client_order_id",
        Remedy.DUPLICATE,
        (*REFUSALS, 409),
        r"client_order_id must be unique|duplicate client.?order.?id",
        "An order with this client_order_id exists already",
        "An id stays taken for ever, also after a fill or a cancel; usually it is this very order.",
        "look it up with `execbot orders show ID`",
    ),
    Row(
        "broker.wash_trade",
        Remedy.WAIT_OR_ADJUST,
        REFUSALS,
        r"wash trade",
        "Refused as a potential wash trade: an opposite order of yours is open",
        "Two own orders could trade with each other. Brackets, OCO and trailing stops are exempt.",
        "cancel the opposite order, or use limit prices that cannot meet",
    ),
    Row(
        "broker.opposite_order_open",
        Remedy.WAIT_OR_ADJUST,
        REFUSALS,
        r"cannot open a (long buy|short sell) while",
        "An opposite order that would open a position is still open",
        "Without a position only one direction at a time is taken; an entry may not be filled yet.",
        "wait for the open order to fill, or cancel it",
    ),
    Row(
        "broker.closing_order_open",
        Remedy.WAIT,
        REFUSALS,
        r"while having open closing position orders",
        "An order that closes the position is still open",
        "New notional orders wait until the close is done.",
        "wait for the close, then try again",
    ),
    Row(
        "broker.opg_window",
        Remedy.WAIT,
        REFUSALS,
        r"opg orders must be submitted",
        "Orders for the opening auction are not taken at this hour",
        "They are taken from 19:00 to 09:28 Eastern.",
        "send it after 19:00 Eastern, or use another time in force",
    ),
    Row(
        "broker.cls_window",
        Remedy.WAIT,
        REFUSALS,
        r"cls orders must be submitted",
        "Orders for the closing auction are not taken at this hour",
        "Send them before 15:50 Eastern, or after 19:00 for the next day.",
        "send it after 19:00 Eastern, or use another time in force",
    ),
    Row(
        "broker.market_closed",
        Remedy.WAIT,
        REFUSALS,
        r"only allowed during market hours|market is (currently )?closed|outside of market hours",
        "The market is closed for this order",
        "This kind of order is taken only during regular trading hours.",
        "wait for the open (`execbot market`), or use a limit order",
    ),
    Row(
        "broker.position_intent_mismatch",
        Remedy.WAIT_OR_ADJUST,
        REFUSALS,
        r"position intent mismatch",
        "The order's intent contradicts the position and the open orders",
        "Alpaca infers from them whether an order opens or closes.",
        "check `execbot positions` and `execbot orders`",
    ),
)

SYMBOL_ROWS: tuple[Row, ...] = (
    Row(
        "broker.unknown_symbol",
        Remedy.FATAL_REQUEST,
        (*REFUSALS, 404),
        r"could not find asset|asset \W?[\w./-]+\W? not found|asset not found|symbol not found",
        "Alpaca does not know this symbol",
        "US stocks and ETFs are written like AAPL or BRK.B, crypto pairs like BTC/USD.",
        "check the spelling",
    ),
    Row(
        "broker.not_tradable",
        Remedy.FATAL_REQUEST,
        REFUSALS,
        r"asset .* is not (tradable|active)",
        "This symbol cannot be traded",
        "It is listed as inactive or not tradable at Alpaca.",
        "choose another symbol",
    ),
    Row(
        "broker.not_fractionable",
        Remedy.ADJUST,
        REFUSALS,
        r"is not fractionable",
        "This symbol trades in whole shares only",
        "Fractions and notional amounts need a fractionable asset.",
        "use a whole quantity",
    ),
    Row(
        "broker.not_shortable",
        Remedy.FATAL_REQUEST,
        REFUSALS,
        r"asset .* cannot be sold short|is not shortable",
        "This symbol cannot be sold short",
        "It is not on the list of assets that are easy to borrow.",
        "choose another symbol",
    ),
    Row(
        "broker.hard_to_borrow_day_only",
        Remedy.ADJUST,
        REFUSALS,
        r"hard.to.borrow",
        "A hard-to-borrow short takes day orders only",
        "It needs a locate as well.",
        "use --tif day",
    ),
    Row(
        "broker.bad_data_symbol",
        Remedy.FATAL_REQUEST,
        REFUSALS,
        r"invalid symbol",
        "The market data service does not accept this symbol",
        "Crypto pairs are written BASE/QUOTE, like BTC/USD.",
        "check the spelling",
    ),
    Row(
        "broker.recent_data_not_permitted",
        Remedy.ADJUST,
        REFUSALS,
        r"does not permit querying recent sip",
        "The data plan does not include the newest consolidated prices",
        "The free plan has IEX in real time and SIP older than 15 minutes.",
        "set broker.feed: iex in trading.yaml",
    ),
    Row(
        "broker.page_limit",
        Remedy.FATAL_REQUEST,
        REFUSALS,
        r"invalid limit: larger",
        "The page asked for is larger than the broker allows",
        "Bars come 10,000 a page, orders 500, activities 100.",
        "ask for less at once",
    ),
)

ORDER_RULE_ROWS: tuple[Row, ...] = (
    Row(
        "broker.client_order_id_too_long",
        Remedy.FATAL_REQUEST,
        REFUSALS,
        r"client_order_id must be no more than",
        "The client_order_id is too long",
        "At most 128 characters.",
        "use a shorter --client-order-id",
    ),
    Row(
        "broker.invalid_qty",
        Remedy.FATAL_REQUEST,
        REFUSALS,
        r"qty must be > 0|qty or notional is required|only one of qty or notional",
        "The quantity was not accepted",
        "An order has exactly one of qty and notional, greater than zero.",
        "correct the quantity",
    ),
    Row(
        "broker.price_not_allowed",
        Remedy.FATAL_REQUEST,
        REFUSALS,
        r"require no stop or limit price|must not have (stop|limit)_?price",
        "This order type takes no such price",
        "A market order has no price, a limit order no stop price.",
        "leave the price out, or choose the type that has it",
    ),
    Row(
        "broker.missing_price",
        Remedy.FATAL_REQUEST,
        REFUSALS,
        r"orders require (a|both) ",
        "A price is missing for this order type",
        "Limit orders need a limit price, stop orders a stop price, stop-limit orders both.",
        "give the missing price",
    ),
    Row(
        "broker.invalid_price",
        Remedy.FATAL_REQUEST,
        REFUSALS,
        r"price:? must be > 0",
        "A price must be greater than zero",
        "Very small crypto prices and brackets on crypto give this too.",
        "correct the price",
    ),
    Row(
        "broker.trail_missing",
        Remedy.FATAL_REQUEST,
        REFUSALS,
        r"must specify one of trail_price or trail_percent",
        "A trailing stop needs exactly one of trail price and trail percent",
        "Both or none was given.",
        "give one of them",
    ),
    Row(
        "broker.trail_too_small",
        Remedy.ADJUST,
        REFUSALS,
        r"trail_percent must be greater",
        "The trail is too small",
        "The smallest trail is 0.1 %.",
        "use a wider trail",
    ),
    Row(
        "broker.invalid_choice",
        Remedy.FATAL_REQUEST,
        REFUSALS,
        r"invalid (order )?type$|invalid order type$|invalid time_in_force|invalid side",
        "A word in the order was not one Alpaca knows",
        "Order type, time in force or side.",
        "correct the order",
    ),
    Row(
        "broker.bracket_incomplete",
        Remedy.FATAL_REQUEST,
        REFUSALS,
        r"(bracket|oto) orders require",
        "A bracket needs both a take profit and a stop loss",
        "With only one of them the order class is oto.",
        "give both, or only one with the oto class",
    ),
    Row(
        "broker.oco_incomplete",
        Remedy.FATAL_REQUEST,
        REFUSALS,
        r"oco orders require",
        "An OCO needs both prices nested: take profit and stop loss",
        "A limit price at the top level alone does not count.",
        "give both exits",
    ),
    Row(
        "broker.bracket_entry_type",
        Remedy.FATAL_REQUEST,
        REFUSALS,
        r"bracket orders must be market or limit",
        "A bracket's entry must be a market or a limit order",
        "Stop entries are not taken inside a bracket.",
        "use a market or limit entry",
    ),
    Row(
        "broker.bracket_not_entry",
        Remedy.ADJUST,
        REFUSALS,
        r"bracket orders must be entry",
        "A bracket must open a position, and there is one or an opposite order already",
        "Exits for an existing position are an OCO.",
        "use an OCO for the existing position",
    ),
    Row(
        "broker.oco_not_exit",
        Remedy.WAIT_OR_ADJUST,
        REFUSALS,
        r"oco orders must be exit",
        "An OCO must close a position, and there is none (yet)",
        "For a moment after the entry's fill Alpaca does not see the position.",
        "wait for the position, then try again",
    ),
    Row(
        "broker.sub_penny",
        Remedy.ADJUST,
        REFUSALS,
        r"sub-?penny|minimum pricing criteria",
        "The price is finer than the price grid",
        "Prices from 1 USD have two decimals, below 1 USD four (SEC rule 612).",
        "round the price",
    ),
    Row(
        "broker.target_price_rule",
        Remedy.ADJUST,
        REFUSALS,
        r"take_profit\.limit_price must be [<>]=? ?base_price",
        "The take profit is on the wrong side of the price, or too close to it",
        "It must be at least 0.01 beyond the entry's base price; the market may have moved.",
        "recompute the target from a fresh quote",
    ),
    Row(
        "broker.exit_prices_crossed",
        Remedy.ADJUST,
        REFUSALS,
        r"take_profit\.limit_price must be [<>]=? ?stop_loss",
        "Take profit and stop loss are on the wrong sides of each other",
        "For a long the target lies above the stop, for a short below.",
        "swap or correct the two prices",
    ),
    Row(
        "broker.stop_price_rule",
        Remedy.ADJUST,
        REFUSALS,
        r"stop.price must be (less|greater|[<>]=?).{0,8}base_price",
        "The stop loss is on the wrong side of the price, or too close to it",
        "It must be at least 0.01 away from the entry's base price; the market may have moved.",
        "recompute the stop from a fresh quote",
    ),
    Row(
        "broker.stop_wrong_side",
        Remedy.ADJUST,
        REFUSALS,
        r"stop price must be (less|greater) than (current|market)",
        "The stop would trigger at once",
        "A sell stop lies below the market, a buy stop above.",
        "recompute the stop from a fresh quote",
    ),
    Row(
        "broker.fractional_tif",
        Remedy.ADJUST,
        REFUSALS,
        r"fractional orders must be day",
        "Fractional and notional orders are day orders only",
        "Other times in force need whole shares.",
        "use --tif day, or a whole quantity",
    ),
    Row(
        "broker.fractional_class",
        Remedy.ADJUST,
        REFUSALS,
        r"fractional orders must be simple",
        "Fractional and notional orders take no attached exits",
        "Bracket, OCO and OTO need whole shares.",
        "use a whole quantity, or place the exits after the fill",
    ),
    Row(
        "broker.fractional_short",
        Remedy.ADJUST,
        REFUSALS,
        r"fractional orders cannot be sold short",
        "A short sale must be in whole shares",
        "Fractions can only be sold from what is held.",
        "use a whole quantity",
    ),
    Row(
        "broker.notional_decimals",
        Remedy.ADJUST,
        REFUSALS,
        r"notional value must be limited",
        "The notional has more than two decimals",
        "It is an amount in USD and cents.",
        "round it to cents",
    ),
    Row(
        "broker.extended_hours_rule",
        Remedy.ADJUST,
        REFUSALS,
        r"extended hours? orders? must be",
        "Extended hours take day or gtc limit orders only",
        "Market and stop orders wait for the regular session.",
        "use --limit with --tif day",
    ),
    Row(
        "broker.crypto_order_class",
        Remedy.FATAL_REQUEST,
        REFUSALS,
        r"crypto orders not allowed for advanced",
        "Crypto orders take no attached exits",
        "Only simple orders exist for crypto.",
        "send a simple order and place its exits separately",
    ),
    Row(
        "broker.crypto_tif",
        Remedy.ADJUST,
        REFUSALS,
        r"invalid crypto time_in_force",
        "Crypto orders are gtc or ioc",
        "There is no trading day in crypto.",
        "use --tif gtc",
    ),
    Row(
        "broker.crypto_type",
        Remedy.FATAL_REQUEST,
        REFUSALS,
        r"invalid order type for crypto",
        "Crypto takes market, limit and stop-limit orders",
        "Plain stops and trailing stops do not exist for it.",
        "use a stop-limit order",
    ),
    Row(
        "broker.router_rule",
        Remedy.FATAL_REQUEST,
        REFUSALS,
        r"not supported for algo destinations|advanced instructions only support",
        "The advanced instructions do not allow this time in force",
        "They are day orders, without fok.",
        "use --tif day, or no advanced instructions",
    ),
    Row(
        "broker.invalid_order_id",
        Remedy.FATAL_REQUEST,
        REFUSALS,
        r"order_id is missing|invalid order_?id|order_id.*uuid",
        "This is not an order id",
        "Broker ids are UUIDs; a client_order_id is looked up differently.",
        "check the id with `execbot orders`",
    ),
    Row(
        "broker.invalid_activity_type",
        Remedy.FATAL_REQUEST,
        REFUSALS,
        r"invalid activity type",
        "Alpaca does not know this kind of account activity",
        "FILL, DIV, FEE and the like.",
        "correct the type",
    ),
)

CHANGE_ROWS: tuple[Row, ...] = (
    Row(
        "broker.replace_raced",
        Remedy.WAIT,
        REFUSALS,
        r"leg order is already in|order already replaced|order chain not fully replaced",
        "The order is being replaced already",
        "Two changes met; the first one is under way.",
        "look at the order again, then change its newest version",
    ),
    Row(
        "broker.replace_too_early",
        Remedy.WAIT,
        REFUSALS,
        r"isn.t sent to exchange yet|cannot replace order in .* status",
        "The order cannot be replaced in its present state",
        "The exchange has not acknowledged it yet; while the market is closed it never does.",
        "wait a moment; while the market is closed cancel and send it anew",
    ),
    Row(
        "broker.replace_qty_below_filled",
        Remedy.ADJUST,
        REFUSALS,
        r"qty must be > filled_qty",
        "The new quantity is not above what has filled already",
        "The quantity of a replacement counts the whole chain, fills included.",
        "ask for more than the filled quantity, or cancel the rest",
    ),
    Row(
        "broker.order_not_open",
        Remedy.ALREADY_DONE,
        REFUSALS,
        r"order is not open",
        "The order is not open any more",
        "It was filled, canceled or replaced in the meantime.",
        "look at it again with `execbot orders show ID`",
    ),
    Row(
        "broker.not_changed",
        Remedy.ALREADY_DONE,
        REFUSALS,
        r"parameters are not changed",
        "The order has these values already",
        "Nothing was left to change.",
        "nothing to do",
    ),
    Row(
        "broker.advanced_qty_fixed",
        Remedy.ADJUST,
        REFUSALS,
        r"qty cannot be changed for advanced",
        "The quantity of a bracket, OCO or OTO member cannot be changed",
        "Only its price can.",
        "cancel it and send a new one",
    ),
    Row(
        "broker.advanced_tif_fixed",
        Remedy.ADJUST,
        REFUSALS,
        r"time_in_force cannot be changed for advanced",
        "The time in force of a bracket, OCO or OTO member cannot be changed",
        "Only its price can.",
        "cancel it and send a new one",
    ),
    Row(
        "broker.order_already_done",
        Remedy.ALREADY_DONE,
        REFUSALS,
        r"order is already in",
        "The order has ended already",
        "It was filled, canceled, expired, rejected or replaced in the meantime.",
        "look at it again with `execbot orders show ID`",
    ),
    Row(
        "broker.not_cancelable",
        Remedy.ALREADY_DONE,
        REFUSALS,
        r"order is not cancell?able|order pending cancel",
        "The order cannot be canceled now",
        "A cancel or a replace is under way, or it has ended.",
        "look at it again with `execbot orders show ID`",
    ),
)

MISSING_ROWS: tuple[Row, ...] = (
    Row(
        "broker.order_not_found",
        Remedy.NOT_FOUND,
        (404,),
        r"order not found",
        "There is no such order at the broker",
        "The account has no order with this id; ids of other accounts or modes do not show.",
        "check the id and the mode with `execbot orders --status all`",
    ),
    Row(
        "broker.position_not_found",
        Remedy.ALREADY_DONE,
        (404,),
        r"position (does not exist|not found)",
        "There is no position in this symbol",
        "It may have been closed in the meantime.",
        "nothing to do",
    ),
)

SERVICE_ROWS: tuple[Row, ...] = (
    Row(
        "broker.rate_limited",
        Remedy.RETRY_AFTER,
        (429,),
        r"",
        "Too many requests: the broker's rate limit is used up",
        "Alpaca takes 200 requests a minute from an account; other programs on it count too.",
        "wait a minute, then try again",
    ),
    Row(
        "broker.gateway_timeout",
        Remedy.IN_DOUBT,
        (502, 504),
        r"",
        "The broker's gateway got no answer in time",
        "The request may have reached the market all the same.",
        "run `execbot reconcile`; never send it again by hand",
    ),
    Row(
        "broker.unavailable",
        Remedy.IN_DOUBT,
        (503,),
        r"",
        "The broker is not available",
        "Maintenance or overload; status page: https://status.alpaca.markets",
        "run `execbot reconcile` in a while; never send it again by hand",
    ),
    Row(
        "broker.server_error",
        Remedy.IN_DOUBT,
        tuple(status for status in range(500, 600) if status not in (502, 503, 504)),
        r"",
        "The broker had an internal error",
        "Whether it acted on the request is not known.",
        "run `execbot reconcile`; never send it again by hand",
    ),
)

ROWS: tuple[Row, ...] = (
    *AUTHENTICATION_ROWS,
    *MONEY_ROWS,
    *ACCOUNT_ROWS,
    *CONFLICT_ROWS,
    *SYMBOL_ROWS,
    *CHANGE_ROWS,
    *ORDER_RULE_ROWS,
    *MISSING_ROWS,
    *SERVICE_ROWS,
)
"""All rows in the order in which they are tried."""

READ_AGAIN_NEXT = "try again in a moment"
"""What to do after a failed read: nothing can have happened."""
