"""The frames of the trade-updates stream, as the engine writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from execbot.sim.engine.answers.views import rest_order, stream_order
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.order import Order
from execbot.sim.engine.render import stamp_micro
from execbot.sim.times import format_ns
from execbot.sim.types import StreamEvent


def emit(
    core: ExchangeCore, order: Order, event: str, extra: Mapping[str, Any] | None = None
) -> None:
    """Appends one `trade_updates` frame about the order as it is now."""
    at = core.now
    data: dict[str, Any] = {
        "at": stamp_micro(at),
        "event_id": core.ids.ulid(at),
        "event": event,
        "timestamp": format_ns(at),
        "order": stream_order(core, order),
    }
    if extra:
        data.update(extra)
    if core.past.keep:
        core.past.note_order(order.id, rest_order(core, order, legs=False), at)
    core.event_seq += 1
    core.events.append(StreamEvent(core.event_seq, order.account_id, at, data))
    while len(core.events) > core.config.event_buffer:
        core.events.popleft()
