"""Goal: `--risk` buys as many shares as lose that much at the stop, as a signal would, and every
answer says what is at risk.

Method: real commands against a served exchange; the exchange's order and account judge.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.processes import Server, exchange, execbot

D = Decimal
YAML = """trading_execution:
  max_position_size_pct: 40
  max_account_exposure_pct: 90
  sizing: {method: risk, risk_per_trade_pct: 0.5}
  stop_loss: {method: percent, default_pct: 2.0, use_trailing: false}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    clock = ("--calendar", "exchange", "--at", "2026-10-07 11:00", "--speed", "0")
    with exchange(tmp_path_factory.mktemp("risk"), *clock) as running:
        for symbol in ("AAPL", "KO", "MSFT", "WMT"):
            running.call("POST", "/sim/price", {"symbol": symbol, "price": "200"})
        yield running


@pytest.fixture
def env(server: Server, tmp_path: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    (tmp_path / "trading.yaml").write_text(YAML)
    key = str(request.node.name)[:40]
    return server.environment(tmp_path, key=key, EXECBOT_CONFIG=str(tmp_path / "trading.yaml"))


def answer(env: dict[str, str], line: str, code: int = 0) -> Any:
    done = execbot([*line.split(), "--json"], env)
    assert done.code == code, done
    return done.data if done.out else done.error


def key_of(env: dict[str, str]) -> str:
    return env["ALPACA_API_KEY"]


def test_the_size_is_what_the_stop_may_lose(server: Server, env: dict[str, str]) -> None:
    """Loses at most that, and one share more would lose more."""
    answer(env, "submit AAPL --risk 300USD --stop-loss 2% --client-order-id r")
    order = next(o for o in server.orders(key_of(env)) if o["client_order_id"] == "r")
    stop = D(next(leg["stop_price"] for leg in order["legs"] if leg["type"] == "stop"))
    quotes = server.get("/v2/stocks/quotes/latest?symbols=AAPL", key_of(env))["quotes"]
    ask, qty = D(str(quotes["AAPL"]["ap"])), D(order["qty"])
    assert qty * (ask - stop) <= 300 < (qty + 1) * (ask - stop)


def test_it_is_the_size_of_a_signal(env: dict[str, str]) -> None:
    """0.5 % of equity and a stop of 2 %: said by hand, and by the configuration."""
    typed = answer(env, "submit KO --risk 0.5% --stop-loss 2% --dry-run")
    signaled = answer(env, "signal KO buy --strength 90 --dry-run")
    assert typed["request"]["qty"] == signaled["request"]["qty"]
    assert typed["sizing"] == signaled["sizing"]


def test_limits_cap_it(env: dict[str, str]) -> None:
    """1 % of the equity at a stop of 0.5 % away would be twice the account."""
    found = answer(env, "submit MSFT --risk 1% --stop-loss 0.5% --dry-run")
    assert D(found["risk"]["cost_pct"]) <= 40
    assert D(found["risk"]["usd"]) < 1000


def test_an_answer_says_what_made_it_smaller(env: dict[str, str]) -> None:
    for line in (
        "submit KO --risk 5% --stop-loss 2% --dry-run",
        "submit KO --risk 5% --stop-loss 2%",
    ):
        shown = execbot(line.split(), env).out
        [said] = [one for one in shown.splitlines() if one.startswith("Size: ")]
        assert "max_position_size_pct allows" in said
        assert "by risk alone it would be" in said
    words = ["submit", "WMT", "--risk", "10USD", "--stop-loss", "2%"]
    assert "Size: " not in execbot(words, env).out


def test_the_same_id_submits_once_and_keeps_its_size(server: Server, env: dict[str, str]) -> None:
    line = "submit WMT --risk 100USD --stop-loss 2% --client-order-id same"
    first = answer(env, line)
    again = answer(env, line)
    assert again["already"]
    assert again["qty"] == first["qty"]
    assert again["risk"]["stop"] == first["risk"]["stop"] is not None
    assert [o["client_order_id"] for o in server.orders(key_of(env))].count("same") == 1


@pytest.mark.parametrize(
    ("flags", "kind"),
    [
        ("--risk 1%", "usage.risk"),
        ("--risk 200 --stop-loss 2%", "usage.value"),
        ("--risk 0% --stop-loss 2%", "usage.value"),
        ("--risk 101% --stop-loss 2%", "usage.value"),
        ("--risk -1% --stop-loss 2%", "usage.value"),
        ("--risk 1% --qty 5 --stop-loss 2%", "usage.size"),
        ("--risk 1% --notional 5 --stop-loss 2%", "usage.size"),
        ("--risk 1% --stop-loss 2% --all-checks", "usage"),
    ],
)
def test_what_makes_no_sense_is_refused(env: dict[str, str], flags: str, kind: str) -> None:
    assert answer(env, f"submit AAPL {flags}", code=2)["kind"] == kind


def test_what_buys_no_share_is_refused(env: dict[str, str]) -> None:
    refused = answer(env, "submit AAPL --risk 1USD --stop-loss 2%", code=5)
    assert refused["kind"] == "risk.size_below_minimum"


def test_an_answer_says_what_is_at_risk(server: Server, env: dict[str, str]) -> None:
    """Cost, risk and R by the exchange's own order; what is left counts this entry."""
    server.call("POST", "/sim/clock", {"speed": 1})
    sent = answer(env, "submit AAPL --qty 10 --stop-loss 2% --wait 30 --client-order-id ten")
    server.call("POST", "/sim/clock", {"speed": 0})
    order = next(o for o in server.orders(key_of(env)) if o["client_order_id"] == "ten")
    paid = D(order["filled_avg_price"])
    stop = D(next(leg["stop_price"] for leg in order["legs"] if leg["type"] == "stop"))
    risk = sent["risk"]
    assert D(risk["cost"]) == paid * 10
    assert D(risk["usd"]) == (paid - stop) * 10
    assert D(risk["r_per_share"]) == paid - stop
    used = {one["name"]: one["used"] for one in risk["limits"]}
    assert used["max_positions"] == "1"
    assert used["risk.max_daily_orders"] == "1"
    assert D(used["max_account_exposure_pct"]) == round(paid * 10 / 1000, 2)


def test_without_a_stop_all_of_it_is_at_risk(env: dict[str, str]) -> None:
    found = answer(env, "submit KO --qty 5 --dry-run")["risk"]
    assert found["usd"] == found["cost"]
    assert found["stop"] is found["r_per_share"] is None


def test_an_exit_risks_nothing(server: Server, env: dict[str, str]) -> None:
    answer(env, "submit KO --qty 5")
    server.call("POST", "/sim/clock", {"step": 5})
    assert answer(env, "submit KO --qty 5 --side sell")["risk"] is None


def test_a_dry_run_begins_with_three_lines_and_shows_what_fails(env: dict[str, str]) -> None:
    said = execbot(["submit", "AAPL", "--qty", "900", "--dry-run"], env)
    assert said.code == 5
    lines = [line for line in said.out.splitlines() if line]
    assert [line.split(":")[0] for line in lines[:3]] == ["Cost", "Risk", "Left"]
    assert "buying power" in lines[2]
    shown = [line.split("\t")[0] for line in lines if line.startswith(("OK\t", "FAIL\t"))]
    assert set(shown) == {"FAIL"}
    every = execbot(["submit", "AAPL", "--qty", "900", "--dry-run", "--all-checks"], env).out
    assert "\nOK\t" in every
    assert "\nFAIL\t" in every
