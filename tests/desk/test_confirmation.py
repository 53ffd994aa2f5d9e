"""Goal: in live nothing is closed or canceled wholesale that nobody agreed to; a halt holds.

Method: real commands in live mode against the served exchange, off a terminal and on one; what was
done is read from the exchange.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from cli.show.test_terminal import typed
from support.processes import Server, execbot


@pytest.fixture
def live(server: Server, tmp_path: Path) -> dict[str, str]:
    """A live trader with ten shares and a resting order."""
    env = server.environment(tmp_path, ALPACA_LIVE_TRADE="true", TERM="xterm")
    env["EXECBOT_MODE"] = "live"
    for order in (
        ["submit", "AAPL", "--qty", "3", "--wait", "30", "--yes"],
        ["submit", "MSFT", "--qty", "1", "--limit", "300", "--client-order-id", "rest", "--yes"],
    ):
        assert execbot(order, env).code == 0
    return env


def is_resting(server: Server) -> bool:
    return any(row["client_order_id"] == "rest" for row in server.get("/v2/orders"))


def held(server: Server) -> list[str]:
    return [row["symbol"] for row in server.get("/v2/positions")]


@pytest.mark.parametrize(
    "command",
    [("cancel-all",), ("close", "AAPL"), ("close", "--all"), ("close", "AAPL", "--qty", "1")],
)
def test_without_a_terminal_and_without_yes_it_is_refused(
    server: Server, live: dict[str, str], command: tuple[str, ...]
) -> None:
    refused = execbot([*command, "--json"], live)
    assert (refused.code, refused.out) == (11, "")
    assert refused.error["kind"] == "confirm.needed" and "--yes" in refused.error["next"]
    assert is_resting(server) and held(server) == ["AAPL"]


def test_a_halt_holds_at_once_and_only_its_closing_is_refused(
    server: Server, live: dict[str, str]
) -> None:
    halted = execbot(["halt", "--reason", "news", "--flatten", "--json"], live)
    assert halted.code == 11
    assert (halted.data["level"], halted.data["declined"]) == ("halted", "confirm.needed")
    assert halted.data["closed"] == [] and held(server) == ["AAPL"]
    assert any("no position was closed" in said for said in halted.json["warnings"])
    assert not is_resting(server), "what --flatten implies beside the closing is done"
    assert execbot(["submit", "KO", "--qty", "1", "--yes"], live).code == 5
    closed = execbot(["halt", "--reason", "news", "--flatten", "--yes", "--json"], live)
    assert closed.code == 0 and [item["symbol"] for item in closed.data["closed"]] == ["AAPL"]


def test_a_plain_halt_and_a_single_cancel_never_ask(server: Server, live: dict[str, str]) -> None:
    assert execbot(["halt", "--reason", "news"], live).code == 0
    assert execbot(["cancel", "rest"], live).code == 0
    assert not is_resting(server)


def test_on_a_terminal_each_is_asked(server: Server, live: dict[str, str]) -> None:
    for command in (["cancel-all"], ["close", "AAPL"], ["halt", "--reason", "x", "--flatten"]):
        code, shown = typed(command, live, answer="n\n")
        assert (code, "LIVE account" in shown) == (11, True)
        assert held(server) == ["AAPL"]
    assert not is_resting(server), "the halt took the entry back"
    code, _ = typed(["close", "AAPL"], live, answer="y\n")
    assert code == 0


def test_a_change_that_risks_more_is_reviewed_like_an_order(
    server: Server, live: dict[str, str]
) -> None:
    for change in (("--qty", "2"), ("--limit", "301"), ("--tif", "gtc")):
        refused = execbot(["replace", "rest", *change, "--json"], live)
        assert (refused.code, refused.error["kind"]) == (11, "confirm.needed")
    assert is_resting(server), "the order stands as it was"
    code, shown = typed(["replace", "rest", "--limit", "301"], live, answer="n\n")
    assert (code, "limit 300.00 -> 301.00" in shown, is_resting(server)) == (11, True, True)
    assert execbot(["replace", "rest", "--limit", "299"], live).code == 0, "a better price is free"
    assert execbot(["replace", "rest", "--limit", "302", "--yes"], live).code == 0
    (row,) = (row for row in server.get("/v2/orders") if row["symbol"] == "MSFT")
    assert row["limit_price"] == "302"


def test_a_stop_is_tightened_freely_and_loosened_on_a_word(
    server: Server, live: dict[str, str]
) -> None:
    stop = ["submit", "AAPL", "--side", "sell", "--qty", "3", "--stop", "150", "--yes"]
    assert execbot([*stop, "--tif", "gtc", "--client-order-id", "stop"], live).code == 0
    assert execbot(["replace", "stop", "--stop", "140"], live).code == 11
    assert execbot(["replace", "stop", "--qty", "2"], live).code == 11
    assert execbot(["replace", "stop", "--stop", "151"], live).code == 0
    assert execbot(["replace", "stop", "--stop", "140", "--yes"], live).code == 0
