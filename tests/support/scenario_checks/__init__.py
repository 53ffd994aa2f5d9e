"""What each scenario of `tests/scenarios/` must bring about: one check for each, by its name.

A check is given an exchange that was opened with the scenario's settings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

AT = "2026-10-08 10:30"

Check = Callable[[Any], None]
CHECKS: dict[str, Check] = {}


def check(function: Check) -> Check:
    CHECKS[function.__name__.replace("_", "-")] = function
    return function


def order(bench: Any, **fields: Any) -> Any:
    return bench.buy(client_order_id="mine", **fields)


def found(bench: Any, client_order_id: str = "mine") -> Any:
    path = f"/v2/orders:by_client_order_id?client_order_id={client_order_id}"
    return bench.call("GET", path)


def resting(bench: Any, **fields: Any) -> Any:
    made = order(bench, type="limit", limit_price="1", **fields).json
    bench.step(1)
    return made


def event_names(bench: Any) -> list[str]:
    return [event["event"] for event in bench.events()]


def bracket(bench: Any) -> Any:
    """A filled bracket at 100: target 110, stop 90. Returns the parent with its legs."""
    bench.post("/sim/price", {"symbol": "AAPL", "price": 100})
    parent = bench.buy(
        order_class="bracket",
        take_profit={"limit_price": "110"},
        stop_loss={"stop_price": "90"},
        client_order_id="mine",
    ).json
    bench.step(5)
    legs = bench.get(f"/v2/orders/{parent['id']}?nested=true")
    assert legs["status"] == "filled", legs
    return legs


def refused(reply: Any, status: int, words: str) -> None:
    assert reply.status == status, reply.body
    assert words in reply.json["message"]


def legs_of(bench: Any, parent: Any) -> tuple[Any, Any]:
    """Target and stop of a bracket."""
    legs = bench.get(f"/v2/orders/{parent['id']}?nested=true")["legs"]
    by_type = {leg["type"]: leg for leg in legs}
    return by_type["limit"], by_type["stop"]
