"""Goal: a signal whose 202 was sent is carried out exactly once, though the process is killed at
any moment: while it takes signals, sends their orders, writes down what came of them.

The exchange's own record is the judge. Its clock runs sixty times as fast, so that the half minute
after which a signal is taken over from a dead process is half a second.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from page.signals.listening import CONFIG, Doors
from page.signals.making import body
from support.processes import exchange
from support.waiting import eventually

SYMBOLS = ["AAPL", "MSFT", "TSLA", "NVDA", "AMZN", "GOOGL", "META", "AMD", "IBM", "INTC"]
ROUNDS = 3
A_WEEK = 7 * 24 * 3600


def test_kills_lose_nothing_and_double_nothing(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    chance = random.Random(int(request.config.getoption("--seed")))
    with exchange(tmp_path, "--speed", "60") as served:
        home = tmp_path / "page"
        home.mkdir()
        doors, taken = Doors(served, home), list[str]()
        for turn in range(ROUNDS):
            for number, symbol in enumerate(SYMBOLS):
                name = f"k-{turn}-{number}"
                side = "buy" if turn % 2 == 0 else "sell"
                sent = body(id=name, symbol=symbol, side=side, qty=1, ttl_seconds=A_WEEK)
                if doors.post(sent).status == 202:
                    taken.append(name)
            time.sleep(chance.uniform(0, 1.5))  # where the kill falls; nothing is waited for
            doors.kill()
            doors.start()
        assert len(taken) == ROUNDS * len(SYMBOLS)
        outcomes = {name: doors.outcome(name) for name in taken}
        doors.end()
        made = [o["client_order_id"] for o in served.orders() if _is_of_signal(o)]
    assert len(made) == len(set(made))
    for name, found in outcomes.items():
        orders = [one for one in made if one == f"execbot-signal-{name}"]
        # A record may stand for an order that never left: then it says so.
        left_none = found["data"]["outcome"] in ("not_sent", "rejected")
        was_sent = found["data"]["client_order_id"] is not None and not (left_none and not orders)
        assert len(orders) == int(was_sent), (found["data"], made)
        if name.startswith("k-0"):
            assert was_sent, found  # nothing was held and nothing else pending: it must have gone


SETTLED_SOON = """
  order_management: {settle_quiet_seconds: 3}
  broker: {timeout_seconds: 2}
"""


@pytest.mark.parametrize("kind", ["request_lost", "reply_lost", "request_delayed"])
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_kill_in_the_moment_in_which_the_order_leaves(
    tmp_path: Path, kind: str, side: str
) -> None:
    """Whether it had left or not: one order in the end, and an outcome that says so."""
    with exchange(tmp_path, "--speed", "60") as served:
        home = tmp_path / "page"
        home.mkdir()
        doors = Doors(served, home, config=CONFIG + SETTLED_SOON)
        if side == "sell":
            doors.post(body(id="k-before", symbol="AAPL", side="buy", qty=1, ttl_seconds=A_WEEK))
            assert eventually(lambda: [o["status"] for o in served.orders()] == ["filled"])
        rule = {"kind": kind, "method": "POST", "path": "/v2/orders", "count": 1}
        fault = served.call("POST", "/sim/faults", {**rule, "params": {"seconds": 1}})["id"]
        sent = body(id="k-hit", symbol="AAPL", side=side, qty=1, ttl_seconds=A_WEEK)
        assert doors.post(sent).status == 202
        assert eventually(lambda: served.has_fired(fault))
        doors.kill()
        doors.start()
        found = doors.outcome("k-hit")
        doors.end()
        made = [o for o in served.orders() if o["client_order_id"] == "execbot-signal-k-hit"]
    assert [order["side"] for order in made] == [side], found
    assert found["data"]["client_order_id"] == "execbot-signal-k-hit"
    assert found["data"]["outcome"] in ("accepted", "filled"), found


def _is_of_signal(order: dict[str, str]) -> bool:
    return order["client_order_id"].startswith("execbot-signal-k-")
