"""Goal: the diagrams and tables of the pages are what the code does.

Method: generated parts are generated again; orders are sent through faults at the exchange, and the
steps that the pipeline announces are walks in the diagram of the order's way, which cover it.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pages import error_tree, order_flow, position_states
from pages.generated import PAGES, rendered
from support.desk import Desk, open_desk

from execbot.broker.errors import BrokerError
from execbot.journal.records import Role
from execbot.model.enums import OrderStatus
from execbot.model.order import OrderRequest
from execbot.oms.errors import InDoubt, OmsError
from execbot.oms.results import GateVerdict

POST = {"method": "POST", "path": "/v2/orders"}
LOOK_UP = {"method": "GET", "path": "/v2/orders:by_client_order_id"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_generated_parts_are_what_the_code_says(page: Path) -> None:
    assert page.read_text(encoding="utf-8") == rendered(page), (
        "run: python tests/pages/generated.py"
    )


def test_every_error_has_a_way_and_every_way_an_error() -> None:
    ways = error_tree.ways()
    assert list(ways) == list(error_tree.WORDS)
    assert all(ways.values())


def test_arrows_of_states_can_be_read_by_mermaid() -> None:
    """Its grammar ends the words of an arrow at a colon or semicolon."""
    for words in position_states.CHANGES.values():
        assert not set(words) & set(":;")


# --- the way of an order ---------------------------------------------------------------------


def no_fault(desk: Desk) -> None:
    return None


def fault(kind: str, **rule: Any) -> Callable[[Desk], None]:
    return lambda desk: desk.fault(kind, **{**POST, **rule})


def lost_and_unanswered(desk: Desk) -> None:
    desk.fault("reply_lost", **POST)
    desk.fault("server_error", **LOOK_UP, count=50)


def refused(desk: Desk) -> None:
    body = '{"code": 40310000, "message": "insufficient buying power"}'
    desk.fault("canned_reply", **POST, params={"status": 403, "body": body})


def denied(_: object) -> GateVerdict:
    return GateVerdict(False, "risk.one", "one is open")


WALKS: tuple[tuple[Callable[[Desk], None], dict[str, Any]], ...] = (
    (no_fault, {}),
    (no_fault, {"gate": denied}),
    (no_fault, {"suspended": True}),
    (fault("reply_lost"), {}),
    (lost_and_unanswered, {}),
    (fault("reset_after"), {}),
    (fault("server_error", params={"status": 504, "handled": False}, count=99), {}),
    (fault("reset_before"), {}),
    (fault("rate_limited", params={"retry_after": 1}), {}),
    (fault("rate_limited", params={"retry_after": 1}, count=99), {}),
    (fault("rate_limited", count=99), {"signal_id": "s", "role": Role.ENTRY}),
    (refused, {}),
)


def walk(desk: Desk, prepare: Callable[[Desk], None], how: dict[str, Any]) -> list[str]:
    """Send one order; the steps that it went, with the beginning and the end of its way."""
    prepare(desk)
    how, steps = dict(how), [order_flow.START]
    suspended = how.pop("suspended", False)

    def take_down(step: str) -> None:
        steps.append(step)
        if suspended and step == "intent_written":
            desk.sleep(6)

    oms = desk.open_oms(desk.journal, on_step=take_down)
    request = OrderRequest("AAPL", "buy", qty=1, client_order_id="walked")
    with contextlib.suppress(OmsError, BrokerError, InDoubt):
        oms.submit(request, **how)
    return [*steps, end_of(desk)]


def end_of(desk: Desk) -> str:
    record = desk.journal.order_by_client_id("walked")
    assert record is not None
    match record.status:
        case OrderStatus.IN_DOUBT:
            return "doubt_stays"
        case status if status.value in order_flow.ENDS:
            return status.value
    return "at_the_broker"


def test_orders_walk_along_the_arrows_of_the_diagram_and_along_all_of_them(
    tmp_path: Path,
) -> None:
    walked: set[tuple[str, str]] = set()
    for number, (prepare, how) in enumerate(WALKS):
        place = tmp_path / str(number)
        place.mkdir()
        desk = open_desk(place)
        steps = walk(desk, prepare, how)
        desk.journal.close()
        arrows = set(pairwise(steps))
        assert arrows <= set(order_flow.ARROWS), f"walk {number}: {steps}"
        walked |= arrows
    assert walked == set(order_flow.ARROWS)


def test_the_diagram_names_every_step_that_the_pipeline_announces() -> None:
    source = "".join(
        path.read_text()
        for path in Path(order_flow.__file__).parents[2].glob("execbot/oms/send/*.py")
    )
    assert set(re.findall(r'self\._step\("(\w+)"\)', source)) == set(order_flow.STEPS)
