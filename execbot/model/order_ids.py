"""Makes the client_order_ids of our orders."""

from __future__ import annotations

import os
from datetime import datetime


def new_client_order_id(now: datetime) -> str:
    """Sorts by time, unique without coordination: `execbot-` + 12 hex of ms + 16 random hex."""
    milliseconds = int(now.timestamp() * 1000)
    return f"execbot-{milliseconds:012x}{os.urandom(8).hex()}"


def client_order_id_of(signal_id: str) -> str:
    """The same signal can make only one order, even at the broker."""
    return f"execbot-signal-{signal_id}"
