"""All recorded files of one symbol: which days they hold, and each day's finest tapes."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from operator import mul

from execbot.sim.calendar import ExchangeCalendar, new_york, new_york_date
from execbot.sim.prices.adjustments import Adjustments
from execbot.sim.prices.files import DAY, Kind, RecordedFile, Rows, instant, read_rows
from execbot.sim.prices.tape import Tape, exact
from execbot.sim.types import SECOND, Bar, Ns

DAYS_KEPT = 64
HOUR: Ns = 3600 * SECOND
PRINTS_PER_BAR = 4
NEAR_DAYS = 4
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


class Recording:
    """All files of one symbol."""

    def __init__(
        self,
        symbol: str,
        increment: Decimal | None,
        files: list[RecordedFile],
        adjustments: Adjustments | None = None,
    ) -> None:
        self.symbol = symbol
        self._adjustments = adjustments or Adjustments()
        self.crypto = "/" in symbol
        self._increment = increment
        self._files = sorted(files, key=lambda entry: entry.width)
        self._rows: dict[RecordedFile, Rows] = {}
        self._quotes: dict[str, Tape | None] = {}
        self._trades: dict[str, Tape | None] = {}
        self._snapshots: dict[str, bool] = {}
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
        """The tape of the last day before `day` that has one.

        It is mostly near; only when it is not are all files read for their days.
        """
        today = date.fromisoformat(day)
        for count in range(1, NEAR_DAYS + 1):
            found = tape((today - timedelta(days=count)).isoformat())
            if found is not None:
                return found
        days = self.days()
        for earlier in reversed(days[: bisect_left(days, day)]):
            found = tape(earlier)
            if found is not None:
                return found
        return None

    def scale(self, since: Ns, until: Ns) -> Decimal:
        """Shares of `until` for one of `since`: other than 1 after a recorded split."""
        return self._adjustments.scale(self.symbol, since, until)

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

    def has_snapshots(self, day: str) -> bool:
        """Whether quotes were looked at only now and then (once a minute, a second), so that
        between two rows a print may be nearer to the market than the quote.
        """
        if day not in self._snapshots:
            found = self._finest(Kind.QUOTES, day) or self._finest(Kind.QUOTE_BARS, day)
            self._snapshots[day] = found is not None and found[1] > 0
        return self._snapshots[day]

    def has_snapshots_at(self, at: Ns) -> bool:
        return self.has_snapshots(self.day_of(at))

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
