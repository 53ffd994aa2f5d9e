"""Chains and structures as rows for people and programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from execbot.cli.show.amounts import four_decimals, price
from execbot.cli.show.output import Cell, Table
from execbot.model.amounts import dollars, price_words
from execbot.model.numbers import maybe_text, text
from execbot.model.order_words import net_words

if TYPE_CHECKING:
    from execbot.desk.options.chain import Chain, Link
    from execbot.desk.options.protecting import Kept
    from execbot.desk.options.structures import Structure

CHAIN_COLUMNS = (
    *("symbol", "underlying", "underlying_price", "expiry", "type", "strike", "bid", "ask"),
    *("bid_size", "ask_size", "last", "last_at", "quoted_at", "implied_volatility", "delta"),
    *("gamma", "theta", "vega", "rho", "open_interest", "tradable", "feed"),
)

HELD_COLUMNS = (
    *("underlying", "units", "legs", "net_entry_price", "net_price", "unrealized_pl", "max_loss"),
    *("guarded", "missing"),
)


def held_rows(said: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What --json says of each underlying, its legs as words: `2 AAPL261218C00250000`."""
    return [
        {**row, "legs": [f"{text(leg['qty'])} {leg['symbol']}" for leg in row["legs"]]}
        for row in said
    ]


def link_json(link: Link, chain: Chain) -> dict[str, Any]:
    contract, now = link.contract, link.snapshot
    quote = None if now is None else now.quote
    trade = None if now is None else now.trade
    greeks = None if now is None else now.greeks
    return {
        "symbol": contract.symbol,
        "underlying": contract.underlying,
        "underlying_price": chain.price,
        "expiry": contract.expires,
        "type": "call" if contract.is_call else "put",
        "strike": contract.strike,
        "bid": quote.bid if quote is not None and quote.bid > 0 else None,
        "ask": quote.ask if quote is not None and quote.ask > 0 else None,
        "bid_size": None if quote is None else quote.bid_size,
        "ask_size": None if quote is None else quote.ask_size,
        "last": None if trade is None else trade.price,
        "last_at": None if trade is None else trade.at,
        "quoted_at": None if quote is None else quote.at,
        "implied_volatility": None if now is None else now.iv,
        **{
            name: None if greeks is None else getattr(greeks, name)
            for name in ("delta", "gamma", "theta", "vega", "rho")
        },
        "open_interest": contract.open_interest,
        "tradable": contract.tradable,
        "feed": chain.feed or None,
    }


def chain_table(chain: Chain) -> Table:
    rows = []
    for link in chain.links:
        row = link_json(link, chain)
        rows.append(
            (
                row["symbol"],
                row["type"],
                text(row["strike"]),
                price(row["bid"]),
                price(row["ask"]),
                price(row["last"]),
                _short(row["implied_volatility"]),
                _short(row["delta"]),
                _short(row["theta"]),
                maybe_text(row["open_interest"]),
            )
        )
    columns = ("contract", "type", "strike", "bid", "ask", "last", "IV", "delta", "theta", "OI")
    at = "" if chain.price is None else f" at {price_words(chain.price)}"
    return Table(
        columns,
        rows,
        numeric=frozenset(columns[2:]),
        title=f"{chain.underlying}{at}, expiry {chain.expiry}",
        drop=("theta", "last", "OI"),
    )


def _short(value: Decimal | None) -> Cell:
    """In full for programs, four decimals for people."""
    if value is None:
        return Cell(None, "-")
    return Cell(text(value), four_decimals(value))


def structures_table(found: Sequence[Structure]) -> Table:
    rows = [
        (
            one.underlying,
            text(p.qty),
            p.symbol,
            price(p.avg_entry_price),
            price(p.current_price),
        )
        for one in found
        for p in one.positions
    ]
    columns = ("underlying", "contracts", "contract", "entry", "price")
    return Table(
        columns, rows, numeric=frozenset({"contracts", "entry", "price"}), empty="No contracts."
    )


def named(found: Sequence[Structure]) -> list[str]:
    """The underlying, or the contracts where several structures of it are held."""
    many = Counter(one.underlying for one in found)
    return [
        one.underlying if many[one.underlying] == 1 else ", ".join(p.symbol for p in one.positions)
        for one in found
    ]


def structure_lines(one: Structure, name: str) -> list[str]:
    """`AAPL: 2 units, entered at a debit of 1.20; profit 30.00 USD, the most to lose 240.00 USD`"""
    profit = "not known" if one.profit is None else dollars(one.profit)
    loss = "not known, or without end" if one.at_risk is None else dollars(one.at_risk)
    entered = "" if one.paid is None else f", entered {net_words(one.paid)}"
    units = f"{one.units} unit{'s' if one.units != 1 else ''}"
    return [f"{name}: {units}{entered}; profit {profit}, the most to lose {loss}"]


def kept_lines(name: str, kept: Kept) -> list[str]:
    """Which exits are in force, and how it stands: `AAPL: net stop 0.60; emulated`."""
    state = kept.guarded.value.replace("_", " ")
    if kept.is_part:
        state = "the rest has no exits"
    lines = [f"{name}: {plan.levels}; {state}" for plan in kept.plans]
    lines = lines or [f"{name}: no exits as a structure; {state}"]
    return [*lines, f"{name} is unprotected: {kept.missing}"] if kept.missing else lines
