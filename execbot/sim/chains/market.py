"""What contracts trade at: quotes and prints as a function of the stock's own path and the time.

Nothing is simulated forward; any moment can be asked in any order. A quote stands around the fair
price, bid and ask on the grid. Prints are sparse: a session is cut into stretches, longer ones for
contracts that few trade, and each stretch has one print or none. Outside the sessions of options
the last quote stays in force.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from math import log, sqrt

from execbot.sim.assets import listings
from execbot.sim.calendar import new_york, new_york_date
from execbot.sim.chains import grid, pricing, surface
from execbot.sim.chains.carried import carried_ratios, is_carried
from execbot.sim.chains.contract import LATE_CLOSE, ROOTS, Contract, Roots
from execbot.sim.chains.expiries import LATE, expires_at, is_expiry
from execbot.sim.types import SECOND, Calendar, Ns, PriceSource, Quote, Trade

YEAR: Ns = pricing.YEAR_DAYS * 86_400 * SECOND
OPENING: Ns = 300 * SECOND  # quotes are twice as wide in the first minutes
USUAL_VOLATILITY, USUAL_LEAN, INDEX_LEAN = 0.35, 0.03, 0.09
TIGHT = {"SPY": 0.25, "QQQ": 0.3, "IWM": 0.4, "AAPL": 0.5, "NVDA": 0.5, "TSLA": 0.5}
DAYS_LOOKED_BACK = 6  # for the last print
STRETCHES = (60, 300, 1800, 7200)
"""Seconds between prints: of the most traded contracts, of busy ones, of others, of far ones."""


@dataclass(frozen=True, slots=True)
class Day:
    """What holds for one contract on one date. Times in nanoseconds."""

    sigma: float
    factor: float  # of the usual spread
    stretch: int  # seconds
    opens: Ns
    ends: Ns


class Chains:
    """The option market over a price source. `extra` underlyings have chains beside the twenty.

    `roots` and `splits` are those of the exchange, and grow: prices of a day on which a stock is
    split go by what it began the day at, in the shares of the moment.
    """

    def __init__(
        self,
        seed: int,
        prices: PriceSource,
        calendar: Calendar,
        extra: frozenset[str] = frozenset(),
        roots: Roots = ROOTS,
        splits: Mapping[str, Sequence[tuple[Ns, Decimal]]] | None = None,
    ) -> None:
        self.seed = seed
        self.prices = prices
        self.calendar = calendar
        known = set(prices.symbols())
        self.underlyings = frozenset(known & ({*grid.TWENTY} | extra))
        self.roots = roots
        self.splits = {} if splits is None else splits
        self.rate = surface.rate(seed)
        self._volatility = {item.asset.symbol: item.volatility for item in listings()}
        self.day = lru_cache(maxsize=8192)(self._day)
        self.reference = lru_cache(maxsize=4096)(self._reference)

    def knows(self, contract: Contract) -> bool:
        """Whether there is, was or will be such a contract: its root, its date, its strike."""
        root, stock, strike = contract.root, contract.underlying, contract.strike
        if stock not in self.underlyings or (root != stock and root not in self.roots):
            return False
        if not grid.is_strike(stock, strike):
            ratios = carried_ratios(self.splits.get(stock, ()))
            if not any(is_carried(stock, strike, ratio) for ratio in ratios):
                return False
        return is_expiry(stock, contract.expires)

    # --- hours -----------------------------------------------------------------------------

    def session(self, underlying: str, day: str) -> tuple[Ns, Ns] | None:
        """Begin and end of a date's session for contracts; None where there is none."""
        return self._session(underlying in LATE_CLOSE, day)

    @lru_cache(maxsize=1024)  # noqa: B019 - lives as long as the exchange
    def _session(self, late: bool, day: str) -> tuple[Ns, Ns] | None:
        found = self.calendar.day(day)
        if found is None:
            return None
        if self.calendar.always_open:
            return found.open, found.close
        return found.open, found.close + (LATE if late else 0)

    def last_moment(self, contract: Contract) -> Ns:
        """The end of trading on the last day."""
        late = contract.underlying in LATE_CLOSE
        return expires_at(contract.expires) + (LATE if late else 0)

    def in_force(self, contract: Contract, at: Ns) -> Ns:
        """The instant whose quote is in force at `at`."""
        at = min(at, self.last_moment(contract) - 1)
        if self.calendar.always_open:
            return at
        day = new_york_date(at)
        session = self.session(contract.underlying, day)
        if session is not None and at >= session[0]:
            return min(at, session[1] - 1)
        before = self._session_before(contract.underlying in LATE_CLOSE, day)
        return before[1] - 1

    @lru_cache(maxsize=1024)  # noqa: B019
    def _session_before(self, late: bool, day: str) -> tuple[Ns, Ns]:
        base = date.fromisoformat(day)
        for count in range(1, 15):
            found = self._session(late, (base - timedelta(days=count)).isoformat())
            if found is not None:
                return found
        raise AssertionError(f"no trading day before {day}")

    # --- what holds for a day --------------------------------------------------------------

    def grown(self, underlying: str, day: str, at: Ns) -> Decimal:
        """What one share of the beginning of a date has become by a moment of it."""
        found = Decimal(1)
        for since, ratio in self.splits.get(underlying, ()):
            if since <= at and new_york_date(since) == day:
                found *= ratio
        return found

    def day_at(self, contract: Contract, at: Ns) -> Day:
        """What holds for a contract at a moment."""
        day = new_york_date(at)
        if contract.underlying not in self.splits:
            return self.day(contract, day)
        return self.day(contract, day, self.grown(contract.underlying, day, at))

    def _reference(self, underlying: str, day: str) -> float:
        """Where the stock stood when a date began."""
        spot = self.spot(underlying, new_york(day))
        return 0.0 if spot is None else spot[0]

    def _day(self, contract: Contract, day: str, grown: Decimal = Decimal(1)) -> Day:
        underlying = contract.underlying
        opens, ends = self.session(underlying, day) or (new_york(day), new_york(day, 1440))
        years = max(expires_at(contract.expires) - opens, 0) / YEAR
        share = float(contract.shares) / 100.0
        strike = float(contract.strike) / share
        reference = self.reference(underlying, day) / float(grown)
        base = self._volatility.get(underlying, USUAL_VOLATILITY)
        nervous = surface.level(self.seed, underlying, date.fromisoformat(day).toordinal())
        lean = INDEX_LEAN if underlying in grid.PENNY_EVERYWHERE else USUAL_LEAN
        sigma = surface.sigma(base, nervous, strike, reference, years, lean)
        away = 3.0
        if reference > 0:
            away = abs(log(strike / reference)) / (sigma * sqrt(max(years, 2 / 365)))
        factor = TIGHT.get(underlying, 1.0) * (1.0 + 0.3 * min(away, 4.0))
        factor *= 1.0 + 0.6 * min(years, 3.0)
        if not contract.is_standard:
            factor *= 3.0
        return Day(sigma, factor, self._stretch(contract, away, years), opens, ends)

    def _stretch(self, contract: Contract, away: float, years: float) -> int:
        far = (away > 0.7) + (away > 1.6) + (years > 0.3) + (not contract.is_standard) * 3
        tight = contract.underlying in TIGHT
        return STRETCHES[min(far + (not tight), len(STRETCHES) - 1)]

    # --- prices ----------------------------------------------------------------------------

    def spot(self, underlying: str, at: Ns) -> tuple[float, Ns] | None:
        """The middle of the stock's quote, and since when it holds."""
        quote = self.prices.quote(underlying, at)
        if quote is None:
            return None
        if quote.bid > 0 and quote.ask > 0:
            return float(quote.bid + quote.ask) / 2.0, quote.at
        last = self.prices.last_trade(underlying, at)
        return None if last is None else (float(last.price), last.at)

    def fair(self, contract: Contract, spot: float, at: Ns) -> float:
        """The fair price for one share, with the stock at `spot`."""
        day = self.day_at(contract, at)
        years = (expires_at(contract.expires) - at) / YEAR
        share = float(contract.shares) / 100.0
        strike = float(contract.strike)
        return pricing.value(spot * share, strike, years, day.sigma, self.rate, contract.is_call)

    def cents(
        self, contract: Contract, spot: float, at: Ns, widening: float = 1.0
    ) -> tuple[int, int]:
        """Bid and ask in cents with the stock at `spot`."""
        day = self.day_at(contract, at)
        fair = self.fair(contract, spot, at)
        half = min(0.006 + 0.008 * fair, 0.6 + 0.002 * fair) * day.factor * widening
        if at - day.opens < OPENING and not self.calendar.always_open:
            half *= 2.0
        steps = grid.steps(contract.underlying)
        bid = grid.bid_below((fair - half) * 100.0, steps)
        return bid, grid.ask_above((fair + half) * 100.0, bid, steps)

    def quote(self, contract: Contract, at: Ns, widening: float = 1.0) -> Quote | None:
        """The quote in force. None where the stock has no price."""
        then = self.in_force(contract, at)
        spot = self.spot(contract.underlying, then)
        if spot is None:
            return None
        return self.quote_of(contract, spot[0], min(max(spot[1], 0), then), then, widening)

    def quote_of(
        self, contract: Contract, spot: float, since: Ns, then: Ns, widening: float = 1.0
    ) -> Quote:
        bid, ask = self.cents(contract, spot, then, widening)
        noise = self._noise(contract, then // (60 * SECOND))
        return Quote(
            contract.symbol,
            since,
            Decimal(bid).scaleb(-2),
            Decimal(1 + noise[0] if bid else 0),
            Decimal(ask).scaleb(-2),
            Decimal(1 + noise[1]),
        )

    def years(self, contract: Contract, at: Ns) -> float:
        return max(expires_at(contract.expires) - at, 0) / YEAR

    def greeks(self, contract: Contract, at: Ns) -> tuple[float, pricing.Greeks] | None:
        """Volatility and greeks; None on the last day, and far from the money."""
        then = self.in_force(contract, at)
        if new_york_date(at) >= contract.expires:
            return None
        spot = self.spot(contract.underlying, then)
        if spot is None:
            return None
        day, share = self.day_at(contract, then), float(contract.shares) / 100.0
        found = pricing.greeks(
            spot[0] * share,
            float(contract.strike),
            self.years(contract, then),
            day.sigma,
            self.rate,
            contract.is_call,
        )
        return None if not 0.02 < abs(found.delta) < 0.98 else (day.sigma, found)

    def _noise(self, contract: Contract, number: int) -> bytes:
        text = f"{self.seed} {contract.symbol} {number}".encode()
        return blake2b(text, digest_size=8).digest()

    # --- prints ----------------------------------------------------------------------------

    def prints(self, contract: Contract, start: Ns, end: Ns) -> Iterator[Trade]:
        """Every print in `[start, end]`, ascending."""
        end = min(end, self.last_moment(contract) - 1)
        if end < start:
            return
        day, last = date.fromisoformat(new_york_date(start)), new_york_date(end)
        while (text := day.isoformat()) <= last:
            if self.session(contract.underlying, text) is not None:
                yield from self._prints_of(contract, text, start, end)
            day += timedelta(days=1)

    def _prints_of(self, contract: Contract, text: str, start: Ns, end: Ns) -> Iterator[Trade]:
        day = self.day(contract, text)
        width = day.stretch * SECOND
        first = max(start - day.opens, 0) // width
        count = -(-(min(day.ends, end + 1) - day.opens) // width)
        for number in range(first, count):
            trade = self._print_in(contract, day, number)
            if trade is not None and start <= trade.at <= end:
                yield trade

    def _print_in(self, contract: Contract, day: Day, number: int) -> Trade | None:
        """The print of one stretch of a session; none in every third one."""
        begin = day.opens + number * day.stretch * SECOND
        noise = self._noise(contract, begin // SECOND)
        if noise[2] < 85:
            return None
        at = begin + (int.from_bytes(noise[3:6], "big") % day.stretch) * SECOND
        if at >= min(day.ends, self.last_moment(contract)):
            return None
        spot = self.spot(contract.underlying, at)
        if spot is None:
            return None
        bid, ask = self.cents(contract, spot[0], at)
        price = ask if noise[6] & 1 or not bid else bid
        return Trade(contract.symbol, at, Decimal(price).scaleb(-2), Decimal(1 + noise[7] % 20))

    def last_print(self, contract: Contract, at: Ns) -> Trade | None:
        """The last print at or before `at`; None where there was none for days."""
        at = self.in_force(contract, at)
        day = date.fromisoformat(new_york_date(at))
        for _ in range(DAYS_LOOKED_BACK):
            text = day.isoformat()
            if self.session(contract.underlying, text) is not None:
                found = self._last_of(contract, text, at)
                if found is not None:
                    return found
            day -= timedelta(days=1)
        return None

    def _last_of(self, contract: Contract, text: str, at: Ns) -> Trade | None:
        day = self.day(contract, text)
        number = (min(at, day.ends - 1) - day.opens) // (day.stretch * SECOND)
        while number >= 0:
            trade = self._print_in(contract, day, number)
            if trade is not None and trade.at <= at:
                return trade
            number -= 1
        return None
