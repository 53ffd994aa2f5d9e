"""Goal: an order that fails is tried again or made smaller within bounds, and never doubled.

Method: the exchange keeps real hours or injects faults; its own record says what was ordered.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.desk import market
from support.signal_trader import open_trader

from execbot.broker.errors import BrokerError
from execbot.model.enums import Outcome
from execbot.oms.place.placed import Provenance

D = Decimal

POST = {"path": "/v2/orders", "method": "POST"}


def refusal(message: str, code: int = 40310000, status: int = 403, **extra: Any) -> dict[str, Any]:
    return {**POST, "status": status, "body": {"code": code, "message": message, **extra}}


RECOVERABLE: list[tuple[str, str, dict[str, Any]]] = [
    ("rate limit", "rate_limited", {**POST, "retry_after": 2}),
    ("rate limit without headers", "rate_limited", {**POST, "headers": False}),
    ("reset before", "reset_before", POST),
    ("reset after", "reset_after", POST),
    ("reply lost", "reply_lost", POST),
    ("server error", "server_error", {**POST, "status": 500}),
    ("gateway timeout, carried out", "server_error", {**POST, "status": 504, "handled": True}),
    ("html", "html_body", POST),
    ("half a body", "truncated_json", POST),
    ("restart", "broker_restart", POST),
    ("buying power", "canned_reply",
     refusal("insufficient buying power", buying_power="3000", cost_basis="4466")),
    ("not fractionable", "canned_reply", refusal('asset "AAPL" is not fractionable')),
    ("market order refused", "canned_reply",
     refusal("market orders are not allowed now", 42210000, 422)),
]  # fmt: skip


@pytest.mark.parametrize("case", RECOVERABLE, ids=lambda c: c[0])
def test_recoverable_failure_recovers_with_one_order(
    tmp_path: Path, case: tuple[str, str, dict[str, Any]]
) -> None:
    name, kind, rule = case
    changes = {"sizing": {"whole_shares": False}} if "fraction" in name else {}
    trader = open_trader(tmp_path, **changes)
    trader.desk.fault(kind, **rule)
    result = trader.signal()
    trader.fill()
    assert not result.is_failure, result.message
    ours = [o for o in trader.desk.orders_there().values() if o["status"] == "filled"]
    assert len(ours) == 1
    assert result.record is not None
    rows = trader.desk.journal.audit_of(result.record.client_order_id)
    kinds = {(row.kind, row.result) for row in rows}
    if name not in ("reply lost", "reset after", "html", "half a body", "restart"):
        assert ("recovery", "recovered") in kinds


FATAL: list[tuple[str, dict[str, Any]]] = [
    ("broker.short_not_allowed", refusal("account is not allowed to short")),
    ("broker.account_not_authorized", refusal("account is not authorized to trade")),
    ("broker.liquidation_only", refusal("account is restricted to liquidation only")),
    ("broker.day_trading_protection",
     refusal("trade denied due to pattern day trading protection", 40310100)),
    ("broker.not_tradable", refusal("asset AAPL is not tradable", 42210000, 422)),
    ("broker.wash_trade", refusal("potential wash trade detected. use complex orders")),
]  # fmt: skip


@pytest.mark.parametrize("case", FATAL, ids=lambda c: c[0])
def test_unrecoverable_failure_is_never_tried_again(
    tmp_path: Path, case: tuple[str, dict[str, Any]]
) -> None:
    kind, rule = case
    trader = open_trader(tmp_path)
    trader.desk.fault("canned_reply", **{**rule, "count": 100})
    result = trader.signal()
    assert result.is_failure and result.code == kind
    log = trader.desk.call("GET", "/sim/log")
    posts = [e for e in log if e["method"] == "POST" and e["path"] == "/v2/orders"]
    assert len(posts) == 1
    assert trader.desk.orders_there() == {}


def test_lost_keys_stop_everything_at_once(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    trader.desk.fault("unauthorized", path="/v2/*", count=100)
    result = trader.signal()
    assert (result.code, result.outcome) == ("auth.rejected", Outcome.NOT_SENT)


def test_adjusting_is_bounded_when_nothing_helps(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    body = refusal("insufficient buying power", buying_power="4000", cost_basis="4466")
    trader.desk.fault("canned_reply", **{**body, "count": 100})
    result = trader.signal()
    assert result.is_failure and result.code == "broker.insufficient_buying_power"
    posts = [e for e in trader.desk.call("GET", "/sim/log") if e["method"] == "POST"]
    sent = [e for e in posts if e["path"] == "/v2/orders"]
    assert 1 < len(sent) <= trader.desk.settings.adjust_attempts + 1


def test_explicit_order_is_never_made_smaller(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    body = refusal("insufficient buying power", buying_power="1000", cost_basis="2233")
    trader.desk.fault("canned_reply", **{**body, "count": 100})
    with pytest.raises(BrokerError):
        trader.placer.place(market("AAPL", "10"))
    assert trader.desk.orders_there() == {}


def test_room_taken_by_another_process_means_a_smaller_order(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    placed = trader.placer.place(
        market("AAPL", "60", client_order_id="big"),
        Provenance(origin="signal"),
        adjust=True,
        resize=lambda old: market("AAPL", "20", client_order_id=old.client_order_id),
    )
    assert placed.adjusted and placed.record.order.qty == D(20)
    assert list(trader.desk.orders_there()) == ["big"]
