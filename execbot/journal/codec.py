"""Values to rows and back: decimals as text, times as ISO text, enums as their words."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter
from typing import Any, TypeVar

import msgspec

from execbot.journal.packing.texts import OLDEST, packed, unpacked
from execbot.journal.records import (
    Amendment,
    EventRecord,
    EventResult,
    Execution,
    FillState,
    LifeStep,
    OrderRecord,
    PositionDay,
    PositionRecord,
    Progress,
    RowReport,
)
from execbot.model.enums import (
    EventSource,
    OrderClass,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)
from execbot.model.numbers import maybe_text, text
from execbot.model.order import Order
from execbot.model.times import iso, maybe_iso

T = TypeVar("T")

_ORDER_TEXT = ("id", "client_order_id", "symbol", "asset_class", "position_intent")
_ORDER_LINKS = ("replaces", "replaced_by")
_ORDER_DECIMALS = (
    "qty",
    "notional",
    "filled_avg_price",
    "limit_price",
    "stop_price",
    "trail_price",
    "trail_percent",
    "hwm",
)
_ORDER_TIMES = (
    "created_at",
    "submitted_at",
    "updated_at",
    "filled_at",
    "canceled_at",
    "expired_at",
    "failed_at",
    "expires_at",
)
_RECORD_TEXT = (
    "origin",
    "strategy_id",
    "reason",
    "signal_id",
    "plan_id",
    "role",
    "parent_id",
    "note",
    "alarm",
)


NULL = float("nan")
"""What rows carry for None: SQLite stores a NaN as NULL. Python's sqlite3 looks for adapters of
None each time it is bound, which for an order's 55 columns cost more than writing the row."""


def dumps(value: Any) -> str:
    """Compact JSON; Decimals and times become their text."""
    return _ENCODE(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return text(value)
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return str(value)


_ENCODE = json.JSONEncoder(separators=(",", ":"), default=_plain).encode
"""Built once: `json.dumps` with options builds an encoder for every call."""


_PAYLOAD = msgspec.json.Encoder(enc_hook=_plain)


def payload(value: Any) -> str:
    """JSON of what came as JSON, ten times as fast: every stream event is kept this way."""
    return _PAYLOAD.encode(value).decode() if value else "{}"


AMONG = "IN (SELECT value FROM json_each(?))"
"""Any number of values by one statement, which SQLite then prepares once."""


def listed(values: Iterable[Any]) -> str:
    """The value to bind for `AMONG`."""
    return payload(list(values))


def order_wire(order: Order) -> dict[str, Any]:
    """An order in the broker's own shape; its raw payload where it still has one."""
    if order.raw:
        return dict(order.raw)
    wire: dict[str, Any] = {name: getattr(order, name) for name in (*_ORDER_TEXT, *_ORDER_LINKS)}
    wire |= {name: maybe_text(getattr(order, name)) for name in _ORDER_DECIMALS}
    wire |= {name: maybe_iso(getattr(order, name)) for name in _ORDER_TIMES}
    wire |= {
        "side": order.side.value,
        "type": order.type.value,
        "time_in_force": order.time_in_force.value,
        "status": order.status.value,
        "filled_qty": text(order.filled_qty),
        "extended_hours": order.extended_hours,
        "order_class": order.order_class.value,
    }
    if order.legs:
        wire["legs"] = [order_wire(leg) for leg in order.legs]
    return wire


# --- orders --------------------------------------------------------------------------------

_PROGRESS_TOTALS = (
    *("reported_qty", "latest_qty", "chain_qty", "chain_value"),
    *("reported_avg_price", "latest_avg_price", "lowest_qty"),
)
_PROGRESS_TIMES = ("status_at", "snapshot_at", "reported_at", "latest_at", "chain_changed_at")

ORDER_COLUMNS: tuple[str, ...] = (
    *("order_id", "client_order_id", "symbol", "asset_class", "position_intent"),
    *_ORDER_LINKS,
    *("filled_qty", *_ORDER_DECIMALS),
    *_ORDER_TIMES,
    *("side", "type", "time_in_force", "status", "extended_hours", "order_class"),
    *_RECORD_TEXT,
    *("request_json", "intent_at", "sent_at", "arrival_price"),
    *_PROGRESS_TOTALS,
    *_PROGRESS_TIMES,
    *("chain_open", "ended_as"),
    *("cancel_after", "for_the_day"),
)

_order_words = attrgetter(*_ORDER_TEXT, *_ORDER_LINKS)
_order_decimals = attrgetter("filled_qty", *_ORDER_DECIMALS)
_order_times = attrgetter(*_ORDER_TIMES)
_record_words = attrgetter(*_RECORD_TEXT)
_progress_totals = attrgetter(*_PROGRESS_TOTALS)
_progress_times = attrgetter(*_PROGRESS_TIMES)


def order_row(record: OrderRecord) -> tuple[Any, ...]:
    """Values in the order of ORDER_COLUMNS."""
    order, progress = record.order, record.progress
    return (
        *[NULL if word is None else word for word in _order_words(order)],
        *[NULL if number is None else text(number) for number in _order_decimals(order)],
        *[NULL if moment is None else iso(moment) for moment in _order_times(order)],
        str(order.side),
        str(order.type),
        str(order.time_in_force),
        str(order.status),
        int(order.extended_hours),
        str(order.order_class),
        *[NULL if word is None else str(word) for word in _record_words(record)],
        NULL if record.request_json is None else packed_request(record.request_json),
        "" if record.intent_at is None else iso(record.intent_at),
        NULL if record.sent_at is None else iso(record.sent_at),
        NULL if record.arrival_price is None else text(record.arrival_price),
        *[NULL if number is None else text(number) for number in _progress_totals(progress)],
        *[NULL if moment is None else iso(moment) for moment in _progress_times(progress)],
        int(progress.chain_open),
        NULL if progress.ended_as is None else progress.ended_as,
        NULL if record.cancel_after is None else text(record.cancel_after),
        int(record.for_the_day),
    )


def record_of(found: sqlite3.Row) -> OrderRecord:
    """Read an order back; legs are joined by the caller."""
    # A Row looks through its names at each access; there are 55.
    row = dict(zip(found.keys(), found, strict=True))
    numbers: dict[str, Any] = {
        name: _number(value) for name in _ORDER_DECIMALS if (value := row[name]) is not None
    }
    times: dict[str, Any] = {name: _moment(value) for name in _ORDER_TIMES if (value := row[name])}
    order = Order(
        id=row["order_id"],
        client_order_id=row["client_order_id"],
        symbol=_shared(row["symbol"]),
        side=Side(row["side"]),
        type=OrderType(row["type"]),
        time_in_force=TimeInForce(row["time_in_force"]),
        status=OrderStatus(row["status"]),
        filled_qty=_number(row["filled_qty"]),
        extended_hours=bool(row["extended_hours"]),
        order_class=OrderClass(row["order_class"]),
        asset_class=_shared(row["asset_class"]),
        position_intent=row["position_intent"],
        replaces=row["replaces"],
        replaced_by=row["replaced_by"],
        **numbers,
        **times,
    )
    progress = Progress(
        status_at=_time(row["status_at"]),
        snapshot_at=_time(row["snapshot_at"]),
        reported_qty=_number(row["reported_qty"]),
        reported_avg_price=_decimal(row["reported_avg_price"]),
        reported_at=_time(row["reported_at"]),
        latest_qty=_number(row["latest_qty"]),
        latest_avg_price=_decimal(row["latest_avg_price"]),
        latest_at=_time(row["latest_at"]),
        lowest_qty=_decimal(row["lowest_qty"]),
        chain_qty=_number(row["chain_qty"]),
        chain_value=_number(row["chain_value"]),
        chain_open=bool(row["chain_open"]),
        chain_changed_at=_time(row["chain_changed_at"]),
        ended_as=row["ended_as"],
    )
    return OrderRecord(
        order=order,
        intent_at=_time(row["intent_at"]),
        sent_at=_time(row["sent_at"]),
        arrival_price=_decimal(row["arrival_price"]),
        cancel_after=_decimal(row["cancel_after"]),
        for_the_day=bool(row["for_the_day"]),
        progress=progress,
        request_json=_request_json(row["request_json"]),
        **{name: _shared(row[name]) for name in _RECORD_TEXT},
    )


def packed_request(text: str) -> str | bytes:
    """Always in the first form: what is derived from the history comes out again as it was."""
    return packed(text, number=OLDEST)


_REQUEST = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _request_json(value: str | bytes | None) -> str | None:
    """Readers take it for an object; anything else is damage of this row."""
    if value is None:
        return None
    found = unpacked(value)
    _REQUEST.decode(found)
    return found


# --- executions ----------------------------------------------------------------------------

_FILL_DECIMALS = ("qty", "price", "net_qty", "net_price", "cum_qty", "position_qty", "fee")

FILL_COLUMNS: tuple[str, ...] = (
    *("execution_id", "order_id", "client_order_id", "symbol", "side", "at", "source", "state"),
    *_FILL_DECIMALS,
    *("activity_id", "changed_at", "asset_class", "evidence"),
)

_fill_decimals = attrgetter(*_FILL_DECIMALS)


def fill_row(execution: Execution) -> tuple[Any, ...]:
    """Values in the order of FILL_COLUMNS."""
    evidence = _evidence_of(execution)
    return (
        execution.execution_id,
        execution.order_id,
        execution.client_order_id,
        execution.symbol,
        str(execution.side),
        iso(execution.at),
        str(execution.source),
        str(execution.state),
        *[NULL if number is None else text(number) for number in _fill_decimals(execution)],
        NULL if execution.activity_id is None else execution.activity_id,
        NULL if execution.changed_at is None else iso(execution.changed_at),
        execution.asset_class,
        NULL if evidence is None else evidence,
    )


class _Evidence(msgspec.Struct, frozen=True, omit_defaults=True):
    """The column of the same name: empty for what a frame or a row alone has told."""

    is_heard: bool = True
    row: RowReport | None = None
    amendments: tuple[Amendment, ...] = ()


def _evidence_of(execution: Execution) -> str | None:
    """None where `source` says all: heard on the stream, or known from its FILL row."""
    from_row = execution.source is EventSource.ACTIVITY
    if execution.row is None and not execution.amendments:
        return None if execution.is_heard is not from_row else _encode(execution)
    return _encode(execution)


def _encode(execution: Execution) -> str:
    found = _Evidence(execution.is_heard, execution.row, execution.amendments)
    return dumps(msgspec.to_builtins(found, builtin_types=(Decimal, datetime)))


def execution_of(row: sqlite3.Row) -> Execution:
    at, source, said = _time(row["at"]), EventSource(row["source"]), row["evidence"]
    assert at is not None
    known = (
        _Evidence(is_heard=source is not EventSource.ACTIVITY)
        if said is None
        else msgspec.json.decode(said, type=_Evidence)
    )
    return Execution(
        execution_id=row["execution_id"],
        order_id=_shared(row["order_id"]),
        client_order_id=_shared(row["client_order_id"]),
        symbol=_shared(row["symbol"]),
        side=Side(row["side"]),
        at=at,
        source=source,
        state=FillState(row["state"]),
        qty=_number(row["qty"]),
        price=_number(row["price"]),
        net_qty=_number(row["net_qty"]),
        net_price=_number(row["net_price"]),
        cum_qty=_decimal(row["cum_qty"]),
        position_qty=_decimal(row["position_qty"]),
        fee=_decimal(row["fee"]),
        activity_id=row["activity_id"],
        changed_at=_time(row["changed_at"]),
        asset_class=_shared(row["asset_class"]),
        is_heard=known.is_heard,
        row=known.row,
        amendments=known.amendments,
    )


# --- events --------------------------------------------------------------------------------

_EVENT_DECIMALS = ("qty", "price", "cum_qty", "position_qty")

EVENT_COLUMNS: tuple[str, ...] = (
    *("recorded_at", "at", "client_order_id", "order_id", "kind", "source", "execution_id"),
    *_EVENT_DECIMALS,
    *("details", "raw", "result", "status", "note"),
)

_event_decimals = attrgetter(*_EVENT_DECIMALS)


def event_row(event: EventRecord, details: str | bytes, raw: str | bytes) -> tuple[Any, ...]:
    """Values in the order of EVENT_COLUMNS; `details` and `raw` as they are written."""
    return (
        iso(event.recorded_at),
        NULL if event.at is None else iso(event.at),
        event.client_order_id,
        event.order_id,
        event.kind,
        str(event.source),
        NULL if event.execution_id is None else event.execution_id,
        *[NULL if number is None else text(number) for number in _event_decimals(event)],
        details,
        raw,
        str(event.result),
        event.status,
        NULL if event.note is None else event.note,
    )


_JSON_OBJECT = msgspec.json.Decoder(dict[str, Any])
"""What else than an object is read back is damage."""


def event_of(row: sqlite3.Row) -> EventRecord:
    """Of a row as `EVENTS` selects it."""
    recorded_at, first = _time(row["recorded_at"]), row["first_raw"]
    assert recorded_at is not None
    return EventRecord(
        seq=row["seq"],
        recorded_at=recorded_at,
        at=_time(row["at"]),
        client_order_id=row["client_order_id"],
        order_id=row["order_id"],
        kind=row["kind"],
        source=EventSource(row["source"]),
        execution_id=row["execution_id"],
        qty=_decimal(row["qty"]),
        price=_decimal(row["price"]),
        cum_qty=_decimal(row["cum_qty"]),
        position_qty=_decimal(row["position_qty"]),
        details=_JSON_OBJECT.decode(unpacked(row["details"])),
        raw=_JSON_OBJECT.decode(unpacked(row["raw"], None if first is None else unpacked(first))),
        result=EventResult(row["result"]),
        status=row["status"],
        note=row["note"],
    )


# --- positions -----------------------------------------------------------------------------

POSITION_COLUMNS: tuple[str, ...] = (
    *("symbol", "asset_class", "qty", "avg_entry_price", "cost", "realized_pl", "bought_qty"),
    *("opened_at", "updated_at", "last_execution_id"),
)


def position_row(position: PositionRecord) -> tuple[Any, ...]:
    """Values in the order of POSITION_COLUMNS."""
    average, opened_at = position.avg_entry_price, position.opened_at
    return (
        position.symbol,
        position.asset_class,
        text(position.qty),
        NULL if average is None else text(average),
        text(position.cost),
        text(position.realized_pl),
        text(position.bought_qty),
        NULL if opened_at is None else iso(opened_at),
        "" if position.updated_at is None else iso(position.updated_at),
        position.last_execution_id,
    )


def position_of(row: sqlite3.Row) -> PositionRecord:
    return PositionRecord(
        symbol=row["symbol"],
        asset_class=row["asset_class"],
        qty=Decimal(row["qty"]),
        avg_entry_price=_decimal(row["avg_entry_price"]),
        cost=Decimal(row["cost"]),
        realized_pl=Decimal(row["realized_pl"]),
        bought_qty=Decimal(row["bought_qty"]),
        opened_at=_time(row["opened_at"]),
        updated_at=_time(row["updated_at"]),
        last_execution_id=row["last_execution_id"],
    )


def position_day_row(item: PositionDay) -> tuple[str, str, str]:
    """Symbol, day, and the position as JSON."""
    return (
        item.position.symbol,
        str(item.day),
        dumps(msgspec.structs.asdict(item.position)),
    )


def position_day_of(row: sqlite3.Row) -> PositionDay:
    position = msgspec.json.decode(row["body"], type=PositionRecord)
    return PositionDay(date.fromisoformat(row["day"]), position)


LIFE_COLUMNS = (
    *("event_seq", "step", "symbol", "began", "at", "recorded_at", "state", "cause", "qty"),
    *("price", "client_order_id"),
)


def life_step_row(step: LifeStep) -> tuple[Any, ...]:
    return (
        *(step.event_seq, step.step, step.symbol, step.began, iso(step.at), iso(step.recorded_at)),
        *(str(step.state), step.cause, text(step.qty), maybe_text(step.price)),
        step.client_order_id,
    )


def life_step_of(row: sqlite3.Row) -> LifeStep:
    return LifeStep(
        symbol=row["symbol"],
        at=with_zone(datetime.fromisoformat(row["at"])),
        recorded_at=with_zone(datetime.fromisoformat(row["recorded_at"])),
        state=row["state"],
        cause=row["cause"],
        qty=Decimal(row["qty"]),
        price=_decimal(row["price"]),
        client_order_id=row["client_order_id"],
        event_seq=row["event_seq"],
        step=row["step"],
        began=row["began"],
    )


SHARED_MOST = 4096
"""Rows of one order, and orders of one day, say the same again and again: one value stands for all
that are equal, which for a month of them is half of the memory."""


@lru_cache(SHARED_MOST)
def _number(value: str) -> Decimal:
    return Decimal(value)


@lru_cache(SHARED_MOST)
def _moment(value: str) -> datetime:
    return with_zone(datetime.fromisoformat(value))


@lru_cache(SHARED_MOST)
def _shared(value: T) -> T:
    return value


def _decimal(value: str | None) -> Decimal | None:
    return None if value is None else _number(value)


def _time(value: str | None) -> datetime | None:
    """Our own ISO text only (`Z` and microseconds), so no tolerant parsing is needed."""
    return _moment(value) if value else None


def with_zone(moment: datetime) -> datetime:
    """Every time we write has its zone: one without is damaged, and equals no other. Pure."""
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone: {moment}")
    return moment
