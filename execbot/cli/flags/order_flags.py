"""The flags of `submit` become one OrderRequest, or a usage failure before anything is sent.

Pure: what can be known without the broker is checked here and in `order_rules`, with Alpaca's rules
for quantities, prices, types and times in force (docs.alpaca.markets, "Placing orders"). The type
follows from the prices that were given; an explicit --type must agree with them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct

from execbot.cli.errors import Failure, usage
from execbot.cli.flags.order_rules import check_request
from execbot.model import symbols
from execbot.model.enums import OrderType, Side, TimeInForce
from execbot.model.numbers import CENT, QTY_STEP, text, tick_size, to_decimal
from execbot.model.order import OrderRequest
from execbot.model.symbols import is_pair

NOTIONAL_MIN = Decimal("1")
"""Alpaca takes no order for less than a dollar."""

QTY_MAX = Decimal("1000000000")
PRICE_MAX = Decimal("10000000")
"""Above these it is a slip of the fingers: no share and no account is that large."""

CLIENT_ORDER_ID_LENGTH_MAX = 128


class OrderFlags(Struct, frozen=True):
    """What was typed, still as text. None or empty means that the flag was not given."""

    symbol: str
    side: Side = Side.BUY
    qty: str | None = None
    notional: str | None = None
    type: OrderType | None = None
    limit: str | None = None
    stop: str | None = None
    trail_price: str | None = None
    trail_percent: str | None = None
    tif: TimeInForce | None = None
    extended_hours: bool = False
    client_order_id: str | None = None
    strategy: str | None = None
    cancel_after: str | None = None
    risk: str | None = None
    """What the stop may lose, in place of a size."""


_TYPE_BY_PRICES: dict[tuple[bool, bool, bool], OrderType] = {
    # (limit, stop, trail)
    (False, False, False): OrderType.MARKET,
    (True, False, False): OrderType.LIMIT,
    (False, True, False): OrderType.STOP,
    (True, True, False): OrderType.STOP_LIMIT,
    (False, False, True): OrderType.TRAILING_STOP,
}

_MISSING_PRICE: Mapping[OrderType, str] = {
    OrderType.LIMIT: "--limit",
    OrderType.STOP: "--stop",
    OrderType.STOP_LIMIT: "--limit and --stop",
    OrderType.TRAILING_STOP: "--trail-percent or --trail-price",
}


def to_request(flags: OrderFlags) -> OrderRequest:
    """The order that was asked for. Raises Failure (exit 2) with what is wrong with it."""
    symbol = read_symbol(flags.symbol)
    crypto = is_pair(symbol)
    qty, notional = _read_size(flags)
    limit = read_price("--limit", flags.limit, crypto)
    stop = read_price("--stop", flags.stop, crypto)
    trail_price = read_price("--trail-price", flags.trail_price, crypto)
    trail_percent = _read_trail_percent(flags.trail_percent)
    if trail_price is not None and trail_percent is not None:
        raise usage(
            "--trail-price and --trail-percent contradict each other",
            hint="A trailing stop follows at one distance.",
            next_step="Give one of them.",
        )
    trails = trail_price is not None or trail_percent is not None
    order_type = _order_type(flags.type, limit is not None, stop is not None, trails)
    tif = flags.tif or (TimeInForce.GTC if crypto else TimeInForce.DAY)
    request = OrderRequest(
        symbol=symbol,
        side=flags.side,
        qty=qty,
        notional=notional,
        type=order_type,
        time_in_force=tif,
        limit_price=limit,
        stop_price=stop,
        trail_price=trail_price,
        trail_percent=trail_percent,
        extended_hours=flags.extended_hours,
        client_order_id=client_order_id_of(flags.client_order_id),
        strategy_id=flags.strategy or None,
        cancel_after=clock_of(flags.cancel_after),
    )
    check_request(request)
    return request


def read_side(side: Side | None, *, short: bool) -> Side:
    """`buy` unless it is said; `--short` says `sell`. Raises Failure (2) where they contradict."""
    if not short:
        return side or Side.BUY
    if side is Side.BUY:
        raise usage(
            "--short and --side buy contradict each other",
            hint="A short is opened by selling; buying closes it.",
            next_step="Leave one of them out.",
            kind="usage.side",
        )
    return Side.SELL


def read_symbol(word: str) -> str:
    symbol = symbols.read_symbol(word)
    if symbol is None:
        raise usage(
            f"symbol was {word[:40]!r}",
            hint="A symbol looks like AAPL, BRK.B, BTC/USD or AAPL261218C00190000.",
            kind="usage.symbol",
        )
    return symbol


def read_number(flag: str, value: str, *, above: Decimal = Decimal(0)) -> Decimal:
    """A finite number above the bound, or a usage failure that names the flag."""
    try:
        number = to_decimal(value)
    except ValueError:
        raise _bad(flag, value, "it must be a number such as 10 or 0.5") from None
    if number <= above:
        raise _bad(flag, value, f"it must be above {above}")
    return number


def read_wait(seconds: float | None) -> None:
    """Nobody waits for less than nothing."""
    if seconds is not None and seconds < 0:
        raise _bad("--wait", f"{seconds:g}", "it must be 0 or more")


def read_qty(flag: str, value: str) -> Decimal:
    qty = read_number(flag, value)
    if qty > QTY_MAX:
        raise _bad(flag, value, f"it must be at most {QTY_MAX}")
    if qty % QTY_STEP:
        raise _bad(flag, value, "at most nine decimals are possible")
    return qty


def read_price(flag: str, value: str | None, crypto: bool) -> Decimal | None:
    """A price on the grid: cents from one dollar, hundredths of a cent below (SEC rule 612)."""
    if value is None:
        return None
    price = read_number(flag, value)
    if price > PRICE_MAX:
        raise _bad(flag, value, f"it must be at most {PRICE_MAX}")
    step = QTY_STEP if crypto else tick_size(price)
    if price % step:
        raise usage(
            f"{flag} was {value}: a sub-penny price",
            hint="Prices from $1.00 have two decimals, below $1.00 four (SEC rule 612).",
            next_step=f"Round it to a multiple of {text(step)}.",
            kind="usage.sub_penny",
        )
    return price


def read_risk(word: str) -> tuple[Decimal | None, Decimal | None]:
    """`1%` of equity, or `200USD`: (percent, dollars), one of them. Raises Failure (2)."""
    found = _RISK.fullmatch(word.strip().upper())
    if found is None:
        raise _bad("--risk", word, "it must be a share of equity, 1%, or an amount, 200USD")
    number = read_number("--risk", found[1])
    if found[2] != "%":
        if number > QTY_MAX:
            raise _bad("--risk", word, f"it must be at most {QTY_MAX} USD")
        return None, number
    if number > 100:
        raise _bad("--risk", word, "it must be at most 100% of equity")
    return number, None


_RISK = re.compile(r"(\d+(?:\.\d+)?)\s*(%|USD)")


def _read_size(flags: OrderFlags) -> tuple[Decimal | None, Decimal | None]:
    if flags.risk is not None and flags.qty is None and flags.notional is None:
        return None, None
    if flags.risk is not None:
        raise usage(
            f"--risk and {'--qty' if flags.qty is not None else '--notional'} were both given",
            hint="--risk makes the size: as many shares as lose that much at the stop.",
            next_step="Leave one of them out.",
            kind="usage.size",
        )
    if (flags.qty is None) == (flags.notional is None):
        both = flags.qty is not None
        raise usage(
            "--qty and --notional were both given"
            if both
            else "no size: --qty, --notional or --risk",
            hint="An order has a quantity or an amount in dollars, exactly one of them.",
            next_step="execbot submit AAPL --qty 10, or --risk 1% --stop-loss 2%",
            kind="usage.size",
        )
    if flags.qty is not None:
        return read_qty("--qty", flags.qty), None
    assert flags.notional is not None
    notional = read_number("--notional", flags.notional)
    if not NOTIONAL_MIN <= notional <= QTY_MAX:
        raise _bad("--notional", flags.notional, f"it must be {NOTIONAL_MIN} to {QTY_MAX}")
    if notional % CENT:
        raise _bad("--notional", flags.notional, "dollars have at most two decimals")
    return None, notional


def clock_of(value: str | None) -> Decimal | None:
    return None if value is None else read_number("--cancel-after", value)


def _read_trail_percent(value: str | None) -> Decimal | None:
    if value is None:
        return None
    percent = read_number("--trail-percent", value.strip().removesuffix("%"))
    if percent >= 100:
        raise _bad("--trail-percent", value, "it must be below 100")
    return percent


def _order_type(asked: OrderType | None, limit: bool, stop: bool, trails: bool) -> OrderType:
    implied = _TYPE_BY_PRICES.get((limit, stop, trails))
    if implied is None:
        raise usage(
            "a trailing stop takes no --limit and no --stop",
            hint="Its stop follows the price by itself.",
            kind="usage.type",
        )
    if asked is None or asked is implied:
        return implied
    missing = _MISSING_PRICE.get(asked)
    if implied is OrderType.MARKET and missing is not None:
        raise usage(
            f"--type {asked} needs {missing}",
            hint="The price is missing.",
            next_step=f"Add {missing}, or leave --type away.",
            kind="usage.missing_price",
        )
    raise usage(
        f"--type {asked} contradicts the prices, which make it a {implied} order",
        hint="The type follows from --limit, --stop, --trail-percent and --trail-price.",
        next_step="Leave --type away, or correct the prices.",
        kind="usage.type",
    )


def client_order_id_of(value: str | None) -> str:
    """Alpaca takes up to 128 characters; blanks and control characters only cause trouble."""
    if value is None:
        return ""
    if not value or len(value) > CLIENT_ORDER_ID_LENGTH_MAX or not value.isprintable():
        raise _bad(
            "--client-order-id",
            value[:40],
            f"it must be 1 to {CLIENT_ORDER_ID_LENGTH_MAX} printable characters",
        )
    if " " in value:
        raise _bad("--client-order-id", value, "it must have no blanks")
    return value


def _bad(flag: str, value: str, why: str) -> Failure:
    return usage(f"{flag} was {value!r}", hint=why[0].upper() + why[1:] + ".", kind="usage.value")
