"""Goal: each known refusal becomes its typed error. Method: tables, one of them the published one.

Every row of the published catalogue, in each of its wordings, must come out with the class of
action that the catalogue states; our own table pins the kinds that programs rely on.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from support.paths import ROOT

from execbot.broker.error_page import MORE_ROWS, markdown
from execbot.broker.error_table import ROWS
from execbot.broker.errors import NETWORK_ROWS, TLS_ROW, classify
from execbot.broker.remedy import CATEGORY_OF, Remedy
from execbot.broker.stream_errors import DATA_STREAM_ROWS
from execbot.model.enums import ErrorCategory

FILL_IN = {
    "<q>": "10",
    "<a>": "4",
    "<SYM>": "TSLA",
    "<ASSET>": "BTC",
    "<1|10>": "10",
    "<N>": "2",
    "<X>": "FLIL",
    "<filled|canceled|...>": "canceled",
    "<accepted|pending_new|...>": "pending_new",
    "<state>": "filled",
    "<p>": "11.055",
    "<x>": "buy_to_open",
    "<y>": "sell_to_close",
    "<id>": "7b6a3c4e-0000-4000-8000-000000000000",
    "<S>": "BTCUSD",
}
FRAGMENTS = {"oco", "oto"}
"""Alternatives of a single word inside of a message, not messages."""
HTML = "<html><head><title>503 Service Unavailable</title></head><body>nginx</body></html>"


def wordings(row: dict[str, Any]) -> list[str]:
    """The bodies that one row of the catalogue stands for."""
    message = row["message"]
    if message.startswith("(HTML"):
        return [HTML, ""]
    for name, value in FILL_IN.items():
        message = message.replace(name, value)
    parts = [part.strip() for part in message.split(" | ")]
    parts = [part for part in parts if part not in FRAGMENTS]
    code = {} if row["code"] is None else {"code": row["code"]}
    return [json.dumps({**code, "message": part}) for part in parts]


def test_every_wording_of_the_published_catalogue_gets_the_stated_class(payloads: Path) -> None:
    catalogue = json.loads((payloads / "errors" / "error_catalogue.json").read_text())
    assert len(catalogue) >= 80
    wrong = []
    for row in catalogue:
        for body in wordings(row):
            error = classify(row["http"], body, {}, method="POST", path="/v2/orders")
            if error.remedy.value != row["class"] or error.kind == "broker.rejected":
                wrong.append((row["http"], body, row["class"], error.kind, error.remedy))
            assert error.message and error.hint and error.next_step
    assert wrong == []


def test_recorded_refusals_become_their_kinds(payloads: Path) -> None:
    expected = {
        "rec_2020_401_bad_credentials": "auth.rejected",
        "rec_2020_403_insufficient_buying_power": "broker.insufficient_buying_power",
        "rec_2020_404_cancel_order_not_found": "broker.order_not_found",
        "rec_2020_404_client_order_id_not_found": "broker.order_not_found",
        "rec_2020_422_could_not_find_asset": "broker.unknown_symbol",
        "rec_2020_422_invalid_activity_type": "broker.invalid_activity_type",
        "rec_2020_422_order_id_malformed": "broker.invalid_order_id",
        "rec_2020_422_replace_not_sent_to_exchange_yet": "broker.replace_too_early",
        "rec_2021_404_asset_not_found": "broker.unknown_symbol",
        "rec_2021_404_position_does_not_exist": "broker.position_not_found",
        "rec_2026-10_403_insufficient_qty": "broker.insufficient_qty",
        "rec_2026-10_403_not_fractionable": "broker.not_fractionable",
        "rec_2026-10_422_duplicate_client_order_id": "broker.duplicate_client_order_id",
    }
    found = {}
    for name in expected:
        data = json.loads((payloads / "errors" / f"{name}.json").read_text())
        body = data.get("body", data)
        status = data.get("status") or int(name.split("_")[2])
        found[name] = classify(status, json.dumps(body), {}, method="POST", path="/").kind
    assert found == expected


OPTION_TEXTS = {
    "broker.option_terms": """
        422 invalid options order_type
        422 invalid order type for options trading
        422 order_time_in_force provided not supported for options trading
        422 invalid option time_in_force
        422 extended hours is not supported for options trading
        422 notional orders are not supported for options trading
        422 complex orders not supported for options trading
        422 qty must be integer for options trading
        422 limit price is required for limit orders
        422 limit price is only valid for limit orders
        422 invalid limit price
        422 leg.1 position intent is required
        422 rolling contracts ambiguity
        422 underlying asset mismatch: AAPL != MSFT
        422 invalid contract
        422 European-style option legs in a multi-leg order must have the same expiration date""",
    "broker.options_limit": """
        422 options order qty must be <= 500
        422 options order notional is 50000 must be <= 40000
        422 exceeded account limit for contracts expiring today (requested: 1, held+open: 9)""",
    "broker.contract_expires_soon": """
        422 contract "AAPL261218C00250000" expires soon, unable to open new positions""",
    "broker.not_tradable": """
        422 contract "AAPL261218C00250000" is expired
        422 contract "AAPL261218C00250000" is not active""",
    "broker.options_level": """
        403 account not eligible for level2 options trading
        403 account not eligible to trade long option contracts
        403 account not eligible to trade spreads or uncovered contracts""",
    "broker.account_not_authorized": """
        403 account not authorized to trade options""",
    "broker.uncovered_contract": """
        403 account not eligible to trade uncovered option contracts""",
    "broker.insufficient_underlying": """
        403 insufficient underlying qty available for covered call (required: 100, available: 0)
        403 insufficient underlying qty available for deliverable: AAPL""",
    "broker.insufficient_options_buying_power": """
        403 insufficient options buying power for cash-secured put (required: 2, available: 1)
        403 insufficient options buying power""",
    "broker.options_disabled": """
        422 submit mleg order is disabled
        422 replace mleg order is disabled""",
    "broker.assignment_lock": """
        403 active assignment lock on AAPL, cannot close all long options""",
    "broker.not_exercised": """
        403 contract AAPL261218C00250000 is out of the money
        403 contract AAPL261218C00250000 is marked do not exercise
        403 contract AAPL1261218C00250000 is non-standard and cannot be exercised
        403 exercise requests are not accepted after market close
        403 insufficient cash available
        403 insufficient regt buying power
        403 no qty available to exercise
        403 no available position for the specified contract
        403 dne requests are not accepted after 16:30""",
    "broker.market_closed": """
        422 options market orders are only allowed during market hours""",
    "broker.position_intent_mismatch": """
        422 position intent mismatch, inferred: sell_to_open, specified: sell_to_close""",
    "broker.replace_raced": """
        422 leg order is already in filled state""",
    "broker.position_not_found": """
        404 long position not found: AAPL261218C00250000""",
}
"""What Alpaca says of options, by the kind that it becomes."""


def test_every_text_about_options_has_an_explanation() -> None:
    wrong = []
    for kind, texts in OPTION_TEXTS.items():
        for line in filter(None, map(str.strip, texts.splitlines())):
            status, _, message = line.partition(" ")
            code = {"403": 40310000, "404": 40410000, "422": 42210000}[status]
            body = json.dumps({"code": code, "message": message})
            found = classify(int(status), body, {}, method="POST", path="/v2/orders")
            wrong += [(line, found.kind)] if found.kind != kind else []
    assert wrong == []


OWN_TABLE = [
    (403, 40310000, "insufficient buying power", "broker.insufficient_buying_power", "adjustable"),
    (
        403,
        40310000,
        "insufficient qty available for order (requested: 7, available: 3)",
        "broker.qty_held_for_orders",
        "waiting",
    ),
    (422, 40010001, 'could not find asset "ZZZZQ"', "broker.unknown_symbol", "fatal"),
    (422, 42210000, 'asset "ZZZZQ" not found', "broker.unknown_symbol", "fatal"),
    (422, 42210000, "asset GXII is not tradable", "broker.not_tradable", "fatal"),
    (
        404,
        40410000,
        "option contract AAPL260101C00100000 not found",
        "broker.unknown_symbol",
        "fatal",
    ),
    (422, 42210000, 'contract "AAPL260101C00100000" not found', "broker.unknown_symbol", "fatal"),
    (
        422,
        42210000,
        "contract AAPL260101C00100000 is expired",
        "broker.not_tradable",
        "fatal",
    ),
    (403, 40310000, "potential wash trade detected. use …", "broker.wash_trade", "waiting"),
    (422, 42210000, "potential wash trade detected", "broker.wash_trade", "waiting"),
    (403, 40310100, "trade denied due to pattern day …", "broker.rejected", "fatal"),
    (
        403,
        40310100,
        "trade denied due to pattern day trading protection",
        "broker.day_trading_protection",
        "fatal",
    ),
    (422, 42210000, "market is closed", "broker.market_closed", "waiting"),
    (401, None, "unauthorized.", "auth.rejected", "fatal"),
    (403, None, "forbidden.", "auth.rejected", "fatal"),
    (404, 40410000, "order not found for abc", "broker.order_not_found", "fatal"),
    (429, None, "too many requests.", "broker.rate_limited", "retryable"),
    (500, 50010000, "internal server error occurred", "broker.server_error", "waiting"),
    (502, None, "", "broker.gateway_timeout", "waiting"),
    (503, None, "", "broker.unavailable", "waiting"),
    (504, None, "", "broker.gateway_timeout", "waiting"),
    (522, None, "", "broker.server_error", "waiting"),
    (
        422,
        40010001,
        "client_order_id must be unique",
        "broker.duplicate_client_order_id",
        "waiting",
    ),
    (418, None, "a word nobody has seen", "broker.rejected", "fatal"),
]


@pytest.mark.parametrize(("status", "code", "said", "kind", "category"), OWN_TABLE)
def test_a_refusal_has_its_kind_and_category(
    status: int, code: int | None, said: str, kind: str, category: str
) -> None:
    body = json.dumps({"code": code, "message": said})
    error = classify(status, body, {"X-Request-ID": "r-1"}, method="POST", path="/v2/orders")
    assert (error.kind, error.category.value) == (kind, category)
    assert (error.status, error.code, error.request_id) == (status, code, "r-1")


def test_qty_refusal_tells_held_shares_from_missing_ones() -> None:
    body = {
        "code": 40310000,
        "message": "insufficient qty available for order (requested: 5, available: 0)",
        "available": "0",
        "existing_qty": "5",
        "held_for_orders": "5",
    }
    held = classify(403, json.dumps(body), {}, method="POST", path="/")
    missing = classify(
        403, json.dumps({**body, "held_for_orders": "0"}), {}, method="POST", path="/"
    )
    assert held.kind == "broker.qty_held_for_orders"
    assert held.category is ErrorCategory.WAITING
    assert missing.kind == "broker.insufficient_qty"
    assert missing.category is ErrorCategory.ADJUSTABLE


def test_the_numbers_of_a_refusal_are_shown_and_kept() -> None:
    body = {
        "code": 40310000,
        "message": "insufficient buying power",
        "buying_power": "250.5",
        "cost_basis": "900",
    }
    error = classify(403, json.dumps(body), {}, method="POST", path="/")
    assert "buying_power 250.5, cost_basis 900" in error.message
    assert error.extra == {"buying_power": "250.5", "cost_basis": "900"}


def test_server_failure_of_a_write_is_in_doubt_and_of_a_read_is_retryable() -> None:
    for status in (500, 502, 503, 504, 520):
        for method in ("POST", "PATCH", "DELETE"):
            error = classify(status, "", {}, method=method, path="/v2/orders")
            assert error.in_doubt, (status, method)
            assert error.remedy is Remedy.IN_DOUBT
        read = classify(status, "", {}, method="GET", path="/v2/orders")
        assert not read.in_doubt
        assert read.category is ErrorCategory.RETRYABLE


def test_a_refusal_or_a_rate_limit_is_never_in_doubt() -> None:
    for status in (400, 401, 403, 404, 422, 429):
        error = classify(status, '{"message": "x"}', {}, method="POST", path="/v2/orders")
        assert not error.in_doubt, status


def test_every_remedy_has_a_category() -> None:
    assert set(CATEGORY_OF) == set(Remedy)


def test_patterns_compile_and_every_row_can_be_reached() -> None:
    for row in ROWS:
        re.compile(row.pattern, re.IGNORECASE)
        assert row.statuses
    assert len({(row.kind, row.statuses, row.pattern) for row in ROWS}) == len(ROWS)


def test_the_error_page_is_printed_from_the_tables() -> None:
    written = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert written.startswith(markdown()), "how: see execbot/cli/error_page.py"


def test_the_error_page_names_every_kind_that_the_room_can_raise() -> None:
    source = "".join(path.read_text() for path in (ROOT / "execbot" / "broker").glob("*.py"))
    raised = set(re.findall(r'"((?:broker|auth|network|stream)\.[a-z_]+)"', source))
    listed = {row.kind for row in ROWS} | {kind for kind, _, _ in MORE_ROWS}
    listed |= {row.kind for row in (*NETWORK_ROWS, TLS_ROW)}
    listed |= {row.kind for row in DATA_STREAM_ROWS.values()}
    assert raised - listed == set()
