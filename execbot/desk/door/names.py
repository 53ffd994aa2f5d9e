"""What a request goes by in the journal."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from execbot.broker.clock import utc_now
from execbot.model.order_ids import client_order_id_of, new_client_order_id
from execbot.model.signal import Signal, read_signal


def order_name() -> str:
    """The client_order_id of an order that has none yet."""
    return new_client_order_id(utc_now())


def signal_name(signal: Signal) -> str:
    """The order of a signal has the id that follows from it."""
    return client_order_id_of(signal.id)


def signal_given(fields: Mapping[str, Any]) -> Signal:
    """The signal that the fields of its JSON say, by our own clock. Raises SignalError."""
    now = utc_now()
    new_id = f"cli-{new_client_order_id(now).removeprefix('execbot-')}"
    return read_signal(fields, now=now, new_id=new_id)


def own_name(command: str) -> str:
    """Of a request whose orders get their ids only when they are sent."""
    return f"{command}:{os.urandom(12).hex()}"
