"""Goal: what a report says of how `watch` did is what others saw of it: when it was there, when the
stream was lost, what it had a person told, what it heard, how many signals came.

Method: `watch` as a process against an exchange sixty times as fast. The exchange's clock is looked
at before and after each thing that is done to it, so each moment of the report has two bounds; a
second listener counts the frames of the stream; the lines that `watch` printed count its alarms.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Any

import pytest
from support.processes import Server, done, exchange, execbot
from support.waiting import PATIENCE_SECONDS, eventually
from support.watching import Watching
from websockets.asyncio.client import connect

from execbot.model.times import parse_time

MORNING = ("--calendar", "exchange", "--at", "2026-10-07 10:00", "--speed", "60")
BEAT = timedelta(minutes=6)
"""A run says twice a second that it goes on, of which five are kept together: at this speed."""

AWAY = timedelta(minutes=15)
Bounds = tuple[datetime, datetime]


@dataclass
class Witness:
    """What was seen of `watch` from outside."""

    server: Server
    watching: Watching
    runs: list[Bounds] = field(default_factory=list)
    ends: list[Bounds] = field(default_factory=list)

    def now(self) -> datetime:
        moment = parse_time(self.server.get("/sim/clock")["now"])
        assert moment is not None
        return moment

    def start(self) -> None:
        before = self.now()
        self.watching.start()
        self.runs.append((before, self.now()))

    def end(self) -> None:
        """In good order: what a run has counted since it last wrote that down dies with it."""
        before = self.now()
        self.watching.end()
        self.ends.append((before, self.now()))

    def wait(self, span: timedelta) -> None:
        until = self.now() + span
        assert eventually(lambda: self.now() >= until)

    @property
    def said(self) -> list[dict[str, Any]]:
        lines = (self.watching.home / "watch.out").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


@contextmanager
def counted(server: Server, env: dict[str, str]) -> Iterator[list[Any]]:
    """A listener of one's own on the stream of trade updates: its frames as they come."""
    frames: list[Any] = []
    ready, over = Event(), Event()

    async def listen() -> None:
        async with connect(server.stream) as stream:
            keys = {"key": env["ALPACA_API_KEY"], "secret": env["ALPACA_SECRET_KEY"]}
            await stream.send(json.dumps({"action": "auth", **keys}))
            await stream.recv()
            listening = {"action": "listen", "data": {"streams": ["trade_updates"]}}
            await stream.send(json.dumps(listening))
            await stream.recv()
            ready.set()
            while not over.is_set():
                try:
                    async with asyncio.timeout(0.2):
                        frame = json.loads(await stream.recv())
                except TimeoutError:
                    continue
                frames.append(frame)

    thread = Thread(target=lambda: asyncio.run(listen()), daemon=True)
    thread.start()
    assert ready.wait(PATIENCE_SECONDS)
    try:
        yield frames
    finally:
        over.set()
        thread.join(PATIENCE_SECONDS)


@pytest.fixture
def seen() -> Iterator[tuple[Witness, dict[str, str]]]:
    with TemporaryDirectory(prefix="op-", dir="/tmp") as folder:  # a socket's path must be short
        home = Path(folder)
        (home / "run").mkdir(mode=0o700)
        with exchange(home, *MORNING) as server:
            env = dict(server.environment(home, XDG_RUNTIME_DIR=str(home / "run")))
            witness = Witness(server, Watching(env))
            try:
                yield witness, env
            finally:
                witness.watching.kill()


def within(moment: str, earliest: datetime, latest: datetime) -> bool:
    at = parse_time(moment)
    return at is not None and earliest <= at <= latest


@pytest.mark.long
def test_a_report_says_of_watch_what_others_saw(seen: tuple[Witness, dict[str, str]]) -> None:
    witness, env = seen
    witness.start()
    with counted(witness.server, env) as frames:
        for number, symbol in enumerate(("AAPL", "MSFT", "KO")):
            done(
                env, "buy", symbol, "--qty", "2", "--client-order-id", f"o-{number}", "--wait", "20"
            )
        lines = "\n".join(
            json.dumps({"id": f"s-{n}", "symbol": "AAPL", "side": "buy", "strength": 1})
            for n in range(4)
        )
        assert execbot(["signal", "-", "--json"], env, stdin=lines + "\n").code == 0
        assert eventually(lambda: sum(f["stream"] == "trade_updates" for f in frames) >= 6)
        heard = sum(frame["stream"] == "trade_updates" for frame in frames)

    cut = witness.now()
    for kind, count in (("stream_refused", 3), ("stream_cut", 1)):
        witness.server.call("POST", "/sim/faults", {"kind": kind, "count": count})
    done(env, "buy", "PEP", "--qty", "1", "--limit", "1")  # the stream dies with its first event
    assert eventually(lambda: any(one.get("state") == "down" for one in witness.said))
    assert eventually(lambda: [one.get("state") for one in witness.said
                               if one["type"] == "stream"][-1] == "up")  # fmt: skip
    joined = witness.now()
    witness.wait(timedelta(minutes=2))
    witness.end()
    witness.wait(AWAY)
    witness.start()
    witness.wait(timedelta(minutes=2))
    alarms = [one for one in witness.said if one["type"] == "alarm"]

    asked = witness.now()
    told = done(env, "report", "--daily")["operation"]
    answered = witness.now()
    ((first, _), (again, there)), ((asked_to, gone), *_) = witness.runs, witness.ends
    open_for, watched = float(told["session_minutes"]), float(told["watched_minutes"])
    assert open_for >= (asked - witness.runs[0][1]) / timedelta(minutes=1) - 1
    assert open_for <= (answered - first) / timedelta(minutes=1) + 1
    [gap] = [one for one in told["gaps"] if within(one["until"], again, there + BEAT)]
    assert within(gap["since"], asked_to - BEAT, gone + BEAT), (gap, witness.ends)
    away = (parse_time(gap["until"]) or first) - (parse_time(gap["since"]) or first)
    assert AWAY <= away <= (there - asked_to) + 2 * BEAT
    others = open_for - watched - away / timedelta(minutes=1)
    assert -1 <= others <= BEAT / timedelta(minutes=1), told
    [loss] = [one for one in told["stream_losses"] if within(one["since"], cut, joined)]
    assert within(loss["until"], cut, joined) and loss["since"] <= loss["until"]
    assert told["alarms"] == dict(sorted(Counter(one["kind"] for one in alarms).items()))
    assert told["critical_alarms"] == sum(one["critical"] for one in alarms)
    assert told["stream_messages"] == heard
    assert (told["signals"], told["signals_in_busiest_minute"]) == (4, 4)
