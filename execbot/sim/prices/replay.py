"""Recorded prices as a `PriceSource`: quotes, trades and bars as they were, at their times.

For each symbol and day the finest recording wins, separately for quotes and for trades:

    quotes: ticks, seconds, minutes, quote bars, else one price step around the trades
    trades: ticks, bars (seconds, minutes, hours, days), else the middle of the quotes

A bar becomes four prints: the open at its start, the two extremes after a quarter and a half,
the close a millisecond before its end (low before high when it rose). So nothing is known before
its bar began, and the prints of a bar aggregate to the bar again. Days are New York dates, UTC
dates for crypto. Before the first quote of a day the last one of an earlier day is in force.
Between two rows of quotes that were looked at once a minute (or second), whoever takes gets the
worse of quote and last print: a stop that a print fires does not sell at a bid from before it.
Files are read when a day is first asked for.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from pathlib import Path
from typing import Literal

from execbot.sim.assets import Directory, shipped_directory
from execbot.sim.prices.adjustments import GRID, recorded_adjustments
from execbot.sim.prices.files import DAY, RecordedFile, discover
from execbot.sim.prices.recording import CALENDAR, Recording
from execbot.sim.prices.source import merged_bar
from execbot.sim.prices.tape import Tape, exact
from execbot.sim.types import Bar, Crossing, Field, Level, Ns, Quote, Tick, Trade

BID, BID_SIZE, ASK, ASK_SIZE = range(4)
PRICE, SIZE = range(2)
CENT = Decimal("0.01")
COLUMN = {Field.BID: BID, Field.ASK: ASK}


class RecordedPrices:
    """A `PriceSource` over a folder of recorded files, or over one file."""

    def __init__(self, place: Path | str, directory: Directory | None = None) -> None:
        """Looks at each file's first rows only. Raises `DataError` when nothing is there.

        `directory` turns a file's `BTCUSD` into the pair `BTC/USD`.
        """
        names = directory or shipped_directory()
        recorded = recorded_adjustments(Path(place))
        files: dict[str, list[RecordedFile]] = {}
        for entry in discover(Path(place)):
            known = names.get(entry.symbol)
            symbol = known.symbol if known else _pair_in_crypto_folder(entry)
            files.setdefault(symbol, []).append(entry)
        self._recordings: dict[str, Recording] = {}
        for symbol, found in files.items():
            asset = names.get(symbol)
            increment = asset.price_increment if asset else None
            if increment is None and "/" in symbol:
                increment = Decimal("0.01")
            self._recordings[symbol] = Recording(symbol, increment, found, recorded)
        self.adjustments = recorded.of_symbols(self._recordings)

    def symbols(self) -> Sequence[str]:
        return tuple(sorted(self._recordings))

    def quote(self, symbol: str, at: Ns) -> Quote | None:
        recording = self._recordings.get(symbol)
        return None if recording is None else _quote_at(recording, at)

    def last_trade(self, symbol: str, at: Ns) -> Trade | None:
        recording = self._recordings.get(symbol)
        return None if recording is None else _trade_at(recording, at)

    def official(self, symbol: str, at: Ns) -> Decimal | None:
        """Open and close of the daily bar, at the moments of the day's auctions."""
        recording = self._recordings.get(symbol)
        if recording is None or recording.crypto:
            return None
        session = CALENDAR.day(recording.day_of(at))
        if session is None or at not in (session.open, session.close):
            return None
        daily = recording.file_bars(session.date, DAY)
        if not daily:
            return None
        return daily[0].open if at == session.open else daily[0].close

    def book(self, symbol: str, at: Ns, side: Literal["bid", "ask"]) -> Sequence[Level]:
        """The quoted level: more was not recorded."""
        quote = self.quote(symbol, at)
        if quote is None:
            return ()
        price, size = (quote.bid, quote.bid_size) if side == "bid" else (quote.ask, quote.ask_size)
        return (Level(price, size),) if price > 0 and size > 0 else ()

    def next_tick(self, symbol: str, after: Ns, until: Ns) -> Tick | None:
        return next(self.ticks(symbol, after, until), None)

    def ticks(self, symbol: str, after: Ns, until: Ns) -> Iterator[Tick]:
        recording = self._recordings.get(symbol)
        if recording is None or until <= after:
            return
        days = recording.days_between(recording.day_of(after + 1), recording.day_of(until))
        for day in days:
            for at in _event_times(recording, day, after, until):
                tick = _tick_at(recording, at)
                if tick is not None:
                    yield tick

    def first_crossing(self, symbol: str, after: Ns, until: Ns, condition: Crossing) -> Tick | None:
        recording = self._recordings.get(symbol)
        if recording is None or until <= after:
            return None
        days = recording.days_between(recording.day_of(after + 1), recording.day_of(until))
        for day in days:
            if condition.field is Field.LAST:
                tape, column = recording.trades(day), PRICE
            else:
                tape, column = recording.quotes(day), COLUMN[condition.field]
            if tape is None:
                continue
            found = _first_holding(recording, day, tape, column, after, until, condition)
            if found is not None:
                return found
        return None

    def peak(self, symbol: str, after: Ns, until: Ns, *, highest: bool) -> Decimal | None:
        return None

    def trades(self, symbol: str, start: Ns, end: Ns) -> Iterator[Trade]:
        recording = self._recordings.get(symbol)
        if recording is None or end < start:
            return
        for day in recording.days_between(recording.day_of(start), recording.day_of(end)):
            tape = recording.trades(day)
            for i in tape.span(start, end) if tape is not None else ():
                yield _trade(recording, tape, i)

    def quotes(self, symbol: str, start: Ns, end: Ns) -> Iterator[Quote]:
        recording = self._recordings.get(symbol)
        if recording is None or end < start:
            return
        for day in recording.days_between(recording.day_of(start), recording.day_of(end)):
            tape = recording.quotes(day)
            for i in tape.span(start, end) if tape is not None else ():
                yield _quote(recording, tape, i)

    def bar(self, symbol: str, start: Ns, end: Ns) -> Bar | None:
        """All prints of `[start, end)` as one bar.

        A span that holds one whole regular session, and no other, is the daily bar where one
        was recorded.
        """
        recording = self._recordings.get(symbol)
        if recording is None or end <= start:
            return None
        days = recording.days_between(recording.day_of(start), recording.day_of(end - 1))
        if len(days) == 1:
            daily = _daily_bar(recording, days[0], start, end)
            if daily is not None:
                return daily
        parts = []
        for day in days:
            tape = recording.trades(day)
            rows = tape.span(start, end - 1) if tape is not None else range(0)
            if tape is not None and rows:
                parts.append(recording.bar_of(start, rows, tape))
        return merged_bar(start, parts)

    def bars(self, symbol: str, width: Ns, start: Ns, end: Ns) -> Iterator[Bar]:
        """A file's own bars of that width where there are any, else bars of the prints."""
        recording = self._recordings.get(symbol)
        if recording is None or end < start:
            return
        days = recording.days_between(recording.day_of(start), recording.day_of(end))
        for day in days:
            recorded = recording.file_bars(day, width) or _bars_of_prints(recording, day, width)
            yield from (bar for bar in recorded if start <= bar.at <= end)


def _pair_in_crypto_folder(entry: RecordedFile) -> str:
    """`XYZUSD` below a folder named crypto is the pair `XYZ/USD`."""
    symbol = entry.symbol
    if "/" not in symbol and "crypto" in entry.path.parts and symbol.endswith("USD"):
        return f"{symbol[:-3]}/USD"
    return symbol


def _quote(recording: Recording, tape: Tape | None, i: int) -> Quote:
    assert tape is not None
    bid, bid_size, ask, ask_size = (exact(column[i]) for column in tape.columns)
    return Quote(recording.symbol, tape.times[i], bid, bid_size, ask, ask_size)


def _trade(recording: Recording, tape: Tape | None, i: int) -> Trade:
    assert tape is not None
    price, size = tape.columns
    return Trade(recording.symbol, tape.times[i], exact(price[i]), exact(size[i]))


def _quote_at(recording: Recording, at: Ns) -> Quote | None:
    tape, i = _row_at(recording, recording.quotes, at)
    if i >= 0:
        quote = _of_today(recording, _quote(recording, tape, i), at)
        return _worse_of_both(recording, quote, at) if recording.has_snapshots_at(at) else quote
    # Trades begin before the first quote: the market lies around the last of them.
    tape, i = _row_at(recording, recording.trades, at)
    if tape is None or i < 0:
        return None
    return _of_today(recording, _quote(recording, recording.quotes_around(tape.row(i)), 0), at)


def _of_today(recording: Recording, quote: Quote, at: Ns) -> Quote:
    """A quote of before a split, in the shares of after it."""
    scale = recording.scale(quote.at, at)
    if scale == 1:
        return quote
    return replace(
        quote,
        bid=(quote.bid / scale).quantize(CENT, ROUND_DOWN),
        ask=(quote.ask / scale).quantize(CENT, ROUND_UP),
        bid_size=(quote.bid_size * scale).to_integral_value(),
        ask_size=(quote.ask_size * scale).to_integral_value(),
    )


def _worse_of_both(recording: Recording, quote: Quote, at: Ns) -> Quote:
    """The quote, no better on either side than a print that came with it or after it."""
    last = _trade_at(recording, at)
    if last is None or last.at < quote.at:
        return quote
    bid = min(quote.bid, last.price) if quote.bid > 0 else quote.bid
    ask = max(quote.ask, last.price) if quote.ask > 0 else quote.ask
    return replace(quote, bid=bid, ask=ask)


def _trade_at(recording: Recording, at: Ns) -> Trade | None:
    tape, i = _row_at(recording, recording.trades, at)
    if i >= 0:
        trade = _trade(recording, tape, i)
        scale = recording.scale(trade.at, at)
        return trade if scale == 1 else replace(trade, price=(trade.price / scale).quantize(GRID))
    tape, i = _row_at(recording, recording.quotes, at)
    if tape is None or i < 0:
        return None
    middle = recording.middles(tape.row(i))
    return _trade(recording, middle, 0) if len(middle) else None


def _row_at(
    recording: Recording, tapes: Callable[[str], Tape | None], at: Ns
) -> tuple[Tape | None, int]:
    """The tape and row in force at an instant: of its day, else of the last day before."""
    day = recording.day_of(at)
    tape = tapes(day)
    i = tape.index_at(at) if tape is not None else -1
    if i < 0:
        tape = recording.latest_before(day, tapes)
        i = tape.index_at(at) if tape is not None else -1
    return tape, i


def _tick_at(recording: Recording, at: Ns) -> Tick | None:
    """The tick of an instant; None while nothing but one-sided quotes is known."""
    quote, last = _quote_at(recording, at), _trade_at(recording, at)
    return Tick(at, quote, last) if quote is not None and last is not None else None


def _event_times(recording: Recording, day: str, after: Ns, until: Ns) -> Iterator[Ns]:
    """The instants in `(after, until]` of a day at which a quote or a trade was recorded."""
    quotes, trades = recording.quotes(day), recording.trades(day)
    a = quotes.times if quotes is not None else array("q")
    b = trades.times if trades is not None else array("q")
    i = quotes.index_after(after) if quotes is not None else 0
    j = trades.index_after(after) if trades is not None else 0
    while i < len(a) or j < len(b):
        at = a[i] if j >= len(b) or (i < len(a) and a[i] <= b[j]) else b[j]
        if at > until:
            return
        yield at
        if i < len(a) and a[i] == at:
            i += 1
        if j < len(b) and b[j] == at:
            j += 1


def _first_holding(
    recording: Recording,
    day: str,
    tape: Tape,
    column: int,
    after: Ns,
    until: Ns,
    condition: Crossing,
) -> Tick | None:
    """The first tick of a day at which the condition holds.

    The first tick of the span may hold by a quote or trade that was in force before it.
    """
    opening = next(_event_times(recording, day, after, until), None)
    if opening is None:
        return None
    tick = _tick_at(recording, opening)
    if tick is not None and tick.meets(condition):
        return tick
    searched = [(tape, column)]
    prints = recording.trades(day)
    if condition.field is not Field.LAST and prints is not None and recording.has_snapshots(day):
        searched.append((prints, PRICE))  # a print may bring a side back to what the quote says
    while True:
        found = [
            where.times[i]
            for where, place in searched
            if (i := where.first(place, after, until, condition.op, condition.price)) is not None
        ]
        if not found:
            return None
        after = min(found)
        tick = _tick_at(recording, after)
        # None: nothing but one-sided quotes so far.
        if tick is not None and tick.meets(condition):
            return tick


def _daily_bar(recording: Recording, day: str, start: Ns, end: Ns) -> Bar | None:
    if recording.crypto:
        whole = recording.limits(day)
    else:
        session = CALENDAR.day(day)
        if session is None:
            return None
        whole = session.open, session.close
    if start > whole[0] or end < whole[1]:
        return None
    found = recording.file_bars(day, DAY)
    if not found:
        return None
    return replace(found[0], at=start)


def _bars_of_prints(recording: Recording, day: str, width: Ns) -> Iterator[Bar]:
    tape = recording.trades(day)
    i, count = 0, len(tape) if tape is not None else 0
    while tape is not None and i < count:
        begin = tape.times[i] // width * width
        stop = bisect_left(tape.times, begin + width, i)
        yield recording.bar_of(begin, range(i, stop), tape)
        i = stop
