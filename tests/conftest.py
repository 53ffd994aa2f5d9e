"""Options shared by the whole suite: how much of the random proofs to run, and from which seed."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

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
