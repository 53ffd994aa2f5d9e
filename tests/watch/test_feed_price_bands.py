"""Goal: what the data stream says about price bands reaches the checks of every process.
Method: a scripted data server, the watcher's feed, the book that the feed hands on.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from support.streams import StreamServer, say, wait_for_goodbye

from execbot.broker.data_stream import DataStream
from execbot.market.halts import book_from_json
from execbot.watch.core.inputs import Halts
from execbot.watch.feed import StreamedFeed

NOW = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
BAND = {"T": "l", "S": "AAPL", "u": 210.5, "d": 190.5, "i": "B", "t": "2026-11-20T16:00:00Z"}


def first_halts(feed: StreamedFeed) -> Halts:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for item in feed.drain():
            if isinstance(item, Halts):
                return item
        threading.Event().wait(0.005)
    raise AssertionError("the feed told nothing about halts and bands")


def test_a_band_is_handed_on_and_halts_nothing() -> None:
    def session(conn: Any) -> None:
        say(conn, [{"T": "success", "msg": "connected"}])
        server.hear(conn)
        say(conn, [{"T": "success", "msg": "authenticated"}])
        server.hear(conn)
        say(conn, [{**BAND, "z": "C"}])
        wait_for_goodbye(conn)

    server = StreamServer(session)
    feed = StreamedFeed(DataStream(server.url, "key", "secret", now=lambda: NOW), lambda: NOW)
    try:
        feed.want(frozenset({"AAPL"}))
        feed.start()
        told = first_halts(feed)
    finally:
        feed.close()
        server.stop()
    assert told.symbols == frozenset()
    band = book_from_json(told.book).band("AAPL", NOW)
    assert band is not None
    assert (band.low, band.high) == (Decimal("190.5"), Decimal("210.5"))
