"""Goal: lines that programs read are whole and hold nobody up, and the log stays small.

Method: the real files and threads of one process.
"""

from __future__ import annotations

import io
import json
import threading
from decimal import Decimal
from pathlib import Path

from support.exit_views import T0

from execbot.config.schema import LogSettings
from execbot.watch.core.jobs import Note
from execbot.watch.show.sinks import JsonSink, PlainSink, open_log


def test_json_lines_are_numbered_without_gaps() -> None:
    out = io.StringIO()
    sink = JsonSink(lambda: T0, out)
    sink.begin({"mode": "sim", "account": "A", "pid": 1})
    for number in range(100):
        sink.note(Note("order", f"line {number}", {"symbol": "AAPL"}), T0)
    sink.end({"message": "bye", "working_orders": 0})
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["seq"] for line in lines] == list(range(1, 103))
    assert (lines[0]["type"], lines[1]["type"], lines[-1]["type"]) == (
        "started",
        "order",
        "stopped",
    )


class Stuck(io.StringIO):
    """A reader that has stopped reading."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()

    def write(self, text: str) -> int:
        self.gate.wait()
        return super().write(text)


def test_a_reader_that_stops_reading_holds_nobody_up() -> None:
    out = Stuck()
    sink = PlainSink(lambda: T0, out)
    for number in range(1000):
        sink.note(Note("order", f"line {number}"), T0)
    out.gate.set()
    sink.end({"message": "bye"})
    assert len(out.getvalue().splitlines()) == 1001


def test_the_log_rotates_and_stays_small(tmp_path: Path) -> None:
    settings = LogSettings(max_megabytes=Decimal("0.05"), keep_files=3)
    logger = open_log(tmp_path, settings)
    for _ in range(100):
        logger.info("x" * 10_000)
    files = {file.name for file in tmp_path.glob("watch.log*")} - {"watch.log.lock"}
    assert files == {"watch.log", "watch.log.1", "watch.log.2", "watch.log.3"}
    assert all((tmp_path / name).stat().st_size <= 70_000 for name in files)
