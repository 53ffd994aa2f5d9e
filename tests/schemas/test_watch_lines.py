"""Goal: whatever `watch` has to tell, its line is what the schema says.

Method: random sessions of the watch's own tests, their notes printed as `watch --json` prints them;
and the notes that only other surroundings bring, made by the code that makes them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

from support.confirming import open_confirmed
from support.desk import limit, market
from support.exit_views import T0
from support.schema_judge import complaints
from support.sessions.random_session import Session
from support.world import open_world, seeded

from execbot.config.schema import TradingSettings
from execbot.journal.records import PositionRecord
from execbot.market.sessions import crypto_now
from execbot.model.account import Position
from execbot.model.enums import Side
from execbot.oms.sync.differences import PositionDifference
from execbot.schemas.watch import WatchLine
from execbot.watch.confirming import ConfirmationNews
from execbot.watch.core import inputs
from execbot.watch.core.core import WatchCore
from execbot.watch.core.jobs import Note
from execbot.watch.show.sinks import JsonSink

SESSIONS = 12
MEMBERS = get_args(get_args(WatchLine)[0])
TYPES = {get_args(member.model_fields["type"].annotation)[0] for member in MEMBERS}


def printed(notes: Iterable[Note]) -> list[dict[str, Any]]:
    out = io.StringIO()
    sink = JsonSink(lambda: T0, out)
    sink.begin({"mode": "sim", "account": "A", "pid": 1, "schema": 1})
    for note in notes:
        sink.note(note, T0)
    sink.end({"message": "bye", "working_orders": 0})
    return [json.loads(line) for line in out.getvalue().splitlines()]


def notes_of_sessions(path: Path) -> list[Note]:
    notes: list[Note] = []
    for number in range(SESSIONS):
        rng = seeded(f"lines-{number}")
        folder = path / str(number)
        folder.mkdir()
        world = open_world(folder, seed=rng.randint(0, 10**6), settings=TradingSettings())
        session = Session(f"lines-{number}", world, rng)
        world.at_request, world.handle_frames = session.at_request, session.frames
        session.run()
        notes += world.notes
        world.desk.journal.close()
    return notes


def notes_of_surroundings() -> list[Note]:
    """What the core says of a queue, a session, a halt, the stream, a difference that stands, and
    of a broker that tells nothing."""
    core = WatchCore(TradingSettings(), crypto_now)
    core.memory.reported["AAPL"] = PositionDifference("AAPL", Decimal(3), Decimal(5))
    held = PositionRecord("AAPL", qty=Decimal(3), updated_at=T0, last_execution_id="e1")
    theirs = Position(symbol="AAPL", qty=Decimal(5))
    later = T0 + timedelta(seconds=90)
    said: list[Any] = []
    for item in (
        inputs.Orders((), (held,)),
        inputs.BrokerPositions((theirs,), later),
        inputs.Said("AAPL release: sent"),
        inputs.Said("AAPL a was rejected; tried again as a.2", "rejected"),
        inputs.Halts(frozenset({"AAPL"})),
        inputs.Halts(frozenset()),
        inputs.StreamUp(T0),
        inputs.StreamDown(T0, "the connection was closed"),
        inputs.Tick(),
    ):
        said += core.handle(item, T0 if isinstance(item, inputs.Orders) else later)
    for seconds in range(1, 61):  # nothing was answered for a minute
        said += core.handle(inputs.Tick(), later + timedelta(seconds=seconds))
    said += core.handle(inputs.Heard(later), later + timedelta(minutes=1))
    told_by_the_loop = [
        Note("journal", "the journal takes writes again", {"state": "writes"}),
        Note("resumed", "nobody watched for 5 s", {"held_here": ["AAPL"]}),
    ]
    return [*(job for job in said if isinstance(job, Note)), *told_by_the_loop]


def notes_of_confirmations(path: Path) -> list[Note]:
    """An entry, an exit that differs and one that never filled, at each stage of their figures."""
    path.mkdir()
    account = open_confirmed(path)
    account.price("AAPL", "99.98", "100.02")
    notes = ConfirmationNews(account.desk.journal, account.desk.now)
    notes.read_on()
    account.submit(market(client_order_id="a"), role="entry")
    account.submit(limit("50", symbol="KO", client_order_id="b"), role="entry")
    account.later(3)
    said = notes.read_on()
    account.price("AAPL", "97.00", "99.00")
    account.desk.oms.submit(market(side=Side.SELL, client_order_id="c"), role="exit")
    account.desk.oms.cancel("b", wait_seconds=2)
    account.later(400)
    said += notes.read_on()
    account.desk.journal.close()
    return said


def test_every_line_is_what_its_schema_says(tmp_path: Path) -> None:
    confirmed = notes_of_confirmations(tmp_path / "confirmed")
    lines = printed([*notes_of_sessions(tmp_path), *notes_of_surroundings(), *confirmed])
    wrong = {str(found): line for line in lines if (found := complaints("watch", line))}
    assert not wrong
    # Those of the command itself and of a real data stream are judged with the commands, the
    # target that follows the range where that is tested.
    elsewhere = {"reconciled", "break", "booked", "prices", "target_moved"}
    assert {line["type"] for line in lines} >= TYPES - elsewhere
