"""Waiting for a fact that another process or thread brings about."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_SECONDS = 90.0
"""A bound that a busy machine does not reach; nothing is measured by it."""


def eventually(true: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> bool:
    """Whether `true` became so within the bound."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if true():
            return True
        time.sleep(0.1)
    return False
