"""Goal: the judge of what commands say finds each thing that is not so, and nothing else.

Method: answers and records made by hand.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.harness.said import contradictions, differing
from support.processes import Outcome

SUBMIT = "submit AAPL --qty 4 --client-order-id one"


def row(status: str = "new", filled: str = "0", **more: Any) -> dict[str, Any]:
    return {
        "id": "b-1", "client_order_id": "one", "symbol": "AAPL", "side": "buy", "qty": "4",
        "type": "market", "status": status, "filled_qty": filled, **more,
    }  # fmt: skip


def answer(**data: Any) -> Outcome:
    shown = {**row(), "outcome": "accepted", **data}
    return Outcome(0, json.dumps({"data": shown}), "")


def error(code: int, outcome: str) -> Outcome:
    return Outcome(code, "", json.dumps({"error": "x", "outcome": outcome, "exit_code": code}))


def released(outcome: str) -> Outcome:
    shown = {"client_order_id": "one", "outcome": outcome}
    return Outcome(0, json.dumps({"data": [shown]}), "")


STOP = {"stop_price": "190", "status": "held"}
GONE: dict[str, Any] = {}


@pytest.mark.parametrize(
    ("line", "ended", "after"),
    [
        (SUBMIT, answer(), GONE),
        (SUBMIT, answer(qty="5"), {"one": row()}),
        (SUBMIT, answer(filled_qty="2"), {"one": row("partially_filled", "1")}),
        (SUBMIT, answer(status="filled", outcome="filled"), {"one": row("canceled")}),
        (SUBMIT, answer(status="canceled"), {"one": row("new")}),
        (SUBMIT, answer(risk={"stop": None}), {"one": row(legs=[STOP])}),
        (SUBMIT, error(10, "not_sent"), {"one": row()}),
        (SUBMIT, error(5, "not_sent"), {"one-r1": row()}),
        (SUBMIT, error(6, "rejected"), {"one": row("filled", "4")}),
        (SUBMIT, error(6, "rejected"), {"one": row("canceled", "1")}),
        (SUBMIT, error(7, "not_sent"), GONE),
        (SUBMIT, error(6, "in_doubt"), GONE),
        (SUBMIT, error(12, "not_sent"), GONE),
        ("close AAPL", error(10, "not_sent"), {"c": row(side="sell")}),
        ("cancel-all", answer(canceled=[row("canceled")]), {"one": row("new")}),
        ("orders retry one", answer(client_order_id="one.h1", id="b-2"), GONE),
        ("orders retry one", error(10, "not_sent"), {"one.h1": row()}),
        ("queue release", released("queued"), {"one": row()}),
        ("queue release", released("accepted"), GONE),
    ],
)
def test_what_is_not_so_is_found(line: str, ended: Outcome, after: dict[str, Any]) -> None:
    assert list(contradictions(line, "one", ended, {}, after))


@pytest.mark.parametrize(
    ("line", "ended", "after"),
    [
        (SUBMIT, answer(), {"one": row("filled", "4")}),
        (SUBMIT, answer(outcome="queued", status="queued"), GONE),
        (SUBMIT, answer(outcome="rejected", status="rejected"), {"one": row("rejected")}),
        (SUBMIT, error(7, "in_doubt"), {"one": row("filled", "4")}),
        (SUBMIT, error(7, "in_doubt"), GONE),
        (SUBMIT, error(10, "not_sent"), GONE),
        (SUBMIT, error(6, "rejected"), {"one": row("rejected")}),
        ("close AAPL", error(10, "not_sent"), {"execbot-x-e-1": row(side="sell")}),
        ("cancel-all", answer(canceled=[row("canceled")]), {"one": row("pending_cancel")}),
    ],
)
def test_what_is_so_is_left_alone(line: str, ended: Outcome, after: dict[str, Any]) -> None:
    assert list(contradictions(line, "one", ended, {}, after)) == []


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ([], {"one": row()}),
        ([row("canceled")], {"one": row("new")}),
        ([row("filled", "4")], {"one": row("filled", "3")}),
        ([row("new")], {}),
    ],
)
def test_records_that_differ_at_rest_are_found(
    ours: list[dict[str, Any]], theirs: dict[str, Any]
) -> None:
    assert list(differing(ours, theirs))
    assert list(differing([row("never_sent")], {})) == []
