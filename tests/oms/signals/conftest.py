"""A trader who trades by signals."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.signal_trader import SignalTrader, open_trader


@pytest.fixture
def trader(tmp_path: Path) -> SignalTrader:
    return open_trader(tmp_path)
