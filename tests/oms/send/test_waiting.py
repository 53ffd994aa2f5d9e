"""When a request that failed is sent again, and how an order is waited for.

Method: tables of errors for the decisions; the loops against the built-in exchange in virtual time,
with the wall clock set while they wait.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.desk import KEY, Desk, VenueTransport, limit, market
from support.harness.killed import Killed
from support.signal_trader import open_trader
from support.tries import failed

from execbot.broker.alpaca import AlpacaClient
from execbot.broker.budget import RequestPriority
from execbot.broker.errors import (
    BrokerError,
    NetworkError,
    RateLimited,
    classify,
    classify_transport,
)
from execbot.broker.http import HttpReply
from execbot.broker.port import ReplaceRequest
from execbot.journal import Journal
from execbot.journal.records import Role
from execbot.model.enums import OrderStatus, OrderType, Side
from execbot.model.order import Order, OrderRequest
from execbot.model.timer import Timer
from execbot.oms.errors import ClientIdReused, CloseFailed, InDoubt, StaleIntent
from execbot.oms.machine.table import Act
from execbot.oms.send.waiting import (
    ResendWait,
    before_cancel,
    is_urgent,
    looked_up,
    may_resend,
)
from execbot.oms.service import OrderManagementSystem

POST = {"method": "POST", "path": "/v2/orders"}


def limited(retry_after: str | None = None, method: str = "POST") -> BrokerError:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return classify(429, "{}", headers, method=method, path="/v2/orders", client_order_id="c")


def lost() -> BrokerError:
    return classify_transport(TimeoutError(), method="POST", sent=True)


def unreached() -> BrokerError:
    return classify_transport(ConnectionRefusedError(), method="POST", sent=False)


def refused() -> BrokerError:
    body = '{"code": 40310000, "message": "insufficient buying power"}'
    return classify(403, body, {}, method="POST", path="/v2/orders", client_order_id="c")


CASES: list[tuple[str, BrokerError, RequestPriority, bool, tuple[float, float]]] = [
    ("rate limit, entry", limited("7"), RequestPriority.ENTRY, True, (7.0, 8.0)),
    ("rate limit unsaid, entry", limited(), RequestPriority.ENTRY, True, (2.5, 5.0)),
    ("rate limit, exit", limited("45"), RequestPriority.EXIT, True, (2.0, 2.0)),
    ("rate limit, protection", limited("45"), RequestPriority.PROTECT, True, (2.0, 2.0)),
    ("answer lost", lost(), RequestPriority.ENTRY, True, (0.0, 0.0)),
    ("answer lost, exit", lost(), RequestPriority.EXIT, True, (0.0, 0.0)),
    ("not reached", unreached(), RequestPriority.ENTRY, True, (2.5, 5.0)),
    ("not reached, exit", unreached(), RequestPriority.EXIT, True, (2.5, 5.0)),
    ("refused", refused(), RequestPriority.ENTRY, False, (0.0, 0.0)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_request_is_sent_again_after_a_wait_that_its_error_and_priority_decide(
    case: tuple[str, BrokerError, RequestPriority, bool, tuple[float, float]],
) -> None:
    _, error, priority, again, (least, longest) = case
    assert may_resend(error) is again
    if again:
        waits = [ResendWait(priority, 5.0)(failed(1, error)) for _ in range(100)]
        assert least <= min(waits) <= max(waits) <= longest


def test_only_a_rate_limit_is_urgent_and_only_to_what_closes_or_protects() -> None:
    urgent = {p for p in RequestPriority if is_urgent(limited("45"), p)}
    assert urgent == {RequestPriority.EXIT, RequestPriority.PROTECT}
    assert not any(is_urgent(error, RequestPriority.EXIT) for error in (lost(), unreached(), None))


def test_nothing_but_the_brokers_errors_is_sent_again() -> None:
    assert not may_resend(ValueError("a bug"))


@pytest.mark.parametrize(
    ("error", "least", "longest"),
    [
        (limited("45", "DELETE"), 1.0, 1.0),
        (limited("0.2", "DELETE"), 0.2, 0.2),
        (limited(None, "DELETE"), 0.5, 1.0),
        (lost(), 0.05, 0.1),
    ],
)
def test_cancel_never_waits_longer_than_a_second_before_it_is_asked_for_again(
    error: BrokerError, least: float, longest: float
) -> None:
    waits = [before_cancel(failed(1, error)) for _ in range(100)]
    assert least <= min(waits) <= max(waits) <= longest


def test_rate_limited_entry_is_sent_as_often_as_the_settings_say_and_not_again_by_the_placer(
    tmp_path: Path,
) -> None:
    """Goal: one back-off. The placer's own never waited: it began where the pipeline had ended."""
    trader = open_trader(tmp_path)
    desk = trader.desk
    desk.fault("rate_limited", **POST, retry_after=1, count=99)
    before = desk.sent.count("POST /v2/orders")
    with pytest.raises(RateLimited):
        trader.placer.place(market(client_order_id="mine"), adjust=True)
    sent = desk.sent.count("POST /v2/orders") - before
    assert sent == 1 + desk.settings.retry_attempts
    assert desk.oms.record("mine").status is OrderStatus.NEVER_SENT


@pytest.mark.parametrize("found_at", [1, 3, 4])
def test_look_ups_leave_a_slow_gateway_its_time(desk: Desk, found_at: int) -> None:
    looks: list[float] = []
    began = desk.monotonic()
    there = desk.client.get_order(desk.oms.submit(limit("1.00")).order_id)

    def look() -> Order | None:
        looks.append(desk.monotonic() - began)
        return there if len(looks) == found_at else None

    assert looked_up(look, desk.timer) is there
    floor = [0.05, 0.25, 0.75, 1.75][:found_at]
    assert all(at > least - 0.001 for at, least in zip(looks, floor, strict=True)), looks


def test_look_ups_end(desk: Desk) -> None:
    looks: list[None] = []
    assert looked_up(lambda: looks.append(None), desk.timer) is None
    assert len(looks) == 4


# --- the wall clock is set while something waits ------------------------------------------------


def stepping(desk: Desk, hours: int) -> OrderManagementSystem:
    """An OMS whose wall clock is set by so many hours at the first pause."""
    shift = [timedelta(0)]

    def now() -> datetime:
        return desk.now() + shift[0]

    def sleep(seconds: float) -> None:
        shift[0] = timedelta(hours=hours)
        desk.sleep(seconds)

    timer = type(desk.timer)(desk.monotonic, sleep)
    return OrderManagementSystem(
        desk.client, desk.journal, settings=desk.settings, now=now, timer=timer
    )


def wait_for_cancel(oms: OrderManagementSystem) -> None:
    record = oms.submit(limit("1.00"))
    assert oms.cancel(record.client_order_id, wait_seconds=5).status is OrderStatus.PENDING_CANCEL


def wait_for_all(oms: OrderManagementSystem) -> None:
    oms.submit(limit("1.00"))
    assert oms.cancel_all(symbol="AAPL", wait_seconds=5).still_open


def wait_to_close(oms: OrderManagementSystem) -> None:
    oms.submit(
        OrderRequest(
            "AAPL", Side.SELL, qty=Decimal(10), type=OrderType.STOP, stop_price=Decimal(1)
        ),
        role=Role.STOP,
    )
    with pytest.raises(CloseFailed):
        oms.close("AAPL", wait_seconds=5)


@pytest.mark.parametrize("hours", [-1, 1])
@pytest.mark.parametrize("wait", [wait_for_cancel, wait_for_all, wait_to_close])
def test_wait_lasts_as_long_as_it_was_given_though_the_wall_clock_steps(
    desk: Desk, wait: Callable[[OrderManagementSystem], None], hours: int
) -> None:
    """E-TIME-1: set back, a wait by the wall made 400 requests; set forward, it gave up at once."""
    desk.oms.submit(market())
    desk.sleep(1)
    desk.oms.apply_batch(desk.frames())
    desk.fault("stuck_pending_cancel", count=99)
    began, asked = desk.monotonic(), len(desk.sent)
    wait(stepping(desk, hours))
    assert 4.5 <= desk.monotonic() - began <= 6.5
    assert len(desk.sent) - asked < 60


# --- held up between the last word and the wire ------------------------------------------------


class Suspended(VenueTransport):
    """The machine sleeps for so long with the request in its hands; another process goes on."""

    def __init__(self, desk: Desk, seconds: float, method: str = "POST", after: int = 0) -> None:
        super().__init__(desk.door)
        self.desk, self.seconds, self.method, self.left = desk, seconds, method, after
        self.settled: list[OrderStatus] = []

    def send(self, method: str, url_path: str, **options: Any) -> HttpReply:
        if method == self.method:
            self.left -= 1
            if self.left < 0:
                self.desk.sleep(self.seconds)
                with Journal.open(self.desk.path / "journal.db") as journal:
                    found = self.desk.open_oms(journal).settle()
                self.settled += [record.status for record in found.settled]
        return super().send(method, url_path, **options)


def oms_over(desk: Desk, transport: VenueTransport) -> OrderManagementSystem:
    client = AlpacaClient(
        KEY, KEY, transport=transport, requests_per_minute=None, now=desk.now, timer=desk.timer
    )
    return OrderManagementSystem(
        client, desk.journal, settings=desk.settings, now=desk.now, timer=desk.timer
    )


@pytest.mark.parametrize(
    ("seconds", "leaves", "closed_by_others"),
    [(2, True, False), (5, False, False), (20, False, True)],
)
def test_order_that_is_held_up_on_its_way_leaves_in_time_or_not_at_all(
    desk: Desk, seconds: float, leaves: bool, closed_by_others: bool
) -> None:
    """Suspended for 20 s between the check of its age and the wire, it left after another process
    had closed it as never sent."""
    transport = Suspended(desk, seconds)
    oms = oms_over(desk, transport)
    if leaves:
        assert oms.submit(market(client_order_id="mine")).order_id
    else:
        with pytest.raises(StaleIntent, match=f"held up for {seconds} s"):
            oms.submit(market(client_order_id="mine"))
        assert oms.record("mine").status is OrderStatus.NEVER_SENT
    assert list(desk.orders_there()) == (["mine"] if leaves else [])
    assert bool(transport.settled) is closed_by_others
    assert oms.record("mine").alarm is None


@pytest.mark.parametrize("at", ["intent_written", "before_post", "after_post"])
def test_who_was_held_up_leaves_an_id_that_was_given_again_to_who_gave_it(
    desk: Desk, at: str
) -> None:
    """It counted as never sent meanwhile, and its id was given again: that order is on its way, and
    no word of this process is about it."""

    def die(step: str) -> None:
        if step == "before_post":
            raise Killed

    def held_up(step: str) -> None:
        if step == at:
            desk.sleep(60)
            with Journal.open(desk.path / "journal.db") as journal:
                other = desk.open_oms(journal, on_step=die)
                other.settle()
                assert other.record("mine").status is OrderStatus.NEVER_SENT
                with pytest.raises(Killed):
                    other.submit(market(client_order_id="mine"))

    if at == "after_post":
        body = '{"code": 40010001, "message": "qty must be > 0"}'
        desk.fault("canned_reply", path="/v2/orders", method="POST", status=422, body=body)
    slow = desk.open_oms(desk.journal, on_step=held_up)
    record = slow.submit(market(client_order_id="mine"))
    assert (record.status, record.already) == (OrderStatus.PENDING, True)
    assert desk.journal.acts_of("mine", tuple(Act)) == ["intent", "never_sent", "intent"]
    assert not desk.orders_there()


def test_another_order_under_the_id_of_who_was_held_up_is_told_as_such(desk: Desk) -> None:
    def held_up(step: str) -> None:
        if step == "intent_written":
            desk.sleep(60)
            desk.oms.settle()
            desk.oms.submit(market(qty="2", client_order_id="mine"))

    with pytest.raises(ClientIdReused):
        desk.open_oms(desk.journal, on_step=held_up).submit(market(client_order_id="mine"))
    [there] = desk.orders_there().values()
    assert there["qty"] == "2"


def test_second_send_has_a_deadline_of_its_own(desk: Desk) -> None:
    desk.fault("rate_limited", **POST, retry_after=1)
    oms = oms_over(desk, Suspended(desk, 20, after=1))
    with pytest.raises(StaleIntent):
        oms.submit(market(client_order_id="mine"))
    assert desk.orders_there() == {}


def test_order_in_doubt_that_is_held_up_on_its_second_way_stays_in_doubt(desk: Desk) -> None:
    desk.fault("reset_before", **POST)
    oms = oms_over(desk, Suspended(desk, 5, after=1))
    with pytest.raises(InDoubt):
        oms.submit(market(client_order_id="mine"))
    assert oms.record("mine").status is OrderStatus.IN_DOUBT
    assert desk.orders_there() == {}


def test_change_that_is_held_up_leaves_the_old_order_as_it_stands(desk: Desk) -> None:
    oms = oms_over(desk, Suspended(desk, 20, method="PATCH"))
    record = oms.submit(limit("1.00"))
    desk.sleep(1)
    with pytest.raises(NetworkError) as caught:
        oms.replace(record.client_order_id, ReplaceRequest(limit_price=Decimal("1.10")))
    assert caught.value.kind == "network.held_up"
    (there,) = desk.orders_there().values()
    assert (there["status"], there["limit_price"]) == ("new", "1")


# --- what others conclude, by the machine's own seconds ----------------------------------------


@pytest.mark.parametrize("hours", [-1, 1])
def test_quiet_period_of_an_intent_is_the_same_whatever_was_done_to_the_wall_clock(
    desk: Desk, hours: int
) -> None:
    """Set forward, the wall would close at once what is on its way; set back, it lasted an hour."""
    desk.fault("reset_before", count=99, **POST)
    with pytest.raises(InDoubt):
        desk.oms.submit(market(client_order_id="mine"))
    later = OrderManagementSystem(
        desk.client,
        desk.journal,
        settings=desk.settings,
        now=lambda: desk.now() + timedelta(hours=hours),
        timer=desk.timer,
    )
    assert [why for _, why in later.settle().open] and not later.settle().settled
    desk.sleep(16)
    assert [record.status for record in later.settle().settled] == [OrderStatus.NEVER_SENT]


def test_after_a_restart_the_time_of_day_must_do_and_ahead_of_it_is_now(desk: Desk) -> None:
    desk.fault("reset_before", count=99, **POST)
    with pytest.raises(InDoubt):
        desk.oms.submit(market(client_order_id="mine"))

    def restarted(shift: timedelta) -> OrderManagementSystem:
        timer = Timer(lambda: 5.0, desk.sleep, lambda: "the next boot")
        now = lambda: desk.now() + shift  # noqa: E731
        return OrderManagementSystem(
            desk.client, desk.journal, settings=desk.settings, now=now, timer=timer
        )

    ahead = restarted(timedelta(hours=-1)).settle()
    assert [why for _, why in ahead.open] == ["not at the broker yet; final in 15 s"]
    assert not ahead.settled
    assert not restarted(timedelta(0)).settle().settled
    assert restarted(timedelta(seconds=16)).settle().settled
