"""Goal: the same as in `test_journal_fails_midway.py`, for what else writes the journal: the queue,
another attempt, a stream of signals, and what only brings the journal up to date.

Method: the same sweep, on an account that has an entry in the queue, one that was canceled, and
one that fills while nobody looks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import pytest
from desk.failing_file import Fails
from desk.sim_account import Account, Harness, Said, Seen
from desk.test_journal_fails_midway import STEP_OF, judge

from execbot.cli.errors import NOTHING_SENT
from execbot.cli.exit_codes import ExitCode
from execbot.config.paths import state_root
from execbot.desk import protect
from execbot.desk.opening.exchange import control
from execbot.desk.opening.outcomes import STEPS, CommandStep
from execbot.desk.signals import stream

CONFIG = """
trading_execution:
  order_management: {retry_attempts: 0}
  risk: {duplicate_window_seconds: 0, one_pending_per_symbol: false}
  signal_ttl_seconds: 86400
"""
LINES = (
    {"id": "l1", "symbol": "F", "side": "buy", "strength": 90, "qty": 2},
    {"id": "l2", "symbol": "AAPL", "side": "sell", "strength": 90},
    {"id": "l3", "symbol": "SPY", "side": "buy", "strength": 90, "qty": 1},
)

SENDS: Mapping[str, str] = {
    "release": "queue release",
    "release_one": "queue release waiting",
    "retry": "orders retry failed",
    "lines": "signal --file lines.jsonl",
    "lines_followed": "signal --file lines.jsonl --follow --wait 3",
}
KEEPS_BOOKS: Mapping[str, str] = {
    "reconcile": "reconcile",
    "accept": "reconcile --accept-positions",
    "queue_cancel": "queue cancel waiting",
    "abandon": "orders abandon waiting",
    "orders": "orders",
    "positions": "positions",
    "exits": "exits",
    "report": "report --daily",
    "halt": "halt --reason test",
    "resume": "resume",
    "adopt": "config adopt",
    "doctor": "doctor",
}
"""Nothing changes at the broker by them."""


class Prepared(Account):
    def prepare(self) -> None:
        (self.home / "trading.yaml").write_text(CONFIG)
        (self.home / "lines.jsonl").write_text("".join(f"{json.dumps(x)}\n" for x in LINES))
        super().prepare()
        self.price("F", "10")
        self.price("SPY", "500")
        self.settled("submit F --qty 3 --limit 9 --client-order-id failed")
        self.settled("cancel failed")
        limited = {"kind": "rate_limited", "method": "POST", "path": "/v2/orders", "count": 1}
        control("POST", "faults", {**limited, "params": {"retry_after": 1}}, env=self.env)
        self.settled("signal KO buy --strength 90 --qty 1 --id waiting")
        self.price("MSFT", "99")  # the entry that rests fills, and nobody has looked

    def price(self, symbol: str, price: str) -> None:
        control("POST", "price", {"symbol": symbol, "price": price, "hold": True}, env=self.env)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    account = Prepared(tmp_path_factory.mktemp("others") / "prepared")
    account.home.mkdir()
    account.prepare()
    yield account


def ids(harness: Harness, line: str) -> str:
    """The queued order by its id."""
    if "waiting" not in line:
        return line
    path = next((harness.prepared.home / "state").rglob("journal.db"))
    assert path.is_relative_to(state_root(harness.prepared.env))
    from execbot.journal.journal import Journal

    with Journal.open(path, read_only=True) as journal:
        [queued] = [r for r in journal.orders("open") if r.status == "queued"]
    return line.replace("waiting", queued.client_order_id)


def of_lines(said: Said, before: Seen, after: Seen) -> list[str]:
    """Each line says what became of its order; nothing at the broker that no line names."""
    rows = [json.loads(line) for line in said.out.splitlines()]
    wrong = [] if said.code not in (ExitCode.INTERNAL, ExitCode.INTERRUPTED) else ["a bug"]
    new = {name for name in after.orders if name not in before.orders}
    if new and said.code in NOTHING_SENT:
        wrong.append("it says that nothing was sent")
    named = {row["client_order_id"]: row["outcome"] for row in rows if row.get("client_order_id")}
    for name in new:
        entry = after.orders[name]["side"] == "buy" and after.orders[name]["symbol"] != "AAPL"
        if entry and name not in said.everything and not name.endswith("waiting"):
            wrong.append(f"{name} is not named")
        if named.get(name) in ("not_sent", "rejected"):
            wrong.append(f"{name} is {named[name]}, it is said")
    if len({row["line"] for row in rows}) != len(LINES) and not said.err:
        wrong.append("a line has no answer")
    if len(new) > len({after.orders[name]["client_order_id"] for name in new}):
        wrong.append("twice")
    if any(float(qty) < 0 for qty in after.held.values()):
        wrong.append("sold too much")
    return wrong


def of_books(said: Said, before: Seen, after: Seen) -> list[str]:
    wrong = [] if said.code not in (ExitCode.INTERNAL, ExitCode.INTERRUPTED) else ["a bug"]
    if after.changed_since(before) or after.held != before.held:
        wrong.append("it changed something at the broker")
    return wrong


def wrongs(name: str, said: Said, before: Seen, after: Seen) -> list[str]:
    if name in KEEPS_BOOKS:
        return of_books(said, before, after)
    if name.startswith("lines"):
        return of_lines(said, before, after)
    # An order that waited may stay in the queue: then nothing was done, and that is said.
    found = judge(SENDS[name], said, before, after)
    kept = name.startswith("release") and '"queued"' in said.out
    return [w for w in found if not (kept and w.startswith("nothing was done"))]


LONG = {"lines_followed", "positions", "orders", "exits", "report", "doctor"}
"""They read as others here do, or take long."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.long] if name in LONG else [])
        for name in (*SENDS, *KEEPS_BOOKS)
    ],
)
def test_what_is_said_is_what_was_done(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    line = ids(harness, {**SENDS, **KEEPS_BOOKS}[name])
    monkeypatch.setattr(protect, "WAIT_SECONDS", 1.0)
    monkeypatch.setattr(protect, "FAILING_WAIT_SECONDS", 0.3)
    monkeypatch.setattr(stream, "LAST_LOOK_SECONDS", 1.0)
    said, before, after, faults = harness.run(line, Fails.LOCKED, 0)
    assert said.code in (0, 8), said
    assert not wrongs(name, said, before, after), said
    found = []
    kinds = (Fails.LOCKED, Fails.FULL) if name.startswith("lines") else tuple(Fails)
    for kind in kinds:
        for at in range(1, faults.steps + 1):
            said, before, after, _ = harness.run(line, kind, at)
            wrong = wrongs(name, said, before, after)
            found += [f"{kind} {at}: {one}: {said}" for one in wrong]
    assert not found, "\n\n".join(found)


FUNCTIONS: Mapping[str, tuple[str, ...]] = {
    "release": ("release", "release_one"),
    "retry": ("retry",),
    "act_on_signal": ("lines",),
}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_command_writes_at_the_steps_that_it_declares(harness: Harness, function: str) -> None:
    for name in FUNCTIONS[function]:
        *_, faults = harness.run(ids(harness, SENDS[name]), Fails.LOCKED, 0)
        steps: set[CommandStep] = {STEP_OF[touched] for touched in faults.touched}
        assert steps <= STEPS[function], name
