"""Goal: frames and answers with values that cannot be end neither `watch` nor a command with a
traceback, and what is bought afterwards has its stop.

Method: a real `watch` against a served exchange that spoils one value after the other; a world in
virtual time for what the core makes of them; commands as processes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.processes import Server, end_watch, exchange, execbot, start_execbot
from support.waiting import eventually
from support.wishes import stop_at
from support.world import D, open_world

from execbot.broker.port import TradeUpdate, TradeUpdateStream
from execbot.broker.stream_states import Connected, Disconnected, StreamState
from execbot.exits.rules.view import Guarded
from execbot.model.unread import Unread
from execbot.watch.core import inputs
from execbot.watch.loop import WatchLoop

DIGITS = "9" * 3000
NESTED = "[" * 500 + "]" * 500
FRAMES = [
    ("data.order.legs", "7"),
    ("data.qty", "1e999"),
    ("data.qty", "7"),  # of an order for two
    ("data.position_qty", DIGITS),
    ("data.order.symbol", r'"\ud800"'),
    ("data.order.id", '"../../x"'),
    ("data.order", NESTED),
    ("data.timestamp", '"0001-01-01T00:00:00Z"'),
    ("data", "7"),
]


@pytest.mark.timeout(300)
def test_watch_reads_on_after_every_frame_and_protects_what_was_bought(
    server: Server, env: dict[str, str], tmp_path: Path
) -> None:
    output = tmp_path / "watch.ndjson"
    with output.open("w") as out:
        watch = start_execbot(["watch", "--json"], env, stdout=out, stderr=None)

    def lines(**facts: Any) -> list[dict[str, Any]]:
        whole = [x for x in output.read_text().splitlines(keepends=True) if x.endswith("\n")]
        return [
            line
            for line in map(json.loads, whole)
            if all(line.get(name) == value for name, value in facts.items())
        ]

    try:
        assert eventually(lambda: bool(lines(type="stream", state="up")))
        for field, value in FRAMES:
            rule = {"event": "fill", "field": field, "json": value, "count": 1}
            server.call("POST", "/sim/faults", {"kind": "frame_spoilt", **rule})
            server.call("POST", "/sim/faults", {
                "kind": "value_spoilt", "method": "GET", "path": "/v2/positions",
                "field": "*.qty", "json": value, "count": 1,
            })  # fmt: skip
            symbol = "AAPL" if field == FRAMES[-1][0] else "MSFT"
            bought = execbot(["submit", symbol, "--qty", "2", "--stop-loss", "5%", "--wait", "20",
                              "--allow-duplicate", "--json"], env)  # fmt: skip
            assert bought.code in (0, 5, 10), bought
            assert watch.poll() is None
            if symbol == "MSFT":
                execbot(["close", "MSFT", "--wait", "20"], env)
        server.call("DELETE", "/sim/faults")
        assert eventually(
            lambda: (
                [line["state"] for line in lines(type="guard", symbol="AAPL")][-1:] == ["protected"]
            )
        )
        assert lines(type="alarm", kind="unreadable")
        assert not lines(type="stream", state="down")
        assert execbot(["reconcile"], env).code == 0
    finally:
        end_watch(watch)


def test_position_that_cannot_be_leaves_the_guard_and_is_told_once(tmp_path: Path) -> None:
    """E-ALL-3: what was known before stands."""
    world = open_world(tmp_path)
    world.trader.buy("10", stop_at("2%"))
    world.run(3)
    assert world.guarded() is Guarded.PROTECTED
    rule = {"path": "/v2/positions", "field": "*.qty", "json": "1e999", "count": 1000}
    world.desk.call("POST", "/sim/faults", {"kind": "value_spoilt", "method": "GET", **rule})
    world.run(40)
    assert world.guarded() is Guarded.PROTECTED and world.state().qty == 10
    assert world.alarm_kinds().count("unreadable") == 1
    assert "position_differs" not in world.alarm_kinds()
    world.desk.call("DELETE", "/sim/faults")
    world.price("AAPL", "97")
    world.run(5)
    assert world.witness.qty() == 0 and not world.witness.shorts


def test_unreadable_frame_is_looked_up_at_once(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    world.hear = lambda frames: []
    world.trader.buy("10", stop_at("2%"), stop_goes_along=False)
    world.tell(inputs.FrameUnread("legs: not a list", Unread("frame", "AAPL", "legs: not a list")))
    world.run(2)
    assert world.guarded() is Guarded.PROTECTED
    [told] = world.notes_of("unreadable")
    assert told.data["symbol"] == "AAPL"


def test_reader_that_fails_begins_again(tmp_path: Path) -> None:
    """Whatever it fails of: without it nothing more would be heard."""
    world = open_world(tmp_path)

    class Fails(TradeUpdateStream):
        """Fails once, as a reader does that trips over a frame."""

        times = 0

        def messages(self) -> Iterator[TradeUpdate | StreamState]:
            self.times += 1
            yield Connected(world.now())
            if self.times == 1:
                raise TypeError("'int' object is not iterable")

        def close(self) -> None:
            return None

    assert world.hands is not None
    client, lines = world.desk.client, object()
    loop = WatchLoop(world.running, world.hands, client, None, lines, world.now)  # type: ignore[arg-type]
    loop._stream = stream = Fails()
    loop._read()
    assert stream.times == 2
    heard = [loop._inbox.get_nowait() for _ in range(3)]
    assert [type(item) for item in heard] == [Connected, Disconnected, Connected]
    assert D(str(heard[1].retry_in_seconds)) > 0


COMMANDS = [
    ("GET", "/v2/account", "equity", "1e999", "submit GOOG --qty 1"),
    ("GET", "/v2/account", "daytrade_count", '"x"', "submit GOOG --qty 1"),
    ("GET", "/v2/account", "account_number", r'"\ud800"', "doctor --stream-seconds 1"),
    ("GET", "/v2/positions", "0.qty", DIGITS, "positions"),
    ("GET", "/v2/positions", "0", "7", "report"),
    ("GET", "/v2/positions*", "qty", NESTED, "close AAPL --wait 5"),
    ("GET", "/v2/clock", "timestamp", '"0001-01-01T00:00:00Z"', "reconcile"),
    ("GET", "/v2/clock", "next_open", '"9999-12-31T23:59:59Z"', "market"),
    ("GET", "/v2/orders", "0.legs", "7", "orders"),
    ("GET", "/v2/assets/*", "attributes", "7", "submit GOOG --qty 1"),
    ("GET", "/v2/calendar", "0.open", "7", "market"),
    ("POST", "/v2/orders", "filled_qty", "1e999", "submit GOOG --qty 1"),
    ("DELETE", "/v2/orders", "0.body", "7", "cancel-all --yes --wait 2"),
]


def test_no_command_ends_with_a_traceback(tmp_path: Path) -> None:
    with exchange(tmp_path) as server:
        env = server.environment(tmp_path)
        assert execbot(["submit", "AAPL", "--qty", "5", "--wait", "20"], env).code == 0
        for number, (method, path, field, value, words) in enumerate(COMMANDS):
            rule = {"method": method, "path": path, "field": field, "json": value, "count": 50}
            server.call("POST", "/sim/faults", {"kind": "value_spoilt", **rule})
            named = ["--client-order-id", f"n{number}"] if words.startswith("submit") else []
            done = execbot([*words.split(), *named], env)
            server.call("DELETE", "/sim/faults")
            assert done.code != 1 and "Traceback" not in done.err, (field, value, words, done)
        assert execbot(["reconcile"], env).code == 0
