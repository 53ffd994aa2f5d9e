"""Goal: over seeded months every figure is what the exchange's own record gives: amounts to the
cent, times to the microsecond.

Method: months of trading in virtual time, with partial fills, shorts, additions, splits, fees,
corrections, busts, deposits and withdrawals, through the journal as commands fill it. The judge
reads the exchange's books alone (`exchange_record`), in fractions.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from pathlib import Path

import pytest
from support.desk import Desk, market, open_desk
from trades.exchange_record import CENT, NEW_YORK, Trip, rows, trips_of, worth
from trades.kept_stops import Stops

from execbot.desk.look.trades import Kept, Wanted, trades_alone, trades_of
from execbot.journal.records import EquitySample
from execbot.market.calendar_cache import load_table
from execbot.market.sessions import TradingDay, trading_days
from execbot.model.enums import PositionSide, Side
from execbot.oms.sync.coin_fees import book_coin_fees
from execbot.risk.account_rows import market_prices, refresh_rows
from execbot.risk.equity import sample_of
from execbot.risk.flows import FLOW_ROWS, flows_by_day
from execbot.trades.equity import Basis, EquityDay, equity_days
from execbot.trades.equity_stats import equity_stats
from execbot.trades.trade import Trade
from execbot.trades.trade_stats import By, grouped, trade_stats

D = Decimal
RATES = {"taf_per_share": "0.000166", "sec_per_dollar": "0.0000278", "cat_per_share": "0.000053"}
SYMBOLS = ("AAPL", "MSFT", "KO")
FIRST, LAST = date(2026, 9, 29), date(2026, 10, 30)
TINY = Fraction(1, 10**9)
ZERO = Fraction(0)


@dataclass
class Month:
    """A month that was played, and what the judge noticed on the way."""

    desk: Desk
    sessions: list[TradingDay]
    closes: dict[date, Fraction] = field(default_factory=dict)
    flows: dict[date, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    opening: Fraction = ZERO
    stops: Stops | None = None


def play(path: Path, seed: int, last: date = LAST, *, has_stops: bool = False) -> Month:
    chance = random.Random(f"month-{seed}")
    desk = open_desk(path, calendar="exchange", at=f"{FIRST} 09:00", exchange=RATES)
    sessions = list(trading_days(load_table(), FIRST, last))
    month = Month(desk, sessions, stops=Stops(desk, seed) if has_stops else None)
    desk.call("GET", "/v2/account")
    month.opening = worth(desk)
    month.flows[FIRST] += month.opening
    prices = {"AAPL": 200.0, "MSFT": 400.0, "KO": 60.0}
    split_on = chance.choice(sessions[5:15]).date
    for session in sessions:
        at = session.open + timedelta(minutes=chance.randint(1, 40))
        until(desk, at)
        for _ in range(chance.randint(0, 6)):
            at += timedelta(minutes=chance.randint(1, 40), microseconds=chance.randint(1, 999_999))
            until(desk, at)
            act(month, chance, prices)
            if chance.random() < 0.3:
                keep_sample(desk)
        if session.date == split_on:
            split(month, chance, prices)
        if chance.random() < 0.25:
            move_money(month, chance, session.date)
        amend(desk, chance)
        until(desk, session.close)
        month.closes[session.date] = worth(desk)
        keep_sample(desk, is_close=True)
    until(desk, sessions[-1].close + timedelta(hours=17))
    learn(desk)
    return month


def until(desk: Desk, at: datetime) -> None:
    if at > desk.now():
        desk.sleep((at - desk.now()).total_seconds())


def act(month: Month, chance: random.Random, prices: dict[str, float]) -> None:
    """One order in a market that has moved; thin markets fill it in parts."""
    desk, symbol = month.desk, chance.choice(SYMBOLS)
    prices[symbol] *= chance.uniform(0.97, 1.03)
    pin(desk, symbol, prices[symbol], size=chance.choice([7, 13, 1000]))
    held = D(desk.positions_there().get(symbol, "0"))
    size = D(chance.choice([10, 25, 40]))
    side, qty = (Side.BUY, size) if chance.random() < 0.7 else (Side.SELL, size)
    if held:
        away = Side.SELL if held > 0 else Side.BUY
        word = chance.random()
        if word < 0.45:
            side, qty = away, abs(held)
        elif word < 0.7:
            side, qty = away, min(size, abs(held))
        else:
            side = Side.BUY if held > 0 else Side.SELL
    if side is Side.SELL or held < 0:
        qty = D(int(qty)) if held <= 0 else qty
    if not qty:
        return
    plan_id = None
    if month.stops is not None:
        plan_id = month.stops.for_order(symbol, side, held, D(str(prices[symbol])))
    desk.oms.submit(market(symbol, str(qty), side), plan_id=plan_id)
    for _ in range(8):  # what is left of it fills when the market shows its size again
        desk.sleep(1.5)
        pin(desk, symbol, prices[symbol], size=chance.choice([9, 21, 1000]))
    pin(desk, symbol, prices[symbol], size=5000)
    desk.sleep(2)
    desk.oms.apply_batch(desk.frames())
    desk.oms.gap_fill()


def pin(desk: Desk, symbol: str, price: float, *, size: int) -> None:
    half = 0.01
    desk.call(
        "POST",
        "/sim/price",
        {
            "symbol": symbol,
            "bid": f"{price - half:.2f}",
            "ask": f"{price + half:.2f}",
            "size": str(size),
            "hold": True,
        },
    )


def split(month: Month, chance: random.Random, prices: dict[str, float]) -> None:
    """Forward or reverse, of a symbol that is held, where one is."""
    desk = month.desk
    held = desk.positions_there()
    symbol = next((name for name in SYMBOLS if D(held.get(name, "0")) > 0), "AAPL")
    new, old = chance.choice([(4, 1), (3, 2), (1, 2)])
    desk.call("POST", "/sim/split", {"symbol": symbol, "new": new, "old": old})
    prices[symbol] *= old / new
    if month.stops is not None:
        month.stops.split(symbol)
    pin(desk, symbol, prices[symbol], size=5000)
    desk.sleep(2)
    learn(desk)
    desk.oms.reconcile()
    desk.sleep(2)


def move_money(month: Month, chance: random.Random, day: date) -> None:
    amount = D(chance.choice(["-2500.25", "4000", "10000.5"]))
    kind = "CSD" if amount > 0 else "CSW"
    month.desk.call("POST", "/sim/flow", {"type": kind, "amount": str(amount)})
    month.flows[day] += Fraction(amount)


def amend(desk: Desk, chance: random.Random) -> None:
    """The last execution of the day was another one, or never was."""
    fills = [fill for fill in desk.journal.fills() if fill.client_order_id]
    today = desk.now().astimezone(NEW_YORK).date()
    if not fills or fills[-1].at.astimezone(NEW_YORK).date() != today or chance.random() < 0.6:
        return
    last = fills[-1]
    held = D(desk.positions_there().get(last.symbol, "0"))
    is_bust = chance.random() < 0.5 and held * last.side.sign > last.qty
    if is_bust:
        desk.call("POST", "/sim/executions/bust", {"order_id": last.order_id})
    else:
        price = str((last.price * D("1.003")).quantize(D("0.01")))
        body = {"order_id": last.order_id, "price": price, "qty": str(last.qty)}
        desk.call("POST", "/sim/executions/correct", body)
    desk.sleep(1)
    desk.oms.apply_batch(desk.frames())


def keep_sample(desk: Desk, *, is_close: bool = False) -> None:
    """As `watch` does it (`watch.perform`)."""
    found = sample_of(desk.client.get_account(), desk.now(), is_close=is_close)
    assert found is not None
    desk.journal.add_equity_sample(found)


def learn(desk: Desk) -> None:
    """What `trades` and `stats` do before they count."""
    desk.oms.gap_fill()
    held = desk.client.get_positions()
    assert refresh_rows(desk.journal, desk.client, desk.now(), market_prices(held), far_back=True)
    book_coin_fees(desk.journal, held, desk.now())


@pytest.fixture(scope="module", params=range(3))
def month(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Month:
    return play(tmp_path_factory.mktemp("month"), request.param)


def told(month: Month) -> list[Trade]:
    return list(trades_of(month.desk.journal, Wanted()).trades)


def test_read_symbol_by_symbol_and_beside_what_is_there_they_are_the_same(month: Month) -> None:
    """As the report reads them, which keeps orders and confirmations of its span already."""
    journal = month.desk.journal
    begin = datetime.combine(FIRST, time(), UTC)
    orders = journal.orders_of_days(begin, begin + timedelta(days=20))
    made = {item.client_order_id: item for item in journal.confirmations(with_quotes=False)}
    assert trades_alone(journal, Wanted(), Kept(orders, made)) == told(month)
    assert trades_alone(journal, Wanted(), Kept()) == told(month)


def truth(month: Month) -> list[Trip]:
    found, _ = trips_of(month.desk)
    return sorted(found, key=lambda trip: (trip.opened_at, trip.symbol))


# --- round trips ----------------------------------------------------------------------------------


def test_the_month_had_everything(month: Month) -> None:
    """Else the others would prove nothing."""
    found = told(month)
    assert sum(not trade.trip.is_open for trade in found) >= 10
    assert any(len(trade.trip.entries) > 1 for trade in found)
    assert any(trade.trip.fees is not None for trade in found)
    assert any(trade.trip.side is PositionSide.SHORT for trade in found)
    assert any(trade.trip.splits for trade in found)
    assert month.flows
    booked = month.desk.journal.executions()
    assert any(item.net_qty != item.qty or item.net_price != item.price for item in booked)


def test_round_trips_are_those_of_the_exchanges_record(month: Month) -> None:
    mine, theirs = told(month), truth(month)
    assert [(t.trip.symbol, t.trip.opened_at, t.trip.closed_at) for t in mine] == [
        (trip.symbol, trip.opened_at, trip.closed_at) for trip in theirs
    ]
    for trade, trip in zip(mine, theirs, strict=True):
        found = trade.trip
        assert abs(Fraction(found.qty) - trip.side * trip.qty) < TINY
        assert abs(Fraction(found.entered) - trip.entered) < TINY
        assert abs(Fraction(found.gross) - trip.gross) < CENT / 100, found.id
        assert abs(Fraction(found.gross_fifo) - trip.fifo) < CENT / 100, found.id
        assert abs(Fraction(found.entry_price) - trip.paid / trip.entered) < TINY
        if trip.sold:
            assert found.exit_price is not None
            assert abs(Fraction(found.exit_price) - trip.got / trip.sold) < TINY
        if trip.closed_at is not None:
            assert abs(trip.gross - trip.fifo) < TINY


def test_fees_are_the_exchanges_to_the_cent_trade_by_trade(month: Month) -> None:
    mine, theirs = told(month), truth(month)
    for trade, trip in zip(mine, theirs, strict=True):
        fees = trade.trip.fees
        assert (Fraction(fees.amount) if fees else ZERO) == trip.fees, trade.trip.id
    _, shared_out = trips_of(month.desk)
    assert sum((Fraction(t.trip.fees.amount) for t in mine if t.trip.fees), ZERO) == shared_out


def test_all_trades_together_are_what_the_account_has_made(month: Month) -> None:
    """Equity at the end is what there was, what came and went, and what trades made, open ones by
    their cost."""
    made = sum((Fraction(trade.trip.net) for trade in told(month)), ZERO)
    desk = month.desk
    unrealized = sum(
        (
            Fraction(p.qty) * Fraction(p.current_price or 0)
            - Fraction(sum((t.trip.cost for t in told(month) if t.trip.symbol == p.symbol), D(0)))
            for p in desk.client.get_positions()
        ),
        ZERO,
    )
    flows = sum(month.flows.values(), ZERO)
    assert abs(worth(desk) - flows - made - unrealized) < CENT


# --- figures --------------------------------------------------------------------------------------


def test_figures_of_trades_are_those_of_the_record(month: Month) -> None:
    closed = [trip for trip in truth(month) if trip.closed_at is not None]
    closed.sort(key=lambda trip: (trip.closed_at, trip.opened_at))
    nets = [trip.net for trip in closed]
    won, lost = [n for n in nets if n > 0], [n for n in nets if n < 0]
    found = trade_stats(told(month))
    assert (found.trades, found.wins, found.losses) == (len(nets), len(won), len(lost))
    assert found.win_rate.value == pytest.approx(len(won) / len(nets))
    assert float(found.expectancy.value or 0) == pytest.approx(float(sum(nets) / len(nets)))
    assert float(found.profit_factor.value or 0) == pytest.approx(float(sum(won) / -sum(lost)))
    assert found.best is not None and abs(Fraction(found.best) - max(nets)) < CENT / 100
    assert found.worst is not None and abs(Fraction(found.worst) - min(nets)) < CENT / 100
    assert found.longest_wins == longest(nets, lambda net: net > 0)
    assert found.longest_losses == longest(nets, lambda net: net < 0)
    days: dict[date, Fraction] = defaultdict(Fraction)
    for trip in closed:
        assert trip.closed_at is not None
        days[trip.closed_at.astimezone(NEW_YORK).date()] += trip.net
    assert found.days.won == sum(1 for net in days.values() if net >= CENT)
    assert found.days.lost == sum(1 for net in days.values() if net <= -CENT)
    held = [trip.closed_at - trip.opened_at for trip in closed if trip.net > 0 and trip.closed_at]
    if len(held) >= 3:
        assert found.held_winners.mean == sum(held, timedelta(0)) / len(held)


def longest(values: Iterable[Fraction], so: Callable[[Fraction], bool]) -> int:
    return max((len(list(run)) for same, run in groupby(values, so) if same), default=0)


@pytest.mark.parametrize("by", list(By))
def test_groups_hold_every_trade_once(month: Month, by: By) -> None:
    closed = [trade for trade in told(month) if not trade.trip.is_open]
    found = grouped(told(month), by)
    assert sorted(t.trip.id for some in found.values() for t in some) == sorted(
        t.trip.id for t in closed
    )
    total = sum((trade_stats(some).net for some in found.values()), D(0))
    assert abs(total - trade_stats(closed).net) < D("1e-20")


# --- the account ----------------------------------------------------------------------------------


def of_days(month: Month) -> tuple[EquityDay, ...]:
    journal = month.desk.journal
    flows, unpriced = flows_by_day(journal.account_rows(FLOW_ROWS), {})
    assert not unpriced
    return equity_days(journal.equity_samples(), month.sessions, flows, FIRST)


def test_each_session_made_what_the_exchanges_books_say(month: Month) -> None:
    before = ZERO
    days = of_days(month)
    assert [day.day for day in days] == [session.date for session in month.sessions]
    for day in days:
        assert day.basis is Basis.OWN
        close = month.closes[day.day]
        assert day.closed is not None and day.profit is not None
        assert abs(Fraction(day.closed) - close) <= CENT, day.day
        assert Fraction(day.flows) == month.flows.get(day.day, ZERO)
        expected = close - before - month.flows.get(day.day, ZERO)
        assert abs(Fraction(day.profit) - expected) <= 2 * CENT, day.day
        before = close


def test_returns_and_drawdown_follow_from_the_closes(month: Month) -> None:
    index = peak = 1.0
    worst, before = 0.0, ZERO
    series = []
    for day in of_days(month):
        flow = month.flows.get(day.day, ZERO)
        close = month.closes[day.day]
        each = float((close - before - flow) / (before + max(flow, ZERO)))
        series.append(each)
        if not flow:
            for sampled in day.samples:
                level = index * float(Fraction(sampled) / before)
                peak = max(peak, level)
                worst = max(worst, 1 - level / peak)
        index *= 1 + each
        peak = max(peak, index)
        worst = max(worst, 1 - index / peak)
        before = close
    found = equity_stats(of_days(month))
    assert found is not None and found.drawdown is not None
    assert found.twr.value == pytest.approx(index - 1, abs=1e-6)
    assert found.drawdown.share == pytest.approx(worst, abs=1e-6)
    assert found.sharpe.value is None and found.sharpe.n == len(series) < 30
    assert found.days_won == sum(1 for r in series if r > 0)


def test_a_sample_that_is_missing_is_not_made_up(month: Month) -> None:
    """Without its close a session is told by the next one's `last_equity`, and marked: that is what
    was left once the day's fees had been charged."""
    kept: list[EquitySample] = month.desk.journal.equity_samples()
    lost = next(s.date for s in month.sessions[3:] if any(is_of(k, s) for k in kept))
    without = [k for k in kept if not (k.kind == "close" and eastern_day(k) == lost)]
    flows, _ = flows_by_day(month.desk.journal.account_rows(FLOW_ROWS), {})
    days = {d.day: d for d in equity_days(without, month.sessions, flows, FIRST)}
    found = days[lost]
    assert found.basis is Basis.BROKER and found.closed is not None
    charged = -sum(
        Fraction(row["net_amount"])
        for row in rows(month.desk)
        if row["activity_type"] == "FEE" and row["date"] == str(lost)
    )
    assert abs(Fraction(found.closed) - (month.closes[lost] - charged)) <= CENT


def eastern_day(sample: EquitySample) -> date:
    return sample.at.astimezone(NEW_YORK).date()


def is_of(sample: EquitySample, session: TradingDay) -> bool:
    return session.open <= sample.at < session.close
