"""Goal: what another program holds and protects stands on the page as `positions` has it, with a
watch and without one.

Method: another program trades the account by plain requests; the page and the command are compared.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from page.conftest import Site
from support.processes import execbot
from support.waiting import eventually

from execbot.exits.rules.view import Coverage, Guarded
from execbot.page.rows import held_row
from execbot.schemas.board import BoardPosition
from execbot.watch.show.frames import Held

SAID = {
    "NVDA": ("stop, no plan", "care"),
    "KO": ("stop for 9 of 10", "bad"),
    "PEP": ("no plan", "bad"),
}
SAME = ("qty", "stop", "targets", "protected_qty", "state", "entry", "r", "risk_usd")


def order(site: Site, symbol: str, qty: int, **more: Any) -> None:
    body = {"symbol": symbol, "qty": str(qty), "side": "buy", "type": "market"}
    site.server.call("POST", "/v2/orders", {**body, "time_in_force": "gtc", **more})


def levels(site: Site, symbol: str) -> dict[str, Any]:
    """Of an exit three percent below and five above."""
    quote = site.server.get(f"/v2/stocks/{symbol}/quotes/latest")["quote"]
    price = Decimal(str(quote["ap"]))
    stop, limit = (f"{price * Decimal(part):.2f}" for part in ("0.97", "1.05"))
    return {"stop_loss": {"stop_price": stop}, "take_profit": {"limit_price": limit}}


@pytest.fixture(scope="module")
def traded(site: Site) -> Site:
    """One position with a stop for all of it, one with a stop for a part, one without."""
    order(site, "NVDA", 10, order_class="bracket", **levels(site, "NVDA"))
    order(site, "KO", 9, order_class="bracket", **levels(site, "KO"))
    order(site, "KO", 1)
    order(site, "PEP", 4)
    return site


def differences(site: Site) -> list[Any]:
    page = site.page.board["positions"]
    found = []
    for theirs in site.do("positions"):
        ours = page.get(theirs["symbol"], {})
        said = {**theirs, "entry": theirs["avg_entry_price"]}
        found += [
            (theirs["symbol"], name, said[name], ours.get(name))
            for name in SAME
            if _plain(said[name]) != _plain(ours.get(name))
        ]
        guard = SAID.get(theirs["symbol"])
        if guard is not None and guard != (ours.get("guard"), ours.get("guard_tone")):
            found.append((theirs["symbol"], guard, ours.get("guard"), ours.get("guard_tone")))
    return found


def _plain(value: Any) -> Any:
    """Figures as numbers: an average may carry more digits in one of them."""
    try:
        return round(Decimal(value), 2)
    except (ArithmeticError, TypeError, ValueError):
        return value


def agrees(site: Site) -> bool:
    return eventually(lambda: SAID.keys() <= site.page.board["positions"].keys()) and eventually(
        lambda: not differences(site)
    )


def test_with_a_watch_and_without_the_page_says_what_positions_says(traded: Site) -> None:
    assert agrees(traded), differences(traded)
    assert traded.page.board["source"]["kind"] == "watch"
    traded.watching.kill()
    assert eventually(lambda: traded.page.board["source"]["kind"] == "journal")
    assert agrees(traded), differences(traded)
    table = execbot(["positions"], {**traded.env, "COLUMNS": "220"}).out.splitlines()
    for symbol, (words, _) in SAID.items():
        assert any(symbol in line and words in line for line in table), (symbol, table)


def test_where_every_position_is_promised_a_stop_one_without_stands_at_the_top() -> None:
    """A watch would give it one; until it has, its facts say what is missing."""
    now = datetime(2026, 11, 20, 15, tzinfo=UTC)

    def row(covered: int, seconds: int, promised: bool = True) -> BoardPosition:
        coverage = Coverage(Guarded.NO_PLAN, Decimal(10), Decimal(covered))
        since = now - timedelta(seconds=seconds)
        held = Held("KO", Decimal(10), Decimal(60), Decimal(0), since, False, coverage, None)
        alarm = timedelta(seconds=5) if promised else None
        return held_row(held, None, [], now, bare_for=alarm)

    assert (row(4, 60).missing, row(4, 60).is_promised) == ("no plan: 6 of 10 have no stop", True)
    for fine in (row(10, 60), row(4, 1), row(0, 60, promised=False)):
        assert (fine.missing, fine.is_promised) == ("", False)


def test_what_is_not_known_yet_is_not_shown_as_nothing(traded: Site) -> None:
    """The first question of a program is answered when it is known what is held."""
    port = traded.page.port
    traded.page.kill()
    traded.page.address = f"127.0.0.1:{port}"
    traded.page.start()
    first = traded.page.board
    assert first["positions_known"] and SAID.keys() <= first["positions"].keys()
