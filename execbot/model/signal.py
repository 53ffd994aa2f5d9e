"""A trading signal, and how one is read from JSON: every line is either a Signal or a reason.

A signal says what a strategy wants and how strongly; whether, how much and when is decided
elsewhere. Reading is strict, because a misread number is a wrong order: unknown fields, wrong
types, NaN, absurd sizes and anything outside plain ASCII names are refused with the field's name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import IO, Any

from msgspec import Struct

from execbot.model.amounts import money_words, price_words
from execbot.model.enums import ErrorCategory
from execbot.model.errors import ExecbotError
from execbot.model.numbers import CENT, ZERO, is_whole, maybe_text
from execbot.model.options.legs import Leg
from execbot.model.options.signal_legs import BadLeg, legs_json, read_legs
from execbot.model.symbols import read_symbol
from execbot.model.times import maybe_iso, parse_time

LINE_BYTES_MAX = 65_536
"""A signal is a few hundred bytes. Longer lines are refused without being kept in memory."""
NUMBER_MAX = Decimal("1e12")
"""No price, quantity or amount of a single order comes near a million million."""
NUMBER_DECIMALS_MAX = 12
"""Alpaca keeps nine decimals of a quantity; more than twelve digits is a broken producer."""
TTL_SECONDS_MAX = 7 * 24 * 3600
CLOCK_SKEW_SECONDS_MAX = 60
"""A signal this far in the future has a wrong clock: its age could not be judged."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,95}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


class SignalSide(StrEnum):
    """`sell` closes what is held; opening a short is asked for by its own word."""

    BUY = "buy"
    SELL = "sell"
    SELL_SHORT = "sell_short"

    @property
    def opens(self) -> bool:
        return self is not SignalSide.SELL


SHORT_WORD = "short"
"""Another way to say `sell_short`."""


class SignalError(ExecbotError, ValueError):
    """A signal that cannot be read. `field` is empty when the whole line is at fault. `is_ahead`:
    its time lies ahead of ours, or ours behind."""

    kind = "usage.signal"
    category = ErrorCategory.ADJUSTABLE

    def __init__(
        self, message: str, *, field: str = "", hint: str = "", is_ahead: bool = False
    ) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field
        self.hint = hint
        self.is_ahead = is_ahead


class Signal(Struct, frozen=True):
    """A strategy's wish: buy, sell, short or close one symbol or structure.

    `strength` is 0 to 100, `confidence` 0 to 1, prices and `notional` in USD, `qty` in shares or
    coins. `ttl_seconds` None means the configured time to live. `id` acts once, ever.

    With `legs` it is of a structure: `qty` counts its units, `net` is the limit of one unit, above
    0 paid and below 0 received; `symbol` is the underlying, and `side` says whether it opens. Its
    `stop` and `target` are net prices of one unit, without a sign.
    """

    id: str
    symbol: str
    side: SignalSide
    strength: Decimal
    created_at: datetime
    strategy_id: str | None = None
    expected_price: Decimal | None = None
    stop: Decimal | None = None
    target: Decimal | None = None
    tier: str | None = None
    confidence: Decimal | None = None
    qty: Decimal | None = None
    notional: Decimal | None = None
    ttl_seconds: Decimal | None = None
    legs: tuple[Leg, ...] = ()
    net: Decimal | None = None

    def __post_init__(self) -> None:
        if self.qty is not None and self.notional is not None:
            raise SignalError("qty and notional exclude each other", field="notional")
        if self.created_at.tzinfo is None:
            raise SignalError("a time needs its zone", field="created_at")
        _check_levels(self)

    def expires_at(self, default_ttl_seconds: Decimal) -> datetime:
        ttl = default_ttl_seconds if self.ttl_seconds is None else self.ttl_seconds
        return self.created_at + timedelta(seconds=float(ttl))

    @property
    def words(self) -> str:
        """In a few words: `buy AAPL`, `2 x (buy 1 A, sell 1 B) at a debit of 1.20`."""
        if not self.legs or self.net is None:
            return f"{self.side} {self.symbol}"
        said = ", ".join(f"{leg.side} {leg.ratio} {leg.symbol}" for leg in self.legs)
        kind = "debit" if self.net >= 0 else "credit"
        return f"{maybe_text(self.qty)} x ({said}) at a {kind} of {money_words(abs(self.net))}"

    def to_dict(self) -> dict[str, Any]:
        """JSON shape: the same names as on input, decimals as text, absent fields left out."""
        data: dict[str, Any] = {"id": self.id, "symbol": self.symbol, "side": self.side.value}
        for name in ("strength", *_OPTIONAL_NUMBERS):
            data[name] = maybe_text(getattr(self, name))
        data["strategy_id"], data["tier"] = self.strategy_id, self.tier
        data["created_at"] = maybe_iso(self.created_at)
        if self.legs and self.net is not None:
            data["legs"] = legs_json(self.legs)
            data["debit" if self.net >= 0 else "credit"] = maybe_text(abs(self.net))
        return {name: value for name, value in data.items() if value is not None}


_OPTIONAL_NUMBERS = (
    "expected_price",
    "stop",
    "target",
    "confidence",
    "qty",
    "notional",
    "ttl_seconds",
)


def _check_levels(signal: Signal) -> None:
    """Stop and target must lie on opposite sides of each other in the direction of the trade."""
    if signal.stop is None or signal.target is None or not signal.side.opens:
        return
    gains = signal.target - signal.stop
    is_bought, what = signal.side is SignalSide.BUY, str(signal.side)
    if signal.legs and signal.net is not None:
        is_bought, what = signal.net >= 0, "a debit" if signal.net >= 0 else "a credit"
    if gains == 0 or (gains > 0) is not is_bought:
        raise SignalError(
            f"stop {price_words(signal.stop)} and target {price_words(signal.target)} are the "
            f"wrong way round for {what}",
            field="stop",
        )


# --- reading -------------------------------------------------------------------------------

_Range = tuple[Decimal, Decimal, bool]
"""lowest, highest, and whether the lowest itself is allowed."""

_POSITIVE: _Range = (ZERO, NUMBER_MAX, False)
_RANGES: dict[str, _Range] = {
    "strength": (ZERO, Decimal(100), True),
    "confidence": (ZERO, Decimal(1), True),
    "expected_price": _POSITIVE,
    "stop": _POSITIVE,
    "target": _POSITIVE,
    "qty": _POSITIVE,
    "notional": _POSITIVE,
    "ttl_seconds": (ZERO, Decimal(TTL_SECONDS_MAX), False),
    "debit": (ZERO, NUMBER_MAX, True),
    "credit": (ZERO, NUMBER_MAX, True),
}
_TEXT_ALLOWED = frozenset(
    {"expected_price", "stop", "target", "qty", "notional", "debit", "credit"}
)
"""Money, prices and quantities may come as decimal text, the form execbot itself prints."""

FIELDS = frozenset(
    {"id", "symbol", "side", "strategy_id", "tier", "created_at", "legs", *_RANGES},
)
_ALIASES = {
    "strategy": "strategy_id",
    "ttl": "ttl_seconds",
    "stop_loss": "stop",
}
"""Near misses that difflib would not find: named in the refusal, never accepted."""


def read_signal(data: object, *, now: datetime, new_id: str) -> Signal:
    """Build a Signal from decoded JSON.

    `new_id` is taken when the producer gave none (then only this very line acts once);
    a missing `created_at` is `now`. Raises SignalError for the first field at fault.
    """
    if not isinstance(data, Mapping):
        raise SignalError(f"a signal is a JSON object, this was {_kind(data)}")
    for name in data:
        if name not in FIELDS:
            raise SignalError("unknown field", field=str(name)[:40], hint=_suggest(str(name)))
    legs = _legs(data)
    for name in ("strength",) if legs else ("symbol", "side", "strength"):
        if data.get(name) is None:
            raise SignalError("is missing", field=name)
    numbers = {name: _number(name, data.get(name)) for name in _RANGES}
    strength = numbers.pop("strength")
    assert strength is not None
    net = _net(legs, numbers)
    symbol = None if data.get("symbol") is None else _symbol(data["symbol"])
    side = None if data.get("side") is None else _side(data["side"])
    if legs:
        symbol, side = _of_structure(legs, symbol, side)
    assert symbol is not None and side is not None
    return Signal(
        id=_name("id", data.get("id")) or new_id,
        symbol=symbol,
        side=side,
        strength=strength,
        legs=legs,
        net=net,
        created_at=_created_at(data.get("created_at"), now),
        strategy_id=_name("strategy_id", data.get("strategy_id")),
        tier=_name("tier", data.get("tier")),
        **numbers,
    )


NOT_WITH_LEGS = ("notional", "confidence", "expected_price")
ONLY_TO_OPEN = ("stop", "target")
"""With legs that all open: net prices of one unit, without a sign."""


def _legs(data: Mapping[Any, Any]) -> tuple[Leg, ...]:
    value = data.get("legs")
    if value is None:
        return ()
    if data.get("tier") is not None:
        raise SignalError("is not given with legs", field="tier")
    try:
        return read_legs(value)
    except BadLeg as error:
        raise SignalError(str(error), field=error.field) from None


def _net(legs: tuple[Leg, ...], numbers: dict[str, Decimal | None]) -> Decimal | None:
    """The signed net price. Alpaca takes either sign without a word, so which is meant is said."""
    debit, credit = numbers.pop("debit"), numbers.pop("credit")
    if not legs:
        for name, value in (("debit", debit), ("credit", credit)):
            if value is not None:
                raise SignalError("is the net price of legs, and there are none", field=name)
        return None
    for name in NOT_WITH_LEGS:
        if numbers[name] is not None:
            raise SignalError("is not given with legs", field=name)
    for name in ONLY_TO_OPEN:
        if numbers[name] is not None and not all(leg.opens for leg in legs):
            raise SignalError("is not given with a leg that closes", field=name)
    qty = numbers["qty"]
    if qty is None or not is_whole(qty):
        raise SignalError("whole units of the structure, with legs", field="qty")
    if (debit is None) == (credit is None):
        raise SignalError("with legs either debit or credit is given", field="debit")
    net = debit if debit is not None else credit
    assert net is not None
    if net % CENT:
        raise SignalError("at most two decimals", field="debit" if debit is not None else "credit")
    return net if debit is not None else -net


def _of_structure(
    legs: tuple[Leg, ...], symbol: str | None, side: SignalSide | None
) -> tuple[str, SignalSide]:
    """Both follow from the legs; what is given must agree."""
    root = legs[0].contract.root
    meant = SignalSide.BUY if any(leg.opens for leg in legs) else SignalSide.SELL
    if symbol not in (None, root):
        raise SignalError(f"the legs are of {root}", field="symbol")
    if side not in (None, meant):
        what = "open" if meant.opens else "close"
        raise SignalError(f"legs that {what} are a {meant}, or nothing is said", field="side")
    return root, meant


def read_line(line: bytes, *, now: datetime, new_id: str) -> Signal:
    """Read one line of newline-delimited JSON. Raises SignalError, nothing else."""
    return read_signal(decoded(line), now=now, new_id=new_id)


def decoded(line: bytes) -> object:
    """The JSON of one line, its numbers as Decimal; nothing given twice, no NaN. Raises
    SignalError."""
    if len(line) > LINE_BYTES_MAX:
        raise SignalError(f"the line is longer than {LINE_BYTES_MAX} bytes")
    try:
        words = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SignalError(f"not UTF-8 at byte {error.start}") from None
    try:
        return json.loads(
            words,
            parse_float=_json_number,
            parse_int=_json_number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_no_repeats,
        )
    except json.JSONDecodeError as error:
        raise SignalError(f"not JSON: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise SignalError("not a signal: nested too deeply") from None


def lines(stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Number and content of every non-blank line, from 1; an overlong line is cut.

    A cut line is one byte over the limit, so `read_line` refuses it; the rest of it is read and
    dropped in pieces, so that memory stays bounded whatever the producer sends.
    """
    number = 0
    while line := stream.readline(LINE_BYTES_MAX + 2):
        number += 1
        content = line.rstrip(b"\r\n")
        if len(line) > LINE_BYTES_MAX and not line.endswith(b"\n"):
            while (rest := stream.readline(LINE_BYTES_MAX)) and not rest.endswith(b"\n"):
                pass
        if content.strip():
            yield number, content


def _json_number(literal: str) -> Decimal:
    """The literal as it stands, bounded before Decimal would make a monster of it."""
    if len(literal) > 40:
        raise SignalError(f"a number of {len(literal)} characters is refused")
    return Decimal(literal)


def _refuse_constant(word: str) -> Decimal:
    raise SignalError(f"{word} is not a number")


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise SignalError("given twice", field=name[:40])
        found[name] = value
    return found


def _number(name: str, value: object) -> Decimal | None:
    if value is None:
        return None
    number = _as_decimal(name, value)
    lowest, highest, inclusive = _RANGES[name]
    if not number.is_finite():
        raise SignalError("is not a finite number", field=name)
    if number > highest or number < lowest or (number == lowest and not inclusive):
        opening = "[" if inclusive else "("
        shown = f"{number:.6g}"
        raise SignalError(f"{shown} is outside {opening}{lowest}, {highest:f}]", field=name)
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and -exponent > NUMBER_DECIMALS_MAX:
        raise SignalError(f"more than {NUMBER_DECIMALS_MAX} decimals", field=name)
    return number


def _as_decimal(name: str, value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, Decimal | int | float | str):
        raise SignalError(f"must be a number, was {_kind(value)}", field=name)
    if isinstance(value, str):
        if name not in _TEXT_ALLOWED:
            raise SignalError("must be a number, was text", field=name)
        if len(value) > 40 or not _NUMBER.fullmatch(value):
            raise SignalError("is not a number", field=name)
    return value if isinstance(value, Decimal) else Decimal(str(value))


def _symbol(value: object) -> str:
    if not isinstance(value, str):
        raise SignalError(f"must be text, was {_kind(value)}", field="symbol")
    symbol = read_symbol(value)
    if symbol is None:
        raise SignalError(f"{_shown(value)} is not a symbol", field="symbol")
    return symbol


def _side(value: object) -> SignalSide:
    word = value.lower() if isinstance(value, str) else ""
    try:
        return SignalSide.SELL_SHORT if word == SHORT_WORD else SignalSide(word)
    except ValueError:
        allowed = ", ".join((*(side.value for side in SignalSide), SHORT_WORD))
        raise SignalError(f"{_shown(value)} is none of {allowed}", field="side") from None


def _name(field: str, value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise SignalError(f"must be text, was {_kind(value)}", field=field)
    if not _NAME.fullmatch(value):
        raise SignalError(
            f"{_shown(value)} is not a name",
            field=field,
            hint="letters, digits and . _ : / @ + - only, at most 96",
        )
    return value


def _created_at(value: object, now: datetime) -> datetime:
    if value is None:
        return now
    moment = parse_time(value)
    if moment is None:
        raise SignalError(f"{_shown(value)} is not an RFC 3339 time", field="created_at")
    if moment - now > timedelta(seconds=CLOCK_SKEW_SECONDS_MAX):
        raise SignalError(f"{_shown(value)} is in the future", field="created_at", is_ahead=True)
    return moment


def _suggest(name: str) -> str:
    from difflib import get_close_matches

    near = _ALIASES.get(name) or next(iter(get_close_matches(name, FIELDS, n=1)), None)
    return f"did you mean {near}?" if near else f"known fields: {', '.join(sorted(FIELDS))}"


def _kind(value: object) -> str:
    names = {bool: "true or false", str: "text", list: "a list", dict: "an object"}
    return "null" if value is None else names.get(type(value), "a number")


def _shown(value: object) -> str:
    """A piece of foreign text made safe for a terminal."""
    return ascii(value)[:60]
