"""Goal: the guided check proves each step by the broker's word, and leaves nothing behind when one
fails.

Method: served exchanges: one that is open, one on a Saturday; a fault of the exchange in the
middle."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.processes import Server, exchange, execbot


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with exchange(tmp_path_factory.mktemp("selftest")) as running:
        running.call("POST", "/sim/price", {"symbol": "XLF", "price": "50"})
        running.call("POST", "/sim/price", {"symbol": "OCGN", "price": "10"})
        yield running


@pytest.mark.parametrize(
    ("symbol", "sold", "said"),
    [("XLF", ("1", "0.5", "0.5"), "1 share may cost"), ("OCGN", ("2", "1", "1"), "no fractions")],
)
def test_every_step_is_proven_and_the_certificate_kept(
    server: Server, tmp_path: Path, symbol: str, sold: tuple[str, ...], said: str
) -> None:
    """Of what the broker takes no fractions of, two are bought, and the cost counts both."""
    key = f"proven-{symbol}"
    env = server.environment(tmp_path, key=key)
    done = execbot(["selftest", "--mode", "paper", "--symbol", symbol, "--json"], env)
    assert done.code == 0, done.err
    assert len(done.data["steps"]) == 8 and all(step["passed"] for step in done.data["steps"])
    kept = json.loads(Path(done.data["certificate"]).read_text())
    assert kept == {name: value for name, value in done.data.items() if name != "certificate"}
    assert kept["broker"] == server.rest
    filled = [o for o in server.orders(key) if o["status"] == "filled"]
    assert [o["side"] for o in filled] == ["buy", "sell", "sell"]
    assert tuple(o["filled_qty"] for o in filled) == sold
    assert said in kept["steps"][2]["proof"]
    assert server.get("/v2/positions", key) == []


def test_a_step_that_fails_is_told_and_what_was_bought_is_sold_again(
    server: Server, tmp_path: Path
) -> None:
    env = server.environment(tmp_path, key="fails")
    # The entry goes through; the first order after it, which sells a part, is refused.
    refused = {"status": 403, "body": {"code": 40310000, "message": "not allowed now"}}
    rule = {"kind": "canned_reply", "method": "POST", "path": "/v2/orders", "after": 1}
    server.call("POST", "/sim/faults", {**rule, "count": 1, "params": refused})
    try:
        done = execbot(["selftest", "--mode", "paper", "--symbol", "XLF", "--json"], env)
    finally:
        server.call("DELETE", "/sim/faults")
    assert done.code == 8, (done.out, done.err)
    last = done.data["steps"][-1]
    assert (last["step"], last["passed"], done.data["passed"]) == ("close a part", False, False)
    assert done.data["left"] == ""
    assert server.get("/v2/positions", "fails") == []
    assert server.get("/v2/orders?status=open", "fails") == []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("selftest", 2, "Say on which account"),
        ("selftest --mode paper --max-cost free", 2, "--max-cost was 'free'"),
        ("selftest --mode paper --symbol XLF --max-cost 1USD", 5, "more than 1"),
        ("selftest --mode live", 11, "each step is asked for"),
    ],
)
def test_it_does_not_begin(
    server: Server, tmp_path: Path, words: str, code: int, said: str
) -> None:
    env = server.environment(tmp_path, key="refused", ALPACA_LIVE_TRADE="true")
    if "live" in words:
        config = tmp_path / "trading.yaml"
        config.write_text("trading_execution: {mode: live}\n")
        env |= {"EXECBOT_MODE": "live", "EXECBOT_CONFIG": str(config)}
    done = execbot(words.split(), env)
    assert (done.code, said in done.err) == (code, True), done.err
    assert server.orders("refused") == []


def test_it_refuses_while_the_market_is_closed(tmp_path: Path) -> None:
    with exchange(tmp_path, "--calendar", "exchange", "--at", "2026-11-28 12:00") as closed:
        env = closed.environment(tmp_path, key="saturday")
        done = execbot(["selftest", "--mode", "paper"], env)
        assert done.code == 5 and "session is not open" in done.err
        assert closed.orders("saturday") == []
