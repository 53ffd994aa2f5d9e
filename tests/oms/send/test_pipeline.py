"""Goal: one request, at most one order at the broker, and its fate always known in the end.

Method: the real adapter against the built-in exchange in process, under a virtual clock, with the
exchange's own faults and with the pipeline stopped dead at every one of its steps.
"""

from __future__ import annotations

import contextlib
import itertools
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.desk import Desk, limit, market, open_desk
from support.harness.killed import Killed

from execbot.broker.errors import AuthenticationError, BrokerError, RequestRefused
from execbot.config.schema import OrderManagementSettings
from execbot.journal import Journal, OrderRecord
from execbot.journal.records import Role
from execbot.model.enums import OrderClass, OrderStatus, OrderType, Outcome, Side, TimeInForce
from execbot.model.order import OrderRequest, StopLoss, TakeProfit
from execbot.model.timer import Timer
from execbot.oms.errors import ClientIdReused, InDoubt, Refused, StaleIntent
from execbot.oms.results import GateVerdict

POST = {"method": "POST", "path": "/v2/orders"}


def count_there(desk: Desk) -> int:
    return len(desk.orders_there())


def only(desk: Desk) -> OrderRecord:
    (record,) = desk.journal.orders("all")
    return record


def test_submit_writes_the_intent_sends_once_and_records_the_answer(desk: Desk) -> None:
    record = desk.oms.submit(market(), arrival_price=Decimal("242.50"))
    assert record.status is OrderStatus.PENDING_NEW
    assert record.order_id
    assert record.arrival_price == Decimal("242.50")
    assert not record.already
    (there,) = desk.orders_there().values()
    assert there["client_order_id"] == record.client_order_id
    kinds = [event.kind for event in desk.journal.events_of(record.client_order_id)]
    assert kinds == ["intent", "snapshot"]


def test_intent_is_durable_before_the_post(desk: Desk, tmp_path: Path) -> None:
    seen: list[OrderStatus] = []

    def look(step: str) -> None:
        if step == "before_post":
            with Journal.open(tmp_path / "journal.db", read_only=True) as other:
                seen.extend(record.status for record in other.orders("all"))

    desk.open_oms(desk.journal, on_step=look).submit(market())
    assert seen == [OrderStatus.PENDING]


def test_client_order_ids_sort_by_time_and_never_repeat(desk: Desk) -> None:
    ids = [desk.oms.submit(limit("1.00")).client_order_id for _ in range(3)]
    desk.sleep(1)
    ids.append(desk.oms.submit(limit("1.00")).client_order_id)
    assert len(set(ids)) == 4
    assert ids[-1] == max(ids)
    assert all(name.startswith("execbot-") and len(name) <= 48 for name in ids)


@pytest.mark.parametrize("kind", ["reply_lost", "reset_after", "truncated_json", "html_body"])
def test_order_whose_answer_is_lost_is_found_and_not_sent_again(desk: Desk, kind: str) -> None:
    desk.fault(kind, **POST)
    record = desk.oms.submit(market())
    assert record.order_id
    assert record.order.is_working or record.status is OrderStatus.FILLED
    assert count_there(desk) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("handled", [True, False])
def test_server_error_on_post_ends_in_one_order(desk: Desk, status: int, handled: bool) -> None:
    desk.fault("server_error", params={"status": status, "handled": handled}, **POST)
    record = desk.oms.submit(market())
    assert record.order_id
    assert count_there(desk) == 1
    assert "in_doubt" in [event.status for event in desk.journal.events_of(record.client_order_id)]


def test_connection_reset_before_the_order_arrived_is_sent_again_under_the_same_id(
    desk: Desk,
) -> None:
    desk.fault("reset_before", **POST)
    record = desk.oms.submit(market())
    assert list(desk.orders_there()) == [record.client_order_id]
    kinds = [event.kind for event in desk.journal.events_of(record.client_order_id)]
    assert kinds == ["intent", "doubt", "send", "snapshot"]


def test_doubt_that_lasts_is_left_in_doubt_and_settled_later(desk: Desk) -> None:
    desk.fault("reply_lost", **POST)
    desk.fault("server_error", method="GET", path="/v2/orders:by_client_order_id", count=50)
    with pytest.raises(InDoubt) as caught:
        desk.oms.submit(market())
    assert caught.value.client_order_id == only(desk).client_order_id
    assert only(desk).outcome is Outcome.IN_DOUBT
    desk.call("DELETE", "/sim/faults")
    settlement = desk.oms.settle()
    assert [record.status for record in settlement.settled] == [OrderStatus.FILLED]
    assert count_there(desk) == 1


def test_order_that_never_arrived_is_closed_after_the_quiet_period_and_never_sent(
    desk: Desk,
) -> None:
    """E-ORD-2."""
    desk.fault("reset_before", count=99, **POST)
    with pytest.raises(InDoubt):
        desk.oms.submit(market())
    early = desk.oms.settle()
    assert [why for _, why in early.open] and not early.settled
    desk.call("DELETE", "/sim/faults")
    desk.sleep(16)
    (closed,) = desk.oms.settle().settled
    assert closed.status is OrderStatus.NEVER_SENT
    assert closed.outcome is Outcome.NOT_SENT
    desk.sleep(60)
    desk.oms.reconcile()
    assert count_there(desk) == 0


def test_request_that_arrives_after_the_look_ups_still_makes_one_order(desk: Desk) -> None:
    desk.fault("request_delayed", params={"seconds": 3}, **POST)
    record = desk.oms.submit(market())
    desk.sleep(10)
    desk.oms.reconcile()
    assert list(desk.orders_there()) == [record.client_order_id]
    assert only(desk).status is OrderStatus.FILLED


def test_order_that_arrives_after_being_closed_as_never_sent_is_reopened_with_an_alarm(
    desk: Desk,
) -> None:
    desk.fault("request_delayed", params={"seconds": 60}, count=9, **POST)
    with pytest.raises(InDoubt):
        desk.oms.submit(market())
    desk.sleep(17)
    assert desk.oms.settle().settled[0].status is OrderStatus.NEVER_SENT
    desk.sleep(60)
    desk.oms.reconcile()
    assert only(desk).status is OrderStatus.FILLED
    assert only(desk).alarm == "reopened_by_broker"
    assert count_there(desk) == 1


def test_rate_limit_waits_as_told_and_sends_again(desk: Desk) -> None:
    desk.fault("rate_limited", params={"retry_after": 2}, **POST)
    record = desk.oms.submit(market())
    assert record.order_id
    assert max(desk.slept) >= 2
    assert count_there(desk) == 1


def test_rate_limit_without_end_is_given_up_and_nothing_was_sent(desk: Desk) -> None:
    desk.fault("rate_limited", count=99, **POST)
    with pytest.raises(BrokerError) as caught:
        desk.oms.submit(market())
    assert caught.value.status == 429
    assert only(desk).status is OrderStatus.NEVER_SENT
    assert count_there(desk) == 0


@pytest.mark.parametrize("retries", [0, 2])
def test_an_order_is_sent_once_and_then_as_often_again_as_retries_are_allowed(
    desk: Desk, retries: int
) -> None:
    desk.settings = OrderManagementSettings(
        retry_attempts=retries, retry_delay_seconds=Decimal("0.5")
    )
    desk.fault("rate_limited", **POST, params={"retry_after": 1}, count=99)
    with pytest.raises(BrokerError):
        desk.oms.submit(market())
    assert desk.sent.count("POST /v2/orders") == 1 + retries
    desk.call("DELETE", "/sim/faults")
    assert desk.oms.submit(market()).order_id


def test_refused_keys_leave_a_record_of_an_order_that_was_not_sent(desk: Desk) -> None:
    desk.fault("unauthorized", **POST)
    with pytest.raises(AuthenticationError):
        desk.oms.submit(market())
    assert only(desk).outcome is Outcome.NOT_SENT


def test_rejection_is_recorded_with_its_reason(desk: Desk) -> None:
    with pytest.raises(RequestRefused) as caught:
        desk.oms.submit(limit("240", qty="1000000"))
    record = only(desk)
    assert record.status is OrderStatus.REJECTED
    assert record.note == caught.value.message
    assert caught.value.client_order_id == record.client_order_id
    assert count_there(desk) == 0


def test_refusal_of_a_resend_is_not_believed_while_the_first_send_is_in_doubt(desk: Desk) -> None:
    desk.fault("request_delayed", params={"seconds": 8}, **POST)
    body = {"code": 40310000, "message": "insufficient buying power"}
    desk.fault("canned_reply", params={"status": 403, "body": body}, after=1, count=5, **POST)
    with pytest.raises(InDoubt):
        desk.oms.submit(market())
    assert only(desk).status is OrderStatus.IN_DOUBT
    desk.sleep(10)
    desk.oms.reconcile()
    assert only(desk).status is OrderStatus.FILLED
    assert count_there(desk) == 1


def test_the_same_id_again_returns_the_order_and_sends_nothing(desk: Desk) -> None:
    request = market(client_order_id="again")
    first = desk.oms.submit(request)
    second = desk.oms.submit(request)
    assert second.already and not first.already
    assert second.order_id == first.order_id
    assert count_there(desk) == 1


def test_the_same_id_for_another_order_is_refused(desk: Desk) -> None:
    desk.oms.submit(market(client_order_id="again"))
    with pytest.raises(ClientIdReused):
        desk.oms.submit(market("MSFT", client_order_id="again"))
    assert count_there(desk) == 1


def test_id_that_the_broker_knows_and_this_journal_does_not_is_adopted(
    desk: Desk, tmp_path: Path
) -> None:
    first = desk.oms.submit(market(client_order_id="elsewhere"))
    with Journal.open(tmp_path / "other.db") as other:
        record = desk.open_oms(other).submit(market(client_order_id="elsewhere"))
    assert record.already
    assert record.order_id == first.order_id
    assert count_there(desk) == 1


def dollars(amount: int) -> OrderRequest:
    return OrderRequest("AAPL", Side.BUY, notional=Decimal(amount))


OTHERS = [
    (limit("1.00"), limit("1.10")),
    (dollars(100), dollars(200)),
    (market(), market(qty="11")),
    (market(), dollars(100)),
]


@pytest.mark.parametrize(("theirs", "ours"), OTHERS)
def test_another_order_under_the_id_at_the_broker_is_not_taken_for_ours(
    desk: Desk, tmp_path: Path, theirs: OrderRequest, ours: OrderRequest
) -> None:
    """E-OWN-2."""
    named = replace(theirs, client_order_id="elsewhere")
    desk.oms.submit(named)
    with Journal.open(tmp_path / "other.db") as other:
        oms = desk.open_oms(other)
        for _ in range(2):
            with pytest.raises(ClientIdReused) as caught:
                oms.submit(replace(ours, client_order_id="elsewhere"), plan_id="p", role=Role.ENTRY)
            assert caught.value.record is not None
            assert caught.value.record.order.limit_price == theirs.limit_price
        record = oms.record("elsewhere")
        assert (record.is_ours, record.plan_id, record.role) == (False, None, None)
        assert oms.submit(named).already
    assert count_there(desk) == 1


def test_another_order_that_took_the_id_while_the_rate_limit_kept_ours_is_not_ours(
    desk: Desk, tmp_path: Path
) -> None:
    """A 429 executes nothing: what has the id when it is sent again came from elsewhere."""
    desk.fault("rate_limited", **POST, params={"retry_after": 2})
    theirs: list[OrderRecord] = []

    def sleep(seconds: float) -> None:
        desk.sleep(seconds)
        with Journal.open(tmp_path / "other.db") as other:
            order = market("MSFT", client_order_id="shared")
            theirs.append(desk.open_oms(other).submit(order))

    oms = desk.oms
    oms._pipeline._timer = Timer(desk.monotonic, sleep)
    with pytest.raises(ClientIdReused):
        oms.submit(market(client_order_id="shared"), plan_id="p", role=Role.ENTRY)
    record = desk.oms.record("shared")
    assert record.order_id == theirs[0].order_id
    assert (record.is_ours, record.plan_id, record.role) == (False, None, None)
    assert count_there(desk) == 1


@pytest.mark.parametrize("is_settled", [False, True])
def test_another_order_that_had_the_id_is_not_ours_where_the_answer_was_lost(
    desk: Desk, tmp_path: Path, is_settled: bool
) -> None:
    with Journal.open(tmp_path / "other.db") as other:
        theirs = desk.open_oms(other).submit(market("MSFT", client_order_id="shared"))
    oms, ours = desk.oms, market(client_order_id="shared")
    desk.fault("reply_lost", **POST)
    if is_settled:
        desk.fault("server_error", path="/v2/orders:by_client_order_id", count=100)
    with pytest.raises(InDoubt if is_settled else ClientIdReused):
        oms.submit(ours, plan_id="p", role=Role.ENTRY)
    if is_settled:
        desk.call("DELETE", "/sim/faults")
        oms.settle()
    record = oms.record("shared")
    assert record.order_id == theirs.order_id
    assert (record.is_ours, record.plan_id, record.role) == (False, None, None)
    with pytest.raises(ClientIdReused):
        oms.submit(ours)
    assert count_there(desk) == 1


SALE = OrderRequest(
    "AAPL", Side.SELL, qty=Decimal(10), time_in_force=TimeInForce.GTC, client_order_id="sale"
)
RESTATED = {
    "a pair, shown by its target": replace(
        SALE,
        type=OrderType.LIMIT,
        order_class=OrderClass.OCO,
        take_profit=TakeProfit(Decimal(300)),
        stop_loss=StopLoss(Decimal(100)),
    ),
    "a trail, shown with its stop": replace(
        SALE, type=OrderType.TRAILING_STOP, trail_percent=Decimal(5)
    ),
}


@pytest.mark.parametrize("request_", RESTATED.values(), ids=RESTATED)
def test_order_that_the_broker_shows_with_a_price_of_its_own_is_taken_for_ours(
    desk: Desk, tmp_path: Path, request_: OrderRequest
) -> None:
    desk.oms.submit(market())
    desk.sleep(1)
    first = desk.oms.submit(request_)
    with Journal.open(tmp_path / "other.db") as other:
        again = desk.open_oms(other).submit(request_)
    assert (again.order_id, again.already, again.is_ours) == (first.order_id, True, True)


def test_gate_that_denies_sends_nothing_and_leaves_a_record_and_an_audit_row(desk: Desk) -> None:
    verdict = GateVerdict(False, "risk.max_positions", "5 positions are open", {"seen": 5})
    with pytest.raises(Refused) as caught:
        desk.oms.submit(market(client_order_id="denied"), gate=lambda journal: verdict)
    assert caught.value.kind == "risk.max_positions"
    assert only(desk).status is OrderStatus.DENIED
    (row,) = desk.journal.audit_of("denied")
    assert (row.rule, row.result, row.facts) == ("risk.max_positions", "denied", {"seen": 5})
    assert count_there(desk) == 0
    allowed = desk.oms.submit(market(client_order_id="denied"))
    assert allowed.order_id and not allowed.already


def test_gate_sees_the_reservations_of_everybody(desk: Desk) -> None:
    def one_at_a_time(journal: Journal) -> GateVerdict:
        assert journal.in_transaction
        return GateVerdict(not journal.orders("open"), "risk.one", "one is open")

    desk.oms.submit(limit("1.00"), gate=one_at_a_time)
    with pytest.raises(Refused):
        desk.oms.submit(limit("1.00"), gate=one_at_a_time)


def test_process_that_was_suspended_before_sending_does_not_send(desk: Desk) -> None:
    def nap(step: str) -> None:
        if step == "intent_written":
            desk.sleep(6)

    with pytest.raises(StaleIntent):
        desk.open_oms(desk.journal, on_step=nap).submit(market())
    assert only(desk).status is OrderStatus.NEVER_SENT
    assert count_there(desk) == 0


def test_queued_order_is_released_withdrawn_or_lapses(desk: Desk) -> None:
    for name in ("sent", "taken-back", "too-old"):
        queued = desk.oms.queue(market(client_order_id=name), strategy_id="s1")
        assert queued.status is OrderStatus.QUEUED
    released = desk.oms.release(market(client_order_id="sent", qty="7"))
    assert released.order.qty == 7 and released.order_id
    assert desk.oms.cancel("taken-back").status is OrderStatus.CANCELED
    assert desk.oms.lapse("too-old", reason="waited 96 hours").status is OrderStatus.EXPIRED
    assert list(desk.orders_there()) == ["sent"]


STEPS = ("before_intent", "intent_written", "before_post", "after_post", "in_doubt", "recorded")
FAULTS: tuple[tuple[str, dict[str, object]] | None, ...] = (
    None,
    ("reply_lost", {}),
    ("reset_before", {}),
    ("reset_after", {}),
    ("server_error", {"params": {"status": 504, "handled": True}}),
    ("request_delayed", {"params": {"seconds": 4}}),
)


def crash(desk: Desk, step: str, nth: int, client_order_id: str) -> None:
    """Submit, and die at the n-th time the pipeline says this step."""
    countdown = itertools.count(1)

    def die(said: str) -> None:
        if said == step and next(countdown) == nth:
            raise Killed

    with contextlib.suppress(Killed, InDoubt):
        desk.open_oms(desk.journal, on_step=die).submit(market(client_order_id=client_order_id))


def assert_one_order_and_one_truth(desk: Desk, client_order_id: str) -> None:
    there = desk.orders_there()
    record = desk.journal.order_by_client_id(client_order_id)
    if record is None:
        assert client_order_id not in there
    elif client_order_id in there:
        assert record.status.value == there[client_order_id]["status"]
        assert record.order_id == there[client_order_id]["id"]
        assert str(record.order.filled_qty) == there[client_order_id]["filled_qty"]
    else:
        assert record.status is OrderStatus.NEVER_SENT


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault[0] if fault else "none")
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("nth", [1, 2])
def test_killed_at_any_step_reconcile_finds_the_truth(
    desk: Desk, step: str, nth: int, fault: tuple[str, dict[str, object]] | None
) -> None:
    if fault is not None:
        desk.fault(fault[0], **POST, **fault[1])
    crash(desk, step, nth, "mine")
    desk.sleep(17)
    result = desk.oms.reconcile()
    assert not result.breaks
    assert_one_order_and_one_truth(desk, "mine")
    desk.sleep(60)
    before = set(desk.orders_there())
    desk.oms.reconcile()
    assert set(desk.orders_there()) == before


@given(
    st.lists(
        st.tuples(st.sampled_from(STEPS), st.integers(1, 3), st.sampled_from(FAULTS)),
        min_size=1,
        max_size=5,
    )
)
@settings(max_examples=25, deadline=None)
def test_the_same_id_killed_again_and_again_makes_at_most_one_order(
    tmp_path_factory: pytest.TempPathFactory,
    lives: list[tuple[str, int, tuple[str, dict[str, object]] | None]],
) -> None:
    desk = open_desk(tmp_path_factory.mktemp("kills"))
    try:
        for step, nth, fault in lives:
            desk.call("DELETE", "/sim/faults")
            if fault is not None:
                desk.fault(fault[0], **POST, **fault[1])
            crash(desk, step, nth, "mine")
        desk.call("DELETE", "/sim/faults")
        desk.sleep(17)
        desk.oms.reconcile()
        assert len(desk.orders_there()) <= 1
        assert_one_order_and_one_truth(desk, "mine")
    finally:
        desk.journal.close()


def test_sender_that_wakes_after_it_was_closed_as_never_sent_does_not_send(
    desk: Desk, tmp_path: Path
) -> None:
    desk.settings = OrderManagementSettings(settle_quiet_seconds=Decimal("10"))
    other = Journal.open(tmp_path / "journal.db")

    def sleep_through(step: str) -> None:
        if step == "in_doubt":
            desk.sleep(30)
            desk.open_oms(other).settle()

    desk.fault("reset_before", **POST)
    with pytest.raises(StaleIntent):
        desk.open_oms(desk.journal, on_step=sleep_through).submit(market())
    assert only(desk).status is OrderStatus.NEVER_SENT
    assert count_there(desk) == 0
    other.close()


def test_events_are_published_after_they_are_durable(desk: Desk) -> None:
    oms = desk.oms
    heard: list[tuple[str, OrderStatus]] = []
    for name in ("order_submitted", "order_failed", "order_filled", "order_canceled"):
        oms.subscribe(name, lambda change, name=name: heard.append((name, change.record.status)))
    oms.submit(market(client_order_id="ok"))
    desk.sleep(1)
    oms.apply_batch(desk.frames())
    with pytest.raises(RequestRefused):
        oms.submit(replace(limit("240", qty="1000000"), side=Side.BUY))
    assert heard == [
        ("order_submitted", OrderStatus.PENDING_NEW),
        ("order_filled", OrderStatus.FILLED),
        ("order_failed", OrderStatus.REJECTED),
    ]


def test_subscriber_that_fails_stops_nobody(desk: Desk) -> None:
    oms = desk.oms
    heard: list[str] = []

    def fail(change: object) -> None:
        raise RuntimeError("broken callback")

    oms.subscribe("order_submitted", fail)
    oms.subscribe("order_submitted", lambda change: heard.append(change.kind))
    assert oms.submit(market()).order_id
    assert heard == ["snapshot"]
    with pytest.raises(ValueError):
        oms.subscribe("order_exploded", fail)
