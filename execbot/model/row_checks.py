"""Says in words what is wrong with a row of the broker's; empty for a plausible one. Pure.

Judged are the fields that go into the books or into a path (docs/evidence.md, rows E-VAL). Fields
that nobody books (a market value, a price shown) are read one by one: an impossible one is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from execbot.model.numbers import maybe_decimal
from execbot.model.plausible import (
    client_id_trouble,
    id_trouble,
    number_trouble,
    qty_trouble,
    symbol_trouble,
    time_trouble,
    word_trouble,
)
from execbot.model.times import parse_time

Row = Mapping[str, Any]

ORDER_QUANTITIES = ("qty", "filled_qty")
ORDER_PRICES = (
    *("notional", "filled_avg_price", "limit_price", "stop_price"),
    *("trail_price", "trail_percent", "hwm"),
)
FILL_EVENTS = ("fill", "partial_fill")
SIDES = ("buy", "sell", "sell_short")
"""`sell_short` stands in rows of activities."""


MISSING = "there is none"


def order_trouble(order: Row, *, is_leg: bool = False, may_lack: bool = False) -> str:
    """An order as REST and the stream show it, its legs included.

    With `may_lack` what is not there is no trouble: journals keep reports of older execbots.
    """
    checks = _order_checks(order, is_leg, may_lack)
    return _first((n, t) for n, t in checks if not (may_lack and t == MISSING))


def position_trouble(position: Row) -> str:
    return _first(_position_checks(position))


def activity_trouble(activity: Row, now: datetime) -> str:
    """A row of the account's activities: a fill, or whatever else moves shares and money."""
    return _first(_activity_checks(activity, now))


def update_trouble(update: Row, now: datetime | None = None) -> str:
    """The `data` of a frame of the trade-update stream."""
    return _first(_update_checks(update, now))


def said_trouble(value: object, *, is_qty: bool = False, may_be_negative: bool = True) -> str:
    """A number as it came: text, or a JSON number. None and an empty text say nothing."""
    if value is None or value == "":
        return ""
    if not isinstance(value, str):
        return _number_trouble(value, is_qty, may_be_negative)
    return _text_trouble(value, is_qty, may_be_negative)


def said_time_trouble(value: object, now: datetime | None) -> str:
    """A time as it came. None and an empty text say nothing."""
    if value is None or value == "":
        return ""
    read = parse_time(value)
    if read is None:
        return "an impossible time"
    return time_trouble(read, now) if now is not None else ""


# --- the rows ------------------------------------------------------------------------------

Checks = Iterator[tuple[str, str]]


def _order_checks(order: Row, is_leg: bool, may_lack: bool) -> Checks:
    get = order.get
    yield "id", _text_of(get("id"), _brokers_id) or ("" if get("id") else MISSING)
    name = get("client_order_id")
    yield "client_order_id", _text_of(name, client_id_trouble)
    if not (name or is_leg):
        yield "client_order_id", MISSING
    is_spread = get("order_class") == "mleg" and not is_leg
    yield "symbol", _text_of(get("symbol"), symbol_trouble)
    if not (get("symbol") or is_spread):
        yield "symbol", MISSING
    if get("side") not in SIDES and not (is_spread and not get("side")):
        yield "side", "neither buy nor sell" if get("side") else MISSING
    if not get("status"):
        yield "status", MISSING
    for word in ("status", "type", "order_type", "time_in_force", "order_class", "asset_class"):
        yield word, word_trouble(get(word)) if get(word) is not None else ""
    if get("position_intent") is not None:
        yield "position_intent", word_trouble(get("position_intent"))
    for link in ("replaces", "replaced_by"):
        yield link, _text_of(get(link), _brokers_id)
    for quantity in ORDER_QUANTITIES:
        yield quantity, said_trouble(get(quantity), is_qty=True, may_be_negative=False)
    for price in ORDER_PRICES:
        # The net price of a spread that brings money in is negative.
        yield price, said_trouble(get(price))
    if get("extended_hours") not in (None, True, False):
        yield "extended_hours", "neither true nor false"
    yield from _legs_checks(get("legs"), may_lack)


def _legs_checks(legs: object, may_lack: bool) -> Checks:
    if legs is None:
        return
    if not isinstance(legs, list | tuple):
        yield "legs", "not a list"
        return
    for leg in legs:
        is_order = isinstance(leg, Mapping)
        found = order_trouble(leg, is_leg=True, may_lack=may_lack) if is_order else "no order"
        yield "legs", found


def _position_checks(position: Row) -> Checks:
    get = position.get
    yield "symbol", _text_of(get("symbol"), symbol_trouble)
    yield "symbol", "" if get("symbol") else MISSING
    yield "qty", said_trouble(get("qty"), is_qty=True)
    yield "qty", MISSING if get("qty") in (None, "") else ""
    yield "side", "" if get("side") in (None, "", "long", "short") else "neither long nor short"
    yield "asset_class", word_trouble(get("asset_class")) if get("asset_class") is not None else ""
    yield "avg_entry_price", said_trouble(get("avg_entry_price"), may_be_negative=False)


def _activity_checks(activity: Row, now: datetime) -> Checks:
    get = activity.get
    yield "id", _text_of(get("id"), client_id_trouble)
    yield "id", "" if get("id") else MISSING
    yield "activity_type", word_trouble(get("activity_type"))
    yield "order_id", _text_of(get("order_id"), _brokers_id)
    yield "symbol", _text_of(get("symbol"), symbol_trouble)
    for name in ("transaction_time", "date"):
        yield name, said_time_trouble(get(name), now)
    for name in ("qty", "cum_qty", "leaves_qty"):
        yield name, said_trouble(get(name), is_qty=True)
    for name in ("price", "net_amount", "per_share_amount"):
        yield name, said_trouble(get(name))
    for name in ("order_status", "type", "status", "group_id", "activity_sub_type", "created_at"):
        yield name, _text_of(get(name), word_trouble)
    if get("activity_type") == "FILL":
        yield from _fill_row_checks(activity)


def _fill_row_checks(activity: Row) -> Checks:
    """The fields by which an execution is booked must be there."""
    yield "side", "" if activity.get("side") in SIDES else "neither buy nor sell"
    for name in ("transaction_time", "qty", "price", "order_id", "symbol"):
        yield name, MISSING if activity.get(name) in (None, "") else ""


def _update_checks(update: Row, now: datetime | None) -> Checks:
    order = update.get("order")
    yield "event", word_trouble(update.get("event"))
    yield "order", order_trouble(order) if isinstance(order, Mapping) else "no order"
    yield from _execution_checks(update, now)
    yield "qty", _share_trouble(update, order)
    yield "position_qty", said_trouble(update.get("position_qty"), is_qty=True)
    held = update.get("position_qtys")
    for qty in held.values() if isinstance(held, Mapping) else ():
        yield "position_qtys", said_trouble(qty, is_qty=True)
    yield "previous_execution_id", _text_of(update.get("previous_execution_id"), client_id_trouble)
    yield "event_id", _event_id_trouble(update.get("event_id"))
    legs = update.get("legs")
    if legs is None:
        return
    if not isinstance(legs, list | tuple):
        yield "legs", "not a list"
        return
    for leg in legs:
        if not isinstance(leg, Mapping):
            yield "legs", "not an object"
            return
        yield "order_id", _text_of(leg.get("order_id"), _brokers_id)
        yield from _execution_checks(leg, now)


def _share_trouble(update: Row, order: object) -> str:
    """The order in a frame counts the frame's own execution: the part is no more than its total."""
    if update.get("event") not in FILL_EVENTS or not isinstance(order, Mapping):
        return ""
    part, total = maybe_decimal(update.get("qty")), maybe_decimal(order.get("filled_qty"))
    if part is None or total is None or part <= total:
        return ""
    return f"more than the {total} that the order has filled with it"


def _execution_checks(said: Row, now: datetime | None) -> Checks:
    """One execution in a frame: an untimed one is told by REST, with its time."""
    for name in ("timestamp", "at"):
        yield name, said_time_trouble(said.get(name), now)
    yield "execution_id", _text_of(said.get("execution_id"), client_id_trouble)
    yield "qty", said_trouble(said.get("qty"), is_qty=True, may_be_negative=False)
    yield "price", said_trouble(said.get("price"))


# --- values --------------------------------------------------------------------------------


def _first(checks: Checks) -> str:
    for name, trouble in checks:
        if trouble:
            return f"{name}: {trouble}"
    return ""


def _text_of(value: object, judge: Callable[[str], str]) -> str:
    if value is None or value == "":
        return ""
    return judge(value) if isinstance(value, str) else "not a text"


def _event_id_trouble(value: object) -> str:
    """A ULID, in older streams a number."""
    return "" if isinstance(value, int) else _text_of(value, client_id_trouble)


@lru_cache(maxsize=4096)
def _brokers_id(value: str) -> str:
    return id_trouble(value, is_brokers=True)


@lru_cache(maxsize=4096)
def _text_trouble(value: str, is_qty: bool, may_be_negative: bool) -> str:
    """Cached: an order carries the same numbers in each of its reports."""
    return _number_trouble(value, is_qty, may_be_negative)


def _number_trouble(value: object, is_qty: bool, may_be_negative: bool) -> str:
    number = maybe_decimal(value)
    if number is None:
        return "not a number"
    if number < 0 and not may_be_negative:
        return "below zero"
    return qty_trouble(number) if is_qty else number_trouble(number)
