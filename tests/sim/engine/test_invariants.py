"""Goal: what must hold whatever is done. Method: random trading on random markets (hypothesis).

The market is the synthetic one with its extreme regimes; a program is a list of requests with
pauses between them. After each step the invariants are checked from the outside: from the
answers of the exchange, its activities and the price source.
"""

from __future__ import annotations

import json
import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.scripted_market import MS, new_york

from execbot.sim.calendar import ExchangeCalendar
from execbot.sim.engine import Exchange, ExchangeConfig, MemoryArchive
from execbot.sim.prices.mixed import build_prices
from execbot.sim.prices.regimes import Regime
from execbot.sim.types import ApiError

SYMBOLS = ("AAPL", "SPY", "BTC/USD")
CALENDAR = ExchangeCalendar()
PRICES, ASSETS = build_prices(
    seed=7, regimes={"AAPL": Regime.VOLATILE, "SPY": Regime.THIN}, data=None, calendar=CALENDAR
)
START = new_york("2026-10-08 09:25")
EXAMPLES = settings(max_examples=40, deadline=None)

CHOICES: dict[str, tuple[Any, ...]] = {
    "do": ("place",) * 7 + ("cancel", "replace", "close", "cancel_all"),
    "symbol": ("AAPL", "AAPL", "SPY", "BTC/USD"),
    "side": ("buy", "buy", "sell"),
    "type": ("market", "limit", "limit", "stop", "stop_limit", "trailing_stop"),
    "tif": ("day", "gtc", "gtc", "gtc", "ioc", "fok"),
    "order_class": ("", "", "bracket", "bracket", "oco", "oto"),
    "size": ("1", "10", "100", "1500", "0.5"),
    "notional": (False, True),
    "near": tuple(range(-4, 5)),
    "width": (1, 2, 3, 5),
    "pick": tuple(range(11)),
    "wait": (0, 1, 4, 55, 200, 5_000, 60_000, 900_000, 8_000_000),
}


def program_of(seed: int, steps: int) -> list[dict[str, Any]]:
    """A random program; hypothesis chooses the seed and shrinks the number of steps."""
    dice = random.Random(seed)
    return [{name: dice.choice(values) for name, values in CHOICES.items()} for _ in range(steps)]


PROGRAM = st.builds(program_of, st.integers(0, 2**32), st.integers(1, 60))


def opened(**config: Any) -> tuple[Exchange, str]:
    exchange = Exchange(
        prices=PRICES,
        assets=ASSETS,
        calendar=CALENDAR,
        config=ExchangeConfig(seed=3, crypto_order_min=Decimal(1), **config),
        start=START,
        archive=MemoryArchive(),
    )
    return exchange, exchange.account_id("K")


def body_of(exchange: Exchange, step: dict[str, Any]) -> dict[str, Any]:
    """A request that is often legal: prices lie some tenths of a percent around the market."""
    symbol = step["symbol"]
    quote = PRICES.quote(symbol, exchange.now)
    assert quote is not None
    middle = (quote.bid + quote.ask) / 2

    def price(tenths: int) -> str:
        return str((middle * (1000 + tenths) / 1000).quantize(Decimal("0.01")))

    crypto = "/" in symbol
    up = step["side"] == "buy"
    size = str(Decimal(step["size"]) / 1000) if crypto else step["size"]
    body: dict[str, Any] = {
        "symbol": symbol, "side": step["side"], "type": step["type"],
        "time_in_force": step["tif"], "qty": size,
    }  # fmt: skip
    if step["notional"] and step["size"] == "0.5":
        body["notional"] = "250.25"
        del body["qty"]
    if step["type"] in ("limit", "stop_limit"):
        body["limit_price"] = price(step["near"])
    if step["type"] in ("stop", "stop_limit"):
        body["stop_price"] = price(step["width"] if up else -step["width"])
    if step["type"] == "trailing_stop":
        body["trail_percent"] = str(Decimal(step["width"]) / 10)
    kind = step["order_class"]
    if kind and not crypto:
        body["order_class"] = kind
        exits_up = up if kind != "oco" else not up
        far = step["width"] + abs(step["near"]) + 1
        body["take_profit"] = {"limit_price": price(far if exits_up else -far)}
        body["stop_loss"] = {"stop_price": price(-far if exits_up else far)}
        if kind == "oto":
            del body["take_profit" if step["pick"] % 2 else "stop_loss"]
    return body


def act(exchange: Exchange, account: str, step: dict[str, Any]) -> Any:
    """Carries out one step; a refusal is an answer like any other."""
    open_ids = [row["id"] for row in exchange.orders(account, {"direction": "asc"})]
    chosen = open_ids[step["pick"] % len(open_ids)] if open_ids else None
    try:
        match step["do"]:
            case "place":
                return exchange.place(account, body_of(exchange, step))
            case "cancel" if chosen:
                exchange.cancel(account, chosen)
            case "replace" if chosen:
                order = exchange.order(account, chosen)
                change = {"limit_price": "qty", "stop_price": "qty"}
                field = next((n for n in change if order[n]), "qty")
                value = Decimal(order[field] or "1")
                moved = (value * (1000 + step["near"]) / 1000).quantize(Decimal("0.01"))
                return exchange.replace(account, chosen, {field: str(moved)})
            case "close":
                return exchange.close_position(account, step["symbol"])
            case "cancel_all":
                return exchange.cancel_all(account)
    except ApiError as error:
        return [error.status, error.code, error.message]
    return None


def run(exchange: Exchange, account: str, program: list[dict[str, Any]]) -> list[Any]:
    answers = []
    for step in program:
        answers.append(act(exchange, account, step))
        exchange.advance(exchange.now + step["wait"] * MS)
    exchange.advance(exchange.now + 3 * 86_400_000 * MS)
    return answers


def everything(exchange: Exchange, account: str) -> dict[str, Any]:
    query = {"status": "all", "limit": "500", "direction": "asc"}
    return {
        "orders": exchange.orders(account, query),
        "nested": exchange.orders(account, {**query, "nested": "true"}),
        "activities": exchange.activities(account, None, {}),
        "positions": exchange.positions(account),
        "account": exchange.account(account),
        "dump": exchange.dump(),
    }


def all_activities(exchange: Exchange, account: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    query = {"direction": "asc"}
    while page := exchange.activities(account, None, query):
        rows += page
        query["page_token"] = page[-1]["id"]
    return rows


@EXAMPLES
@given(PROGRAM)
def test_no_fill_lies_outside_the_market(program: list[dict[str, Any]]) -> None:
    exchange, account = opened()
    run(exchange, account, program)
    for event in exchange.events:
        if event.data["event"] not in ("fill", "partial_fill"):
            continue
        order, price = event.data["order"], Decimal(event.data["price"])
        buys = order["side"] == "buy"
        book = PRICES.book(order["symbol"], event.at, "ask" if buys else "bid")
        levels = {level.price: level.size for level in book}
        assert price in levels
        assert Decimal(event.data["qty"]) <= levels[price]
        if order["limit_price"] and order["type"] in ("limit", "stop_limit"):
            limit = Decimal(order["limit_price"])
            assert price <= limit if buys else price >= limit


@EXAMPLES
@given(PROGRAM)
def test_cash_and_positions_are_conserved(program: list[dict[str, Any]]) -> None:
    exchange, account = opened()
    run(exchange, account, program)
    cash, held = Decimal(0), dict.fromkeys(SYMBOLS, Decimal(0))
    for row in all_activities(exchange, account):
        if row["activity_type"] == "FILL":
            qty = Decimal(row["qty"]) * (1 if row["side"] == "buy" else -1)
            held[row["symbol"]] += qty
            cash -= qty * Decimal(row["price"])
        else:
            cash += Decimal(row["net_amount"])
            if row["activity_type"] == "CFEE":
                held["BTC/USD"] += Decimal(row["qty"])
    live = exchange.core.accounts[account]
    assert live.cash == cash
    assert {symbol: live.qty(symbol) for symbol in SYMBOLS} == held
    value = cash + sum(qty * exchange.core.price(s, exchange.now) for s, qty in held.items())
    assert abs(Decimal(exchange.account(account)["equity"]) - value) <= Decimal("0.005")
    for position in live.positions.values():
        assert sum((qty for qty, _ in position.lots), Decimal(0)) == position.qty


@EXAMPLES
@given(PROGRAM)
def test_no_order_fills_more_than_its_quantity(program: list[dict[str, Any]]) -> None:
    exchange, account = opened()
    run(exchange, account, program)
    filled: dict[str, Decimal] = {}
    spent: dict[str, Decimal] = {}
    for row in all_activities(exchange, account):
        if row["activity_type"] == "FILL":
            order_id, qty = row["order_id"], Decimal(row["qty"])
            assert qty > 0
            filled[order_id] = filled.get(order_id, Decimal(0)) + qty
            spent[order_id] = spent.get(order_id, Decimal(0)) + qty * Decimal(row["price"])
    for order_id, qty in filled.items():
        order = exchange.order(account, order_id)
        assert qty <= Decimal(order["filled_qty"])
        if order["qty"] is not None:
            assert Decimal(order["filled_qty"]) <= Decimal(order["qty"])
            assert (order["status"] == "filled") == (order["filled_qty"] == order["qty"])
        else:
            assert spent[order_id] <= Decimal(order["notional"])


@EXAMPLES
@given(PROGRAM)
def test_a_group_never_has_two_live_exits_after_one_filled(program: list[dict[str, Any]]) -> None:
    exchange, account = opened()
    for step in program:
        act(exchange, account, step)
        exchange.advance(exchange.now + step["wait"] * MS)
        check_exits(exchange, account)
    exchange.advance(exchange.now + 86_400_000 * MS)
    check_exits(exchange, account)


def check_exits(exchange: Exchange, account: str) -> None:
    """An exit that filled whole leaves no exit that could still trade, and exits never flip."""
    query = {"status": "all", "limit": "500", "nested": "true"}
    for parent in exchange.orders(account, query):
        exits = list(parent["legs"] or ())
        if parent["order_class"] == "oco":
            exits.append(parent)
        if any(order["status"] == "filled" for order in exits):
            able = [o["id"] for o in exits if o["id"] in exchange.core.orders]
            assert not any(exchange.core.orders[order_id].active for order_id in able)
    live = exchange.core.accounts[account]
    for symbol in SYMBOLS:
        closing = {
            o.id: o
            for o in live.live.values()
            if o.symbol == symbol and o.is_closing and o.active and o.status != "held"
        }
        asked = sum((o.leaves for o in closing.values()), Decimal(0))
        assert asked <= abs(live.qty(symbol)), "working exits ask for more than is held"


@EXAMPLES
@given(PROGRAM)
def test_a_replay_gives_the_same_bytes_in_whatever_steps_time_passes(
    program: list[dict[str, Any]],
) -> None:
    def played(lookahead: int, pieces: int) -> str:
        exchange, account = opened(lookahead=lookahead)
        answers = []
        for step in program:
            answers.append(act(exchange, account, step))
            target = exchange.now + step["wait"] * MS
            for piece in range(1, pieces):
                exchange.advance(max(exchange.now, target - (pieces - piece) * 7 * MS))
                exchange.next_event_at(target)
            exchange.advance(target)
        exchange.advance(exchange.now + 86_400_000 * MS)
        state = everything(exchange, account)
        for order in state["dump"]["orders"]:
            order.pop("seen")
            order["due"].pop("touch", None)
        frames = [event.data for event in exchange.events]
        return json.dumps([answers, frames, state], sort_keys=True)

    once = played(0, 1)
    assert once == played(0, 1)
    assert once == played(5_000 * MS, 4)


@EXAMPLES
@given(PROGRAM, st.integers(0, 24))
def test_dump_and_load_in_the_middle_change_nothing(
    program: list[dict[str, Any]], cut: int
) -> None:
    def played(stop_at: int | None) -> str:
        exchange, account = opened()
        frames: list[Any] = []
        for index, step in enumerate(program):
            act(exchange, account, step)
            if index == stop_at:
                frames += [event.data for event in exchange.events]
                state = json.loads(json.dumps(exchange.dump()))
                exchange = Exchange.load(
                    state,
                    prices=PRICES,
                    assets=ASSETS,
                    calendar=CALENDAR,
                    config=exchange.core.config,
                    archive=exchange.core.archive,
                )
            exchange.advance(exchange.now + step["wait"] * MS)
        exchange.advance(exchange.now + 86_400_000 * MS)
        frames += [event.data for event in exchange.events]
        return json.dumps([frames, everything(exchange, account)], sort_keys=True)

    assert played(None) == played(cut % len(program))


def test_the_programs_reach_what_they_are_to_prove() -> None:
    """The random programs would prove nothing if all their orders were refused."""
    reached: set[str] = set()

    @settings(max_examples=60, deadline=None, database=None, derandomize=True)
    @given(PROGRAM)
    def play(program: list[dict[str, Any]]) -> None:
        exchange, account = opened()
        run(exchange, account, program)
        reached.update(event.data["event"] for event in exchange.events)
        reached.update(f"class {e.data['order']['order_class']}" for e in exchange.events)
        reached.update(
            f"exit {e.data['order']['type']}"
            for e in exchange.events
            if e.data["event"] == "fill" and e.data["order"]["position_intent"] == "sell_to_close"
        )

    play()
    wanted = {"fill", "partial_fill", "canceled", "expired", "replaced", "class bracket"}
    assert wanted <= reached
    assert {"class oto", "exit limit", "exit stop", "exit market"} <= reached


@pytest.mark.parametrize("seed", [1, 2])
def test_ids_depend_on_the_seed_alone(seed: int) -> None:
    def ids() -> list[str]:
        exchange = Exchange(
            prices=PRICES, assets=ASSETS, calendar=CALENDAR,
            config=ExchangeConfig(seed=seed), start=START,
        )  # fmt: skip
        account = exchange.account_id("K")
        body = {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "market",
                "time_in_force": "day"}  # fmt: skip
        return [account, exchange.place(account, body)["id"]]

    assert ids() == ids()
    assert all(part[14] == "4" and part[19] in "89ab" for part in ids())
