"""Goal: a week of contracts is booked to the cent: cash, collateral, positions, profit and fees.

Method: a scripted expiry week in virtual time (single contracts, spreads, a covered call, a put
against cash, a roll, an exercise, expiries in and out of the money, assignments, the broker's own
closings, fees), once with those closings and once without. What it must come to is reckoned from
premiums, strikes and a table of fees alone (`option_books.py`), and compared each day with
the exchange's account and with execbot's journal and report.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from report.option_books import FEES, OptionBooks, is_contract
from support.settings import settings_with
from support.signal_trader import SignalTrader, open_trader

from execbot.config.load import Settings
from execbot.config.schema import Mode
from execbot.desk.account import Desk
from execbot.desk.look.reports import span_report
from execbot.desk.opening.journal_need import Need
from execbot.desk.options import exercising
from execbot.journal.records import Execution
from execbot.model.enums import OrderType, Side
from execbot.model.flags import flags_of
from execbot.model.options.legs import Leg
from execbot.model.options.spreads import spread_request
from execbot.model.options.structure import Holding, collateral
from execbot.model.order import OrderRequest
from execbot.model.symbols import option_contract
from execbot.report.span import Span

D = Decimal
WIDE = {
    "max_position_size_pct": D(95),
    "max_account_exposure_pct": D(95),
    "options": {"max_premium_pct": D(50), "max_loss_pct": D(50), "min_days": 0},
    "risk": {"duplicate_window_seconds": D(0), "facts_max_age_seconds": D(0)},
}
FEE_SETTINGS = {
    "orf_per_contract": str(FEES["ORF"]),
    "occ_per_contract": str(FEES["OCC"]),
    "option_taf_per_contract": str(FEES["TAF"]),
    "option_cat_per_contract": str(FEES["CAT"]),
}


def call(strike: str, day: str = "261009") -> str:
    return f"AAPL{day}C{int(D(strike) * 1000):08d}"


def put(strike: str, day: str = "261009") -> str:
    return f"AAPL{day}P{int(D(strike) * 1000):08d}"


NEXT = "261016"


@dataclass
class Week:
    """Trades through execbot, and says the same to the books of first principles."""

    trader: SignalTrader
    path: Path
    books: OptionBooks = field(default_factory=lambda: OptionBooks(D(100_000)))
    account: Desk = field(init=False)

    def __post_init__(self) -> None:
        desk = self.trader.desk
        self.account = Desk(
            Settings(trading=settings_with(**WIDE)),
            Mode.SIM,
            "week",
            self.path,
            desk.journal,
            desk.client,
            need=Need.LOOK,
            now=desk.now,
        )
        self.account.__dict__["oms"] = desk.oms  # whose waits pass virtual time
        self.account.__dict__["risk"] = self.trader.executor.risk

    # --- the market --------------------------------------------------------------------------

    def stock(self, price: str) -> None:
        body = {"symbol": "AAPL", "price": price, "bid": price, "ask": price, "size": "10000"}
        self.trader.desk.call("POST", "/sim/price", body)

    def quote(self, symbol: str, price: str) -> None:
        body = {"symbol": symbol, "price": price}
        self.trader.desk.call("POST", "/sim/options/mark", body)

    # --- orders --------------------------------------------------------------------------------

    def trade(self, symbol: str, qty: int, price: str) -> None:
        """One symbol, at a price that is quoted; below zero is sold."""
        if is_contract(symbol):
            self.quote(symbol, price)
        else:
            self.stock(price)
        side = Side.BUY if qty > 0 else Side.SELL
        request = OrderRequest(
            symbol, side, qty=D(abs(qty)), type=OrderType.LIMIT, limit_price=D(price)
        )
        flags = flags_of(short=side is Side.SELL and is_contract(symbol), also=True, add=True)
        self.trader.placer.place(request, flags=flags)
        self.trader.fill(5)
        self.books.trade(symbol, qty, price)
        self.check_positions()

    def spread(self, units: int, *legs: tuple[str, int, str, bool]) -> None:
        """Legs: symbol, signed ratio, price, whether it opens."""
        for symbol, _, price, _ in legs:
            self.quote(symbol, price)
        made = tuple(
            Leg(symbol, Side.BUY if ratio > 0 else Side.SELL, abs(ratio), opens)
            for symbol, ratio, _, opens in legs
        )
        net = sum((ratio * D(price) for _, ratio, price, _ in legs), D(0))
        self.trader.placer.place(spread_request(made, D(units), net))
        self.trader.fill(20)
        for symbol, ratio, price, _ in legs:
            self.books.trade(symbol, ratio * units, price)
        self.check_positions()

    def exercise(self, symbol: str) -> None:
        exercising.exercise_contract(
            self.account, exercising.what_exercise_does(self.account, symbol)
        )
        self.books.deliver(symbol)
        self.trader.fill(1)

    def until(self, when: str) -> None:
        self.trader.until(when)
        self.trader.fill(1)

    # --- what is compared ------------------------------------------------------------------------

    def check_positions(self) -> None:
        there = {s: int(D(q)) for s, q in self.trader.desk.positions_there().items()}
        assert there == self.books.held

    def evening(self, day: str) -> None:
        """After the day's fees and ends: the exchange has what the books have, and execbot no
        break."""
        self.until(f"{day} 23:30")
        self.books.end_day()
        self.check_positions()
        account = self.trader.desk.call("GET", "/v2/account")
        assert D(account["cash"]) == self.books.cash
        free = D(account["options_buying_power"])
        assert free == self.books.cash - self.books.collateral()
        assert self.trader.desk.oms.reconcile().breaks == ()

    def check_journal(self) -> None:
        """Once all rows are there."""
        desk = self.trader.desk
        assert desk.oms.reconcile().breaks == ()
        ours = {p.symbol: int(p.qty) for p in desk.journal.positions()}
        assert ours == self.books.held
        holdings = [Holding(option_contract(s), D(q)) for s, q in ours.items() if is_contract(s)]
        assert collateral(holdings, D(ours.get("AAPL", 0))) == self.books.collateral()
        for symbol, brought in self.books.brought.items():
            position = desk.journal.position(symbol)
            assert position is not None
            if symbol not in self.books.held:
                assert (symbol, position.realized_pl) == (symbol, brought)
            else:
                assert (symbol, position.cost) == (symbol, -brought)

    def check_friday(self, *, ended: int) -> None:
        """The day of the expiry, reported whenever: all ends are pending, or all are in it."""
        found = span_report(self.account, Span.of(date(2026, 10, 9)))
        assert sum("Pending" in note for note in found.period.notes) == (0 if ended else 5)
        fills = [f for f in found.books.fills if is_contract(f.symbol) and not f.order_id]
        assert len(fills) == ended

    def check_report(self) -> None:
        """Gross and net of everything that is over, and the fees of the days that are over."""
        span = Span.between(date(2026, 10, 5), date(2026, 10, 12))
        found = span_report(self.account, span).books
        over = (b for s, b in self.books.brought.items() if s not in self.books.held)
        gross = sum(over, D(0))
        assert found.realized_pl == gross
        assert found.fees_total == self.books.fees
        assert found.net_pl == gross - self.books.fees

    def check_days(self) -> None:
        """Each line of the report's days, and what was bought and sold for, to the cent; each
        contract's executions."""
        found = span_report(self.account, Span.between(date(2026, 10, 5), date(2026, 10, 12)))
        lines = {line.day: line for line in found.period.days}
        days = [date(2026, 10, number) for number in (5, 6, 7, 8, 9, 12)]
        said = reckoned = Fraction(0)
        for day, ours in zip(days, self.books.days, strict=True):
            line = lines[day]
            assert (day, line.fees) == (day, ours.charged)
            assert line.net == line.realized - line.fees
            said, reckoned = said + Fraction(line.realized), reckoned + ours.realized
            assert (day, ours.goes_both_ways or near(said, reckoned)) == (day, True), line
            books = span_report(self.account, Span.of(day)).books
            assert sorted(paid_for(books.fills)) == sorted(ours.premiums)
            assert (day, books.bought, books.sold) == (day, ours.bought, ours.sold)


def near(one: Fraction, other: Fraction) -> bool:
    return abs(one - other) < Fraction(1, 10**6)


def paid_for(fills: Iterable[Execution]) -> Iterator[tuple[str, int, Decimal]]:
    """Contracts by symbol, signed quantity and price; what came to an end without one is none."""
    for fill in fills:
        if is_contract(fill.symbol) and fill.order_id:
            yield fill.symbol, int(fill.signed_qty), fill.price


def opened(path: Path, *, risk_close: bool) -> Week:
    exchange = {**FEE_SETTINGS, "option_risk_close": risk_close}
    sim = {"at": "2026-10-05 10:00", "calendar": "exchange", "exchange": exchange}
    week = Week(open_trader(path, sim=sim, **WIDE), path)
    week.stock("240")
    week.trader.desk.oms.reconcile()
    return week


def monday_to_thursday(week: Week) -> None:
    week.trade(call("245"), 2, "3.10")
    week.spread(2, (call("235"), 1, "7.20", True), (call("240"), -1, "4.10", True))
    week.evening("2026-10-05")

    week.until("2026-10-06 10:00")
    week.spread(1, (put("240"), -1, "4.00", True), (put("235"), 1, "2.20", True))
    week.trade(put("252.5"), -1, "13.00")
    week.trade("AAPL", 100, "240")
    week.trade(call("247.5"), -1, "1.50")
    week.trade(call("230", NEXT), 1, "12.00")
    week.evening("2026-10-06")

    week.until("2026-10-07 10:00")
    week.stock("244")
    week.trade(call("245"), -1, "4.40")
    week.exercise(call("230", NEXT))
    week.trade("AAPL", -100, "244")  # before the rows of the exercise are there
    week.evening("2026-10-07")

    week.until("2026-10-08 11:00")
    week.spread(
        1,
        (put("240"), 1, "1.00", False),
        (put("235"), -1, "0.40", False),
        (put("240", NEXT), -1, "3.00", True),
        (put("235", NEXT), 1, "1.60", True),
    )
    week.trade(put("255"), 2, "11.00")
    week.evening("2026-10-08")


def friday_begins(week: Week) -> None:
    week.until("2026-10-09 10:00")
    week.stock("250")
    week.trade(call("260"), 3, "0.15")
    week.quote(call("240"), "10.05")
    week.quote(put("255"), "5.10")


def monday_ends(week: Week) -> None:
    week.until("2026-10-12 10:00")
    week.stock("251")
    week.trader.desk.oms.reconcile()
    if shares := week.books.held.get("AAPL"):
        week.trade("AAPL", -shares, "251")
    week.evening("2026-10-12")
    week.check_journal()
    week.check_report()
    week.check_days()


def test_an_expiry_week_in_which_the_broker_closes_what_cannot_be_borne(tmp_path: Path) -> None:
    """The sold leg of the spread at 15:30, the puts without shares for all at the next look."""
    week = opened(tmp_path, risk_close=True)
    monday_to_thursday(week)
    friday_begins(week)
    week.until("2026-10-09 15:58")
    week.books.trade(call("240"), 2, "10.05")
    week.books.trade(put("255"), -2, "5.10")
    week.check_positions()
    week.until("2026-10-09 16:50")
    for symbol in (call("235"), call("245"), call("247.5"), put("252.5")):
        week.books.deliver(symbol)
    week.books.vanish(call("260"))
    week.evening("2026-10-09")
    assert week.books.held["AAPL"] == 400
    week.check_friday(ended=0)
    monday_ends(week)
    week.check_friday(ended=5)
    friday = span_report(week.account, Span.of(date(2026, 10, 9))).books
    monday = span_report(week.account, Span.of(date(2026, 10, 12))).books
    assert [f.symbol for f in monday.fills if not f.order_id] == []
    assert {str(f.price) for f in friday.fills if f.symbol == "AAPL"} == {
        "235", "245", "247.5", "252.5",
    }  # fmt: skip


@pytest.mark.long
def test_an_expiry_week_in_which_everything_is_left_to_its_end(tmp_path: Path) -> None:
    """Both legs of the spread deliver: the same shares come and go at two strikes."""
    week = opened(tmp_path, risk_close=False)
    monday_to_thursday(week)
    friday_begins(week)
    week.until("2026-10-09 16:50")
    for symbol in (call("240"), call("247.5"), put("252.5"), call("235"), call("245"), put("255")):
        week.books.deliver(symbol)
    week.books.vanish(call("260"))
    week.evening("2026-10-09")
    assert "AAPL" not in week.books.held
    monday_ends(week)
