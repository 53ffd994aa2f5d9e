"""Every difference between the exchange and Alpaca's published description, with its reason.

`docs/exchange.md` shows the same table; a test keeps the two equal.
"""

from __future__ import annotations

from sim.openapi import Deviation

_RECORDED = "recorded from Alpaca in 2026, not in the description"
_REMOVED = "removed by Alpaca on 2026-07-06; the description still shows it"
_NEVER = "the control plane brings no such action about"
_NO_ACQUIRER = "a merger for cash names no buyer here"
_OPTIONS = "only of legs of orders in several option contracts"
_PARENT = "empty in the published samples of orders in several contracts"

TRADING_DEVIATIONS: tuple[Deviation, ...] = (
    Deviation("getAccount", "missing", "pattern_day_trader", _REMOVED),
    Deviation("getAccount", "missing", "daytrade_count", _REMOVED),
    Deviation("getAccount", "missing", "daytrading_buying_power", _REMOVED),
    Deviation("*AccountConfig", "missing", "pdt_check", _REMOVED),
    Deviation("*AccountConfig", "missing", "dtbp_check", _REMOVED),
    Deviation("getAccount", "extra", "admin_configurations", _RECORDED),
    Deviation("getAccount", "extra", "user_configurations", _RECORDED),
    Deviation("getAccount", "extra", "crypto_tier", _RECORDED),
    Deviation("getAccount", "extra", "effective_buying_power", _RECORDED),
    Deviation("getAccount", "extra", "position_market_value", _RECORDED),
    Deviation(
        "getAccount", "missing", "pending_transfer_*", "absent from recordings of paper accounts"
    ),
    Deviation("*", "extra", "*source", _RECORDED),
    Deviation("*", "extra", "*subtag", _RECORDED),
    Deviation("*", "extra", "*legs.[[]].expires_at", _RECORDED),
    Deviation("*", "missing", "*ratio_qty", _OPTIONS),
    Deviation("*", "extra", "*legs.[[]].ratio_qty", "in the published samples of such orders"),
    Deviation("postOrder", "error", "symbol", _PARENT, "''*"),
    Deviation("postOrder", "error", "asset_*", _PARENT, "''*"),
    Deviation("postOrder", "error", "side", _PARENT, "''*"),
    Deviation("postOrder", "error", "position_intent", _PARENT, "''*"),
    Deviation("postOrder", "error", "legs.[[]].type", _PARENT, "''*"),
    Deviation("get-option*", "extra", "*ppind", "promised by Alpaca's support for each contract"),
    Deviation(
        "deleteAllOrders", "extra", "[[]].body*", "recorded in 2021: each item carries its order"
    ),
    Deviation("patchOrderByOrderId", "empty", "legs", "a replacement has no legs (recorded)"),
    Deviation("getOrderByClientOrderId", "empty", "legs", "this view is never nested"),
    Deviation("delete*Position*", "empty", "*legs", "a closing order has no legs"),
    Deviation(
        "getAccountActivities*",
        "error",
        "[[]]",
        "the description demands exactly one of two shapes and both fit every row",
        "*is valid under each of*",
    ),
    Deviation("getAccountActivities*", "missing", "*.cusip", "licensed data"),
    Deviation(
        "getAccountPortfolioHistory",
        "error",
        "*.[[]]",
        "elements may be null since July 2026 (Alpaca's changelog)",
        "None *",
    ),
    Deviation(
        "getAccountPortfolioHistory",
        "missing",
        "base_value_asof",
        "not of new accounts (described)",
    ),
    Deviation("getAccountPortfolioHistory", "missing", "cashflow", "only with cashflow_types"),
    Deviation(
        "get*OpenPosition*",
        "error",
        "*exchange",
        "crypto positions name CRYPTO, not in the list",
        "'CRYPTO' *",
    ),
    Deviation(
        "get-v2-assets*",
        "error",
        "*exchange",
        "crypto pairs name CRYPTO, not in the list",
        "'CRYPTO' *",
    ),
    Deviation("*Watchlist*", "missing", "*cusip", "licensed data, absent from recordings"),
    Deviation("*Watchlist*", "error", "*exchange", "pairs trade at CRYPTO", "'CRYPTO'*"),
    Deviation("updateWatchlist*", "missing", "*_order_size", "only of pairs"),
    Deviation("updateWatchlist*", "missing", "*_increment", "only of pairs"),
    Deviation("*announcements*", "missing", "*expiration_date", "no rights that expire"),
    Deviation("get-v2-assets*", "missing", "*cusip", "licensed data, absent from recordings"),
    Deviation(
        "getAccountActivities*", "extra", "*.description", "recorded of non-trade activities"
    ),
    Deviation("get*OpenPosition*", "missing", "*swap_rate", "only of accounts in other currencies"),
    Deviation("get*OpenPosition*", "empty", "*usd", "only of accounts in other currencies"),
    Deviation("get*OpenPosition*", "missing", "*usd", "only of accounts in other currencies"),
    Deviation("Clock", "missing", "*.bic", "US markets are named by MIC and acronym"),
    Deviation("Calendar", "missing", "*bic", "US markets are named by MIC and acronym"),
    Deviation("Calendar", "missing", "*lunch_*", "US markets do not close for lunch"),
)

DATA_DEVIATIONS: tuple[Deviation, ...] = (
    Deviation("?ption*", "missing", "currency", "absent from the published samples"),
    Deviation("Stock*", "missing", "*.u", "only of trades that were corrected later"),
    Deviation("News", "empty", "*.images", "synthetic news have no pictures"),
    Deviation("CorporateActions", "missing", "*isin", "securities have no ISIN here"),
    Deviation("CorporateActions", "missing", "*due_bill_*", "no due bills"),
    Deviation("CorporateActions", "missing", "*.sub_type", "dividends are of one kind"),
    Deviation("CorporateActions", "missing", "*cash_mergers.*acquirer_*", _NO_ACQUIRER),
    Deviation("CorporateActions", "missing", "*reverse_splits.*new_symbol", "the symbol stays"),
    *(
        Deviation("CorporateActions", what, f"corporate_actions.{kind}", _NEVER)
        for kind in (
            "partial_calls",
            "redemptions",
            "reorganizations",
            "rights_distributions",
            "stock_dividends",
            "unit_splits",
            "worthless_removals",
        )
        for what in ("empty", "missing")
    ),
)
