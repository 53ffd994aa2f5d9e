"""Bookings as an hledger journal. Pure.

Amounts have their cost in total (`@@`), so that no price is rounded. hledger balances a transaction
at the display precision of the commodity, which is one for the whole file: it is declared as wide
as the widest amount here, and every booking adds up exactly.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from execbot.model.numbers import text
from execbot.trades.exports.bookings import HEAD, Booking, Posting, accounts_of, bookings_of
from execbot.trades.trade import Trade

CENT_DIGITS = 2


def hledger(trades: Iterable[Trade]) -> str:
    """A whole journal, with its accounts and commodities declared (`hledger check --strict`)."""
    bookings = bookings_of(trades)
    lines = [f"; {HEAD}"]
    lines += [f"account {account}" for account in accounts_of(bookings)]
    for name, digits in sorted(_digits_of(bookings).items()):
        lines.append(f"commodity 1000.{'0' * digits} {_quoted(name)}")
    for booking in bookings:
        lines.append("")
        lines.append(f"{booking.on} * {_plain(booking.words)}  ; {_facts(booking)}")
        lines += [f"    {_posting(posting, booking)}" for posting in booking.postings]
    return "\n".join(lines)


def _posting(posting: Posting, booking: Booking) -> str:
    amount = f"{text(posting.amount)} {_quoted(posting.commodity)}"
    if posting.cost is None:
        return f"{posting.account}  {amount}"
    worth = text(abs(posting.amount) * posting.cost.each)
    line = f"{posting.account}  {amount} @@ {worth} {_quoted(booking.currency)}"
    return f"{line}  ; lot: {_plain(posting.cost.name)}"


def _digits_of(bookings: Iterable[Booking]) -> dict[str, int]:
    found: dict[str, int] = {}

    def see(name: str, value: Decimal) -> None:
        fraction = len(text(value).partition(".")[2])
        found[name] = max(found.get(name, CENT_DIGITS), fraction)

    for booking in bookings:
        for posting in booking.postings:
            see(posting.commodity, posting.amount)
            if posting.cost is not None:
                see(booking.currency, posting.amount * posting.cost.each)
    return found


def _facts(booking: Booking) -> str:
    return ", ".join(f"{name}:{_plain(value)}" for name, value in booking.facts.items())


def _quoted(name: str) -> str:
    return f'"{name}"'


def _plain(words: str) -> str:
    """What would end a description or begin a tag is taken out."""
    return " ".join(words.replace(";", " ").replace("|", " ").replace(",", " ").split())
