"""What the whole suite shares: its options, an exchange with its trader, and a desk in process."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from support.desk import Desk, open_desk
from support.processes import Server, clean_environment, exchange
from support.signal_trader import Heard

# In CI a property is searched along the same path each time; `CI=` runs search on.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "search")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("execbot")
    group.addoption("--seed", default="1", help="seed of the random proofs (default 1)")
    group.addoption("--kills", default="40", help="kills of `submit` (default 40)")
    group.addoption("--breaks", default="4", help="kills while everything breaks (default 4)")
    group.addoption("--disk-sizes", default="1", help="sizes of a full disk (default 1 of 8)")
    group.addoption("--hand-overs", default="6", help="hand-overs hit (default 6)")
    group.addoption("--fills", default="1000", help="fills of the cut stream (default 1000)")
    group.addoption("--sessions", default="40", help="random sessions of `watch` (default 40)")
    group.addoption("--option-sessions", default="6", help="the same with options (default 6)")
    group.addoption("--signals", default="250", help="random signals replayed (default 250)")
    group.addoption("--cases", default="400", help="values spoilt (default 400)")

    group.addoption("--long", action="store_true", help="also what is marked as long")


def pytest_configure(config: pytest.Config) -> None:
    """Whoever names files or folders plays all that stands there. Workers read the same command."""
    if config.args_source is pytest.Config.ArgsSource.ARGS:
        config.option.long = True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what varies a proof: what is marked `long`, and what `long.txt` lists."""
    if config.getoption("--long"):
        return
    listed = set(Path(__file__).with_name("long.txt").read_text().splitlines())
    left_out = {
        item
        for item in items
        if item.get_closest_marker("long")
        or not listed.isdisjoint({item.nodeid, item.nodeid.partition("[")[0]})
    }
    left_out |= _later_cases([item for item in items if item.nodeid.startswith("tests/watch/")])
    config.hook.pytest_deselected(items=list(left_out))
    items[:] = [item for item in items if item not in left_out]


def _later_cases(items: list[pytest.Item]) -> set[pytest.Item]:
    """All but the first two cases of each test: a day of `watch` in virtual time takes a second."""
    met: Counter[str] = Counter()
    later = set()
    for item in items:
        name = item.nodeid.partition("[")[0]
        met[name] += 1
        if met[name] > 2:
            later.add(item)
    return later


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` means here: most tests wait for processes and sockets, not for a core."""
    return max(4, os.cpu_count() or 1)


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


@pytest.fixture
def heard() -> Heard:
    """What a person is told; see `open_trader`."""
    return Heard()
