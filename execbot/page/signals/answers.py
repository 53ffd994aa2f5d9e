"""What the listener answers: the JSON of each status."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from execbot.model.times import iso, maybe_iso
from execbot.page.signals.reversals import refused_short
from execbot.page.signals.rows import Kept, Row

SCHEMA = "execbot/v1"


def path_of(signal_id: str) -> str:
    return f"/signals/{quote(signal_id, safe='')}"


def taken(
    kept: Kept, requests_per_minute: int, trouble: str = "", *, allows_short: bool = True
) -> dict[str, Any]:
    """202: it is on the disk, and what it waits for."""
    said = waits_for(kept.waiting, requests_per_minute, trouble)
    return {
        "schema": SCHEMA,
        "ok": True,
        "status": "accepted",
        "id": kept.row.id,
        "message": f"{said}{_and_then(kept, allows_short=allows_short)}",
        "waiting_before": kept.waiting,
        "requests_per_minute": requests_per_minute,
        "result": path_of(kept.row.id),
        "then": kept.row.then,
    }


def _and_then(kept: Kept, *, allows_short: bool) -> str:
    """Of a reversal: what comes after the close."""
    if kept.entry is None:
        return ""
    signal = kept.entry.signal
    skip = refused_short(signal, allows_short=allows_short)
    if skip is not None:
        return f"; a reversal, of which only the close is carried out: {skip.message}"
    return f"; a reversal: {signal.words} follows as {signal.id} once it is filled and none is held"


def waits_for(waiting: int, requests_per_minute: int, trouble: str) -> str:
    """In words; taking is not executing, and the broker sets the pace."""
    turn = {0: "is carried out next", 1: "waits for one signal before it"}
    first = turn.get(waiting, f"waits for {waiting} signals before it")
    pace = f"the broker takes {requests_per_minute} requests a minute, of which each signal needs "
    last = f"; at the moment nothing goes: {trouble}" if trouble else ""
    return f"Kept, not executed yet: it {first}; {pace}several{last}"


def repeated(kept: Kept) -> dict[str, Any]:
    """200: it was taken before, under this id; nothing more is done for it."""
    said = "this signal was taken before"
    if kept.differs:
        said = "another signal with this id was taken before, and an id acts once; nothing is done"
    return {
        "schema": SCHEMA,
        "ok": True,
        "status": "repeated",
        "id": kept.row.id,
        "message": said,
        "state": kept.row.state.value,
        "result": path_of(kept.row.id),
        "then": kept.row.then,
    }


def state_of(row: Row) -> dict[str, Any]:
    """`GET /signals/ID`, and the event: where it is, and what came of it."""
    return {
        "schema": SCHEMA,
        "ok": True,
        "id": row.id,
        "state": row.state.value,
        "source": row.source,
        "repeats": row.repeats,
        "received_at": iso(row.received_at),
        "begun_at": maybe_iso(row.begun_at),
        "done_at": maybe_iso(row.done_at),
        "may_come_again": row.may_come_again,
        "then": row.then,
        "after": row.after,
        "signal": row.signal.to_dict(),
        "outcome": None if row.result is None else outcome_of(row),
        "reason": None if row.result is None else row.result.get("reason"),
        "message": None if row.result is None else row.result.get("message"),
        "order": row.order,
        "data": row.result,
    }


def outcome_of(row: Row) -> str | None:
    """The latest that is known of it."""
    latest = row.order or row.result or {}
    found = latest.get("outcome")
    return None if found is None else str(found)
