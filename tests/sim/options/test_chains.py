"""Goal: chains are right at any moment, and of one piece: symbols, ids, prices, grids, searches.
Method: properties over random contracts and moments; no moment is simulated before another.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from math import exp

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from execbot.sim.calendar import ExchangeCalendar, new_york
from execbot.sim.chains import grid, pricing
from execbot.sim.chains.book import OptionBook, OptionPrices
from execbot.sim.chains.contract import Contract, contract_id, symbol_of_id
from execbot.sim.chains.expiries import expires_at, expiries, is_expiry
from execbot.sim.chains.listing import Wanted, listed
from execbot.sim.chains.market import YEAR, Chains
from execbot.sim.prices.mixed import build_prices
from execbot.sim.types import SECOND, Crossing, Field

DAY, OPEN, CLOSE = "2026-10-08", 9 * 60 + 30, 16 * 60


@cache
def chains(seed: int = 1) -> Chains:
    calendar = ExchangeCalendar()
    prices, _ = build_prices(seed=seed, calendar=calendar)
    return Chains(seed, prices, calendar)


@cache
def some(stock: str) -> tuple[Contract, ...]:
    """Those of the next three weeks, and of the farthest date."""
    near, far = Wanted((stock,), last="2026-10-30"), Wanted((stock,), first="2029-01-01")
    return tuple(c for w in (near, far) for c in listed(chains(), w, new_york(DAY, OPEN)))


contracts = st.sampled_from(("AAPL", "SPY", "MSTR", "F")).flatmap(
    lambda stock: st.sampled_from(some(stock))
)
moments = st.integers(OPEN * 60, CLOSE * 60 - 1).map(lambda s: new_york(DAY) + s * SECOND)


# --- contracts -------------------------------------------------------------------------------


@settings(max_examples=50)
@given(contracts, st.integers(0, 2**40))
def test_an_id_leads_back_to_its_symbol_and_no_other_seeds_id_does(c: Contract, seed: int) -> None:
    text = contract_id(c.symbol, seed)
    assert symbol_of_id(text, seed) == c.symbol
    assert symbol_of_id(text, seed + 1) is None


def test_a_stocks_dates_are_fridays_third_fridays_and_januaries() -> None:
    found = expiries("AAPL", "2026-10-08")
    assert found[:3] == ("2026-10-09", "2026-10-16", "2026-10-23")
    assert found[-2:] == ("2028-01-21", "2029-01-19")
    assert all(is_expiry("AAPL", day) for day in found)
    assert len(expiries("SPY", "2026-10-08")) > len(found)


def test_a_friday_without_trading_gives_its_place_to_thursday() -> None:
    found = expiries("AAPL", "2026-03-30")
    assert "2026-04-02" in found and "2026-04-03" not in found  # Good Friday
    assert not is_expiry("AAPL", "2026-04-03")


def test_the_twenty_have_chains_and_one_of_them_an_adjusted_root() -> None:
    assert len(grid.TWENTY) == 20 and chains().underlyings == set(grid.TWENTY)
    for stock in grid.TWENTY:
        assert next(listed(chains(), Wanted((stock,)), new_york(DAY, OPEN))).underlying == stock
    wanted = Wanted(("MARA",), root="MARA1")
    adjusted = list(listed(chains(), wanted, new_york(DAY, OPEN)))
    assert adjusted and all(c.shares == 50 and c.underlying == "MARA" for c in adjusted)


def test_symbols_are_listed_in_order_and_a_page_goes_on_where_the_last_ended() -> None:
    everything = [c.symbol for c in listed(chains(), Wanted(("MARA", "F")), new_york(DAY, OPEN))]
    assert everything == sorted(set(everything))
    rest = listed(chains(), Wanted(("MARA", "F")), new_york(DAY, OPEN), everything[1000])
    assert [c.symbol for c in rest] == everything[1001:]


# --- prices ----------------------------------------------------------------------------------


@settings(max_examples=60)
@given(contracts, moments)
def test_puts_and_calls_agree_within_the_spread(c: Contract, at: int) -> None:
    """Nothing here pays dividends before an expiry, so nobody exercises a call early, nor a put
    whose price is more than exercising brings (every put out of the money, and in the money where
    the bid says so): those are worth what European ones are, and C - P = S - K exp(-rt) within the
    spread. Of the other puts the right to exercise at once counts: S - K <= C - P stays below it.
    """
    market = chains()
    call = market.quote(Contract.of(c.root, c.expires, True, c.strike), at)
    put = market.quote(Contract.of(c.root, c.expires, False, c.strike), at)
    spot = market.spot(c.underlying, at)
    assert call is not None and put is not None and spot is not None
    years = (expires_at(c.expires) - at) / YEAR
    strike = float(c.strike)
    forward = spot[0] - strike * exp(-market.rate * years)
    is_kept = float(put.bid) > strike - spot[0] or strike <= spot[0]
    least = forward if is_kept else spot[0] - strike
    event("an equality" if is_kept else "an inequality")
    assert float(call.ask - put.bid) >= least - 1e-9
    assert float(call.bid - put.ask) <= forward + 1e-9


@settings(max_examples=60)
@given(contracts, moments)
def test_quotes_are_on_the_grid_and_never_crossed(c: Contract, at: int) -> None:
    quote = chains().quote(c, at)
    assert quote is not None and 0 <= quote.bid < quote.ask
    assert grid.on_grid(c.underlying, quote.bid) and grid.on_grid(c.underlying, quote.ask)
    assert (quote.bid > 0) == (quote.bid_size > 0)


@settings(max_examples=10)
@given(contracts, moments)
def test_a_moment_says_the_same_whatever_was_asked_before(c: Contract, at: int) -> None:
    calendar = ExchangeCalendar()
    fresh = Chains(1, build_prices(seed=1, calendar=calendar)[0], calendar)
    assert fresh.quote(c, at) == chains().quote(c, at)
    assert fresh.last_print(c, at) == chains().last_print(c, at)


@settings(max_examples=40)
@given(contracts, moments)
def test_a_call_falls_with_its_strike_and_a_put_rises(c: Contract, at: int) -> None:
    spot = chains().spot(c.underlying, at)
    assert spot is not None
    step = grid.strike_step(c.underlying, c.strike)
    above = Contract.of(c.root, c.expires, c.is_call, c.strike + step)
    here, there = (chains().fair(x, spot[0], at) for x in (c, above))
    assert there <= here + 1e-9 if c.is_call else there >= here - 1e-9


@given(st.booleans(), st.floats(0.2, 5), st.floats(0.01, 3), st.floats(0.05, 2))
def test_greeks_are_the_slopes_of_the_value(
    call: bool, spot: float, years: float, sigma: float
) -> None:
    def value(**changed: float) -> float:
        given = {"spot": spot, "years": years, "sigma": sigma, "rate": 0.04} | changed
        return pricing.value(strike=1.0, is_call=call, **given)

    found = pricing.greeks(spot, 1.0, years, sigma, 0.04, call)
    h = 1e-5
    if value() <= max(0.0, (spot - 1) * (1 if call else -1)) + 1e-9:
        return  # a put at the floor of what exercising is worth
    slope = (value(spot=spot + h) - value(spot=spot - h)) / (2 * h)
    assert found.delta == pytest.approx(slope, abs=1e-3)
    slope = (value(sigma=sigma + h) - value(sigma=sigma - h)) / (2 * h) / 100
    assert found.vega == pytest.approx(slope, abs=1e-3)


@settings(max_examples=25)
@given(
    st.sampled_from(some("AAPL")), moments, st.sampled_from((Field.BID, Field.ASK, Field.LAST)),
    st.booleans(), st.integers(-6, 6),
)  # fmt: skip
def test_the_search_finds_what_a_walk_over_every_second_finds(
    c: Contract, at: int, field: Field, rising: bool, away: int
) -> None:
    book = OptionBook(1, chains().prices, ExchangeCalendar())
    prices = OptionPrices(chains().prices, book)
    quote = prices.quote(c.symbol, at)
    assert quote is not None
    price = quote.ask + Decimal(away * grid.step_at("AAPL", float(quote.ask * 100))) / 100
    condition = Crossing(field, ">=" if rising else "<=", price)
    until = at + 400 * SECOND
    found = prices.first_crossing(c.symbol, at, until, condition)
    walked = None
    for tick in prices.ticks(c.symbol, at, until):
        side = {Field.BID: tick.quote.bid, Field.ASK: tick.quote.ask, Field.LAST: tick.last.price}
        if field is Field.LAST and tick.last.at != tick.at:
            continue
        if side[field] > 0 and (side[field] >= price if rising else side[field] <= price):
            walked = tick.at
            break
    assert (None if found is None else found.at) == walked


@pytest.mark.parametrize("field", Field)
def test_a_contract_marked_at_zero_comes_to_no_price(field: Field) -> None:
    """A price of 0 is a side that is absent."""
    book, at = OptionBook(1, chains().prices, ExchangeCalendar()), new_york(DAY, OPEN + 30)
    prices, contract = OptionPrices(chains().prices, book), some("AAPL")[0]
    book.set_mark(contract, Decimal(0), at)
    cheap = Crossing(field, "<=", Decimal(1))
    assert prices.first_crossing(contract.symbol, at - 1, at + SECOND, cheap) is None


# --- hours -----------------------------------------------------------------------------------


def test_the_last_quote_of_the_session_stands_until_the_next_one() -> None:
    c = Contract.parse("AAPL261016C00240000")
    late = Contract.parse("SPY261016C00560000")
    assert c is not None and late is not None
    at_close = chains().quote(c, new_york(DAY, CLOSE) - SECOND)
    assert chains().quote(c, new_york(DAY, CLOSE + 5)) == at_close
    assert chains().quote(c, new_york("2026-10-09", OPEN - 1)) == at_close
    before, after = (new_york(DAY, CLOSE + m) for m in (0, 10))
    moved = {chains().quote(late, at) for at in range(before, after, 30 * SECOND)}
    assert len(moved) > 1  # funds trade a quarter of an hour longer


def test_after_the_last_day_a_contract_is_worth_what_exercising_is() -> None:
    c = Contract.parse("AAPL261009C00200000")
    assert c is not None
    spot = chains().spot("AAPL", expires_at(c.expires))
    assert spot is not None
    assert chains().fair(c, spot[0], expires_at(c.expires)) == pytest.approx(spot[0] - 200)
