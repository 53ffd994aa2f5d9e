"""Goal: cash, shares and charges that come without an order are in the account and in its rows.
Method: control requests to an exchange in process; every figure is worked out by hand.
"""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def day(bench: Any) -> Any:
    """AAPL and MSFT at 100."""
    for symbol in ("AAPL", "MSFT"):
        bench.post("/sim/price", {"symbol": symbol, "price": 100})
    return bench


def rows(bench: Any, *kinds: str) -> list[Any]:
    """Activities of these types, oldest first."""
    path = f"/v2/account/activities?activity_types={','.join(kinds)}&direction=asc"
    found: list[Any] = bench.get(path)
    return found


def cash(bench: Any) -> str:
    return str(bench.get("/v2/account")["cash"])


def held(bench: Any) -> dict[str, tuple[str, str]]:
    return {p["symbol"]: (p["qty"], p["avg_entry_price"]) for p in bench.get("/v2/positions")}


def move(bench: Any, **body: Any) -> int:
    return int(bench.call("POST", "/sim/flow", body).status)


# --- cash and shares ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "amount"), [("CSD", 500), ("CSW", -500), ("JNLC", -20), ("ACATC", 70)]
)
def test_cash_that_moves_is_in_the_account_and_has_a_row(day: Any, kind: str, amount: int) -> None:
    before = float(cash(day))
    assert move(day, type=kind, amount=amount) == 200
    assert float(cash(day)) == before + amount
    row = rows(day, kind)[-1]
    assert row["net_amount"] == str(amount)
    assert row["date"] == "2026-10-08" and row["status"] == "executed"


def test_the_row_may_come_later_than_the_money(day: Any) -> None:
    day.post("/sim/flow", {"type": "CSW", "amount": -6000, "row_after": 60})
    assert cash(day) == "94000" and rows(day, "CSW") == []
    day.step(59)
    assert rows(day, "CSW") == []
    day.step(1)
    (row,) = rows(day, "CSW")
    assert row["created_at"] == "2026-10-08T14:31:00Z" and row["net_amount"] == "-6000"


def test_a_row_that_is_to_come_is_the_next_event(day: Any) -> None:
    day.post("/sim/flow", {"type": "CSD", "amount": 1, "row_after": 0.25})
    assert day.post("/sim/clock", {"jump": True})["now"] == "2026-10-08T14:30:00.25Z"
    assert len(rows(day, "CSD")) == 1


@pytest.mark.parametrize("kind", ["ACATS", "JNLS", "FOPT"])
def test_shares_that_arrive_are_held_at_what_they_had_cost(day: Any, kind: str) -> None:
    assert move(day, type=kind, symbol="AAPL", qty=10, price=80) == 200
    assert held(day) == {"AAPL": ("10", "80")} and cash(day) == "100000"
    (row,) = rows(day, kind)
    assert (row["symbol"], row["qty"], row["net_amount"], row["price"]) == ("AAPL", "10", "0", "80")
    assert move(day, type=kind, symbol="AAPL", qty=-4) == 200
    assert held(day) == {"AAPL": ("6", "80")}
    assert move(day, type=kind, symbol="AAPL", qty=-6) == 200
    assert held(day) == {} and cash(day) == "100000"


@pytest.mark.parametrize(
    "body",
    [
        {"type": "CSD", "amount": 0},
        {"type": "CSD", "amount": -5},
        {"type": "CSW", "amount": 5},
        {"type": "CSW", "amount": -200_000},
        {"type": "ACATS", "symbol": "AAPL", "qty": -1},
        {"type": "ACATS", "symbol": "AAPL", "qty": 0},
        {"type": "FILL", "amount": 1},
        {"type": "CSD", "amount": 1, "row_after": -1},
    ],
)
def test_what_is_not_there_does_not_move(day: Any, body: dict[str, Any]) -> None:
    assert move(day, key="test-key", **body) == 422
    assert cash(day) == "100000" and held(day) == {}


# --- fees --------------------------------------------------------------------------------------


def test_a_charge_is_rounded_up_once_and_names_no_order(day: Any) -> None:
    day.post("/sim/fee", {"key": "test-key", "type": "FEE", "sub_type": "TAF", "amount": "0.0311"})
    day.post("/sim/fee", {"type": "PTC", "symbol": "AAPL", "amount": 2})
    fee, charge = rows(day, "FEE", "PTC")
    assert (fee["activity_sub_type"], fee["net_amount"]) == ("TAF", "-0.04")
    assert (charge["symbol"], charge["net_amount"]) == ("AAPL", "-2")
    assert "order_id" not in fee and cash(day) == "99997.96"


def test_a_charge_in_coins_comes_out_of_the_coins(day: Any) -> None:
    day.post("/sim/price", {"symbol": "DOGE/USD", "price": "0.1"})
    day.buy("DOGE/USD", qty="1000", time_in_force="gtc")
    day.step(1)
    before = cash(day)
    day.post("/sim/fee", {"type": "CFEE", "symbol": "DOGE/USD", "amount": "7.5"})
    assert held(day)["DOGEUSD"][0] == "990" and cash(day) == before
    assert (rows(day, "CFEE")[-1]["qty"], rows(day, "CFEE")[-1]["net_amount"]) == ("-7.5", "0")


def test_a_charge_of_nothing_or_of_what_is_not_held_is_refused(day: Any) -> None:
    for body in (
        {"type": "FEE", "amount": 0},
        {"type": "CFEE", "symbol": "DOGE/USD", "amount": 1},
        {"type": "CSD", "amount": 1},
    ):
        assert day.call("POST", "/sim/fee", {"key": "test-key", **body}).status == 422


# --- mergers and spin-offs ---------------------------------------------------------------------


def bought(bench: Any, qty: str = "10") -> None:
    bench.buy(qty=qty)
    bench.buy(type="limit", limit_price="1", client_order_id="resting")
    bench.step(1)


def pair(found: list[Any]) -> list[tuple[str, str, str, str]]:
    assert len({row["group_id"] for row in found}) == 1
    return [(r.get("activity_sub_type", ""), r["symbol"], r["qty"], r["net_amount"]) for r in found]


@pytest.mark.parametrize(
    ("terms", "kind", "out", "new"),
    [
        ({"new_symbol": "MSFT", "rate": "0.5"}, "SMA", "0", ("5", "200")),
        ({"cash": "110"}, "CMA", "1100", None),
        ({"new_symbol": "MSFT", "rate": "0.5", "cash": 3}, "SCMA", "30", ("5", "200")),
    ],
)
def test_a_merger_takes_the_old_shares_and_gives_new_ones_or_cash(
    day: Any, terms: dict[str, Any], kind: str, out: str, new: tuple[str, str] | None
) -> None:
    bought(day)
    assert day.call("POST", "/sim/merger", {"symbol": "AAPL", **terms}).status == 200
    assert held(day) == ({} if new is None else {"MSFT": new})
    assert float(cash(day)) == 99_000 + float(out)
    wanted = [(kind, "AAPL", "-10", out)] + ([] if new is None else [(kind, "MSFT", new[0], "0")])
    assert pair(rows(day, "MA")) == wanted
    order = day.get("/v2/orders:by_client_order_id?client_order_id=resting")
    assert order["status"] == "canceled"
    assert day.get("/v2/assets/AAPL")["status"] == "inactive"


def test_a_spin_off_brings_shares_along_with_their_part_of_the_cost(day: Any) -> None:
    bought(day)
    terms = {"symbol": "AAPL", "new_symbol": "MSFT", "rate": "0.2", "cost_share": "0.1"}
    assert day.call("POST", "/sim/spinoff", terms).status == 200
    assert held(day) == {"AAPL": ("10", "90"), "MSFT": ("2", "50")}
    assert pair(rows(day, "SPIN")) == [("", "MSFT", "2", "0")]
    order = day.get("/v2/orders:by_client_order_id?client_order_id=resting")
    assert order["status"] == "new"


def test_new_shares_join_those_that_are_held(day: Any) -> None:
    bought(day)
    day.buy("MSFT", qty="5")
    day.step(1)
    day.post("/sim/merger", {"symbol": "AAPL", "new_symbol": "MSFT", "rate": 2})
    assert held(day) == {"MSFT": ("25", "60")}


@pytest.mark.parametrize(
    "terms",
    [{}, {"new_symbol": "MSFT"}, {"rate": 2}, {"new_symbol": "MSFT", "rate": -1}, {"cash": -1}],
)
def test_a_merger_without_terms_is_refused(day: Any, terms: dict[str, Any]) -> None:
    bought(day)
    assert day.call("POST", "/sim/merger", {"symbol": "AAPL", **terms}).status == 422
    assert held(day) == {"AAPL": ("10", "100")}


def test_history_counts_shares_that_came_without_a_trade(day: Any) -> None:
    day.post("/sim/flow", {"key": "test-key", "type": "ACATS", "symbol": "AAPL", "qty": 10})
    day.step(120)
    shown = day.get("/v2/account/portfolio/history?period=1D&timeframe=1Min")
    assert shown["equity"][-1] == 101_000
