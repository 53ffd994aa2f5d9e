"""Goal: whatever one value of an answer or a frame is, nothing fails, nothing false is booked, and
the next honest answer puts everything right.

Method: an account recorded from the built-in exchange (recording.py) is lived through with
one value spoilt, each field of each answer and frame in turn, then once more as it was: frames,
reconcile, the looks of `watch`, and the checks of an entry. Hypothesis chooses; `--cases` says how
many. A failure prints the field and the value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from decimal import Decimal
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from proof.recording import Recording, Spoil, as_it_was, data_frames, record
from proof.spoiling import Field, anything, can_be, fields_of, spoilt
from support.desk import limit, market

from execbot.broker.data_stream import parse_data_frame
from execbot.broker.errors import BrokerError
from execbot.broker.port import ReplaceRequest, TradeUpdate
from execbot.broker.stream import messages_of
from execbot.broker.stream_states import Gap
from execbot.config.schema import Mode, OrderManagementSettings, TradingSettings
from execbot.exits.level_facts import LevelReader
from execbot.journal import Journal
from execbot.market.sessions import crypto_now
from execbot.model.quote import Quote, Trade
from execbot.oms.errors import OmsError
from execbot.oms.place.risk_gate import RiskGate
from execbot.oms.sync.reconcile import ReconcileResult
from execbot.watch.core import inputs
from execbot.watch.core.jobs import Note
from execbot.watch.feed import PolledFeed, price_of_quote
from execbot.watch.perform import Performer
from execbot.watch.watcher import Watcher

D = Decimal

STATE = "GET /v2/orders", "GET /v2/positions", "GET /v2/account/activities", "GET /v2/clock"
FACTS = "GET /v2/account?", "GET /v2/assets", "GET /v2/stocks", "GET /v2/calendar"
PARTS = ("frames", "state", "facts", "writes", "prices")
SHARES = {"frames": 0.4, "state": 0.3, "facts": 0.15, "writes": 0.1, "prices": 0.05}
"""Which share of the cases each part has."""


PATIENT = replace(
    TradingSettings(), order_management=replace(OrderManagementSettings(), timeout_seconds=D(10**6))
)
"""No entry is canceled for its age: what is asked here only reads."""


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    made = record(tmp_path)
    yield made
    made.desk.journal.close()


# --- living through it ---------------------------------------------------------------------


def heard(frames: Iterable[bytes], recording: Recording) -> tuple[list[TradeUpdate], list[Gap]]:
    found = list(chain.from_iterable(messages_of(f, recording.desk.now()) for f in frames))
    updates = [item for item in found if isinstance(item, TradeUpdate)]
    return updates, [item for item in found if isinstance(item, Gap)]


def reconciled(
    recording: Recording, journal: Journal, spoil: Spoil = as_it_was
) -> ReconcileResult | None:
    """None where the answer as a whole could not be read."""
    with suppress(BrokerError):
        return recording.oms(journal, spoil).reconcile()
    return None


def watched(recording: Recording, journal: Journal, spoil: Spoil, gaps: Iterable[Gap]) -> list[str]:
    """What `watch` would do at its start and at each gap; what went wrong inside of it."""
    oms = recording.oms(journal, spoil)
    notes: list[Note] = []
    watcher = Watcher(oms, PATIENT, crypto_now, recording.desk.now, notes.append)
    hands = Performer(oms, recording.desk.now, levels=LevelReader(oms.client, TradingSettings()))
    jobs = [*watcher.load(), *watcher.feed(inputs.StreamUp(recording.desk.now()))]
    for gap in gaps:
        jobs += watcher.frame_unread(inputs.FrameUnread(gap.reason, gap.unread))
    jobs += watcher.feed(inputs.Tick())
    wrong: list[str] = []
    for _ in range(12):
        if not jobs:
            break
        results = hands.perform(jobs.pop(0))
        wrong += [r.error for r in results if isinstance(r, inputs.JobDone) and r.error]
        jobs += watcher.take_results(results)
    assert not watcher.waiting
    return [error for error in wrong if re.match(r"[A-Z]\w*(Error|Exception|Operation): ", error)]


def judged(recording: Recording, journal: Journal, spoil: Spoil, symbol: str) -> list[str] | None:
    """The checks that an entry failed; None where the facts could not be read."""
    gate = RiskGate(
        recording.client(spoil), journal, TradingSettings(), Mode.SIM, now=recording.desk.now
    )
    with suppress(BrokerError):
        return [check.code for check in gate.check(market(symbol, "1")).verdict.failures]
    return None


# --- what is right -------------------------------------------------------------------------

Books = tuple[dict[str, Decimal], dict[str, tuple[str, Decimal]], dict[str, Decimal]]


def books_of(journal: Journal) -> Books:
    """Positions, orders with status and fills, and what was booked by symbol."""
    booked: dict[str, Decimal] = {}
    for item in journal.executions():
        signed = item.net_qty * item.side.sign
        booked[item.symbol] = booked.get(item.symbol, Decimal(0)) + signed
    return (
        {position.symbol: position.qty for position in journal.positions()},
        {r.client_order_id: (r.status.value, r.order.filled_qty) for r in journal.orders()},
        booked,
    )


@pytest.fixture
def truth(recording: Recording) -> Books:
    """The books after honest frames and answers."""
    with closing(recording.journal()) as journal:
        recording.oms(journal).apply_batch(heard(recording.frames, recording)[0])
        result = reconciled(recording, journal)
        assert result is not None and not result.has_breaks
        assert watched(recording, journal, as_it_was, []) == []
        assert judged(recording, journal, as_it_was, "GOOG") is not None
        assert all(asked.startswith("GET ") for asked in recording.answers)
        return books_of(journal)


def assert_nothing_false(journal: Journal, truth: Books) -> None:
    """Some of it may not be known yet; none of it is other than it is."""
    positions, orders, _ = books_of(journal)
    for symbol, qty in positions.items():
        assert 0 < qty <= truth[0].get(symbol, Decimal(0)) + Decimal("0.01"), (symbol, qty)
    for name, (_, filled) in orders.items():
        assert name in truth[1] and filled <= truth[1][name][1], (name, filled)


def assert_healed(recording: Recording, journal: Journal, truth: Books) -> None:
    """The first honest reconcile works, finds nothing wrong and leaves the true books."""
    result = reconciled(recording, journal)
    assert result is not None and result.breaks == ()
    assert books_of(journal) == truth


# --- the cases -----------------------------------------------------------------------------

Live = Callable[[Recording, Books, Field, str], None]


def with_a_spoilt_frame(recording: Recording, truth: Books, field: Field, raw: str) -> None:
    frames = list(recording.frames)
    number = int(field.where)
    frames[number] = spoilt(frames[number], field.path, raw)
    updates, gaps = heard(frames, recording)
    with closing(recording.journal()) as journal:
        recording.oms(journal).apply_batch(updates)
        assert_nothing_false(journal, truth)
        assert watched(recording, journal, as_it_was, gaps) == []
        assert_healed(recording, journal, truth)


def spoiling(field: Field, raw: str, times: int = 100) -> Spoil:
    """So often the answer comes spoilt; the others are as they were."""
    left = [times]

    def spoil(asked: str, answer: bytes) -> bytes:
        if asked != field.where or not left[0]:
            return answer
        left[0] -= 1
        return spoilt(answer, field.path, raw)

    return spoil


def with_a_spoilt_answer(recording: Recording, truth: Books, field: Field, raw: str) -> None:
    spoil = spoiling(field, raw)
    with closing(recording.journal()) as journal:
        recording.oms(journal).apply_batch(heard(recording.frames, recording)[0])
        reconciled(recording, journal, spoil)
        assert_nothing_false(journal, truth)
        assert watched(recording, journal, spoil, []) == []
        judged(recording, journal, spoil, "GOOG")
        assert_nothing_false(journal, truth)
        assert_healed(recording, journal, truth)


def with_spoilt_facts(recording: Recording, truth: Books, field: Field, raw: str) -> None:
    spoil = spoiling(field, raw)
    with closing(recording.journal()) as journal:
        judged(recording, journal, spoil, "GOOG")
        client = recording.client(spoil)
        feed = PolledFeed(client, 1)
        feed.ask(["GOOG"])
        for item in feed.drain():
            assert not isinstance(item, inputs.Price) or item.last is None or item.last > 0
        with suppress(BrokerError):
            LevelReader(client, TradingSettings()).facts("GOOG", recording.desk.now())
        assert_healed_from_nothing(recording, journal, truth)


def assert_healed_from_nothing(recording: Recording, journal: Journal, truth: Books) -> None:
    recording.oms(journal).apply_batch(heard(recording.frames, recording)[0])
    assert_healed(recording, journal, truth)


def written(recording: Recording, journal: Journal, spoil: Spoil) -> None:
    """One order sent, changed, canceled, a position closed: each may be refused or in doubt."""
    oms = recording.oms(journal, spoil)
    for act in (
        lambda: oms.submit(limit("1.00", "GOOG", client_order_id="sent")),
        lambda: oms.replace("resting", ReplaceRequest(limit_price=Decimal("1.2"))),
        lambda: oms.cancel("canceled"),
        lambda: oms.cancel_all(wait_seconds=0.1),
    ):
        with suppress(BrokerError, OmsError):
            act()


def with_a_spoilt_reply(recording: Recording, truth: Books, field: Field, raw: str) -> None:
    """The recorded replies of writes; what they did is seen by the reconcile."""
    with closing(recording.journal()) as journal:
        recording.oms(journal).apply_batch(heard(recording.frames, recording)[0])
        written(recording, journal, spoiling(field, raw))
        _, orders, _ = books_of(journal)
        assert all(filled <= 10 for _, filled in orders.values())
        result = reconciled(recording, journal)
        assert result is not None
        assert {item.kind for item in result.breaks} <= {"order.in_doubt", "order.status"}
        assert books_of(journal)[0] == truth[0]


def with_spoilt_prices(recording: Recording, truth: Books, field: Field, raw: str) -> None:
    frame = spoilt(data_frames(recording)[0], field.path, raw)
    for message in parse_data_frame(frame, recording.desk.now()):
        if isinstance(message, Trade):
            assert message.price > 0
        if isinstance(message, Quote):
            price_of_quote(message)


LIVES: dict[str, Live] = {
    "frames": with_a_spoilt_frame,
    "state": with_a_spoilt_answer,
    "facts": with_spoilt_facts,
    "writes": with_a_spoilt_reply,
    "prices": with_spoilt_prices,
}


def fields_in(recording: Recording, part: str) -> list[Field]:
    """Every value of the answers and frames of a part."""
    if part == "frames":
        found = [fields_of(str(n), frame) for n, frame in enumerate(recording.frames)]
    elif part == "prices":
        found = [fields_of("frame", data_frames(recording)[0])]
    else:
        if part == "writes":
            with closing(recording.journal()) as journal:
                written(recording, journal, as_it_was)
        wanted = {"state": STATE, "facts": FACTS, "writes": ("POST", "PATCH", "DELETE")}[part]
        found = [
            fields_of(asked, reply.text.encode())
            for asked, reply in recording.answers.items()
            if asked.startswith(wanted) and reply.text.strip()
        ]
    return list(chain.from_iterable(found))


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.timeout(1800)
def test_one_spoilt_value_harms_nothing(
    part: str, recording: Recording, truth: Books, request: pytest.FixtureRequest
) -> None:
    fields = fields_in(recording, part)
    cases = int(int(request.config.getoption("--cases")) * SHARES[part])

    @settings(
        max_examples=max(cases, 1),
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(fields), anything)
    def lives_through(field: Field, raw: str) -> None:
        assume(not can_be(field, raw))
        live(field, raw)

    def live(field: Field, raw: str) -> None:
        seen.add((field.where, field.path))
        try:
            LIVES[part](recording, truth, field, raw)
        except Exception as error:
            error.add_note(f"{field} = {raw[:200]}")
            raise

    seen: set[tuple[str, tuple[str, ...]]] = set()
    lives_through()
    for field in fields:  # those that chance has left out
        if (field.where, field.path) not in seen:
            live(field, next(raw for raw in ("{}", '"../../x"') if not can_be(field, raw)))
