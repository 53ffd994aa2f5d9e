"""Bookings as a beancount file. Pure.

Beancount has no booking at average cost: lots are named one by one, and reduced by their names.
Its tolerance follows from the digits written, so every transaction adds up exactly; costs are per
unit, and where a split leaves a cost that does not end the rest is on a line of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, timedelta

from execbot.model.numbers import text
from execbot.trades.exports.bookings import HEAD, Booking, Posting, accounts_of, bookings_of
from execbot.trades.trade import Trade


def beancount(trades: Iterable[Trade]) -> str:
    """A whole file, with its accounts opened the day before the first booking."""
    bookings = bookings_of(trades)
    lines = [
        f"; {HEAD}",
        'option "title" "Trades by execbot"',
        *(f"option {_text('operating_currency')} {_text(c)}" for c in _currencies(bookings)),
    ]
    if bookings:
        first = bookings[0].on - timedelta(days=1)
        lines.append("")
        lines += [_opened(first, account) for account in accounts_of(bookings)]
        symbols = {
            posting.commodity: booking.facts["symbol"]
            for booking in bookings
            for posting in booking.postings
            if posting.cost is not None
        }
        for name, symbol in sorted(symbols.items()):
            lines += [f"{first} commodity {name}", f"  symbol: {_text(symbol)}"]
    for booking in bookings:
        lines.append("")
        lines.append(f"{booking.on} * {_text(booking.words)}")
        lines += [f"  {name}: {_text(value)}" for name, value in booking.facts.items()]
        lines.append(f"  time: {_text(booking.at.isoformat())}")
        lines += [f"  {_posting(posting, booking)}" for posting in booking.postings]
    return "\n".join(lines)


def _opened(first: date, account: str) -> str:
    return f"{first} open {account}"


def _currencies(bookings: Iterable[Booking]) -> list[str]:
    return sorted({booking.currency for booking in bookings})


def _posting(posting: Posting, booking: Booking) -> str:
    line = f"{posting.account}  {text(posting.amount)} {posting.commodity}"
    cost = posting.cost
    if cost is None:
        return line
    line += f" {{{text(cost.each)} {booking.currency}, {cost.on}, {_text(cost.name)}}}"
    return line if posting.price is None else f"{line} @ {text(posting.price)} {booking.currency}"


def _text(words: str) -> str:
    """A string; JSON's quotes and escapes are beancount's for what can occur here."""
    return json.dumps(" ".join(words.split()), ensure_ascii=False)
