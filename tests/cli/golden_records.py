"""Records what commands print with `--json`, with everything that differs from run to run masked.

A recording is a list of cases: the command as it was given, its exit code, and the JSON of stdout
and stderr. Ids become `<id 1>`, `<id 2>` in the order in which they appear, so that it stays
visible where the same id returns; times, durations, paths and ports become words.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

from support.processes import Outcome, Server, ended_well, exchange, execbot, start_execbot
from support.schema_judge import judge
from support.waiting import eventually

AT = "2026-10-07 10:30"
"""A Wednesday morning in New York, in regular hours."""
PASSING_STATES = {"unprotected", "arriving", "pending_new", "new"}
QUOTES = {"AAPL": "200", "MSFT": "400", "KO": "70", "TSLA": "250", "BTC/USD": "50000"}

_MASKS = (
    (re.compile(r"\d{4}-\d\d-\d\d-\d{6}\b"), "<stamp>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?"), "<time>"),
    (re.compile(r"\b\d\d:\d\d(:\d\d)?\b"), "<clock>"),
    (re.compile(r"\d+(\.\d+)? ms\b"), "<n> ms"),
    (re.compile(r"\d+(\.\d+)? (seconds|s)\b"), "<n> \\2"),
    (re.compile(r"\d+ MB free"), "<n> MB free"),
    (re.compile(r"^\d+(\.\d+)? MB$"), "<n> MB"),
    (re.compile(r"\bjournal=\d+B\b"), "journal=<n>B"),
    (re.compile(r"\bactivity:(?=<id)"), ""),  # a fill whose row was read before its report
    (re.compile(r"(execbot-x-\w+-)p[0-9a-f]{8}-"), "\\1p<mark>-"),
    (re.compile(r"(?<=pandas-market-calendars )[0-9.]+"), "<version>"),
    (re.compile(r"127\.0\.0\.1:\d+"), "<server>"),
    (re.compile(r"\b(process|pid) \d+"), "\\1 <pid>"),
)
BIN = str(Path(sys.executable).parent)
"""Where programs of this installation are: set-ups of services name them."""
_ID = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"  # of the broker
    r"|(?<=execbot-)[0-9a-f]{28}"  # of an order of ours
    r"|(?<=-)[0-9a-f]{20,28}\b"  # of an exit of ours
    r"|\b\d{17}::[0-9a-f-]{36}"  # of an activity
    r"|\bPA[0-9A-Z]{10}\b"  # of an account
)
_PASSING_VALUES = (
    *("age_seconds", "pid", "event_id", "run", "mark", "spread_ms"),
    *("journal_bytes", "request_id", "held_seconds", "python", "run_seconds"),
    *("p50_ms", "p95_ms", "worst_ms", "session_minutes"),
)
"""Keys whose value is another one in every run."""
_PASSING_LINES = ("uptime in market hours", "order latency", "position updates")
"""Lines of a scorecard that rest on how fast the machine is."""


@dataclass
class Recorder:
    """One trader at one served exchange; every command that is run becomes a case."""

    server: Server
    env: dict[str, str]
    cases: list[dict[str, Any]] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    wrong: dict[str, list[str]] = field(default_factory=dict)
    """By command, what is not as its published schema says."""

    def run(self, line: str, *, stdin: str | None = None, live: bool = False) -> Any:
        """Run one command and record it; its `data`.

        The exchange's clock stands still meanwhile, unless `live`: a command that waits for the
        broker needs it to go on. Afterwards some seconds pass, so that no two commands were given
        at the same moment: a program knows the exchange's time to a second only.
        """
        with self.clock_runs() if live else nullcontext():
            done = execbot([*line.split(), "--json"], self.env, stdin=stdin)
        self.server.call("POST", "/sim/clock", {"step": 3})
        if found := _misprinted(done):
            self.wrong[line] = found
        out = _parsed(done.out)
        self.add(line, done.code, out, _parsed(done.err))
        return out.get("data") if isinstance(out, dict) else out

    @contextmanager
    def clock_runs(self) -> Iterator[None]:
        self.server.call("POST", "/sim/clock", {"speed": 1})
        yield
        self.server.call("POST", "/sim/clock", {"speed": 0})

    def add(self, line: str, code: int, out: Any, err: Any) -> None:
        case = {"command": f"execbot {line}", "exit": code, "stdout": out, "stderr": err}
        self.cases.append(self.masked(case))

    @contextmanager
    def watch(self) -> Iterator[WatchLines]:
        """`watch --json` until the block ends; what it said is one case.

        Its threads may say things in another order and twice, and pass over states that end at
        once: lines are sorted, each kept once, those of passing states not at all. Nor are
        confirmations, which come when the thread that makes them has its turn.
        """
        process = start_execbot(["watch", "--json"], self.env)
        lines = WatchLines(process)
        try:
            yield lines
            process.send_signal(signal.SIGINT)
            assert ended_well(process.wait(timeout=60))
        finally:
            process.kill()
            lines.reader.join()
            process.communicate()
        said = [
            {**line, "seq": "<seq>"}
            for line in lines.said
            if not PASSING_STATES & {line.get("state"), line.get("status")}
            and line["type"] != "confirmation"
        ]
        once = {json.dumps(self.masked(line)) for line in said}
        kept = sorted((json.loads(text) for text in once), key=lambda x: (x["type"], str(x)))
        self.add("watch", 0, kept, [])

    def quietly(self, line: str, *, live: bool = False) -> Any:
        """Run one command that only prepares the next; it is not recorded."""
        before = len(self.cases)
        data = self.run(line, live=live)
        assert self.cases[-1]["exit"] == 0, self.cases[-1]
        del self.cases[before:]
        return data

    def settle(self) -> None:
        """The journal takes in what the exchange has done. It ends with 8 where no `watch` looks
        after exits, and none does here for as long as that takes."""
        before = len(self.cases)
        data = self.run("reconcile")
        assert self.cases[-1]["exit"] in (0, 8) and data["breaks"] == [], self.cases[-1]
        del self.cases[before:]

    def price(self, symbol: str, at: str) -> None:
        self.server.call("POST", "/sim/price", {"symbol": symbol, "price": at})

    def masked(self, value: Any, key: str = "") -> Any:
        if key in _PASSING_VALUES and value is not None:
            return f"<{key}>"
        if isinstance(value, dict) and value.get("name") in _PASSING_LINES:
            value = {**value, **dict.fromkeys(("figure", "n", "judged", "basis"), "<passing>")}
        if isinstance(value, dict):
            return {self.masked(name): self.masked(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [self.masked(item) for item in value]
        if not isinstance(value, str):
            return value
        text = value.replace(self.env["HOME"], "<home>").replace(BIN, "<bin>")
        text = _ID.sub(lambda found: self._named(found[0]), text)
        for pattern, word in _MASKS:
            text = pattern.sub(word, text)
        return text

    def _named(self, found: str) -> str:
        return self.ids.setdefault(found, f"<id {len(self.ids) + 1}>")


class WatchLines:
    """What a running `watch --json` has said."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.said: list[dict[str, Any]] = []
        self._process = process
        self.reader = Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said.append(json.loads(line))

    def wait_for(self, **facts: str) -> None:
        """Until a line says all of this."""
        said = eventually(lambda: any(facts.items() <= line.items() for line in list(self.said)))
        assert said, f"watch never said {facts}"


def _misprinted(done: Outcome) -> list[str]:
    """What is wrong with an answer or an error by its schema. Lines for another program are none,
    and a stream of lines is judged by the tests of schemas."""
    lines = done.out.splitlines()
    return [] if len(lines) > 1 or (lines and not lines[0].startswith("{")) else judge(done)


def _parsed(text: str) -> Any:
    """One JSON object, a list of them where there are several lines, or the text itself."""
    lines = text.splitlines()
    try:
        found = [json.loads(line) for line in lines]
    except ValueError:
        return lines
    return found[0] if len(found) == 1 else found


@contextmanager
def recorder(home: Path, options: Mapping[str, str]) -> Iterator[Recorder]:
    """A trader whose exchange has fixed prices and a clock that only the recorder moves."""
    chosen = {"--at": AT, "--speed": "0", "--seed": "7", **options}
    arguments = [word for pair in chosen.items() for word in pair]
    with exchange(home, *arguments) as server:
        for symbol, price in QUOTES.items():
            server.call("POST", "/sim/price", {"symbol": symbol, "price": price})
        yield Recorder(server, server.environment(home))
