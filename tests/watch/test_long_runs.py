"""Goal: what `watch` remembers does not grow with the orders of a run, which may last for months.

Method: one round trip after the other in virtual time, each with a stop and a target, each closed;
then everything that can be reached from the watcher and its hands is walked through, and the
containers are counted. The journal and the broker's client are left out: they are not memory.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct
from support.wishes import stop_at, target
from support.world import World, open_world

from execbot.broker.alpaca import AlpacaClient
from execbot.config.schema import OrderManagementSettings, TradingSettings
from execbot.exits.rules.view import Guarded
from execbot.journal.journal import Journal
from execbot.watch import order_news
from execbot.watch.core import symbol_state

NO_MEMORY = (Journal, AlpacaClient, TradingSettings, OrderManagementSettings)
OURS = "execbot."
HELD = {"KO": (stop_at("5%"),), "MSFT": (stop_at("5%"), target("9%", shares=100))}
"""What is held from the first day to the last: with a stop alone, and as a bracket."""


def parts(thing: Any) -> Iterator[tuple[str, Any]]:
    """What a thing of ours holds, by name."""
    if isinstance(thing, Struct):
        names = thing.__struct_fields__
    elif is_dataclass(thing):
        names = tuple({*(field.name for field in fields(thing)), *vars(thing)})
    else:
        names = tuple(getattr(thing, "__dict__", ()))
    yield from ((name, getattr(thing, name)) for name in names)


def sizes(*roots: Any) -> Counter[str]:
    """How many elements the containers hold, by the attribute that they stand in. What the broker
    said of an order, word by word, goes with the order."""
    found: Counter[str] = Counter()
    seen: set[int] = set()
    waiting: deque[tuple[str, Any]] = deque((type(root).__name__, root) for root in roots)
    while waiting:
        name, thing = waiting.popleft()
        if id(thing) in seen or isinstance(thing, NO_MEMORY) or name.endswith(".raw"):
            continue
        seen.add(id(thing))
        if isinstance(thing, Collection) and not isinstance(thing, str | bytes):
            found[name] += len(thing)
            inner = [*thing, *thing.values()] if isinstance(thing, Mapping) else thing
            waiting.extend((f"{name}[]", item) for item in inner)
        elif type(thing).__module__.startswith(OURS):
            owner = type(thing).__name__
            waiting.extend((f"{owner}.{part}", value) for part, value in parts(thing))
    return found


def remembered(world: World) -> Counter[str]:
    assert world.hands is not None
    return sizes(world.running, world.hands)


def trade(world: World, times: int) -> Counter[str]:
    """Round trips in one symbol, while the stops of others are moved up and down; what is
    remembered in the middle of the last of them."""
    found = Counter[str]()
    for number in range(times):
        world.trader.buy("10", stop_at("2%"), target("4%", shares=100))
        for symbol in HELD:
            world.trader.move_stop(str(90 + number % 2), symbol)
        world.run(1)
        for symbol in ("AAPL", *HELD):
            assert world.guarded(symbol) is Guarded.PROTECTED, symbol
        found = remembered(world)
        world.trader.close()
        world.run(1)
        assert world.witness.qty() == 0
    return found


def test_what_is_remembered_does_not_grow_with_the_orders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept up to a number is full after a few orders here."""
    for module, number in (
        (symbol_state, "CHAIN_KEPT"),
        (symbol_state, "ORDERS_KEPT"),
        (order_news, "KEPT_MAX"),
        (order_news, "CONTRADICTIONS_MAX"),
    ):
        monkeypatch.setattr(module, number, 5)
    world = open_world(tmp_path, symbols=("AAPL", *HELD))
    for symbol, exits in HELD.items():
        world.trader.buy("10", *exits, symbol=symbol)
    before = trade(world, 12)
    assert before["SymbolState.orders"] > 3  # it is looked where orders are
    grown = trade(world, 12) - before
    assert {name: more for name, more in grown.items() if more >= 6} == {}
    # Of each that is held one stop is left; when it is reached the position is, and nothing stays.
    assert Counter(row["symbol"] for row in world.witness.living("stop")) == dict.fromkeys(HELD, 1)
    for symbol in HELD:
        world.price(symbol, "80")
    world.run(3)
    assert (world.desk.positions_there(), world.witness.living(), world.criticals()) == ({}, [], [])
