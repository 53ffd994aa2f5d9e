"""After an error: every refusal in the catalogue leads to one bounded next step.

Method: the broker's replies go through the real classification; hypothesis checks that adjusted
orders only shrink, differ from everything tried, and come to an end.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support import risk_facts as b

from execbot.broker.error_table import ROWS
from execbot.broker.errors import BrokerError, classify, classify_transport
from execbot.config.schema import OrderManagementSettings
from execbot.model.enums import ErrorCategory, OrderType, Side, TimeInForce
from execbot.model.order import OrderRequest
from execbot.oms.place.after_error import (
    History,
    RetryDecision,
    RetryStep,
    marketable_limit,
    next_after_rejection,
    next_step,
)

D = Decimal
RULES = OrderManagementSettings()


def refused(status: int, message: str, code: int = 40310000, **extra: Any) -> BrokerError:
    body = json.dumps({"code": code, "message": message, **extra})
    return classify(status, body, {}, method="POST", path="/v2/orders", client_order_id="c")


def order(**changes: Any) -> OrderRequest:
    return b.request(client_order_id="c", **changes)


def after(error: BrokerError, request: OrderRequest | None = None, **given: Any) -> RetryDecision:
    history = given.pop("history", History())
    return next_step(error, request or order(), history, RULES, quote=b.quote(), **given)


POOR = {"buying_power": "1000", "cost_basis": "2000.5"}
CASES: list[tuple[BrokerError, OrderRequest, RetryStep, dict[str, Any]]] = [
    (refused(403, "insufficient buying power", **POOR), order(), RetryStep.ADJUST, {"qty": D(4)}),
    (refused(403, "insufficient buying power", **POOR), order(qty=D("2.5")), RetryStep.ADJUST,
     {"qty": D("1.224693826")}),
    (refused(403, "insufficient buying power", **POOR), order(notional=D(2000)), RetryStep.ADJUST,
     {"notional": D("980.00")}),
    (refused(403, "insufficient buying power", buying_power=0, daytrading_buying_power="900",
             cost_basis="2000"), order(), RetryStep.STOP, {}),
    (refused(403, "insufficient buying power", buying_power="0", cost_basis="9"), order(),
     RetryStep.STOP, {}),
    (refused(403, "insufficient buying power", buying_power="50", cost_basis="2000"), order(),
     RetryStep.STOP, {}),
    (refused(403, "insufficient buying power"), order(), RetryStep.STOP, {}),
    (refused(403, "insufficient qty available for order (requested: 10, available: 4)",
             available="4", existing_qty="4", held_for_orders="0"),
     order(side=Side.SELL), RetryStep.ADJUST, {"qty": D(4)}),
    (refused(403, "insufficient qty available for order (requested: 10, available: 4)",
             available="4", existing_qty="10", held_for_orders="6"),
     order(side=Side.SELL), RetryStep.RETRY, {}),
    (refused(403, 'asset "X" is not fractionable'), order(qty=D("2.7")), RetryStep.ADJUST,
     {"qty": D(2)}),
    (refused(403, 'asset "X" is not fractionable'), order(qty=D("0.7")), RetryStep.STOP, {}),
    (refused(403, 'asset "X" is not fractionable'), order(notional=D(500)), RetryStep.ADJUST,
     {"qty": D(2), "notional": None}),
    (refused(422, "invalid limit_price 11.055. sub-penny increment does not fulfill minimum "
             "pricing criteria", 42210000), order(limit_price=D("11.055")), RetryStep.ADJUST,
     {"limit_price": D("11.05")}),
    (refused(422, "invalid limit_price 11.055. sub-penny increment does not fulfill minimum "
             "pricing criteria", 42210000), order(side=Side.SELL, limit_price=D("11.055")),
     RetryStep.ADJUST, {"limit_price": D("11.06")}),
    (refused(422, "invalid crypto time_in_force", 42210000), order(), RetryStep.ADJUST,
     {"time_in_force": TimeInForce.GTC}),
    (refused(422, "market orders are not allowed in extended hours", 42210000), order(),
     RetryStep.ADJUST, {"type": OrderType.LIMIT, "limit_price": D("201.06")}),
    (refused(422, "options market orders are only allowed during market hours", 42210000),
     order(), RetryStep.QUEUE, {}),
    (refused(403, "opg orders must be submitted after 7:00pm and before 9:28am"), order(),
     RetryStep.QUEUE, {}),
    (refused(403, "potential wash trade detected. use complex orders", existing_order_id="o"),
     order(), RetryStep.STOP, {}),
    (refused(422, "client_order_id must be unique", 40010001), order(), RetryStep.SETTLE, {}),
    (refused(500, "internal server error occurred", 50010000), order(), RetryStep.SETTLE, {}),
    (refused(503, ""), order(), RetryStep.SETTLE, {}),
    (refused(504, ""), order(), RetryStep.SETTLE, {}),
    (refused(429, "rate limit exceeded", 42910000), order(), RetryStep.STOP, {}),
    (refused(401, "unauthorized."), order(), RetryStep.STOP, {}),
    (refused(403, "account is not allowed to short"), order(), RetryStep.STOP, {}),
    (refused(403, "trade denied due to pattern day trading protection", 40310100), order(),
     RetryStep.STOP, {}),
    (refused(422, 'asset "X" not found', 42210000), order(), RetryStep.STOP, {}),
    (refused(422, "asset X is not tradable", 42210000), order(), RetryStep.STOP, {}),
    (classify_transport(ConnectionRefusedError(), method="POST", sent=False), order(),
     RetryStep.STOP, {}),
    (classify_transport(TimeoutError(), method="POST", sent=True), order(), RetryStep.SETTLE, {}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0].kind}-{c[2]}")
def test_error_leads_to_its_step(
    case: tuple[BrokerError, OrderRequest, RetryStep, dict[str, Any]],
) -> None:
    error, request, step, changes = case
    found = after(error, request)
    assert found.step is step, found
    assert found.reason
    if step is RetryStep.ADJUST:
        assert found.request is not None
        assert replace(found.request, client_order_id="c") == replace(request, **changes)
        assert found.request.client_order_id == "c.2"
    else:
        assert found.request is None


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.kind)
def test_fatal_is_never_retried_and_doubt_never_resent(row: Any) -> None:
    error = BrokerError(row.kind, row.says, remedy=row.remedy, in_doubt=False)
    found = after(error)
    if error.category is ErrorCategory.FATAL:
        assert found.step is RetryStep.STOP
    doubtful = BrokerError(row.kind, row.says, remedy=row.remedy, in_doubt=True)
    assert after(doubtful).step is RetryStep.SETTLE


def test_account_errors_tell_a_person() -> None:
    assert after(refused(401, "unauthorized.")).tell
    assert not after(refused(422, "asset X is not tradable", 42210000)).tell


@pytest.mark.parametrize(
    "error",
    [
        refused(429, "rate limit exceeded", 42910000),
        classify_transport(ConnectionRefusedError(), method="POST", sent=False),
    ],
    ids=lambda error: error.kind,
)
def test_what_the_pipeline_has_sent_again_already_is_told_and_not_backed_off_a_second_time(
    error: BrokerError,
) -> None:
    found = after(error)
    assert found.step is RetryStep.STOP and found.tell


def test_held_shares_are_waited_for_then_sold_in_part() -> None:
    error = refused(
        403, "insufficient qty available for order (requested: 10, available: 4)",
        available="4", existing_qty="10", held_for_orders="6",
    )  # fmt: skip
    request = order(side=Side.SELL)
    history = History()
    while (found := after(error, request, history=history)).step is RetryStep.RETRY:
        history = replace(history, retries=history.retries + 1)
    assert history.retries == 3
    assert found.step is RetryStep.ADJUST and found.request is not None
    assert found.request.qty == D(4)


@given(
    qty=st.integers(1, 100_000),
    power=st.decimals(0, 100_000, places=2),
    price=st.decimals("0.5", "5000", places=2),
)
@settings(max_examples=200, deadline=None)
def test_adjusting_to_money_only_shrinks_and_ends(qty: int, power: Decimal, price: Decimal) -> None:
    """A broker that refuses every size: the attempts are bounded, smaller, and all different."""
    history, request, tried = History(), order(qty=D(qty)), []
    for _ in range(RULES.adjust_attempts + 2):
        cost = (request.qty or D(0)) * price
        error = refused(
            403, "insufficient buying power", buying_power=str(power), cost_basis=str(cost)
        )
        found = next_step(error, request, history, RULES)
        tried.append(request)
        history = History(adjustments=history.adjustments + 1, sent=tuple(tried))
        if found.step is RetryStep.STOP:
            break
        assert found.request is not None and found.request.qty is not None
        assert 0 < found.request.qty < (request.qty or D(0))
        assert found.request.qty * price <= max(power, D(0))
        request = found.request
    else:
        pytest.fail("it did not end")
    assert len({r.qty for r in tried}) == len(tried) <= RULES.adjust_attempts + 1
    assert len({r.client_order_id for r in tried}) == len(tried)


def test_rejected_market_order_becomes_a_marketable_limit_once() -> None:
    first = next_after_rejection("", order(), History(), RULES, quote=b.quote())
    assert first.step is RetryStep.ADJUST and first.request is not None
    assert first.request.type is OrderType.LIMIT
    history = History(rejections=1, adjustments=1, sent=(order(),))
    again = next_after_rejection("", first.request, history, RULES, quote=b.quote())
    assert again.step is RetryStep.STOP and again.tell
    many = replace(history, rejections=RULES.reject_attempts)
    assert next_after_rejection("", order(), many, RULES, quote=b.quote()).step is RetryStep.STOP


@pytest.mark.parametrize(
    ("side", "bid", "ask", "price"),
    [
        (Side.BUY, "199.95", "200.05", "201.06"),
        (Side.SELL, "199.95", "200.05", "198.95"),
        (Side.BUY, "0.49", "0.50", "0.5025"),
        (Side.SELL, "0.50", "0.51", "0.4975"),
        (Side.BUY, "1", "0", None),
    ],
)
def test_marketable_limit_lies_through_the_far_side(
    side: Side, bid: str, ask: str, price: str | None
) -> None:
    found = marketable_limit(order(side=side), b.quote(bid, ask), D("0.5"))
    assert (found.limit_price if found else None) == (D(price) if price else None)
