"""Goal: one planner serves submit, signals, the queue and a retry, and its plan is durable with the
intent or not at all.

Method: a desk at the in-process exchange under the virtual clock; the process is killed by name of
step, and what the journal then holds is read.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support.desk import limit, market
from support.signal_trader import SignalTrader, open_trader

from execbot.broker.errors import BrokerError
from execbot.exits.levels import LevelError, parse_level
from execbot.exits.plan.plan import ExitPlan, PlanStatus
from execbot.exits.plan.wishes import Wishes, in_equal_parts
from execbot.exits.store import open_plans, plan_by_id
from execbot.journal.records import Role
from execbot.model.enums import OrderStatus, OrderType, Outcome, Side
from execbot.model.flags import NO_FLAGS
from execbot.model.order import OrderRequest
from execbot.oms.errors import ClientIdReused, Refused, StaleIntent
from execbot.oms.place.entry_plans import ExitsAsked, LegsRefused, NoEntryPrice, asked_by_submit
from execbot.oms.place.placed import Placed
from execbot.oms.place.placer import Placer
from execbot.oms.place.retry_by_hand import retry
from execbot.oms.release_queue import release_due

D = Decimal


class Died(BaseException):
    """The process ends at this instruction."""


def asked(stop: str = "2%", *targets: str) -> ExitsAsked:
    levels = in_equal_parts([parse_level(word) for word in targets])
    return ExitsAsked(Wishes(parse_level(stop), None, levels), must_go_along=True)


def price_is(trader: SignalTrader, price: str) -> None:
    trader.desk.call("POST", "/sim/price", {"symbol": "AAPL", "price": price})


def place(
    trader: SignalTrader, request: OrderRequest, exits: ExitsAsked, placer: Placer | None = None
) -> Placed:
    placer = placer or trader.placer
    prepared = placer.prepare(request, exits)
    return placer.place(prepared.entry, checked=prepared.checked)


def plan_behind(trader: SignalTrader, name: str) -> ExitPlan:
    record = trader.desk.oms.record(name)
    found = plan_by_id(trader.desk.journal, record.plan_id or "")
    assert found is not None
    return found


def test_who_comes_second_with_an_id_leaves_the_plan_of_the_first(tmp_path: Path) -> None:
    """Two processes, at the same moment, under one id and of two sizes: one order, its stop."""
    trader = open_trader(tmp_path)

    def meanwhile(at: str) -> None:
        if at == "before_intent":
            place(trader, limit("90", client_order_id="x"), asked())

    desk = trader.desk
    late = Placer(desk.open_oms(desk.journal, on_step=meanwhile), trader.placer.risk)
    with pytest.raises(ClientIdReused):
        place(trader, limit("90", qty="11", client_order_id="x"), asked(), late)
    [row] = [row for row in desk.orders_there().values() if row["side"] == "buy"]
    assert row["qty"] == "10"
    assert [plan.entry_client_order_id for plan in open_plans(desk.journal)] == ["x"]


def test_who_comes_second_with_an_id_that_waits_for_the_open_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trader = open_trader(tmp_path, sim={"calendar": "exchange", "at": "2026-10-06 18:00"})
    late = Placer(trader.desk.oms, trader.placer.risk)
    order = market(qty="10", client_order_id="x")

    def meanwhile(*_: object) -> None:
        monkeypatch.undo()
        assert place(trader, order, asked("2%")).queued_for

    monkeypatch.setattr(late, "addition", meanwhile)
    placed = place(trader, order, asked("5%"), late)
    assert (placed.record.status, placed.record.already) == (OrderStatus.QUEUED, True)
    [plan] = open_plans(trader.desk.journal)
    assert (str(plan.stop.spec), plan.version) == ("2%", 1)
    kinds = [event.result for event in trader.desk.journal.events_of("x")]
    assert "illegal" not in kinds


# --- what was asked is kept ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stop", "targets", "at"),
    [
        ("2%", ("4%",), ("98", ["104"])),
        ("2USD", ("2R",), ("98", ["104"])),
        ("97", ("3R", "1R"), ("97", [None, None])),
    ],
)
def test_the_plan_keeps_what_was_asked_beside_its_prices(
    tmp_path: Path, stop: str, targets: tuple[str, ...], at: tuple[str, list[str | None]]
) -> None:
    trader = open_trader(tmp_path)
    request = replace(
        market("AAPL", "10", client_order_id="e"), type=OrderType.LIMIT, limit_price=D(100)
    )
    price_is(trader, "101")
    place(trader, request, asked(stop, *targets))
    plan = plan_behind(trader, "e")
    assert str(plan.stop.spec) == stop
    assert [str(t.spec) for t in plan.targets] == sorted(targets)
    assert (plan.stop.price, [t.price for t in plan.targets]) == (
        D(at[0]),
        [None if p is None else D(p) for p in at[1]],
    )


def test_a_signal_and_a_submit_with_the_same_exits_make_the_same_order_and_plan(
    tmp_path: Path,
) -> None:
    trader = open_trader(
        tmp_path, take_profit={"partial_exits": ()}, stop_loss={"use_trailing": False}
    )
    price_is(trader, "100")
    trader.signal(qty=D(10))
    trader.desk.call("POST", "/sim/price", {"symbol": "MSFT", "price": "100"})
    place(trader, market("MSFT", "10", client_order_id="e"), asked("2%", "2R"))
    by_signal = plan_behind(trader, "execbot-signal-s1")
    by_hand = plan_behind(trader, "e")
    there = trader.desk.orders_there()
    one, other = there["execbot-signal-s1"], there["e"]
    for name in ("order_class", "time_in_force", "qty", "type"):
        assert one[name] == other[name], name
    assert one["order_class"] == "bracket"
    assert (by_signal.stop.spec, by_signal.stop.price) == (by_hand.stop.spec, by_hand.stop.price)
    assert [t.price for t in by_signal.targets] == [t.price for t in by_hand.targets]


# --- durable with the intent --------------------------------------------------------------------


def submitted(trader: SignalTrader, placer: Placer) -> None:
    place(trader, market("AAPL", "10", client_order_id="e"), asked(), placer)


def signaled(trader: SignalTrader, placer: Placer) -> None:
    trader.executor.placer = placer
    trader.executor.execute_signal(trader.make(id="e"))


@pytest.mark.parametrize("act", [submitted, signaled])
@pytest.mark.parametrize(("step", "there"), [("before_intent", False), ("intent_written", True)])
def test_killed_around_its_intent_an_entry_has_both_intent_and_plan_or_neither(
    tmp_path: Path, act: Any, step: str, there: bool
) -> None:
    trader = open_trader(tmp_path)

    def die(name: str) -> None:
        if name == step:
            raise Died

    dying = Placer(trader.desk.open_oms(trader.desk.journal, on_step=die), trader.placer.risk)
    with pytest.raises(Died):
        act(trader, dying)
    records = trader.desk.journal.orders()
    assert [r.role for r in records] == ([Role.ENTRY] if there else [])
    plans = open_plans(trader.desk.journal)
    assert [p.plan_id for p in plans] == [r.plan_id for r in records]


def dies_with(trader: SignalTrader, step: str, request: OrderRequest) -> None:
    """The entry is given, and its process is killed at the step."""

    def die(name: str) -> None:
        if name == step:
            raise Died

    dying = Placer(trader.desk.open_oms(trader.desk.journal, on_step=die), trader.placer.risk)
    with pytest.raises(Died):
        place(trader, request, asked("2%", "4%"), dying)


@pytest.mark.parametrize("step", ["intent_written", "before_post"])
def test_an_entry_whose_process_died_before_it_was_sent_is_given_again_with_its_exits(
    tmp_path: Path, step: str
) -> None:
    trader = open_trader(tmp_path)
    request = market("AAPL", "10", client_order_id="e")
    dies_with(trader, step, request)
    trader.desk.sleep(20)
    assert not place(trader, request, asked("2%", "4%")).record.already
    sent = trader.desk.orders_there()["e"]
    assert (sent["order_class"], sent["time_in_force"]) == ("bracket", "gtc")
    record = trader.desk.oms.record("e")
    assert (record.role, record.plan_id) == (Role.ENTRY, "plan-e")


def test_an_entry_found_never_sent_after_it_was_prepared_is_not_sent_without_its_exits(
    tmp_path: Path,
) -> None:
    trader = open_trader(tmp_path)
    request = market("AAPL", "10", client_order_id="e")
    dies_with(trader, "before_post", request)
    prepared = trader.placer.prepare(request, asked("2%", "4%"))
    trader.desk.sleep(20)
    with pytest.raises(StaleIntent, match="never sent"):
        trader.placer.place(prepared.entry, checked=prepared.checked)
    assert not trader.desk.orders_there()


def test_a_plan_whose_entry_is_refused_by_the_checks_was_never_written(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    with pytest.raises(Refused):
        place(trader, market("AAPL", "9999", client_order_id="e"), asked())
    assert trader.desk.journal.plan("plan-e") is None


def test_a_plan_whose_entry_is_refused_by_the_broker_is_closed_and_the_next_try_wakes_it(
    tmp_path: Path,
) -> None:
    trader = open_trader(tmp_path)
    body = {"code": 42210000, "message": "cannot be traded now"}
    trader.desk.fault("canned_reply", path="/v2/orders", method="POST", status=422, body=body)
    with pytest.raises(BrokerError):
        place(trader, market("AAPL", "10", client_order_id="e"), asked())
    closed = plan_by_id(trader.desk.journal, "plan-e")
    assert closed is not None and closed.status is PlanStatus.CLOSED
    assert retry(trader.placer, "e").record.plan_id == "plan-e.h1"
    assert [p.plan_id for p in open_plans(trader.desk.journal)] == ["plan-e.h1"]


def test_an_id_that_was_given_before_keeps_its_order_and_its_plan(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    request = market("AAPL", "10", client_order_id="e")
    place(trader, request, asked())
    before = plan_behind(trader, "e")
    price_is(trader, "150")
    again = place(trader, request, asked())
    assert again.record.already
    assert plan_behind(trader, "e") == before
    posts = [line for line in trader.desk.sent if line == "POST /v2/orders"]
    assert len(posts) == 1


# --- the queue and a retry ----------------------------------------------------------------------


def test_a_queued_submit_measures_its_exits_from_the_market_of_the_open(tmp_path: Path) -> None:
    """A stop at 2% of Saturday's price would be far away, or through the market, on Monday."""
    closed = {"calendar": "exchange", "at": "2026-10-10 12:00"}
    trader = open_trader(tmp_path, sim=closed)
    price_is(trader, "200")
    placed = place(trader, market("AAPL", "10", client_order_id="e"), asked("2%", "4%"))
    assert placed.record.status is OrderStatus.QUEUED
    before = plan_behind(trader, "e")
    assert (before.stop.price, before.targets[0].price) == (D(196), D(208))
    trader.until("2026-10-12 09:31")
    price_is(trader, "100")
    assert release_due(trader.executor)[0].outcome is Outcome.ACCEPTED
    after = plan_behind(trader, "e")
    assert (after.stop.price, after.targets[0].price) == (D(98), D(104))
    assert (after.plan_id, after.version) == (before.plan_id, before.version + 1)
    order = trader.desk.orders_there()["e"]
    assert order["order_class"] == "bracket"


def test_a_queued_limit_with_prices_goes_out_as_it_was_given(tmp_path: Path) -> None:
    closed = {"calendar": "exchange", "at": "2026-10-10 12:00"}
    trader = open_trader(tmp_path, sim=closed)
    price_is(trader, "200")
    request = replace(
        market("AAPL", "10", client_order_id="e"), type=OrderType.LIMIT, limit_price=D(190)
    )
    place(trader, request, asked("180"))
    trader.until("2026-10-12 09:31")
    price_is(trader, "195")
    release_due(trader.executor)
    order, stop = trader.desk.orders_there().values()
    assert (order["limit_price"], stop["stop_price"]) == ("190", "180")


def test_killed_before_its_release_a_queued_order_has_its_old_plan(tmp_path: Path) -> None:
    closed = {"calendar": "exchange", "at": "2026-10-10 12:00"}
    trader = open_trader(tmp_path, sim=closed)
    price_is(trader, "200")
    place(trader, market("AAPL", "10", client_order_id="e"), asked())
    trader.until("2026-10-12 09:31")
    price_is(trader, "100")
    entry, checked = trader.executor.entries.requeued(trader.desk.oms.record("e"), NO_FLAGS)

    def die(journal: object) -> None:
        raise Died

    checked.on_pass = die
    with pytest.raises(Died):
        trader.placer.release(entry, checked)
    assert trader.desk.oms.record("e").status is OrderStatus.QUEUED
    assert plan_behind(trader, "e").stop.price == 196


def test_a_retry_measures_its_exits_from_the_market_of_now(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    price_is(trader, "200")
    body = {"code": 42210000, "message": "cannot be traded now"}
    trader.desk.fault("canned_reply", path="/v2/orders", method="POST", status=422, body=body)
    with pytest.raises(BrokerError):
        place(trader, market("AAPL", "10", client_order_id="e"), asked("2%", "4%"))
    price_is(trader, "100")
    retry(trader.placer, "e")
    plan = plan_behind(trader, "e.h1")
    assert (str(plan.stop.spec), plan.stop.price, plan.targets[0].price) == ("2%", D(98), D(104))


# --- what cannot be -----------------------------------------------------------------------------


def test_exits_that_cannot_go_along_are_refused_once_every_check_has_passed(
    tmp_path: Path,
) -> None:
    trader = open_trader(tmp_path, risk={"duplicate_window_seconds": D(0)})
    trader.placer.place(market("AAPL", "10"))
    trader.fill()
    with pytest.raises(Refused, match="10"):  # it is held: that is said first
        place(trader, market("AAPL", "10"), asked())
    with pytest.raises(LegsRefused, match="closes"):
        place(trader, replace(market("AAPL", "10"), side=Side.SELL), asked("300"))
    assert len(trader.desk.orders_there()) == 1


def test_without_a_price_nothing_is_measured(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    facts = trader.placer.risk.check(market("AAPL", "10")).facts
    blind = replace(facts, quote=None, last_price=None)
    with pytest.raises(NoEntryPrice):
        trader.placer.planner.priced(market("AAPL", "10", client_order_id="e"), asked(), blind)


def test_a_level_that_makes_no_sense_is_named(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    price_is(trader, "100")
    with pytest.raises(LevelError, match=r"^stop was 500.00 with the price at ") as caught:
        place(trader, market("AAPL", "10"), asked("500"))
    assert caught.value.next_step.startswith("Give the stop")


def test_exits_of_the_configuration_are_asked_for_only_where_it_says_so(tmp_path: Path) -> None:
    trader = open_trader(tmp_path)
    settings = trader.settings
    none = asked_by_submit(settings, market(), Wishes(), tif_is_given=False)
    assert not none.wishes.has_levels
    protecting = replace(settings, exits=replace(settings.exits, protect_submitted=True))
    some = asked_by_submit(protecting, market(), Wishes(), tif_is_given=False)
    assert (str(some.wishes.stop), some.must_go_along) == ("2%", False)
