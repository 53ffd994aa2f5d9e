"""Text to typed values, driven by the schema: one reader for the file and for the environment.

The schema's own annotations say what a key holds, so a new key in `schema.py` needs nothing here.
A YAML scalar is read from its text, never through a float: `2.0` is Decimal("2.0"), and the
symbol `ON` stays a symbol although YAML 1.1 would call it a boolean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from typing import Any

from msgspec import Struct

from execbot.config import schema
from execbot.config.errors import ConfigError
from execbot.config.limits import bound_of
from execbot.model.numbers import to_decimal
from execbot.model.struct import field_types, required

_TRUE = {"true", "yes", "on"}
_FALSE = {"false", "no", "off"}
_NO_TEXT = {"", "null", "~"}
"""YAML's null: a text of these letters stands in quotes."""
_NULL = {*_NO_TEXT, "none"}
_TEXT_LENGTH_MAX = 200
"""Longest text quoted back in a message."""

QUIET_TIMES_TIMEOUT = Decimal("1.5")
"""An order is closed as never sent only when every request for it must have ended: see
`SubmitTimes.first_send_seconds`."""


class Leaf(Struct, frozen=True):
    """One key: its dotted name, what it holds (the annotation), and its default."""

    key: str
    holds: str
    default: Any

    @property
    def is_optional(self) -> bool:
        return self.holds.endswith("| None")

    @property
    def base(self) -> str:
        return self.holds.removesuffix("| None").strip()


def leaves(section: Any = None, prefix: str = "") -> Iterator[Leaf]:
    """Every key below a section (an instance with the defaults), in the schema's order."""
    section = schema.TradingSettings() if section is None else section
    for name, holds in field_types(type(section)).items():
        value = getattr(section, name)
        if isinstance(value, Struct):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield Leaf(f"{prefix}{name}", holds, value)


def suggestion(word: str, known: list[str]) -> str:
    """The nearest known word, or an empty text. Compares last parts too: `risk.max_positions`."""
    from difflib import get_close_matches

    near = get_close_matches(word, known, n=1, cutoff=0.6)
    if not near:
        last = word.rsplit(".", 1)[-1]
        near = [name for name in known if name.rsplit(".", 1)[-1] == last]
    if not near:
        tails = {name.rsplit(".", 1)[-1]: name for name in known}
        near = [tails[tail] for tail in get_close_matches(last, list(tails), n=1, cutoff=0.75)]
    return near[0] if near else ""


class Text(Struct, frozen=True):
    """A scalar that did not come from YAML; quacks like a YAML scalar node."""

    value: str
    id: str = "scalar"
    start_mark: Any = None


class BadValue(Exception):
    """A value the schema does not allow; the caller knows where it stood.

    `node` is the inner node that is wrong (a row of a list), for its line number.
    """

    def __init__(
        self,
        key: str,
        complaint: str,
        node: Any,
        hint: str = "",
        kind: str = "config.bad_value",
    ) -> None:
        super().__init__(complaint)
        self.kind = kind
        self.key = key
        self.complaint = complaint
        self.node = node
        self.hint = hint


def line_of(node: Any) -> int | None:
    mark = getattr(node, "start_mark", None)
    return None if mark is None else int(mark.line) + 1


def read_value(leaf: Leaf, node: Any) -> Any:
    """The node's value as the schema wants it, or BadValue."""
    base = leaf.base
    if leaf.is_optional and node.id == "scalar" and node.value.strip().lower() in _NULL:
        return None
    if base.startswith("tuple["):
        return _read_list(leaf.key, base.removeprefix("tuple[").removesuffix(", ...]"), node)
    if base.startswith("dict["):
        return _read_sizes(leaf.key, node)
    is_plain = node.id == "scalar" and not getattr(node, "style", None)
    if base == "str" and is_plain and str(node.value).strip().lower() in _NO_TEXT:
        raise BadValue(leaf.key, f"was {node.value or 'empty'}, must be text", node)
    return _read_scalar(leaf.key, base, node)


def _read_scalar(key: str, base: str, node: Any) -> Any:
    if node.id != "scalar":
        raise BadValue(key, f"was a {node.id}, must be {_wanted(base)}", node)
    value = str(node.value).strip()
    if base == "bool":
        return _read_bool(key, value, node)
    if base in ("Decimal", "int"):
        return _read_number(key, base, value, node)
    if base == "str":
        return value
    choices = _choices(base)
    if value.lower() not in choices:
        near = suggestion(value.lower(), choices)
        raise BadValue(
            key,
            f"was {_quoted(value)}, must be one of {', '.join(choices)}",
            node,
            f"Did you mean {near}?" if near else "",
        )
    return getattr(schema, base)(value.lower())


def _read_bool(key: str, value: str, node: Any) -> bool:
    if value.lower() in _TRUE:
        return True
    if value.lower() in _FALSE:
        return False
    raise BadValue(key, f"was {_quoted(value)}, must be true or false", node)


def _read_number(key: str, base: str, value: str, node: Any) -> Decimal | int:
    try:
        number = to_decimal(value.replace("_", "") if "_" in value else value)
    except ValueError:
        raise BadValue(key, f"was {_quoted(value)}, must be {_wanted(base)}", node) from None
    if base == "int" and number != number.to_integral_value():
        raise BadValue(key, f"was {_quoted(value)}, must be a whole number", node)
    complaint = bound_of(key).complaint(number)
    if complaint:
        raise BadValue(key, complaint, node)
    return int(number) if base == "int" else number


def _read_list(key: str, base: str, node: Any) -> tuple[Any, ...]:
    of_words = base == "str" or issubclass(getattr(schema, base), StrEnum)
    items = node.value
    if node.id == "scalar" and of_words:
        is_plain = base == "str" and not getattr(node, "style", None)
        if is_plain and str(node.value).strip().lower() in _NULL:
            return ()  # null is no symbol of this name
        mark = getattr(node, "start_mark", None)
        items = [Text(w, start_mark=mark) for w in str(node.value).split(",") if w.strip()]
    elif node.id != "sequence":
        raise BadValue(key, f"was a {node.id}, must be a list", node)
    if base == "str":
        return tuple(_read_symbol(key, item) for item in items)
    if of_words:
        return tuple(_read_scalar(key, base, item) for item in items)
    return tuple(_read_row(key, getattr(schema, base), item) for item in node.value)


def _read_symbol(key: str, node: Any) -> str:
    word = str(_read_scalar(key, "str", node)).upper()
    if not word or not all(c.isalnum() or c in "./-" for c in word):
        raise BadValue(key, f"was {_quoted(word)}, must be a symbol such as AAPL or BTC/USD", node)
    return word


def _read_row(key: str, cls: Any, node: Any) -> Any:
    if node.id != "mapping":
        raise BadValue(key, f"was a {node.id}, must be a mapping", node)
    known = field_types(cls)
    found: dict[str, Any] = {}
    for name_node, value_node in node.value:
        name = str(name_node.value)
        if name not in known:
            near = suggestion(name, list(known))
            hint = f"Did you mean {near}?" if near else f"Known: {', '.join(known)}."
            raise BadValue(
                f"{key}.{name}", "is not a known key", name_node, hint, "config.unknown_key"
            )
        found[name] = _read_scalar(f"{key}.{name}", known[name], value_node)
    for name in required(cls):
        if name not in found:
            raise BadValue(f"{key}.{name}", "was missing", node)
    return cls(**found)


def _read_sizes(key: str, node: Any) -> dict[int, Decimal]:
    """`star_notional`: stars to dollars."""
    if node.id != "mapping":
        raise BadValue(key, f"was a {node.id}, must be a mapping of stars to dollars", node)
    sizes: dict[int, Decimal] = {}
    for name_node, value_node in node.value:
        stars = _read_number("sizing.star_rules.stars", "int", str(name_node.value), name_node)
        dollars = _read_scalar(key, "Decimal", value_node)
        sizes[int(stars)] = dollars
    return sizes


def _choices(base: str) -> list[str]:
    kind = getattr(schema, base)
    assert issubclass(kind, StrEnum), f"the schema holds an unknown kind of value: {base}"
    return [choice.value for choice in kind]


def _wanted(base: str) -> str:
    names = {"Decimal": "a number", "int": "a whole number", "bool": "true or false", "str": "text"}
    return names.get(base) or "one of " + ", ".join(_choices(base))


def _quoted(value: str) -> str:
    shown = value if len(value) <= _TEXT_LENGTH_MAX else value[:_TEXT_LENGTH_MAX] + "..."
    return repr(shown)


def build(values: dict[str, Any], section: Any = None, prefix: str = "") -> Any:
    """The settings with `values` (by dotted key) in place of the defaults."""
    section = schema.TradingSettings() if section is None else section
    arguments: dict[str, Any] = {}
    for name in section.__struct_fields__:
        default = getattr(section, name)
        key = f"{prefix}{name}"
        nested = isinstance(default, Struct)
        arguments[name] = build(values, default, f"{key}.") if nested else values.get(key, default)
    return type(section)(**arguments)


def contradictions(settings: schema.TradingSettings) -> Iterator[ConfigError]:
    """Values that are each allowed but make no sense together."""
    exits = settings.take_profit.partial_exits
    if sum((part.size_pct for part in exits), Decimal(0)) > 100:
        yield ConfigError(
            "take_profit.partial_exits add up to more than 100 %",
            hint="Their size_pct are parts of one position.",
        )
    levels = [part.level for part in exits]
    if levels != sorted(set(levels)):
        yield ConfigError("take_profit.partial_exits must rise: each level above the one before")
    if settings.stream.backoff_max_seconds < settings.stream.backoff_seconds:
        yield ConfigError("stream.backoff_max_seconds was below stream.backoff_seconds")
    quiet, timeout = settings.order_management.settle_quiet_seconds, settings.broker.timeout_seconds
    if quiet < QUIET_TIMES_TIMEOUT * timeout:
        yield ConfigError(
            f"order_management.settle_quiet_seconds was {quiet}, must be at least "
            f"{QUIET_TIMES_TIMEOUT} times broker.timeout_seconds ({timeout})",
            hint="A request that is still on its way would be taken for one that was never sent.",
        )
    yield from _notices(settings)
    missing = {rule.stars for rule in settings.sizing.star_rules} - set(
        settings.sizing.star_notional
    )
    if missing:
        stars = ", ".join(str(star) for star in sorted(missing))
        yield ConfigError(f"sizing.star_notional has no size for {stars} stars")
    both = set(settings.symbols) & set(settings.denied_symbols)
    if both:
        names = ", ".join(sorted(both))
        yield ConfigError(f"symbols and denied_symbols both name {names}")


def _notices(settings: schema.TradingSettings) -> Iterator[ConfigError]:
    """Quiet hours that nobody can read, and pings that go nowhere."""
    if (hours := settings.alerts.quiet_hours) is not None:
        from execbot.config.quiet_hours import WANTED, quiet_hours

        try:
            quiet_hours(hours)
        except ValueError:
            yield ConfigError(f"alerts.quiet_hours was {hours!r}, must be {WANTED}")
    for name in settings.ping.__struct_fields__:
        url = getattr(settings.ping, name)
        if url is not None and not re.match(r"https?://[^/\s]", str(url)):
            yield ConfigError(
                f"ping.{name} must be an http:// or https:// URL",
                hint="It is asked while all goes well; null asks nobody.",
            )
