"""Goal: whoever gives an order learns when it is taken back, and that only `watch` does it.

Method: real commands at an exchange with hours of its own, on a clock that the test sets.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from support.processes import OwnAccount, Server, exchange, start_execbot
from support.waiting import eventually

SESSION = ("--calendar", "exchange", "--at", "2026-10-07 11:00")
LIMIT = ("submit", "KO", "--qty", "1", "--limit", "20")


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with exchange(tmp_path_factory.mktemp("exchange"), *SESSION) as server:
        yield server


def account(market: Server, home: Path, config: str = "trading_execution: {}") -> OwnAccount:
    home.mkdir()
    return OwnAccount(market, home, config)


def moment(word: str) -> datetime:
    return datetime.fromisoformat(word)


def test_a_typed_order_has_no_clock(market: Server, tmp_path: Path) -> None:
    trader = account(market, tmp_path / "plain")
    sent = trader.run(*LIMIT)
    assert (sent.data["cancel_after"], sent.data["cancel_at"]) == (None, None)
    assert sent.json["warnings"] == []


@pytest.mark.parametrize("tif", ["day", "gtc"])
def test_a_clock_that_was_asked_for_is_told_and_that_it_needs_a_watch(
    market: Server, tmp_path: Path, tif: str
) -> None:
    trader = account(market, tmp_path / f"clock-{tif}")
    sent = trader.run(*LIMIT, "--tif", tif, "--cancel-after", "90", "--client-order-id", "c")
    assert sent.data["cancel_after"] == "90"
    due = moment(sent.data["sent_at"]) + timedelta(seconds=90)
    assert moment(sent.data["cancel_at"]) == due
    assert any("No `watch` runs" in said for said in sent.json["warnings"])
    (listed,) = trader.run("orders").data
    assert moment(listed["cancel_at"]) == due
    shown = trader.run("orders", "show", "c")
    assert moment(shown.data["cancel_at"]) == due and shown.json["warnings"]


def test_with_a_watch_nobody_is_warned(market: Server, tmp_path: Path) -> None:
    trader = account(market, tmp_path / "watched")
    watch = start_execbot(["watch", "--json"], trader.env)
    try:
        output = watch.stdout
        assert output is not None
        assert eventually(lambda: '"started"' in output.readline())
        sent = trader.run(*LIMIT, "--cancel-after", "900")
        assert sent.data["cancel_at"] and sent.json["warnings"] == []
    finally:
        watch.kill()
        watch.communicate()


@pytest.mark.parametrize(
    ("flags", "seconds"),
    [((), "45"), (("--tif", "gtc"), None), (("--cancel-after", "7", "--tif", "gtc"), "7")],
)
def test_the_configuration_gives_every_entry_a_clock_but_not_an_explicit_gtc(
    market: Server, tmp_path: Path, flags: tuple[str, ...], seconds: str | None
) -> None:
    every = "{timeout_seconds: 45, timeout_applies_to: all}"
    config = f"trading_execution: {{order_management: {every}}}"
    trader = account(market, tmp_path / f"all-{len(flags)}", config)
    assert trader.run(*LIMIT, *flags).data["cancel_after"] == seconds


def test_a_gtc_chosen_for_the_legs_is_told_to_end_at_the_close(
    market: Server, tmp_path: Path
) -> None:
    trader = account(market, tmp_path / "legs")
    chosen = trader.run(*LIMIT, "--stop-loss", "18")
    assert chosen.data["time_in_force"] == "gtc"
    assert chosen.data["cancel_at"].startswith("2026-10-07T19:59:50")
    assert any("good till canceled" in said for said in chosen.json["warnings"])
    trader.run("cancel", chosen.data["client_order_id"])
    meant = trader.run(*LIMIT, "--stop-loss", "18", "--tif", "gtc", "--allow-duplicate")
    assert meant.data["cancel_at"] is None


def test_a_clock_for_an_order_that_ends_by_itself_is_refused(
    market: Server, tmp_path: Path
) -> None:
    trader = account(market, tmp_path / "auction")
    refused = trader.run(*LIMIT, "--tif", "cls", "--cancel-after", "60", code=2)
    assert "--cancel-after" in refused.error["error"]
    assert trader.run(*LIMIT, "--cancel-after", "0", code=2).error["kind"] == "usage.value"


@pytest.mark.parametrize(
    ("flags", "tif", "seconds"),
    [((), "gtc", None), (("--cancel-after", "45"), "gtc", "45"), ((), None, "45")],
    ids=["by rule", "asked for", "no new time in force"],
)
def test_a_gtc_given_later_ends_the_clock_of_the_rule_but_not_one_that_was_asked_for(
    market: Server, tmp_path: Path, flags: tuple[str, ...], tif: str | None, seconds: str | None
) -> None:
    every = "{timeout_seconds: 45, timeout_applies_to: all}"
    config = f"trading_execution: {{order_management: {every}}}"
    trader = account(market, tmp_path / "later", config)
    name = f"clock-{len(flags)}-{tif}"
    trader.run("cancel-all", "--yes")
    trader.run(*LIMIT, *flags, "--allow-duplicate", "--client-order-id", name)
    assert trader.run("replace", name, "--limit", "19").data["cancel_after"] == "45"
    change = ("--tif", tif) if tif is not None else ("--limit", "18")
    again = trader.run("replace", name, *change)
    assert again.data["cancel_after"] == seconds
    trader.run("cancel-all", "--yes")
