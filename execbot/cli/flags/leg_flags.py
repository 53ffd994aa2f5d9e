"""`--leg`, `--debit` and `--credit` become the request of a spread, or a usage failure. Pure.

The sign of a net price decides whether one pays or is paid, and the broker takes either without a
word: so which of the two is meant must be said, and the number itself is never negative.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from execbot.cli.errors import Failure, usage
from execbot.cli.flags.order_flags import OrderFlags, client_order_id_of, clock_of, read_qty
from execbot.model.enums import Side, TimeInForce
from execbot.model.numbers import CENT, is_whole, to_decimal
from execbot.model.options.legs import Leg
from execbot.model.options.spreads import spread_request
from execbot.model.options.structure import why_no_structure
from execbot.model.order import OrderRequest
from execbot.model.symbols import option_contract

_LEG = re.compile(r"(buy|sell)\s+(\d+)\s+(\S+?)(?:\s+to\s+(open|close))?", re.IGNORECASE)
_EXAMPLE = "--leg 'buy 1 AAPL261218C00250000' --leg 'sell 1 AAPL261218C00260000' --debit 1.20"


def read_leg(word: str) -> Leg:
    """`buy 1 AAPL261218C00250000`, with ` to close` where it closes. Raises Failure (2)."""
    found = _LEG.fullmatch(word.strip())
    if found is None or option_contract(found[3].upper()) is None:
        raise usage(
            f"--leg was {word[:60]!r}",
            hint="A leg is a side, a number, a contract, and 'to close' where it does.",
            next_step=f"For example: {_EXAMPLE}",
            kind="usage.leg",
        )
    closes = (found[4] or "open").lower() == "close"
    return Leg(found[3].upper(), Side(found[1].lower()), int(found[2]), not closes)


def read_net(debit: str | None, credit: str | None) -> Decimal:
    """The signed net price of one unit. Raises Failure (2)."""
    if (debit is None) == (credit is None):
        said = "--debit and --credit were both given" if debit else "no net price"
        raise usage(
            said,
            hint="A spread is paid for (--debit) or brings money in (--credit): say which.",
            next_step=f"For example: {_EXAMPLE}",
            kind="usage.net_price",
        )
    flag, word, sign = ("--debit", debit, 1) if debit is not None else ("--credit", credit, -1)
    try:
        price = to_decimal(word)
    except ValueError:
        price = Decimal(-1)
    if price < 0 or price % CENT:
        raise usage(
            f"{flag} was {word!r}",
            hint="It is 0 or more with at most two decimals; the flag gives it its sign.",
            kind="usage.net_price",
        )
    return price * sign


def read_units(flag: str, word: str) -> int:
    """How many whole units of a structure. Raises Failure (2): a part of one cannot be traded."""
    qty = read_qty(flag, word)
    if not is_whole(qty):
        raise usage(f"{flag} was {word!r}", hint="Spreads are whole units.", kind="usage.value")
    return int(qty)


def read_count(flag: str, word: str) -> int:
    """A whole number above 0. Raises Failure (2): a part of what is counted is never meant."""
    number = read_qty(flag, word)
    if not is_whole(number):
        raise usage(f"{flag} was {word!r}", hint="It is a whole number.", kind="usage.value")
    return int(number)


def to_spread(
    words: Sequence[str], debit: str | None, credit: str | None, flags: OrderFlags
) -> OrderRequest:
    """The order that was asked for. Raises Failure (2) with what is wrong with it."""
    legs = tuple(map(read_leg, words))
    why = why_no_structure(legs)
    if why:
        raise usage(f"no spread: {why}", hint="Alpaca takes no such order.", kind="usage.leg")
    for flag, is_given in (
        ("a symbol", bool(flags.symbol)),
        ("--notional", flags.notional is not None),
        ("--risk", flags.risk is not None),
        ("--limit (say --debit or --credit)", flags.limit is not None),
        ("--stop", flags.stop is not None),
        ("--trail-price or --trail-percent", bool(flags.trail_price or flags.trail_percent)),
        ("--type", flags.type is not None),
        ("--extended-hours", flags.extended_hours),
        ("--tif other than day", flags.tif not in (None, TimeInForce.DAY)),
    ):
        if is_given:
            raise _not_with_legs(flag)
    return spread_request(
        legs,
        Decimal(read_units("--qty", flags.qty or "1")),
        read_net(debit, credit),
        client_order_id=client_order_id_of(flags.client_order_id),
        strategy_id=flags.strategy or None,
        cancel_after=clock_of(flags.cancel_after),
    )


def _not_with_legs(flag: str) -> Failure:
    return usage(
        f"--leg was given with {flag}",
        hint="The legs name the contracts; a spread is a limit order for the day.",
        next_step=f"For example: {_EXAMPLE}",
        kind="usage.leg",
    )
