"""Goal: stops and targets given to a position by hand do what was asked, and never sell it at once.

Method: real commands against a served exchange whose price is set.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.processes import Server, execbot


@pytest.fixture
def env(server: Server, tmp_path: Path) -> dict[str, str]:
    """A trader who has bought 10 AAPL at 200 without a stop."""
    environment = server.environment(tmp_path)
    set_price(server, "200")
    bought = execbot(["submit", "AAPL", "--qty", "10", "--wait", "20"], environment)
    assert bought.code == 0, bought.err
    return environment


def set_price(server: Server, price: str) -> None:
    server.call("POST", "/sim/price", {"symbol": "AAPL", "price": price})


def exits_at_the_broker(server: Server) -> list[tuple[str, str | None, str | None]]:
    """Type, stop and limit price of every living sell order, legs too."""
    rows = [
        leg for row in server.get("/v2/orders?nested=true") for leg in (row, *(row["legs"] or ()))
    ]
    return sorted(
        (r["type"], r["stop_price"], r["limit_price"]) for r in rows if r["side"] == "sell"
    )


@pytest.mark.parametrize("given", [[], ["--stop", "2%"], ["--stop", "195"]])
def test_stop_that_a_losing_position_has_passed_is_refused(
    server: Server, env: dict[str, str], given: list[str]
) -> None:
    set_price(server, "194")
    refused = execbot(["protect", "AAPL", *given, "--json"], env)
    assert (refused.code, refused.error["kind"]) == (2, "exits.stop_wrong_side")
    assert "execbot close AAPL" in refused.error["hint"]
    assert exits_at_the_broker(server) == []
    assert execbot(["protect", "AAPL", "--stop", "190"], env).code == 0
    moved = execbot(["exits", "move", "AAPL", "--stop", "2%", "--json"], env)
    assert (moved.code, moved.error["kind"]) == (2, "exits.stop_wrong_side")
    assert [stop for _, stop, _ in exits_at_the_broker(server)] == ["190"]
    assert server.get("/v2/positions")[0]["qty"] == "10"


def test_trail_of_a_losing_position_begins_behind_the_market(
    server: Server, env: dict[str, str]
) -> None:
    set_price(server, "194")
    done = execbot(["protect", "AAPL", "--trail", "1%", "--json"], env)
    assert done.code == 0, done.err
    assert done.data["stop"]["price"] == "192.06"
    assert [kind for kind, _, _ in exits_at_the_broker(server)] == ["trailing_stop"]


def test_new_target_after_a_filled_one_is_placed(server: Server, env: dict[str, str]) -> None:
    targets = ["--target", "205", "--target", "220"]
    assert execbot(["protect", "AAPL", "--stop", "190", *targets], env).code == 0
    set_price(server, "206")
    assert execbot(["reconcile"], env).code == 0
    assert server.get("/v2/positions")[0]["qty"] == "5"
    again = execbot(["protect", "AAPL", "--stop", "195", "--target", "210", "--json"], env)
    assert again.code == 0, again.err
    assert ("limit", None, "210") in exits_at_the_broker(server)
    [plan] = execbot(["exits", "--json"], env).data
    assert [(t["price"], t["done"]) for t in plan["targets"]] == [("210", False)]


def test_given_stop_takes_the_place_of_a_trailing_one(server: Server, env: dict[str, str]) -> None:
    assert execbot(["protect", "AAPL", "--trail", "10%"], env).code == 0
    assert execbot(["exits", "move", "AAPL", "--stop", "195"], env).code == 0
    assert exits_at_the_broker(server) == [("stop", "195", None)]


@pytest.mark.parametrize(
    "given", [["--stop", "195"], ["--trail", "5%"], ["--stop", "195", "--target", "210"]]
)
def test_protection_given_over_a_trailing_stop_leaves_no_rejected_order(
    server: Server, env: dict[str, str], given: list[str]
) -> None:
    assert execbot(["protect", "AAPL", "--trail", "10%"], env).code == 0
    assert execbot(["protect", "AAPL", *given], env).code == 0
    statuses = {row["status"] for row in server.orders()}
    assert "rejected" not in statuses
    known = execbot(["orders", "--status", "all", "--json"], env).data
    assert not [row for row in known if row["status"] == "rejected"]
    assert len(exits_at_the_broker(server)) in (1, 2)


def test_a_coins_fee_that_is_not_booked_yet_leaves_nothing_unprotected(
    server: Server, env: dict[str, str]
) -> None:
    """The fee is taken out of the coins: the stop covers what the broker holds (E-POS-6)."""
    assert execbot(["submit", "BTC/USD", "--qty", "0.05", "--wait", "20"], env).code == 0
    done = execbot(["protect", "BTC/USD", "--json"], env)
    assert done.code == 0, done.err
    assert not [words for words in done.json["warnings"] if "no stop" in words]
    held = next(p["qty"] for p in server.get("/v2/positions") if p["symbol"] == "BTCUSD")
    assert held != "0.05"
    [shown] = execbot(["exits", "show", "BTC/USD", "--json"], env).data
    for found in (done.data, shown):
        assert (found["guarded"], found["qty"], found["covered_qty"]) == ("protected", held, held)
        assert found["uncovered_qty"] == "0"


def test_what_was_asked_for_is_shown_beside_its_price(server: Server, env: dict[str, str]) -> None:
    asked = ["--stop", "2%", "--target", "1R", "--target", "3%"]
    assert execbot(["protect", "AAPL", *asked], env).code == 0
    [plan] = execbot(["exits", "show", "AAPL", "--json"], env).data
    assert plan["asked"] == {"stop": "2%", "trail": None, "targets": ["1R", "3%"]}
    assert (plan["stop"]["price"], [t["price"] for t in plan["targets"]]) == ("196", ["204", "206"])
    assert "stop 2%, targets 1R 3%" in execbot(["exits", "show"], env).out
    bought = ["submit", "MSFT", "--qty", "1", "--stop-loss", "1.5ATR", "--take-profit", "4%"]
    assert execbot([*bought, "--wait", "20"], env).code == 0
    [plan] = execbot(["exits", "show", "MSFT", "--json"], env).data
    assert plan["asked"] == {"stop": "1.5ATR", "trail": None, "targets": ["4%"]}
    assert plan["stop"]["price"] is not None


def test_protect_ends_although_the_clock_of_the_exchange_stands_still(
    server: Server, env: dict[str, str]
) -> None:
    """E-SES-3: goal: its time is over by our own clock; what stands by then is told."""
    server.call("POST", "/sim/clock", {"speed": 0})
    done = execbot(["protect", "AAPL", "--stop", "190", "--json"], env, timeout=40)
    assert done.code == 12, done.err
    assert "10 shares have no stop at the broker yet." in done.json["warnings"]
    assert exits_at_the_broker(server) == [("stop", "190", None)]
