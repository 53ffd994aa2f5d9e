"""Goal: bots from the registries, unchanged, trade on the exchange as docs/clients.md says.

Method: each in an environment of its own, started as its manual says, under a sealed `sim run`;
what it ordered is read from the run's summary. Opt-in: `pytest -m clients`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest
from clients.bots import BOTS, Bot, run
from clients.bots_section import ordered, render, row
from clients.catalogue import CannotInstall
from clients.page import PAGE

Account = Mapping[str, Any]


def _share(account: Account) -> Decimal:
    """How much of the account is invested, from 0 to 1."""
    return 1 - Decimal(account["cash"]) / Decimal(account["equity"])


def _sixty_forty(account: Account) -> None:
    assert set(account["positions"]) == {"SPY", "TLT"}
    assert _share(account) > Decimal("0.98")


def _pairs(account: Account) -> None:
    pairs = [line.split(",") for text in BOTS[1].files.values() for line in text.split()[1:]]
    held = {symbol: Decimal(qty) for symbol, qty in account["positions"].items()}
    traded = [pair for pair in pairs if set(pair) & set(held)]
    assert traded
    for one, other in traded:
        assert held[one] * held[other] < 0, held


def _hold(account: Account) -> None:
    assert set(account["positions"]) == {"QQQ"}
    assert _share(account) > Decimal("0.98")


WANTED: Mapping[str, Callable[[Account], None]] = {
    "msts-trader rebalance": _sixty_forty,
    "Pairs_Package2 daily run": _pairs,
    "Lumibot buy and hold": _hold,
    "Lumibot 60/40": _sixty_forty,
}


@pytest.mark.clients
@pytest.mark.timeout(1800)
@pytest.mark.skipif(sys.platform != "linux", reason="a run is sealed on Linux only")
@pytest.mark.parametrize("bot", BOTS, ids=lambda bot: bot.name.replace(" ", "-").replace("/", "-"))
def test_a_bot_orders_what_the_page_says(bot: Bot) -> None:
    try:
        account = run(bot)
    except CannotInstall as error:
        pytest.skip(f"{bot.name} could not be installed: {error}")
    WANTED[bot.name](account)
    assert row(bot, ordered(account)) in PAGE.read_text().splitlines(), row(bot, ordered(account))


def test_the_section_of_the_page_is_as_it_is_generated() -> None:
    text = PAGE.read_text()
    starts = [f"| {bot.program} | {bot.version} | {bot.shown} | " for bot in BOTS]
    rows = [line for line in text.splitlines() if line.startswith(tuple(starts))]
    assert len(rows) == len(BOTS)
    assert text.endswith(render(rows))
