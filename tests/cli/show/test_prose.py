"""Goal: on a terminal of any width no word is cut, no command is broken and no row is added.

Method: properties of the pure rule; a table and a family of orders read back.
"""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execbot.cli.show.order_list import totals_line, within
from execbot.cli.show.prose import broken
from execbot.model.enums import Side

WORDS = st.lists(st.text("abcdefg.,:-", min_size=1, max_size=25), min_size=1, max_size=40)


@given(WORDS, st.integers(30, 200), st.sampled_from(["", "  ", "  - ", "  why:  "]))
def test_a_sentence_keeps_its_words_and_fits(words: list[str], width: int, head: str) -> None:
    line = head + " ".join(words)
    lines = broken(line, width).split("\n")
    assert " ".join(lines).split() == line.split()
    assert all(len(one) <= width for one in lines if len(one.split()) > 1)


@pytest.mark.parametrize(
    "line",
    [
        "  next: execbot submit AAPL --qty 10, or --risk 1% --stop-loss 2% and so on and on and on",
        "execbot watch --profile a-name-that-is-rather-long --log-file /somewhere/else/in/the/tree",
        '{"schema": "execbot/v1", "ok": true, "command": "positions", "mode": "sim", "data": []}',
        "a,b\n" + "one line of several that is wider than the terminal is, and stays as it is so",
        "a\tb\tc\td and a row that is wider than the terminal, which a program may want to read on",
    ],
)
def test_commands_and_data_are_left_alone(line: str) -> None:
    assert broken(line, 40) == line
    assert broken(line, 0) == line


def family(name: str, legs: int) -> Any:
    order = SimpleNamespace(
        client_order_id=name,
        legs=[SimpleNamespace(client_order_id=f"{name}{n}") for n in range(legs)],
    )
    return SimpleNamespace(order=order)


@given(st.lists(st.integers(0, 3), max_size=8), st.integers(1, 12))
def test_a_limit_counts_every_row_and_wastes_none(legs: list[int], limit: int) -> None:
    records = [family(f"o{n}", count) for n, count in enumerate(legs)]
    kept, legs_of = within(records, limit, lambda order: order.legs)
    shown = [one.client_order_id for r in kept for one in (r.order, *legs_of(r.order))]
    every = [one.client_order_id for r in records for one in (r.order, *r.order.legs)]
    assert shown == every[:limit]
    assert within(records, None, lambda order: order.legs)[0] == records


def an_order(
    side: Side, filled: str, *, is_open: bool, legs: tuple[Any, ...] = (), is_spread: bool = False
) -> Any:
    return SimpleNamespace(
        is_spread=is_spread,
        symbol="AAPL",
        multiplier=Decimal(1),
        side=side,
        filled_qty=Decimal(filled),
        filled_avg_price=Decimal("200") if filled != "0" else None,
        is_open=is_open,
        legs=legs,
    )


def test_the_totals_count_exits_like_any_order() -> None:
    target = an_order(Side.SELL, "4", is_open=False)
    stop = an_order(Side.SELL, "0", is_open=True)
    entry = an_order(Side.BUY, "10", is_open=False, legs=(target, stop))
    line = totals_line([SimpleNamespace(order=entry)], hidden=0)  # type: ignore[list-item]
    assert line == "1 order works, 2 filled: bought 2000.00 USD, sold 800.00 USD."


def test_the_totals_count_a_spread_once_and_the_money_of_its_legs() -> None:
    legs = (an_order(Side.BUY, "3", is_open=False), an_order(Side.SELL, "3", is_open=False))
    spread = an_order(Side.BUY, "3", is_open=False, legs=legs, is_spread=True)
    line = totals_line([SimpleNamespace(order=spread)], hidden=0)  # type: ignore[list-item]
    assert line == "0 orders work, 1 filled: bought 600.00 USD, sold 600.00 USD."
