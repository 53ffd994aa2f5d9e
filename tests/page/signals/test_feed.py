"""Goal: a signal is handed out once, whenever it is told that it has come."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from page.signals.making import NOW, delivery

from execbot.page.signals.feed import Feed
from execbot.page.signals.store import SignalStore


def test_a_signal_that_was_read_before_it_is_told_of_is_not_handed_out_again(
    tmp_path: Path,
) -> None:
    """The store has it as soon as it is kept; the listener tells of it a moment later."""
    store = SignalStore(tmp_path)
    account = cast(
        Any, SimpleNamespace(now=lambda: NOW)
    )  # an entry without `previous` needs no more
    feed = Feed(account, store, lambda row, result: None)
    first = store.keep(delivery(id="first", symbol="AAPL")).result().row
    assert json.loads(feed.readline())["id"] == "first"
    feed.answered(1)
    feed.wake(first)
    store.keep(delivery(id="second", symbol="MSFT")).result()
    assert json.loads(feed.readline())["id"] == "second"
    feed.close()
    store.close()
