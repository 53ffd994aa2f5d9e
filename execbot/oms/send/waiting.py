"""How long to pause while an order is waited for."""

from __future__ import annotations

POLL_FIRST_SECONDS = 0.05


POLL_LAST_SECONDS = 1.0


POLL_FACTOR = 1.6
"""Pauses while waiting for an order to end: Alpaca needs milliseconds, or the market is closed."""
