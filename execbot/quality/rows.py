"""A confirmation as rows of a name and a value, for `orders show`. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from functools import partial

from execbot.journal.confirmation import Confirmation, Cost, LaterPrice
from execbot.model.amounts import money_words, price_words
from execbot.model.numbers import maybe_text, text
from execbot.model.times import eastern
from execbot.quality.shown import UNMEASURED, UNVERIFIED, WORSE, missed_words

_TIMES = (
    ("signal_created", "signal created"),
    ("signal_received", "signal received"),
    ("intent", "intent written"),
    ("sent", "sent"),
    ("acknowledged", "acknowledged"),
    ("first_fill", "first fill"),
    ("last_fill", "last fill"),
    ("done", "done"),
)


def rows_of(item: Confirmation) -> list[tuple[str, str]]:
    return [
        ("verdict", _verdict(item)),
        *(("differs", found.words) for found in item.findings),
        ("class", str(item.kind)),
        ("asked, filled", _quantities(item)),
        *([("price", maybe_text(item.price) or "-")] if item.is_filled else []),
        ("arrival", _arrival(item)),
        *([(WORSE, _cost(item.cost))] if item.is_filled else []),
        *_expected(item),
        *_spread(item),
        *((_after(later.after_seconds), _later(later, item.symbol)) for later in item.later),
        *([("not filled", missed_words(item))] if item.missed is not None else []),
        *_position(item),
        *_times(item),
        ("version", str(item.version)),
    ]


def _verdict(item: Confirmation) -> str:
    why = "; ".join(UNVERIFIED.get(reason, reason) for reason in item.why_unverified)
    return f"{item.verdict}: {why}" if why else str(item.verdict)


def _quantities(item: Confirmation) -> str:
    asked = maybe_text(item.qty) or (f"${money_words(item.notional)}" if item.notional else "-")
    return f"{asked}, {text(item.filled_qty)}"


def _arrival(item: Confirmation) -> str:
    arrival, price = item.arrival, partial(price_words, symbol=item.symbol)
    if arrival.price is None:
        why = UNMEASURED.get(arrival.unmeasured, arrival.unmeasured)
        shown = f"not measured: {why}"
    else:
        shown = f"{price(arrival.price)} ({str(arrival.basis).replace('_', ' ')})"
    quote = arrival.quote
    if quote is None or not (quote.bid or quote.ask):
        return shown
    age = "age not known" if quote.age_seconds is None else f"{text(quote.age_seconds)} s old"
    return f"{shown}, quote {price(quote.bid)} to {price(quote.ask)}, {quote.feed}, {age}"


def _cost(cost: Cost | None) -> str:
    if cost is None:
        return "-"
    r = "" if cost.r is None else f", {_signed(cost.r)} R"
    usd = money_words(cost.usd)
    return f"{_signed(cost.bps)} bps, {'+' if cost.usd > 0 else ''}{usd} USD{r}"


def _signed(value: Decimal) -> str:
    return f"+{text(value)}" if value > 0 else text(value)


def _expected(item: Confirmation) -> Iterator[tuple[str, str]]:
    if item.expected_price is not None:
        yield (
            "signal's price",
            f"{price_words(item.expected_price, item.symbol)}: {_cost(item.expected)}",
        )


def _spread(item: Confirmation) -> Iterator[tuple[str, str]]:
    quoted, effective = item.quoted_spread_bps, item.effective_spread_bps
    if quoted is not None and effective is not None:
        ratio = maybe_text(item.effective_over_quoted) or "-"
        yield "spread", f"effective {text(effective)} over quoted {text(quoted)} bps: {ratio}"


def _after(seconds: int) -> str:
    return f"{seconds} s later" if seconds < 60 else f"{seconds // 60} min later"


def _later(later: LaterPrice, symbol: str) -> str:
    if later.price is None or later.moved_bps is None:
        return f"not known: {UNMEASURED.get(later.why, later.why)}"
    return f"{price_words(later.price, symbol)}, went on by {_signed(later.moved_bps)} bps"


def _position(item: Confirmation) -> Iterator[tuple[str, str]]:
    change = item.position
    if change is None:
        return
    if change.actual is None:
        yield "position at the broker", "not read yet"
    else:
        how = "told with the fill" if change.source == "stream" else "read afterwards"
        yield "position at the broker", f"changed by {_signed(change.actual)}, {how}"


def _times(item: Confirmation) -> Iterator[tuple[str, str]]:
    """Each with what has passed since the one before."""
    before: datetime | None = None
    for name, words in _TIMES:
        moment = getattr(item.times, name)
        if moment is None or (name == "last_fill" and moment == item.times.first_fill):
            continue
        shown = eastern(moment).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + " ET"
        since = "" if before is None else f" (+{(moment - before).total_seconds():.3f} s)"
        yield words, shown + since.replace("+-", "-")
        before = moment
