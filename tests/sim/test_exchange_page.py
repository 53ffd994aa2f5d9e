"""Goal: the page about the exchange tells what the code does. Method: its tables made anew."""

from __future__ import annotations

import pytest
from sim.exchange_tables import FROM_ALPACAS_FILES, PAGE, TABLES, Tables, with_tables

from execbot.sim.wire import control


@pytest.mark.parametrize("tables", [TABLES, FROM_ALPACAS_FILES], ids=["code", "Alpaca's files"])
def test_tables_of_the_page_are_as_they_are_made(tables: Tables) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_tables(page, tables), "run: PYTHONPATH=tests python -m sim.exchange_tables"


def test_every_control_request_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for _, path in (*control.ROUTES, *control.ROUTES_WITH_ARGUMENT):
        assert f"/sim/{path}" in page, path
