"""Every difference between the exchange and Alpaca's published description, with its reason.

`docs/exchange.md` shows the same table; a test keeps the two equal.
"""

from __future__ import annotations

from sim.openapi import Deviation

_RECORDED = "recorded from Alpaca in 2026, not in the description"
_REMOVED = "removed by Alpaca on 2026-07-06; the description still shows it"
_OPTIONS = "only of option orders with several legs, which a client cannot place here"

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
    Deviation("Stock*", "missing", "*.u", "only of trades that were corrected later"),
)

# Paths that are not served (404 or 405, with Alpaca's body), and why. Globs.
ABSENT: tuple[tuple[str, str], ...] = (
    ("/v2/options/*", "contracts are placed elsewhere and have no lists"),
    ("/v2/positions/*exercise", "contracts end by the control plane"),
    ("/v1beta1/options/*", "contracts have marks and no market data"),
    ("/v2/watchlists*", "watchlists are a matter of the dashboard"),
    ("/v2/perpetuals/*", "no perpetual futures"),
    ("/v1beta1/crypto-perps/*", "no perpetual futures"),
    ("/v2/wallets*", "no wallets; money comes by `execbot sim deposit`"),
    ("/v2/tokenization/*", "no wallets"),
    ("/v1/locates*", "a hard-to-borrow short needs no locate here"),
    ("/v2beta1/events/*", "whether paper keys get server-sent events is unconfirmed"),
    ("/v2/corporate_actions/*", "corporate actions come by the control plane, unannounced"),
    ("/v1/corporate-actions", "corporate actions come by the control plane, unannounced"),
    ("/v2/assets/fixed_income/*", "no bonds"),
    ("/v1beta1/fixed_income/*", "no bonds"),
    ("/v1beta1/forex/*", "no currencies"),
    ("/v1beta1/indices/*", "no indices"),
    ("/v1beta1/logos/*", "no logos"),
    ("/v1beta1/news", "no news"),
    ("/v1beta1/screener/*", "no screener"),
)
