"""Alpaca's rules that tie the type, time in force, hours and size of an order together."""

from __future__ import annotations

from execbot.cli.errors import usage
from execbot.model.amounts import price_words
from execbot.model.enums import OrderType, TimeInForce
from execbot.model.numbers import CENT, is_whole
from execbot.model.order import OrderRequest
from execbot.model.symbols import is_option, is_pair

_CRYPTO_TYPES = (OrderType.MARKET, OrderType.LIMIT, OrderType.STOP_LIMIT)
_CRYPTO_TIFS = (TimeInForce.GTC, TimeInForce.IOC)
_AUCTION_TIFS = (TimeInForce.OPG, TimeInForce.CLS)
_LASTING_TIFS = (TimeInForce.DAY, TimeInForce.GTC)


def check_request(request: OrderRequest) -> None:
    """Raises Failure (2) with the first rule that is broken."""
    crypto = is_pair(request.symbol)
    for broken, message, hint in _rules(request, crypto):
        if broken:
            raise usage(message, hint=hint, kind="usage.order")


def check_at_broker(request: OrderRequest) -> None:
    """--at-broker is for what waits there for the next regular session."""
    if is_pair(request.symbol):
        why = "Crypto pairs trade round the clock: nothing waits."
    elif is_option(request.symbol) and request.type is OrderType.MARKET:
        why = "Alpaca takes market orders in options during market hours only: give a --limit."
    elif not request.waits_for_session:
        why = "Alpaca keeps day and gtc orders of the regular session."
    else:
        return
    raise usage("--at-broker is not possible with this order", hint=why, kind="usage.order")


def _option_rules(request: OrderRequest) -> list[tuple[bool, str, str]]:
    """(is it broken, what, why) for one contract (docs of Alpaca, "Options trading")."""
    kind, tif = request.type, request.time_in_force
    return [
        (
            request.notional is not None or (request.qty is not None and not is_whole(request.qty)),
            f"{request.symbol} is ordered in whole contracts",
            "Options take no --notional and no fractions.",
        ),
        (
            kind is OrderType.TRAILING_STOP,
            "A trailing stop is not possible for an option contract",
            "Alpaca trails none; a running `watch` can: execbot protect SYMBOL --trail 10%.",
        ),
        (
            tif not in _LASTING_TIFS,
            f"--tif {tif} is not possible for an option contract",
            "Options are day or gtc.",
        ),
        (
            request.extended_hours,
            "--extended-hours is not possible for an option contract",
            "Options trade in the regular session only.",
        ),
        *(
            (
                price is not None and price % CENT != 0,
                f"the price {price_words(price or CENT)} has more than two decimals",
                "Prices of options have at most two decimals.",
            )
            for price in (request.limit_price, request.stop_price)
        ),
    ]


def _rules(request: OrderRequest, crypto: bool) -> list[tuple[bool, str, str]]:
    """(is it broken, what, why)."""
    if is_option(request.symbol):
        return _option_rules(request)
    kind, tif = request.type, request.time_in_force
    fraction = request.notional is not None or (
        request.qty is not None and not is_whole(request.qty)
    )
    return [
        (
            crypto and kind not in _CRYPTO_TYPES,
            f"--type {kind} is not possible for the pair {request.symbol}",
            "Crypto pairs take market, limit and stop-limit orders.",
        ),
        (
            crypto and tif not in _CRYPTO_TIFS,
            f"--tif {tif} is not possible for the pair {request.symbol}",
            "Crypto pairs trade round the clock: gtc or ioc.",
        ),
        (
            crypto and request.extended_hours,
            "--extended-hours makes no sense for a crypto pair",
            "Crypto pairs trade round the clock.",
        ),
        (
            request.extended_hours
            and not (kind is OrderType.LIMIT and tif in (TimeInForce.DAY, TimeInForce.GTC)),
            "--extended-hours needs a limit order for the day (or gtc)",
            "Outside of regular hours Alpaca takes limit orders only.",
        ),
        (
            fraction and not crypto and tif is not TimeInForce.DAY,
            f"--tif {tif} is not possible for a fraction of a share",
            "Fractional and --notional orders are good for the day only.",
        ),
        (
            fraction and kind is OrderType.TRAILING_STOP,
            "A trailing stop needs whole shares",
            "Alpaca trails no fractions.",
        ),
        (
            kind is OrderType.TRAILING_STOP and tif not in (TimeInForce.DAY, TimeInForce.GTC),
            f"--tif {tif} is not possible for a trailing stop",
            "A trailing stop is day or gtc.",
        ),
        (
            request.cancel_after is not None and tif not in _LASTING_TIFS,
            f"--cancel-after is not possible with --tif {tif}",
            "Such an order ends by itself: at its auction, or at once.",
        ),
        (
            tif in _AUCTION_TIFS and kind not in (OrderType.MARKET, OrderType.LIMIT),
            f"--tif {tif} needs a market or limit order",
            "The auctions take no stops.",
        ),
        (
            tif in (TimeInForce.IOC, TimeInForce.FOK)
            and kind not in (OrderType.MARKET, OrderType.LIMIT)
            and not crypto,
            f"--tif {tif} needs a market or limit order",
            "A stop waits; ioc and fok do not.",
        ),
    ]
