"""A served exchange of the test's own, and a trader whose Alpaca it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.processes import Server, exchange


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with exchange(tmp_path) as running:
        yield running


@pytest.fixture
def env(server: Server, tmp_path: Path) -> dict[str, str]:
    return server.environment(tmp_path)
