"""Goal: what the commands do, a program does with one call each, and is told by values and errors.

Method: an account of the built-in exchange in this process, its prices set by hand; the functions
of `execbot.desk` are called as a program would, and the exchange is asked what came of it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from execbot.desk import cancelling, changing, closing, halting, queueing
from execbot.desk.account import Desk, open_desk
from execbot.desk.checks.doctor import check_setup
from execbot.desk.checks.finding import Status
from execbot.desk.confirming import Consent, NotConfirmed
from execbot.desk.errors import AlreadyFilled, EmptyId, NotQueued
from execbot.desk.following import follow
from execbot.desk.look.market_state import market_state
from execbot.desk.look.orders import history_of, list_orders
from execbot.desk.look.positions import positions
from execbot.desk.look.reports import span_report
from execbot.desk.opening.exchange import control
from execbot.desk.reconciling import reconcile
from execbot.model.enums import OrderStatus, OrderType, Side
from execbot.model.errors import ExecbotError
from execbot.model.order import OrderRequest
from execbot.oms.errors import Refused, UnknownOrder

PRICE = Decimal("187.5")


@pytest.fixture
def desk(sim_env: dict[str, str]) -> Iterator[Desk]:
    control("POST", "price", {"symbol": "AAPL", "price": str(PRICE), "hold": True}, env=sim_env)
    opened = open_desk(env=sim_env)
    yield opened
    opened.close()


def buy(desk: Desk, name: str, qty: int = 10, limit: str | None = None) -> Any:
    kind = OrderType.LIMIT if limit else OrderType.MARKET
    request = OrderRequest(
        "AAPL",
        Side.BUY,
        qty=Decimal(qty),
        type=kind,
        limit_price=Decimal(limit) if limit else None,
        client_order_id=name,
    )
    record = desk.placer.place(request).record
    return record if limit else follow(desk, record, 20)[0]


def held(desk: Desk) -> Decimal:
    position = desk.client.get_position("AAPL")
    return Decimal(0) if position is None else position.qty


def test_a_resting_order_is_listed_changed_shown_and_canceled_by_any_of_its_names(
    desk: Desk,
) -> None:
    resting = buy(desk, "resting", limit="150")
    assert [r.client_order_id for r in list_orders(desk).orders] == ["resting"]
    changed = changing.replace(
        desk, resting.order_id[:8], changing.ReplaceRequest(limit_price=Decimal("151"))
    )
    assert changed.order.limit_price == Decimal("151")
    while history_of(desk, "resting").record.status is not OrderStatus.REPLACED:
        time.sleep(0.1)
    done = cancelling.cancel(desk, "resting", wait_seconds=5)
    assert (done.record.client_order_id, done.record.status) == (
        changed.client_order_id,
        OrderStatus.CANCELED,
    )
    assert done.warnings == ["resting was replaced: canceling what it became."]
    assert [r.status for r in list_orders(desk, "open").orders] == []


def test_a_cancel_that_comes_too_late_is_an_error_that_carries_the_filled_order(
    desk: Desk,
) -> None:
    buy(desk, "quick")
    with pytest.raises(AlreadyFilled) as caught:
        cancelling.cancel(desk, "quick", wait_seconds=5)
    error = caught.value
    assert (error.kind, error.outcome) == ("order.already_filled", "filled")
    assert error.facts["order"]["filled_qty"] == 10
    assert error.next_step == "execbot close AAPL"


@pytest.mark.parametrize(("word", "kind"), [("", EmptyId), ("nobody", UnknownOrder)])
def test_an_order_that_is_not_there_is_an_error_of_the_desk_or_below(
    desk: Desk, word: str, kind: type[ExecbotError]
) -> None:
    with pytest.raises(kind):
        cancelling.cancel(desk, word, wait_seconds=0)


def test_everything_open_is_reviewed_before_the_first_cancel_leaves(desk: Desk) -> None:
    buy(desk, "resting", limit="150")

    shown: list[str] = []

    def show(found: Any) -> None:
        shown.extend(r.client_order_id for r in found)

    no, yes = Consent(ask=lambda question: False), Consent(ask=lambda question: True)
    with pytest.raises(NotConfirmed) as caught:
        cancelling.cancel_all(desk, wait_seconds=5, consent=no, show=show)
    assert (shown, caught.value.kind) == (["resting"], "confirm.declined")
    assert desk.client.get_order_by_client_id("resting").is_working
    done = cancelling.cancel_all(desk, wait_seconds=5, consent=yes, show=show)
    assert [r.client_order_id for r in done.result.canceled] == ["resting"]
    assert (done.is_partly, done.recorded) == (False, True)


def test_a_position_is_closed_in_part_and_whole_and_once(desk: Desk) -> None:
    buy(desk, "entry")
    half = closing.close(desk, "AAPL", closing.Part(percentage=Decimal(50)), wait_seconds=5)
    assert half.record is not None
    assert (half.record.order.filled_qty, held(desk)) == (5, 5)
    rest = closing.close_all(desk, wait_seconds=5)
    assert [item.symbol for item in rest.closed] == ["AAPL"]
    assert (held(desk), rest.failed) == (0, [])
    nothing = closing.close(desk, "AAPL")
    assert (nothing.record, nothing.note) == (None, "there is no position, nothing to close")
    assert closing.close_all(desk).positions == ()


def test_a_halt_takes_back_entries_closes_what_is_approved_and_is_lifted(desk: Desk) -> None:
    buy(desk, "entry")
    asked: list[str] = []

    def no(question: str) -> bool:
        asked.append(question)
        return False

    kept = halting.halt(desk, "news", flatten=True, consent=Consent(ask=no))
    assert (len(asked), kept.closed, held(desk)) == (1, (), 10)
    assert "1 position at market" in asked[0]
    assert kept.declined is not None
    with pytest.raises(Refused) as caught:
        buy(desk, "late")
    assert caught.value.kind == "risk.kill_switch"
    done = halting.halt(desk, "news", flatten=True)
    assert [(item.symbol, item.qty) for item in done.closed] == [("AAPL", "10")]
    assert (kept.changed, done.failed) == (True, ())
    assert halting.resume(desk, "over").stops_entries
    assert not halting.resume(desk, "over").stops_entries


def test_what_is_held_and_what_the_day_amounted_to(desk: Desk) -> None:
    buy(desk, "entry")
    found = positions(desk, "aapl")
    assert [(item.qty, item.avg_entry_price) for item in found.views] == [(10, PRICE)]
    assert positions(desk, "MSFT").views == []
    day = span_report(desk)
    assert [(fill.net_qty, fill.net_price) for fill in day.books.fills] == [(10, PRICE)]
    assert (day.in_doubt, day.warnings) == ([], [])
    assert not reconcile(desk).has_findings


def test_the_market_of_an_exchange_that_never_closes(desk: Desk) -> None:
    state = market_state(desk, holidays=2)
    assert (state.stocks.is_open, state.stocks.never_closes) == (True, True)
    assert len(state.holidays) == 2
    assert state.halts == []


def test_an_order_that_does_not_wait_can_be_neither_released_nor_taken_back(
    desk: Desk,
) -> None:
    buy(desk, "entry")
    assert queueing.queue(desk) == []
    for act in (queueing.release, queueing.take_back):
        with pytest.raises(NotQueued) as caught:
            act(desk, "entry")
        assert caught.value.next_step == "execbot orders show entry"


def test_the_health_of_an_account_that_was_never_used(
    sim_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in sim_env.items():
        monkeypatch.setenv(name, value)
    health = check_setup(stream_seconds=5)
    assert (health.failures, health.mode) == ([], "sim")
    checks = [finding.check for finding in health.findings]
    assert (checks[0], checks[-1]) == ("configuration", "stream")
    broken = check_setup("nonsense")
    assert [f.check for f in broken.failures] == ["mode"]
    assert isinstance(broken.failures[0].error, ExecbotError)
    skipped = [f.check for f in broken.findings if f.status is Status.SKIP]
    assert skipped[:2] == ["state directory", "way out"]
    assert len(broken.findings) == len(skipped) + 2  # the configuration is fine, the mode is not


def test_a_position_that_turns_up_after_the_look_is_not_closed_without_consent(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    held_now = halting.held_now

    def bought_after_the_first_look(of: Desk) -> Any:
        found = held_now(of)
        looks.append(len(found))
        if len(looks) == 1:
            follow(desk, desk.oms.submit(OrderRequest("AAPL", Side.BUY, qty=Decimal(3))), 20)
        return found

    monkeypatch.setattr(halting, "held_now", bought_after_the_first_look)
    asked: list[str] = []
    nobody_says_yes = Consent(ask=lambda said: bool(asked.append(said)))
    done = halting.halt(desk, "news", flatten=True, consent=nobody_says_yes)
    assert (looks[0], asked, done.closed, done.declined) == (0, [], (), None)
    assert held(desk) == 3
