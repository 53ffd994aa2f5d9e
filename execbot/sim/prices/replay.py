"""Recorded prices as a `PriceSource`: quotes, trades and bars as they were, at their times.

For each symbol and day the finest recording wins, separately for quotes and for trades:

    quotes: ticks, seconds, minutes, quote bars, else one price step around the trades
    trades: ticks, bars (seconds, minutes, hours, days), else the middle of the quotes

A bar becomes four prints: the open at its start, the two extremes after a quarter and a half,
the close a millisecond before its end (low before high when it rose). So nothing is known before
its bar began, and the prints of a bar aggregate to the bar again. Days are New York dates, UTC
dates for crypto. Before the first quote of a day the last one of an earlier day is in force.
Files are read when a day is first asked for.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from operator import mul
from pathlib import Path
from typing import Literal

from execbot.sim.assets import Directory, shipped_directory
from execbot.sim.calendar import ExchangeCalendar, new_york, new_york_date
from execbot.sim.prices.files import DAY, Kind, RecordedFile, Rows, discover, instant, read_rows
from execbot.sim.prices.overrides import holds
from execbot.sim.prices.source import merged_bar
from execbot.sim.prices.tape import Tape, exact
from execbot.sim.types import (
    SECOND,
    Bar,
    Crossing,
    Field,
    Level,
    Ns,
    Quote,
    Tick,
    Trade,
)

DAYS_KEPT = 64
HOUR: Ns = 3600 * SECOND
BID, BID_SIZE, ASK, ASK_SIZE = range(4)
PRICE, SIZE = range(2)
PRINTS_PER_BAR = 4
COLUMN = {Field.BID: BID, Field.ASK: ASK}
CALENDAR = ExchangeCalendar()


@lru_cache(maxsize=4096)
def _utc_day(day: str) -> tuple[Ns, Ns]:
    begin = instant(day)
    return begin, begin + DAY


@lru_cache(maxsize=4096)
def _new_york_day(day: str) -> tuple[Ns, Ns]:
    return new_york(day), new_york(day, 1440)


def _next(day: str) -> str:
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()


class _Recording:
    """All files of one symbol."""

    def __init__(self, symbol: str, increment: Decimal | None, files: list[RecordedFile]) -> None:
        self.symbol = symbol
        self.crypto = "/" in symbol
        self._increment = increment
        self._files = sorted(files, key=lambda entry: entry.width)
        self._rows: dict[RecordedFile, Rows] = {}
        self._quotes: dict[str, Tape | None] = {}
        self._trades: dict[str, Tape | None] = {}
        self._recorded_days: list[str] | None = None

    # --- days ------------------------------------------------------------------------------

    def day_of(self, at: Ns) -> str:
        if self.crypto:
            return datetime.fromtimestamp(at // SECOND, UTC).date().isoformat()
        return new_york_date(at)

    def limits(self, day: str) -> tuple[Ns, Ns]:
        return _utc_day(day) if self.crypto else _new_york_day(day)

    def days(self) -> list[str]:
        """All days with a recording, ascending. Reads the files that hold several days."""
        if self._recorded_days is None:
            found = {entry.day for entry in self._files if entry.day}
            for entry in self._files:
                if not entry.day:
                    found.update(self._days_of(self.rows(entry).times))
            self._recorded_days = sorted(found)
        return self._recorded_days

    def _days_of(self, times: array[int]) -> Iterator[str]:
        i = 0
        while i < len(times):
            day = self.day_of(times[i])
            yield day
            i = bisect_left(times, self.limits(day)[1], i)

    def days_between(self, first: str, last: str) -> Sequence[str]:
        """Recorded days in `[first, last]`. One day is answered without reading others."""
        if first == last:
            return (first,)
        days = self.days()
        return days[bisect_left(days, first) : bisect_left(days, _next(last))]

    def latest_before(self, day: str, tape: Callable[[str], Tape | None]) -> Tape | None:
        """The tape of the last day before `day` that has one."""
        days = self.days()
        for earlier in reversed(days[: bisect_left(days, day)]):
            found = tape(earlier)
            if found is not None:
                return found
        return None

    # --- files -----------------------------------------------------------------------------

    def rows(self, entry: RecordedFile) -> Rows:
        found = self._rows.get(entry)
        if found is None:
            found = read_rows(entry)
            if entry.width == DAY and not self.crypto:
                # Daily rows carry a date: the session of that date in New York.
                days = (datetime.fromtimestamp(t // SECOND, UTC).date() for t in found.times)
                found = Rows(array("q", [new_york(day.isoformat()) for day in days]), found.columns)
            self._rows[entry] = found
        return found

    def _finest(self, kind: Kind, day: str, width: Ns | None = None) -> tuple[Tape, Ns] | None:
        """The day's rows of the finest file of a kind (of exactly `width` where given)."""
        for entry in self._files:
            if entry.kind is not kind or (entry.day or day) != day:
                continue
            if width is not None and entry.width != width:
                continue
            rows = self.rows(entry)
            tape = Tape(rows.times, rows.columns).cut(*self.limits(day))
            if len(tape):
                return tape, entry.width
        return None

    # --- a day's tapes ---------------------------------------------------------------------

    def quotes(self, day: str) -> Tape | None:
        if day not in self._quotes:
            if len(self._quotes) >= DAYS_KEPT:
                self._quotes.clear()
            self._quotes[day] = self._build_quotes(day)
        return self._quotes[day]

    def trades(self, day: str) -> Tape | None:
        if day not in self._trades:
            if len(self._trades) >= DAYS_KEPT:
                self._trades.clear()
            self._trades[day] = self._build_trades(day)
        return self._trades[day]

    def _build_quotes(self, day: str) -> Tape | None:
        found = self._finest(Kind.QUOTES, day)
        if found is not None:
            return found[0]
        found = self._finest(Kind.QUOTE_BARS, day)
        if found is not None:
            bars, width = found
            return Tape(array("q", [at + width for at in bars.times]), bars.columns)
        prints = self._printed(day)
        return None if prints is None else self.quotes_around(prints)

    def _build_trades(self, day: str) -> Tape | None:
        prints = self._printed(day)
        if prints is not None:
            return prints
        quotes = self.quotes(day)
        return None if quotes is None else self.middles(quotes)

    def _printed(self, day: str) -> Tape | None:
        found = self._finest(Kind.TRADES, day)
        if found is not None:
            return found[0]
        found = self._finest(Kind.BARS, day)
        return None if found is None else self._prints_of_bars(*found)

    def _prints_of_bars(self, bars: Tape, width: Ns) -> Tape:
        times, prices, sizes = array("q"), array("d"), array("d")
        for at, opened, high, low, close, volume in zip(bars.times, *bars.columns, strict=True):
            begin, end = self._span_of_bar(at, width)
            rest = (low, high) if close >= opened else (high, low)
            quarter = (end - begin) // 4
            times.extend((begin, begin + quarter, begin + 2 * quarter, end - SECOND // 1000))
            prices.extend((opened, *rest, close))
            # Equal shares; of whole shares the last print takes what is left over.
            part = volume / PRINTS_PER_BAR if self.crypto else volume // PRINTS_PER_BAR
            sizes.extend((part, part, part, volume - 3 * part))
        return Tape(times, (prices, sizes))

    def _span_of_bar(self, at: Ns, width: Ns) -> tuple[Ns, Ns]:
        """When the trading of a bar took place: hours and days only within the session."""
        begin, end = at, at + width
        if width >= HOUR and not self.crypto:
            session = CALENDAR.day(new_york_date(at))
            if session is not None and begin < session.close and end > session.open:
                begin, end = max(begin, session.open), min(end, session.close)
        return begin, end

    def _step(self, price: float) -> float:
        if self._increment is not None:
            return float(self._increment)
        return 0.01 if price >= 1 else 0.0001

    def quotes_around(self, prints: Tape) -> Tape:
        bids, asks, sizes = array("d"), array("d"), array("d")
        for price, size in zip(*prints.columns, strict=True):
            step = self._step(price)
            bids.append(max(round(price - step, 9), step))
            asks.append(round(price + step, 9))
            sizes.append(size if self.crypto else max(size // 100 * 100, 100.0))
        return Tape(prints.times, (bids, sizes, asks, sizes))

    def middles(self, quotes: Tape) -> Tape:
        times, prices, sizes = array("q"), array("d"), array("d")
        rows = zip(quotes.times, *quotes.columns, strict=True)
        for at, bid, bid_size, ask, ask_size in rows:
            if bid > 0 and ask > 0:
                steps = round((bid + ask) / 2 / self._step(bid))
                times.append(at)
                prices.append(round(steps * self._step(bid), 9))
                sizes.append(min(bid_size, ask_size))
        return Tape(times, (prices, sizes))

    # --- bars ------------------------------------------------------------------------------

    def file_bars(self, day: str, width: Ns) -> list[Bar] | None:
        """The bars that a file of exactly this width has for a day."""
        found = self._finest(Kind.BARS, day, width)
        if found is None:
            return None
        rows = zip(found[0].times, *found[0].columns, strict=True)
        return [self._file_bar(*row) for row in rows]

    def _file_bar(
        self, at: Ns, opened: float, high: float, low: float, close: float, volume: float
    ) -> Bar:
        typical = (exact(high) + exact(low) + exact(close)) / 3
        return Bar(
            symbol=self.symbol,
            at=at,
            open=exact(opened),
            high=exact(high),
            low=exact(low),
            close=exact(close),
            volume=exact(volume),
            trade_count=PRINTS_PER_BAR,
            vwap=typical.quantize(Decimal("1E-6")),
        )

    def bar_of(self, at: Ns, rows: range, tape: Tape) -> Bar:
        prices, sizes = (column[rows.start : rows.stop] for column in tape.columns)
        volume = sum(sizes)
        paid = sum(map(mul, prices, sizes))
        average = paid / volume if volume else prices[-1]
        return Bar(
            symbol=self.symbol,
            at=at,
            open=exact(prices[0]),
            high=exact(max(prices)),
            low=exact(min(prices)),
            close=exact(prices[-1]),
            volume=exact(round(volume, 9)),
            trade_count=len(prices),
            vwap=Decimal(repr(round(average, 9))).quantize(Decimal("1E-6")),
        )


class RecordedPrices:
    """A `PriceSource` over a folder of recorded files, or over one file."""

    def __init__(self, place: Path | str, directory: Directory | None = None) -> None:
        """Looks at each file's first rows only. Raises `DataError` when nothing is there.

        `directory` turns a file's `BTCUSD` into the pair `BTC/USD`.
        """
        names = directory or shipped_directory()
        files: dict[str, list[RecordedFile]] = {}
        for entry in discover(Path(place)):
            known = names.get(entry.symbol)
            symbol = known.symbol if known else _pair_in_crypto_folder(entry)
            files.setdefault(symbol, []).append(entry)
        self._recordings: dict[str, _Recording] = {}
        for symbol, found in files.items():
            asset = names.get(symbol)
            increment = asset.price_increment if asset else None
            if increment is None and "/" in symbol:
                increment = Decimal("0.01")
            self._recordings[symbol] = _Recording(symbol, increment, found)

    def symbols(self) -> Sequence[str]:
        return tuple(sorted(self._recordings))

    def days(self, symbol: str) -> Sequence[str]:
        """The dates with recorded prices."""
        recording = self._recordings.get(symbol)
        return () if recording is None else tuple(recording.days())

    def quote(self, symbol: str, at: Ns) -> Quote | None:
        recording = self._recordings.get(symbol)
        return None if recording is None else _quote_at(recording, at)

    def last_trade(self, symbol: str, at: Ns) -> Trade | None:
        recording = self._recordings.get(symbol)
        return None if recording is None else _trade_at(recording, at)

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


def _quote(recording: _Recording, tape: Tape | None, i: int) -> Quote:
    assert tape is not None
    bid, bid_size, ask, ask_size = (exact(column[i]) for column in tape.columns)
    return Quote(recording.symbol, tape.times[i], bid, bid_size, ask, ask_size)


def _trade(recording: _Recording, tape: Tape | None, i: int) -> Trade:
    assert tape is not None
    price, size = tape.columns
    return Trade(recording.symbol, tape.times[i], exact(price[i]), exact(size[i]))


def _quote_at(recording: _Recording, at: Ns) -> Quote | None:
    tape, i = _row_at(recording, recording.quotes, at)
    if i >= 0:
        return _quote(recording, tape, i)
    # Trades begin before the first quote: the market lies around the last of them.
    tape, i = _row_at(recording, recording.trades, at)
    return _quote(recording, recording.quotes_around(tape.row(i)), 0) if tape and i >= 0 else None


def _trade_at(recording: _Recording, at: Ns) -> Trade | None:
    tape, i = _row_at(recording, recording.trades, at)
    if i >= 0:
        return _trade(recording, tape, i)
    tape, i = _row_at(recording, recording.quotes, at)
    if tape is None or i < 0:
        return None
    middle = recording.middles(tape.row(i))
    return _trade(recording, middle, 0) if len(middle) else None


def _row_at(
    recording: _Recording, tapes: Callable[[str], Tape | None], at: Ns
) -> tuple[Tape | None, int]:
    """The tape and row in force at an instant: of its day, else of the last day before."""
    day = recording.day_of(at)
    tape = tapes(day)
    i = tape.index_at(at) if tape is not None else -1
    if i < 0:
        tape = recording.latest_before(day, tapes)
        i = tape.index_at(at) if tape is not None else -1
    return tape, i


def _tick_at(recording: _Recording, at: Ns) -> Tick | None:
    """The tick of an instant; None while nothing but one-sided quotes is known."""
    quote, last = _quote_at(recording, at), _trade_at(recording, at)
    return Tick(at, quote, last) if quote is not None and last is not None else None


def _event_times(recording: _Recording, day: str, after: Ns, until: Ns) -> Iterator[Ns]:
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
    recording: _Recording,
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
    if tick is not None and holds(condition, tick):
        return tick
    while True:
        i = tape.first(column, after, until, condition.op, condition.price)
        if i is None:
            return None
        tick = _tick_at(recording, tape.times[i])
        if tick is not None:
            return tick
        # Nothing but one-sided quotes so far: no tick yet.
        after = tape.times[i]


def _daily_bar(recording: _Recording, day: str, start: Ns, end: Ns) -> Bar | None:
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
    bar = found[0]
    return Bar(
        bar.symbol, start, bar.open, bar.high, bar.low, bar.close, bar.volume,
        bar.trade_count, bar.vwap,
    )  # fmt: skip


def _bars_of_prints(recording: _Recording, day: str, width: Ns) -> Iterator[Bar]:
    tape = recording.trades(day)
    i, count = 0, len(tape) if tape is not None else 0
    while tape is not None and i < count:
        begin = tape.times[i] // width * width
        stop = bisect_left(tape.times, begin + width, i)
        yield recording.bar_of(begin, range(i, stop), tape)
        i = stop
