"""Goal: what a person must look at in an order is told once, whoever learned it, and in words.

Method: reports into a journal, then what `watch` tells of them; the core's clock by hand.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from support.oms_making import at, order, update

from execbot.broker.port import TradeUpdate
from execbot.config.schema import TradingSettings
from execbot.journal import Journal
from execbot.market.sessions import MarketNow, Session
from execbot.model.order import Order
from execbot.oms.machine.alarms import STUCK_AFTER
from execbot.oms.sync.intake import apply_snapshot, apply_update
from execbot.watch import order_news
from execbot.watch.core import inputs
from execbot.watch.core.core import WatchCore
from execbot.watch.core.jobs import Note
from execbot.watch.order_news import OrderNews

NOW = at(100)


def take(journal: Journal, report: Order | TradeUpdate) -> None:
    if isinstance(report, Order):
        apply_snapshot(journal, report, NOW)
    else:
        apply_update(journal, report, NOW)


def alarms(notes: list[Note]) -> list[str]:
    return [note.data["kind"] for note in notes if note.is_alarm]


FILL = update(
    "partial_fill",
    "partially_filled",
    second=2,
    execution_id="x1",
    qty="8",
    price="100",
    filled="8",
    avg="100",
)
CASES: list[tuple[str, list[Order | TradeUpdate], str]] = [
    ("filled_without_qty", [order("new", second=1), order("filled", second=2)], "counts 0 of 10"),
    (
        "qty_below_filled",
        [FILL, order("partially_filled", second=9, filled="8", avg="100", order_qty="5")],
        "reduced at the broker to 5, below the 8",
    ),
    (
        "filled_less",
        [FILL, order("partially_filled", second=60, filled="3", avg="100")],
        "counts 3 filled, the executions add up to 8",
    ),
    (
        "contradiction",
        [order("canceled", second=2), update("new", "new", second=50)],
        "another state than canceled",
    ),
]


@pytest.mark.parametrize(("kind", "reports", "words"), CASES, ids=[case[0] for case in CASES])
@pytest.mark.parametrize("by", ["watch", "another"])
def test_alarm_of_an_order_is_told_once_in_words(
    tmp_path: Path, kind: str, reports: list[Order | TradeUpdate], words: str, by: str
) -> None:
    """E-ORD-5, E-ORD-7, E-ORD-9, E-EXE-9: by the process that learns it, or of another's event."""
    with Journal.open(tmp_path / "journal.db") as journal:
        news = OrderNews(journal)
        news.begin((), NOW)
        notes: list[Note] = []
        for report in [*reports, reports[-1]]:  # the last one comes twice
            if by == "another":
                take(journal, report)
                notes += news.read_on(NOW)
            elif isinstance(report, Order):
                notes += news.of_changes(apply_snapshot(journal, report, NOW), NOW)
            else:
                notes += news.of_changes(apply_update(journal, report, NOW), NOW)
        assert alarms(notes) == [kind]
        told = next(note for note in notes if note.is_alarm)
        assert words in told.text
        assert told.text.startswith("AAPL: order mine-1: ")
        news.save()
        later = OrderNews(journal)
        records = journal.orders("all")
        assert alarms(later.begin(records, NOW)) == [], "a later run does not tell it again"


def always(session: Session) -> object:
    return lambda moment: MarketNow(moment, session, None, None, None)


@pytest.mark.parametrize("status", ["pending_cancel", "pending_replace"])
def test_request_that_does_not_end_is_told_once_while_the_market_is_open(
    tmp_path: Path, status: str
) -> None:
    """E-ORD-8: three hours in `pending_cancel` are told after a quarter of one."""
    with Journal.open(tmp_path / "journal.db") as journal:
        take(journal, order("new", second=1))
        take(journal, order(status, second=5))
        record = journal.orders("open")[0]
        core = WatchCore(TradingSettings(), always(Session.REGULAR))  # type: ignore[arg-type]
        core.handle(inputs.Orders((record,), ()), at(6))
        told: list[str] = []
        for minutes in (1, 14, 16, 17, 180):
            jobs = core.handle(inputs.Tick(), at(5) + timedelta(minutes=minutes))
            told += [
                f"{minutes} {j.data['kind']}"
                for j in jobs
                if isinstance(j, Note) and j.is_alarm and j.data["kind"] != "blind"
            ]
        assert told == ["16 stuck"]
        assert len(core.memory.stuck) == 1
        take(journal, order("canceled", second=20_000))
        core.handle(inputs.Orders((journal.orders("all")[0],), ()), at(20_001))
        core.handle(inputs.Tick(), at(20_002))
        assert core.memory.stuck == set(), "what has ended is forgotten"


def test_request_that_waits_for_the_venue_to_open_is_not_stuck(tmp_path: Path) -> None:
    """E-ORD-8: a cancel outside of hours is carried out when they begin."""
    with Journal.open(tmp_path / "journal.db") as journal:
        take(journal, order("new", second=1))
        take(journal, order("pending_cancel", second=5))
        core = WatchCore(TradingSettings(), always(Session.CLOSED))  # type: ignore[arg-type]
        core.handle(inputs.Orders((journal.orders("open")[0],), ()), at(6))
        jobs = core.handle(inputs.Tick(), at(5) + 20 * STUCK_AFTER)
        assert not [j for j in jobs if isinstance(j, Note) and j.is_alarm]


def test_of_contradictions_the_last_ones_are_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_news, "CONTRADICTIONS_MAX", 3)
    with Journal.open(tmp_path / "journal.db") as journal:
        news = OrderNews(journal)
        news.begin((), NOW)
        notes: list[Note] = []
        for number in range(5):
            ids = {"id": f"b-{number}", "client_order_id": f"mine-{number}"}
            canceled = order("canceled", second=2, **ids)
            notes += news.of_changes(apply_snapshot(journal, canceled, NOW), NOW)
            for second in (50, 51):
                lives = update("new", "new", second=second, **ids)
                notes += news.of_changes(apply_update(journal, lives, NOW), NOW)
        assert alarms(notes) == ["contradiction"] * 5
        assert len(news._contradictions) == 3
