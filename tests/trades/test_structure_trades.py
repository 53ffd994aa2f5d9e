"""Goal: a structure is one trade: units, dollars, R by its largest loss, and why it ended.

Method: the exchange's own FILL and option rows are added up by hand, and compared with the trades
and with what the journal has realised; nothing of the code that folds is used for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support.contracts import near
from support.desk import KEY, Desk, open_desk
from watch.options.test_structures_kept import (
    bought_elsewhere,
    cared_for,
    kept_spread,
    opened,
    with_spread,
)

from execbot.desk.look.trade_json import trade_json
from execbot.desk.look.trades import Wanted, trades_of
from execbot.exits.plan.plan import ExitPlan, PlanStatus, StopPlan
from execbot.exits.structures.plan import StructurePlan, end_structures, save_structure
from execbot.journal.journal import Journal
from execbot.model.enums import PositionSide
from execbot.model.numbers import ZERO
from execbot.trades.risk_taken import RiskFrom
from execbot.trades.trade import Known, Levels, Trade, of_single_symbols, stood_of, trade_of

D = Decimal
PUT, FAR_PUT = "AAPL261218P00190000", "AAPL261218P00180000"
CALL, FAR_CALL = "AAPL261218C00190000", "AAPL261218C00200000"
OTHER, FAR_OTHER = "AAPL270115C00190000", "AAPL270115C00200000"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    opened_desk = open_desk(tmp_path)
    opened_desk.oms.reconcile()
    return opened_desk


def elsewhere(desk: Desk, what: str, **body: Any) -> Any:
    answer = desk.call("POST", f"/sim/options/{what}", {"key": KEY, **body})
    assert "message" not in (answer or {}), answer
    return answer


def several(desk: Desk, qty: int, net: str, **legs: tuple[str, str]) -> None:
    """An order of several legs that fills at once: `sell_to_open=(symbol, price)`; a second one of
    the same intent has a digit behind it."""
    rows = [
        {"symbol": s, "ratio_qty": 1, "position_intent": intent.rstrip("2"), "mark": price}
        for intent, (s, price) in legs.items()
    ]
    order = elsewhere(desk, "order", order_class="mleg", qty=qty, limit_price=net, legs=rows)
    elsewhere(desk, "fill", order_id=order["id"])
    desk.sleep(1)
    assert not desk.oms.reconcile().breaks


def made(journal: Journal, **wanted: Any) -> list[Trade]:
    return list(trades_of(journal, Wanted(**wanted)).trades)


def realised(journal: Journal) -> Decimal:
    """What the books have realised, position by position."""
    known = (journal.position(symbol) for symbol in {e.symbol for e in journal.executions()})
    return sum((p.realized_pl for p in known if p is not None), ZERO)


def cash_of_rows(call: Any) -> Mapping[str, Decimal]:
    """By symbol what FILL and OPTRD rows have moved, in dollars."""
    found: dict[str, Decimal] = {}
    for row in call("GET", "/v2/account/activities?page_size=100"):
        if row["activity_type"] == "FILL":
            each = 100 if len(row["symbol"]) > 10 else 1
            sign = -1 if row["side"] == "buy" else 1
            usd = sign * D(row["qty"]) * D(row["price"]) * each
        elif row["activity_type"] == "OPTRD":
            usd = D(row["net_amount"])
        else:
            continue
        found[row["symbol"]] = found.get(row["symbol"], ZERO) + usd
    return found


def test_a_credit_spread_is_one_trade_with_r_by_its_largest_loss(desk: Desk) -> None:
    several(desk, 2, "-1.20", sell_to_open=(PUT, "2"), buy_to_open=(FAR_PUT, "0.80"))
    [trade] = made(desk.journal)
    assert trade.trip.is_open and (trade.trip.qty, trade.r) == (-2, None)
    several(desk, 2, "0.30", buy_to_close=(PUT, "0.50"), sell_to_close=(FAR_PUT, "0.20"))
    [trade] = made(desk.journal)
    cash = cash_of_rows(desk.call)
    assert trade.trip.gross == sum(cash.values()) == realised(desk.journal)
    data = trade_json(trade)
    assert (data["symbol"], data["side"], data["entered_qty"]) == ("AAPL", "short", 2)
    entry, out = D(data["entry_net"]), D(data["exit_net"])
    assert trade.trip.gross == (out - entry) * 200 and entry < 0
    assert data["risk_usd"] == 2 * 1000 + entry * 200  # ten dollars apart, less what came in
    assert data["risk_from"] == RiskFrom.MAX_LOSS
    assert trade.r == trade.trip.net / D(data["risk_usd"])
    assert {leg["symbol"]: leg["ratio"] for leg in data["legs"]} == {PUT: -1, FAR_PUT: 1}
    assert sum(D(leg["gross_pl"]) for leg in data["legs"]) == trade.trip.gross
    assert data["reason"] == "elsewhere"  # another program gave these orders
    for name in ("AAPL", PUT, FAR_PUT):
        assert [t.trip.id for t in made(desk.journal, symbol=name)] == [trade.trip.id]


def test_a_part_of_the_units_is_a_part_of_the_trade(desk: Desk) -> None:
    several(desk, 3, "1.20", buy_to_open=(CALL, "2"), sell_to_open=(FAR_CALL, "0.80"))
    several(desk, 1, "-2", sell_to_close=(CALL, "3"), buy_to_close=(FAR_CALL, "1"))
    [trade] = made(desk.journal)
    assert (trade.trip.qty, trade.trip.exited, trade.r) == (2, 1, None)
    assert trade.trip.gross == realised(desk.journal) != 0
    assert trade.trip.exit_price is not None
    assert (trade.trip.exit_price - trade.trip.entry_price) * 100 == trade.trip.gross


def test_a_roll_ends_one_trade_and_begins_the_next(desk: Desk) -> None:
    several(desk, 1, "1.20", buy_to_open=(CALL, "2"), sell_to_open=(FAR_CALL, "0.80"))
    several(
        desk, 1, "0.50", sell_to_close=(CALL, "3"), buy_to_close=(FAR_CALL, "1"),
        buy_to_open=(OTHER, "4"), sell_to_open=(FAR_OTHER, "1.50"),
    )  # fmt: skip
    first, second = made(desk.journal)
    assert {leg.symbol for leg in first.trip.legs} == {CALL, FAR_CALL} and not first.trip.is_open
    assert {leg.symbol for leg in second.trip.legs} == {OTHER, FAR_OTHER} and second.trip.is_open
    assert first.trip.gross + second.trip.gross == realised(desk.journal)


def test_both_legs_that_end_in_the_money_are_one_trade_with_the_shares_between(desk: Desk) -> None:
    several(desk, 1, "1.20", buy_to_open=(CALL, "2"), sell_to_open=(FAR_CALL, "0.80"))
    elsewhere(desk, "exercise", symbol=CALL)
    elsewhere(desk, "assign", symbol=FAR_CALL)
    desk.sleep(1)
    assert not desk.oms.reconcile().breaks
    [trade] = made(desk.journal)
    assert trade.trip.gross == sum(cash_of_rows(desk.call).values()) == realised(desk.journal)
    assert trade.trip.gross == 1000 - trade.trip.entry_price * 100
    assert str(trade.ending) == "assigned"
    assert sorted(str(e) for e in trade.endings) == ["assigned", "exercised"]
    assert {leg.symbol for leg in trade.trip.legs} == {CALL, FAR_CALL, "AAPL"}


def test_shares_that_an_assignment_leaves_are_a_trade_of_their_own(desk: Desk) -> None:
    several(desk, 1, "-1.20", sell_to_open=(PUT, "2"), buy_to_open=(FAR_PUT, "0.80"))
    elsewhere(desk, "assign", symbol=PUT)
    elsewhere(desk, "expire", symbol=FAR_PUT)
    desk.sleep(1)
    assert not desk.oms.reconcile().breaks
    structure, shares = made(desk.journal)
    assert str(structure.ending) == "assigned" and {str(e) for e in structure.endings} == {
        "assigned", "expired",
    }  # fmt: skip
    assert (shares.trip.symbol, shares.trip.qty, shares.trip.entry_price) == ("AAPL", 100, 190)
    assert structure.trip.gross == realised(desk.journal)


def test_a_bought_contract_without_a_stop_risks_what_it_cost(desk: Desk) -> None:
    elsewhere(desk, "position", symbol=CALL, qty=2, price="6.05")
    desk.oms.reconcile()
    elsewhere(desk, "mark", symbol=CALL, price="7")
    desk.sleep(1)
    desk.oms.close(CALL)
    desk.sleep(2)
    desk.oms.reconcile()
    [trade] = made(desk.journal)
    assert not trade.trip.legs and trade.risk is not None
    assert (trade.risk.usd, trade.risk.stop) == (1210, None)
    assert trade.r == trade.trip.net / 1210 and trade.trip.gross == realised(desk.journal)


def test_a_sold_call_has_no_r_since_its_loss_has_no_end(desk: Desk) -> None:
    elsewhere(desk, "position", symbol=CALL, qty=-1, price="6.05")
    desk.oms.reconcile()
    [trade] = made(desk.journal)
    assert trade.risk is None


def test_books_keep_each_contract_by_itself(desk: Desk) -> None:
    several(desk, 1, "-1.20", sell_to_open=(PUT, "2"), buy_to_open=(FAR_PUT, "0.80"))
    several(desk, 1, "0.30", buy_to_close=(PUT, "0.50"), sell_to_close=(FAR_PUT, "0.20"))
    [trade] = made(desk.journal)
    singles = of_single_symbols(trade)
    assert [one.trip.symbol for one in singles] == [FAR_PUT, PUT]
    assert sum((one.trip.gross for one in singles), ZERO) == trade.trip.gross


def test_a_trade_whose_first_leg_went_long_before_the_span_is_whole(desk: Desk) -> None:
    several(desk, 1, "1.20", buy_to_open=(CALL, "2"), sell_to_open=(FAR_CALL, "0.80"))
    elsewhere(desk, "expire", symbol=FAR_CALL)
    desk.oms.reconcile()
    desk.sleep(5 * 86400)
    since = desk.now()
    elsewhere(desk, "expire", symbol=CALL)
    desk.sleep(1)
    desk.oms.reconcile()
    [trade] = made(desk.journal, since=since)
    assert len(trade.trip.legs) == 2 and trade.trip.gross == realised(desk.journal)
    assert trade.trip.gross == -trade.trip.entry_price * 100 and str(trade.ending) == "expired"


# --- with `watch` ------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["stop", "target"])
def test_what_watch_closes_at_a_level_says_which(tmp_path: Path, level: str) -> None:
    world = opened(tmp_path)
    held, now = with_spread(world, days=14), world.now()
    ratios = {s: D(q) / 2 for s, q in held.items()}
    plan = StructurePlan("structure-1", "AAPL", ratios, now, D("1.30"))
    levels = {"stop_net": D(9)} if level == "stop" else {"target_net": D("0.01")}
    save_structure(world.desk.journal, replace(plan, **levels), now)
    world.run(90)
    assert world.desk.positions_there() == {}
    [trade] = made(world.desk.journal)
    assert str(trade.ending) == level and [e.qty for e in trade.endings] == [2]
    assert (trade.stood.stop, trade.stood.targets) == (
        ("9", ()) if level == "stop" else (None, ("0.01",))
    )
    assert trade.trip.gross == sum(cash_of_rows(world.desk.call).values())
    low, high = near(world.desk).strike, near(world.desk, steps=1).strike
    assert trade.risk is not None and trade.risk.usd <= (high - low) * 200
    assert trade.risk.usd == trade.trip.entry_price * 200  # of a debit what was paid


def test_a_leg_that_the_broker_closes_ends_the_trade_by_the_broker(tmp_path: Path) -> None:
    world = opened(tmp_path, "2026-10-08 10:00")
    never = replace(world.settings.options, close_before_expiry_minutes=None)
    cared_for(world, replace(world.settings, options=never))
    short = kept_spread(world, days=1)
    world.desk.call("POST", "/sim/clock", {"set": "2026-10-09 15:32"})
    world.desk.call("POST", "/sim/price", {"symbol": "AAPL", "price": "260"})
    bought_elsewhere(world, short)
    [trade] = made(world.desk.journal)
    assert not trade.trip.is_open and str(trade.ending) == "liquidation"
    assert trade.trip.gross == realised(world.desk.journal)


def test_watch_books_what_shares_that_came_and_went_have_made(tmp_path: Path) -> None:
    """No quantity of the underlying differs, so only the contracts lead to it."""
    world = opened(tmp_path)
    held = with_spread(world, days=14)
    [long, short] = sorted(held, key=lambda s: held[s].startswith("-"))
    for what, symbol in (("exercise", long), ("assign", short)):
        elsewhere(world.desk, what, symbol=symbol)
    world.run(60, 0.5)
    low, high = near(world.desk).strike, near(world.desk, steps=1).strike
    shares = world.desk.journal.position("AAPL")
    assert shares is not None and (shares.qty, shares.realized_pl) == (0, (high - low) * 200)
    assert not world.desk.oms.reconcile().breaks
    [trade] = made(world.desk.journal)
    assert trade.trip.gross == sum(cash_of_rows(world.desk.call).values())
    assert trade.trip.gross == realised(world.desk.journal)


def opened_leg_by_leg(desk: Desk) -> None:
    """A straddle, by two orders."""
    for symbol in (CALL, PUT):
        elsewhere(desk, "position", symbol=symbol, qty=1, price="2.00")
        desk.sleep(1)
    desk.oms.reconcile()


@pytest.mark.parametrize("is_named", [False, True])
def test_what_was_opened_leg_by_leg_stays_one_trade_once_it_was_kept_as_one(
    desk: Desk, is_named: bool
) -> None:
    """Its plan is over, and nobody closed it by that."""
    opened_leg_by_leg(desk)
    now = desk.now()
    if is_named:
        plan = StructurePlan("s", "AAPL", {CALL: D(1), PUT: D(1)}, now, D(4), D(1))
        save_structure(desk.journal, plan, now)
        end_structures(desk.journal, ["s"], "by hand", now)
    desk.sleep(1)
    for symbol in (CALL, PUT):
        desk.call("DELETE", f"/v2/positions/{symbol}")
        desk.sleep(1)
    desk.oms.reconcile()
    found = made(desk.journal)
    assert [len(one.trip.legs) for one in found] == ([2] if is_named else [0, 0])
    assert sum(one.trip.gross for one in found) == realised(desk.journal)


def test_a_contract_belongs_to_what_it_was_kept_with_last(desk: Desk) -> None:
    opened_leg_by_leg(desk)
    elsewhere(desk, "position", symbol=FAR_CALL, qty=1, price="1.00")
    desk.oms.reconcile()
    for name, other in (("first", PUT), ("second", FAR_CALL)):
        desk.sleep(1)
        plan = StructurePlan(name, "AAPL", {CALL: D(1), other: D(1)}, desk.now(), D(4), D(1))
        save_structure(desk.journal, plan, desk.now())
    legs = sorted(tuple(leg.symbol for leg in one.trip.legs) for one in made(desk.journal))
    assert legs == [(), (CALL, FAR_CALL)]


def test_the_plan_of_the_shares_is_none_of_a_structure_on_them(desk: Desk) -> None:
    """Both have one symbol: the shares' stop neither stood for the structure nor is its risk."""
    several(desk, 1, "1.20", buy_to_open=(CALL, "2"), sell_to_open=(FAR_CALL, "0.80"))
    [trade] = made(desk.journal)
    at, stop = trade.trip.opened_at, StopPlan(price=D(98), initial=D(98))
    plan = ExitPlan(
        "shares", "AAPL", PositionSide.LONG, at, at, status=PlanStatus.ACTIVE, stop=stop
    )
    plans = {plan.plan_id: [plan]}
    assert trade.trip.side is PositionSide.LONG
    told = trade_of(trade.trip, Known(plans=plans, stood=stood_of(plans)))
    assert (told.plan_ids, told.asked, told.stood) == ((), Levels(), Levels())
    assert told.risk is not None and told.risk.source is RiskFrom.MAX_LOSS
