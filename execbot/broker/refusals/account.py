"""Refusals because of the account: keys, money, permissions, other orders, the service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from execbot.broker.remedy import REFUSALS, Remedy, Row
from execbot.model.numbers import ZERO, maybe_decimal


def _nothing_held(extra: Mapping[str, Any]) -> bool:
    """True if no order reserves any of it: waiting will not free more."""
    held = maybe_decimal(extra.get("held_for_orders"))
    return held is not None and held == ZERO


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
