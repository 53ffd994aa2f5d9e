"""The clients are driven only when they are asked for: `pytest -m clients`."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "clients" in (config.option.markexpr or ""):
        return
    skip = pytest.mark.skip(reason="installs packages; asked for by `pytest -m clients`")
    for item in items:
        if item.get_closest_marker("clients"):
            item.add_marker(skip)
