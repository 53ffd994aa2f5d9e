"""What the whole suite shares: its options, an exchange with its trader, and a desk in process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from support.desk import Desk, open_desk
from support.processes import Server, clean_environment, exchange

# In CI a property is searched along the same path each time; `CI=` runs search on.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "search")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("execbot")
    group.addoption("--seed", default="1", help="seed of the random proofs (default 1)")
    group.addoption("--kills", default="200", help="kills of `submit` (default 200)")
    group.addoption("--fills", default="1000", help="fills of the cut stream (default 1000)")
    group.addoption("--sessions", default="300", help="random sessions of `watch` (default 300)")
    group.addoption("--signals", default="500", help="random signals replayed (default 500)")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` means here: most tests wait for processes and sockets, not for a core."""
    return max(6, os.cpu_count() or 1)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """The exchange, served to processes for one test."""
    with exchange(tmp_path) as running:
        yield running


@pytest.fixture
def env(server: Server, tmp_path: Path) -> dict[str, str]:
    """The environment of a paper trader whose Alpaca is `server`."""
    return server.environment(tmp_path)


@pytest.fixture
def sim_env(tmp_path: Path) -> dict[str, str]:
    """The environment of a trader in sim mode, with nothing else set up."""
    return clean_environment(tmp_path, EXECBOT_MODE="sim")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """The OMS, its journal and the exchange in this process, under a virtual clock."""
    opened = open_desk(tmp_path)
    yield opened
    opened.journal.close()
