"""TradingView's alert as a signal: the body that `examples/tradingview-alert.json` makes of it.

TradingView fills `{{placeholders}}` as text and sends what comes out. Which they are, and what they
hold: tradingview.com/support/solutions/43000531021 and 43000529348.

    side      order and position after it
    id        `id`, else ticker, interval, bar time and order id: the same firing twice is one
    created   `timenow`: `time` is the start of the bar, a day old on a daily chart
    feed      `NASDAQ_DL`, `NASDAQ_DLY`: delayed, which is refused
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from msgspec import Struct

from execbot.config.schema import SignalsSettings
from execbot.page.signals.refusals import NotTaken, unreadable

MARK = "ticker"
"""Only TradingView's body has it: a signal of our own says `symbol`."""

_DELAYED = re.compile(r"_DLY?$")
_PLACEHOLDER = re.compile(r"\{\{.*?\}\}")
_CURRENCY_FEED = ":"

KEYED_BY = ("ticker", "interval", "time", "order_id")
_OWN = frozenset(
    {
        *("id", "ticker", "exchange", "interval", "time", "timenow", "action", "order_id"),
        *("position", "previous_position", "price", "comment"),
        *("strength", "strategy", "stop", "target", "qty", "notional", "tier", "confidence"),
    }
)
_SAME_NAME = ("stop", "target", "qty", "notional", "tier", "confidence")
_OF_ENTRY = frozenset(_SAME_NAME)


class Stance(StrEnum):
    """How a strategy stands in its symbol, in TradingView's words."""

    LONG = "long"
    SHORT = "short"
    FLAT = "flat"


class Alerted(Struct, frozen=True):
    """`fields` are those of a signal's JSON; `previous` is how the strategy stood before, None
    where the alert does not say; `is_keyed`: the id follows from what the template says. Of a
    reversal `fields` close, and `entry` are those of what comes then, without an id."""

    fields: dict[str, Any]
    previous: Stance | None
    is_keyed: bool
    entry: dict[str, Any] | None = None


def is_alert(body: Mapping[str, Any]) -> bool:
    return MARK in body


def read_alert(body: Mapping[str, Any], settings: SignalsSettings) -> Alerted:
    """What the alert says, as fields that `read_signal` takes. Raises NotTaken, with the field."""
    for name, value in body.items():
        if name not in _OWN:
            raise unreadable("unknown field of the template", field=str(name)[:40], hint=_KNOWN)
        if isinstance(value, str) and _PLACEHOLDER.search(value):
            raise unreadable(
                "a placeholder that TradingView did not fill",
                field=name,
                hint="Those of `strategy` are filled for alerts of strategies only: write `buy`, "
                "`sell` or `sell_short` in its place, or leave the field out.",
            )
    _refuse_delayed(body)
    previous = _stance(body, "previous_position")
    position = _stance(body, "position")
    reversed_to = _OPENING[position] if position and _reverses(previous, position) else ""
    fields = {
        "symbol": _text(body, "ticker").rpartition(_CURRENCY_FEED)[2],
        "side": reversed_to or _side(body, position),
        "strength": _number(body.get("strength"), settings.strength),
        "strategy_id": body.get("strategy") or settings.strategy,
        "created_at": body.get("timenow") or None,
        "expected_price": body.get("price") or None,
    }
    fields |= {name: body[name] for name in _SAME_NAME if body.get(name) not in (None, "")}
    if "confidence" in fields:
        fields["confidence"] = _number(fields["confidence"], None)
    given = body.get("id") or None
    keyed = None if given else _id_of(body)
    named = {"id": given or keyed}
    if not reversed_to:
        return Alerted({**fields, **named}, previous, keyed is not None)
    # What is held goes as a whole; size and exits are those of what comes then.
    close = {name: value for name, value in fields.items() if name not in _OF_ENTRY}
    return Alerted({**close, **named, "side": "sell"}, previous, keyed is not None, fields)


_KNOWN = f"known fields: {', '.join(sorted(_OWN))}, secret"


def _refuse_delayed(body: Mapping[str, Any]) -> None:
    feed, _, _ = str(body.get("ticker", "")).rpartition(_CURRENCY_FEED)
    for name, value in (("exchange", body.get("exchange")), ("ticker", feed)):
        if isinstance(value, str) and _DELAYED.search(value.upper()):
            raise NotTaken(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "signal.delayed_feed",
                f"{value[:40]} is a delayed feed",
                field=name,
                hint="Its prices are fifteen minutes old or so. Subscribe to the real-time feed of "
                "the exchange at TradingView, or take a chart of Cboe's (BATS).",
            )


def _side(body: Mapping[str, Any], position: Stance | None) -> str:
    """From the order, and where it leaves the strategy, of all but a reversal."""
    action = _text(body, "action").lower()
    if position is Stance.FLAT:
        return "sell"
    if position is None or action in ("sell_short", "short"):
        return action
    if action == ("buy" if position is Stance.LONG else "sell"):
        return _OPENING[position]
    if body.get("qty") in (None, ""):
        raise unreadable(
            f"`{action}` leaves the strategy {position}: a partial exit needs `qty`",
            field="qty",
            hint="How many shares of ours it sells; the strategy's own count is another.",
        )
    return "sell"


_OPENING = {Stance.LONG: "buy", Stance.SHORT: "sell_short"}


def _reverses(before: Stance | None, after: Stance) -> bool:
    """From long to short, or back, by one order."""
    return before in _OPENING and after in _OPENING and before is not after


def _stance(body: Mapping[str, Any], name: str) -> Stance | None:
    value = body.get(name)
    if value in (None, ""):
        return None
    try:
        return Stance(str(value).lower())
    except ValueError:
        hint = f"one of {', '.join(Stance)}"
        raise unreadable("is none that TradingView writes", field=name, hint=hint) from None


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value.strip():
        raise unreadable("is missing", field=name)
    return value.strip()


def _number(value: Any, default: Decimal | None) -> Any:
    """Placeholders come as text; whoever reads the signal refuses what is no number."""
    if value in (None, ""):
        return default
    if isinstance(value, str) and re.fullmatch(r"\d{1,12}(\.\d{1,12})?", value):
        return Decimal(value)
    return value


def _id_of(body: Mapping[str, Any]) -> str | None:
    """None where the template says too little to tell two firings apart."""
    parts = [str(body.get(name) or "") for name in KEYED_BY]
    if not all(parts):
        return None
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    return f"tv-{digest[:32]}"
