"""A confirmation in words and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from execbot.journal.confirmation import (
    ArrivalBasis,
    Confirmation,
    Cost,
    ExecutionVerdict,
    Finding,
    QuoteSeen,
)
from execbot.model.amounts import maybe_price_words, money_words
from execbot.model.numbers import maybe_text, text
from execbot.model.times import iso

WORSE = "cost (+ = worse)"
"""The header over every cost: IBKR's reports have the other sign."""

UNMEASURED = {
    "stale": "the quote was old",
    "one_sided": "the quote had one side",
    "crossed": "the quote was crossed",
    "no_quote": "there was no quote",
    "no_price": "the order has no price of its own",
    "not_looked_up": "the quote of that moment is not read yet",
}
UNVERIFIED = {
    "fills_not_reported_one_by_one": "the broker has told the order's total, not its fills",
    "position_not_read": "the position at the broker has not been read since",
}
_BASIS = {
    ArrivalBasis.QUOTE: "the middle of the quote when decided",
    ArrivalBasis.LOOKED_UP: "the middle of the quote of that moment",
    ArrivalBasis.TRIGGER: "the trigger",
    ArrivalBasis.LIMIT: "the limit",
    ArrivalBasis.NONE: "no price",
}


def confirmation_json(item: Confirmation) -> dict[str, Any]:
    """Every field, absent ones null; decimals and times as they are."""
    data = _fields(item)
    data["cost"] = None if item.cost is None else _fields(item.cost)
    data["expected"] = None if item.expected is None else _fields(item.expected)
    data["arrival"] = {**_fields(item.arrival), "quote": _quote(item.arrival.quote)}
    data["at_fill"] = _quote(item.at_fill)
    data["times"] = _fields(item.times)
    data["position"] = None if item.position is None else _fields(item.position)
    data["findings"] = [_fields(found) for found in item.findings]
    data["later"] = [{**_fields(one), "quote": _quote(one.quote)} for one in item.later]
    missed = item.missed
    data["missed"] = None if missed is None else {**_fields(missed), "quote": _quote(missed.quote)}
    data["why_unverified"] = list(item.why_unverified)
    return data


def _fields(value: msgspec.Struct) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__struct_fields__}


def _quote(quote: QuoteSeen | None) -> dict[str, Any] | None:
    if quote is None or quote == QuoteSeen():
        return None
    return {
        **_fields(quote),
        "is_one_sided": quote.is_one_sided,
        "is_crossed": quote.is_crossed,
    }


def as_text(value: Any) -> Any:
    """Decimals, times and enums as the text that lines of JSON carry."""
    if isinstance(value, dict):
        return {name: as_text(one) for name, one in value.items()}
    if isinstance(value, list):
        return [as_text(one) for one in value]
    if isinstance(value, Decimal):
        return text(value)
    if isinstance(value, datetime):
        return iso(value)
    return value


# --- words ---------------------------------------------------------------------------------------


def in_words(item: Confirmation) -> str:
    """One line for the screen and the log."""
    return f"{head_of(item)}: {'; '.join(_parts(item))}"


def head_of(item: Confirmation) -> str:
    if not item.is_filled:
        left = maybe_text(item.missed.qty) if item.missed is not None else "?"
        return f"{item.symbol} {item.side} {left} never filled"
    of = f" of {text(item.qty)}" if item.qty and item.qty != item.filled_qty else ""
    paid = maybe_price_words(item.price, item.symbol)
    return f"{item.symbol} {item.side} {text(item.filled_qty)}{of} at {paid} {item.verdict}"


def _parts(item: Confirmation) -> Iterator[str]:
    if item.is_filled:
        yield cost_words(item)
    yield from (found.words for found in item.findings)
    if item.verdict is ExecutionVerdict.UNVERIFIED:
        yield from (UNVERIFIED.get(why, why) for why in item.why_unverified)
    if item.missed is not None:
        yield missed_words(item)


def cost_words(item: Confirmation) -> str:
    if item.cost is None:
        why = UNMEASURED.get(item.arrival.unmeasured, item.arrival.unmeasured)
        return f"slippage not measured, {why}"
    figures, worse = _figures(item.cost)
    price = maybe_price_words(item.arrival.price, item.symbol)
    return f"{figures} {worse} than {price}, {_basis(item)}"


def _basis(item: Confirmation) -> str:
    quote, words = item.arrival.quote, _BASIS[item.arrival.basis]
    if quote is None:
        return words
    age = "" if quote.age_seconds is None else f", {text(quote.age_seconds)} s old"
    return f"{words} ({quote.feed or 'feed not known'}{age})"


def _figures(cost: Cost) -> tuple[str, str]:
    """Without their sign, and what it means."""
    parts = [f"{text(abs(cost.bps))} bps", f"{money_words(abs(cost.usd))} USD"]
    if cost.r is not None:
        parts.append(f"{text(abs(cost.r))} R")
    return ", ".join(parts), "worse" if cost.bps >= 0 else "better"


def missed_words(item: Confirmation) -> str:
    missed = item.missed
    assert missed is not None
    left = f"{text(missed.qty)} did not fill"
    if missed.usd is None or missed.bps is None:
        why = UNMEASURED.get(missed.why, missed.why)
        return f"{left}; what that cost is not measured, {why}"
    went = "cost" if missed.usd >= 0 else "saved"
    return f"{left}, which {went} {money_words(abs(missed.usd))} USD ({text(abs(missed.bps))} bps)"


# --- what is news --------------------------------------------------------------------------------


def is_news(previous: Confirmation | None, item: Confirmation, *, patient: bool = True) -> bool:
    """Whether somebody is told of this version: prices of later moments alone are no news, and who
    is patient waits for an arrival that is being looked up."""
    if patient and _waits(item):
        return False
    if previous is None or (patient and _waits(previous)):
        return True
    return _told_of(previous) != _told_of(item)


def _waits(item: Confirmation) -> bool:
    return item.arrival.unmeasured == "not_looked_up" and not item.findings


def _told_of(item: Confirmation) -> tuple[Any, ...]:
    kinds = tuple(found.kind for found in item.findings)
    missed = None if item.missed is None else (item.missed.qty, item.missed.usd)
    return item.verdict, kinds, item.filled_qty, item.price, item.cost, missed


def new_findings(previous: Confirmation | None, item: Confirmation) -> list[Finding]:
    """Those to alert of: kinds that the version before did not have."""
    known = {found.kind for found in previous.findings} if previous is not None else set()
    return [found for found in item.findings if found.kind not in known]


COUNTED_BY = frozenset({"price", "quantity"})
"""Findings that change what a trade has made: a correction or a bust that nobody here has heard of
stands in the order's total alone, while `watch` hears it on the stream."""


def doubts_of(confirmations: Iterable[Confirmation]) -> list[str]:
    """A line for each order whose fills are not what the broker's total makes of them."""
    return sorted(
        f"{head_of(item)}: {found.words}. Its trade is counted by its fills."
        for item in confirmations
        for found in item.findings
        if found.kind in COUNTED_BY
    )
