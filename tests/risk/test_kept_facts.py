"""Goal: what is kept for the day saves questions, and never stands against an order by itself.

Method: a cache directory and tables of ages, days and sessions; then orders through the risk gate
over the built-in exchange, whose requests are counted, while asset and session change behind it.
"""

from __future__ import annotations

import stat
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support import risk_facts as b
from support.desk import Desk
from support.settings import settings_with

from execbot.broker.clock import BrokerClock
from execbot.config.schema import Mode
from execbot.model.account import Asset, Clock
from execbot.model.enums import Side
from execbot.model.flags import Flag
from execbot.model.order import OrderRequest
from execbot.model.quote import Quote
from execbot.model.signal import Signal, SignalSide
from execbot.oms.place.risk_gate import RiskGate
from execbot.oms.signals.executor import Executor
from execbot.risk.asking.kept_facts import ASSETS_MAX, CLOCK_KEPT_MAX, KeptFacts
from execbot.risk.asking.session_word import QUOTED_WITHIN, SessionWord

T = datetime(2026, 10, 7, 14, 0, tzinfo=UTC)  # a Wednesday, 10:00 in New York
CLOSE = datetime(2026, 10, 7, 20, 0, tzinfo=UTC)
NEXT_OPEN = datetime(2026, 10, 8, 13, 30, tzinfo=UTC)
SHORT = frozenset({Flag.SHORT})
OPEN = Clock(T, True, NEXT_OPEN, CLOSE)
SHUT = Clock(T, False, NEXT_OPEN, CLOSE + timedelta(days=1))


@pytest.fixture
def kept(tmp_path: Path) -> KeptFacts:
    return KeptFacts(tmp_path / "cache", "paper|here")


def anew(kept: KeptFacts) -> KeptFacts:
    """As the next process finds it."""
    return KeptFacts(kept.path.parent, "paper|here")


@pytest.mark.parametrize(
    ("passed", "is_known"),
    [
        (timedelta(0), True),
        (timedelta(hours=9), True),
        (timedelta(hours=13, minutes=59), True),
        (timedelta(hours=14), False),  # midnight in New York
        (-timedelta(seconds=1), False),  # another clock has written it
    ],
)
def test_an_asset_is_kept_for_its_day(kept: KeptFacts, passed: timedelta, is_known: bool) -> None:
    kept.keep_asset(b.asset("KO"), T)
    found = anew(kept).asset("KO", T + passed)
    assert found == (b.asset("KO") if is_known else None)


@pytest.mark.parametrize("changes", [{"tradable": False}, {"status": "inactive"}])
def test_an_asset_that_cannot_be_traded_is_not_kept(
    kept: KeptFacts, changes: dict[str, Any]
) -> None:
    kept.keep_asset(b.asset("KO"), T)
    kept.keep_asset(b.asset("KO", **changes), T)
    assert anew(kept).asset("KO", T) is None


@pytest.mark.parametrize(
    ("clock", "at", "is_known"),
    [
        (OPEN, T, True),
        (OPEN, T + CLOCK_KEPT_MAX - timedelta(seconds=1), True),
        (OPEN, T + CLOCK_KEPT_MAX, False),
        (OPEN, T - timedelta(seconds=1), False),
        (SHUT, T, True),
        (Clock(T, True, NEXT_OPEN, T + timedelta(minutes=2)), T + timedelta(minutes=1), True),
        (Clock(T, True, NEXT_OPEN, T + timedelta(minutes=2)), T + timedelta(minutes=2), False),
        (Clock(T, False, T + timedelta(minutes=2), CLOSE), T + timedelta(minutes=2), False),
        (Clock(T, True, NEXT_OPEN, None), T, False),  # until when, it did not say
    ],
)
def test_the_session_is_kept_for_minutes_and_not_beyond_its_turn(
    kept: KeptFacts, clock: Clock, at: datetime, is_known: bool
) -> None:
    kept.keep_clock(clock, T)
    found = anew(kept).clock(at)
    assert (found is not None) is is_known
    if found is not None:
        assert (found.is_open, found.timestamp) == (clock.is_open, None)


def test_a_refusal_forgets_the_symbol_and_the_session_and_nothing_else(kept: KeptFacts) -> None:
    for symbol in ("KO", "AAPL"):
        kept.keep_asset(b.asset(symbol), T)
    kept.keep_clock(OPEN, T)
    kept.forget("KO")
    again = anew(kept)
    assert again.asset("KO", T) is None
    assert again.clock(T) is None
    assert again.asset("AAPL", T) is not None


def test_processes_add_to_what_others_have_kept(kept: KeptFacts) -> None:
    other = anew(kept)
    assert other.asset("KO", T) is None  # it has read the file by now
    kept.keep_asset(b.asset("KO"), T)
    other.keep_asset(b.asset("AAPL"), T)
    other.keep_clock(OPEN, T)
    found = anew(kept)
    assert found.asset("KO", T) and found.asset("AAPL", T) and found.clock(T)


@pytest.mark.parametrize("damaged", [b"", b"{", b"[]", b'{"assets": {"KO": 5}}', b"\x00\xff"])
def test_a_file_that_is_damaged_is_as_if_nothing_was_kept(kept: KeptFacts, damaged: bytes) -> None:
    kept.keep_asset(b.asset("KO"), T)
    kept.path.write_bytes(damaged)
    again = anew(kept)
    assert again.asset("KO", T) is None
    again.keep_asset(b.asset("KO"), T)
    assert anew(kept).asset("KO", T) is not None


def test_what_is_kept_is_bounded_private_and_of_one_server(kept: KeptFacts) -> None:
    for number in range(ASSETS_MAX + 3):
        kept.keep_asset(b.asset(f"S{number}"), T)
    again = anew(kept)
    assert again.asset("S2", T) is None
    assert again.asset("S3", T) is not None
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600
    assert KeptFacts(kept.path.parent, "paper|there").asset("S3", T) is None


# --- in use -----------------------------------------------------------------------------------


class Market:
    """A risk gate of a new process each time, over one exchange and one cache directory."""

    def __init__(self, desk: Desk, folder: Path) -> None:
        self.desk, self.folder = desk, folder

    def gate(self, now: Any = None) -> RiskGate:
        desk = self.desk
        kept = KeptFacts(self.folder, "paper|here")
        return RiskGate(
            desk.client, desk.journal, settings_with(), Mode.PAPER, now=now or desk.now, kept=kept
        )

    def asked(self, symbol: str = "AAPL") -> tuple[set[str], bool]:
        """The paths that one order asked for, and whether it passed every check."""
        self.desk.sent.clear()
        checked = self.gate().check(OrderRequest(symbol, Side.BUY, qty=Decimal(1)))
        return {line.split()[1].partition("?")[0] for line in self.desk.sent}, (
            checked.verdict.passed
        )


@pytest.fixture
def market(tmp_path: Path) -> Market:
    from support.desk import open_desk

    return Market(open_desk(tmp_path, calendar="exchange"), tmp_path / "cache")


def test_the_second_order_of_a_day_asks_for_neither_asset_nor_session(market: Market) -> None:
    first, passed = market.asked()
    assert {"/v2/assets/AAPL", "/v2/clock"} <= first
    again, passed_again = market.asked()
    assert passed and passed_again
    assert not {"/v2/assets/AAPL", "/v2/clock"} & again
    assert {"/v2/orders", "/v2/positions", "/v2/account"} <= again


def test_the_session_is_asked_for_again_once_its_word_is_old(market: Market) -> None:
    """E-ALL-8."""
    market.asked()
    market.desk.sleep(CLOCK_KEPT_MAX.total_seconds())
    asked, _ = market.asked()
    assert "/v2/clock" in asked
    assert "/v2/assets/AAPL" not in asked


def test_a_word_that_our_calendar_contradicts_is_asked_for(market: Market) -> None:
    """E-SES-1."""
    market.asked()
    KeptFacts(market.folder, "paper|here").keep_clock(
        Clock(None, False, NEXT_OPEN, CLOSE), market.desk.now()
    )
    asked, passed = market.asked()
    assert "/v2/clock" in asked
    assert passed


def test_a_word_is_asked_for_where_the_last_reply_told_another_time(
    market: Market, kept: KeptFacts
) -> None:
    kept.keep_clock(OPEN, T)
    at = [0.0]
    clock = BrokerClock(lambda: T, lambda: at[0], at_once=False)
    word = SessionWord(
        market.desk.client, kept, lambda at: market.gate().reader.table_at(at), clock
    )
    assert word.kept() is not None
    clock.observe("Wed, 07 Oct 2026 14:05:00 GMT")  # one reply alone is not believed yet
    assert clock.is_doubted
    assert word.kept() is None


@pytest.mark.parametrize(
    ("clock", "quote_age", "is_stale"),
    [
        (OPEN, timedelta(seconds=1), False),
        (OPEN, QUOTED_WITHIN - timedelta(seconds=1), False),
        (OPEN, QUOTED_WITHIN, True),  # an unscheduled close: quotes have stopped
        (OPEN, None, True),
        (SHUT, None, False),
        (None, None, False),
    ],
)
def test_a_word_that_says_open_needs_a_symbol_that_is_quoted(
    kept: KeptFacts,
    market: Market,
    clock: Clock | None,
    quote_age: timedelta | None,
    is_stale: bool,
) -> None:
    word = SessionWord(
        market.desk.client, kept, lambda at: market.gate().reader.table_at(at), lambda: T
    )
    quote = None if quote_age is None else b.quote(at=T - quote_age)
    assert word.is_stale(clock, quote) is is_stale


def test_an_unscheduled_close_is_found_out_by_the_quotes_that_stopped(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker's clock says closed on a day that every calendar calls open, minutes after it said
    open; quotes are from before."""
    market.asked()
    desk = market.desk
    desk.sleep(120)
    real_quotes, real_clock = desk.client.latest_quotes, desk.client.get_clock

    def old_quotes(symbols: Any) -> dict[str, Quote]:
        at = desk.now() - timedelta(seconds=110)
        return {symbol: replace(quote, at=at) for symbol, quote in real_quotes(symbols).items()}

    def closed() -> Clock:
        return replace(real_clock(), is_open=False)

    monkeypatch.setattr(desk.client, "latest_quotes", old_quotes)
    monkeypatch.setattr(desk.client, "get_clock", closed)
    checked = market.gate().check(OrderRequest("AAPL", Side.BUY, qty=Decimal(1)))
    assert "session" in {failure.code for failure in checked.verdict.failures}


def test_a_signal_is_not_refused_by_what_was_kept(market: Market) -> None:
    """Kept in the morning as not to be sold short; by noon the broker lends it."""
    desk = market.desk
    asset = desk.client.get_asset("AAPL")
    KeptFacts(market.folder, "paper|here").keep_asset(replace(asset, shortable=False), desk.now())
    executor = Executor(desk.oms, market.gate())
    signal = Signal(
        id="short",
        symbol="AAPL",
        side=SignalSide.SELL_SHORT,
        strength=Decimal(82),
        qty=Decimal(1),
        created_at=desk.now(),
    )
    shown = executor.preview(signal)
    assert shown.checked is not None and shown.checked.verdict.passed
    KeptFacts(market.folder, "paper|here").keep_asset(replace(asset, shortable=False), desk.now())
    result = Executor(desk.oms, market.gate()).execute_signal(signal)
    assert not result.is_failure, result.message
    [order] = desk.call("GET", "/v2/orders?status=all")
    assert (order["symbol"], order["side"]) == ("AAPL", "sell")


def test_a_refusal_that_stands_is_asked_about_once_more_and_no_oftener(market: Market) -> None:
    """Not even where the cache directory takes nothing any more."""
    desk = market.desk
    kept = KeptFacts(market.folder, "paper|here")
    kept.keep_asset(replace(desk.client.get_asset("OCGN"), shortable=False), desk.now())
    kept.keep_clock(desk.client.get_clock(), desk.now())
    kept.path.parent.chmod(0o500)
    try:
        desk.sent.clear()
        checked = market.gate().check(OrderRequest("OCGN", Side.SELL, qty=Decimal(1)))
    finally:
        kept.path.parent.chmod(0o700)
    assert "shortable" in {failure.code for failure in checked.verdict.failures}
    assert sum("/v2/assets/OCGN" in line for line in desk.sent) == 1


def test_what_one_thread_has_forgotten_no_other_writes_back(kept: KeptFacts) -> None:
    """The workers of one `watch` share what is kept, and its file."""
    kept.keep_asset(b.asset("KO"), T)
    kept.forget("KO")

    def keep(number: int) -> None:
        for turn in range(20):
            kept.keep_asset(b.asset(f"S{number}x{turn}"), T)
            kept.keep_clock(OPEN, T)

    threads = [threading.Thread(target=keep, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = anew(kept)
    assert found.asset("KO", T) is None
    assert found.clock(T) is not None
    assert all(found.asset(f"S{n}x{t}", T) for n in range(4) for t in range(20))


@pytest.mark.parametrize(
    ("seconds", "asked"),
    [(1, 0), (60, 1), (24 * 3600, 1)],
)
def test_a_process_that_runs_on_asks_about_a_refusal_anew(
    market: Market, monkeypatch: pytest.MonkeyPatch, seconds: int, asked: int
) -> None:
    """One reader for all: the broker would not lend it at first, and does later."""
    desk = market.desk
    real, requests = desk.client.get_asset, list[str]()
    shortable = [False]

    def get_asset(symbol: str) -> Asset:
        requests.append(symbol)
        return replace(real(symbol), shortable=shortable[0])

    monkeypatch.setattr(desk.client, "get_asset", get_asset)
    gate = market.gate()
    request = OrderRequest("AAPL", Side.SELL, qty=Decimal(1))
    assert "shortable" in {f.code for f in gate.check(request, flags=SHORT).verdict.failures}
    assert requests == ["AAPL"]
    desk.sleep(seconds)
    shortable[0] = True
    checked = gate.check(request, flags=SHORT)
    assert len(requests) == 1 + asked
    assert ("shortable" in {f.code for f in checked.verdict.failures}) is not bool(asked)
