"""Goal: what the page tells programs is what its published schema says, whole and change by change.

Method: a page as a process, with a watch and without one; each message of its socket is judged, and
the changes, carried out as the schema says, give what the page shows.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from page.conftest import Site
from support.schema_judge import complaints
from support.waiting import PATIENCE_SECONDS, eventually
from websockets.asyncio.client import connect

LISTS = ("positions", "orders", "events", "confirmations")
"""What must have been there for anything to be proven of it."""


@pytest.fixture(scope="module")
def traded(site: Site) -> Site:
    """A position with a stop, one without, an order that rests."""
    site.do("buy", "KO", "--qty", "3", "--wait", "30")
    site.do("buy", "MSFT", "--qty", "1", "--limit", "1")
    assert eventually(lambda: all(site.page.board[name] for name in LISTS)), site.page.board
    return site


def judged(message: str) -> Any:
    found = json.loads(message)
    name = "board" if found["type"] == "snapshot" else "board-change"
    assert complaints(name, found) == []
    return found


def test_the_whole_is_as_published_with_a_watch_and_without(traded: Site) -> None:
    whole = judged(traded.page.ask("/api/board")[1])
    assert whole["board"]["source"]["kind"] == "watch" and whole["board"]["watch"] is not None
    assert eventually(lambda: traded.page.board["quality"]["scorecard"])
    judged(traded.page.ask("/api/board")[1])
    traded.watching.kill()
    try:
        assert eventually(lambda: traded.page.board["source"]["kind"] == "journal")
        whole = judged(traded.page.ask("/api/board")[1])
        assert whole["board"]["watch"] is None and whole["board"]["positions"]
    finally:
        traded.watching.start()


async def _messages(site: Site, until: str) -> tuple[list[Any], Any]:
    """All that the socket says until an order of that id is among the changes, and the board."""
    address = site.page.url.replace("http", "ws") + "/live"
    token = {"Authorization": f"Bearer {site.page.token}"}
    found: list[Any] = []
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        connect(address, additional_headers=token) as live,
    ):
        found.append(judged(str(await live.recv())))
        await asyncio.to_thread(
            site.do, "buy", "PEP", "--qty", "1", "--limit", "2", "--client-order-id", until
        )
        while until not in found[-1].get("orders", {}):
            found.append(judged(str(await live.recv())))
    return found, site.page.json("/api/board")


def test_changes_carried_out_as_published_give_what_is_shown(traded: Site) -> None:
    (first, *changes), _ = asyncio.run(_messages(traded, "told-live"))
    assert changes and [one["seq"] for one in changes] == [
        first["seq"] + number for number in range(1, len(changes) + 1)
    ]
    orders = dict(first["board"]["orders"])
    for change in changes:
        orders |= change["orders"]
    [row] = [order for name, order in orders.items() if name == "told-live" and order]
    assert (row["symbol"], row["limit_price"], row["is_open"]) == ("PEP", "2", True)
