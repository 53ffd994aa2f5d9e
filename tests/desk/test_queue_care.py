"""Goal: whoever leaves an order for the open learns whether anybody will send it.

Method: real commands at an exchange with hours of its own, on a clock that the test sets.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.processes import Outcome, OwnAccount, Server, exchange, start_execbot
from support.waiting import eventually

ORDER = ("submit", "AAPL", "--qty", "2")


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Server]:
    """A Saturday."""
    with exchange(tmp_path, "--calendar", "exchange", "--at", "2026-10-10 12:00") as server:
        yield server


@pytest.fixture
def trader(market: Server, tmp_path: Path) -> OwnAccount:
    (tmp_path / "trader").mkdir()
    return OwnAccount(market, tmp_path / "trader", "trading_execution: {}")


def nobody_sends(outcome: Outcome) -> bool:
    return any("Nobody will send" in said for said in outcome.json["warnings"])


def queue_check(trader: OwnAccount) -> dict[str, Any]:
    found = trader.run("doctor").data["checks"]
    return next(row for row in found if row["check"] == "queue")


def set_clock(server: Server, wall: str) -> None:
    server.call("POST", "/sim/clock", {"set": wall})


def test_with_nobody_to_send_it_every_surface_says_so(trader: OwnAccount) -> None:
    assert queue_check(trader)["status"] == "OK"
    sent = trader.run(*ORDER)
    assert sent.data["outcome"] == "queued" and nobody_sends(sent)
    assert nobody_sends(trader.run("queue"))
    shown = trader.run("orders", "show", sent.data["client_order_id"])
    assert shown.data["outcome"] == "queued", "the broker does not know it, and need not"
    found = queue_check(trader)
    assert (found["status"], "no `watch` runs" in found["detail"]) == ("WARN", True)
    assert nobody_sends(trader.run("signal", "KO", "buy", "--strength", "90"))


def test_a_release_in_the_last_session_is_somebody_and_one_by_hand_is_not(
    market: Server, trader: OwnAccount
) -> None:
    trader.run("queue", "release")
    assert nobody_sends(trader.run(*ORDER)), "it was typed on a Saturday"
    set_clock(market, "2026-10-12 09:31")
    released = trader.run("queue", "release")
    assert released.data[0]["action"] == "release"
    set_clock(market, "2026-10-12 20:00")
    assert not nobody_sends(trader.run("submit", "KO", "--qty", "1"))
    assert queue_check(trader)["status"] == "OK"
    set_clock(market, "2026-10-13 20:00")
    assert nobody_sends(trader.run("queue")), "a session has gone by without a release"


def test_a_running_watch_is_somebody(trader: OwnAccount) -> None:
    watch = start_execbot(["watch", "--json"], trader.env)
    try:
        output = watch.stdout
        assert output is not None
        assert eventually(lambda: '"started"' in output.readline())
        sent = trader.run(*ORDER)
        assert sent.data["outcome"] == "queued" and not nobody_sends(sent)
    finally:
        watch.kill()
        watch.communicate()


def test_at_broker_is_kept_by_alpaca_and_fills_at_the_open_without_anybody(
    market: Server, trader: OwnAccount
) -> None:
    sent = trader.run(*ORDER, "--at-broker")
    assert sent.data["outcome"] == "accepted" and not nobody_sends(sent)
    assert any("2026-10-12 09:30:00 ET" in said for said in sent.json["warnings"])
    assert trader.run("queue").data == []
    set_clock(market, "2026-10-12 09:31")
    (held,) = market.get("/v2/positions", trader.key)
    assert (held["symbol"], held["qty"]) == ("AAPL", "2")


@pytest.mark.parametrize(
    "flags",
    [
        ("AAPL", "--qty", "2", "--tif", "ioc"),
        ("AAPL", "--qty", "2", "--limit", "100", "--extended-hours"),
        ("BTC/USD", "--qty", "0.01"),
    ],
)
def test_what_alpaca_does_not_keep_is_refused(trader: OwnAccount, flags: tuple[str, ...]) -> None:
    refused = trader.run("submit", *flags, "--at-broker", code=2)
    assert "--at-broker" in refused.error["error"]


def test_the_flag_can_be_forbidden_like_any_other(market: Server, tmp_path: Path) -> None:
    (tmp_path / "strict").mkdir()
    config = "trading_execution: {risk: {allow_flags: []}}"
    strict = OwnAccount(market, tmp_path / "strict", config)
    refused = strict.run(*ORDER, "--at-broker", code=5)
    assert refused.error["kind"] == "risk.flag_not_allowed"
