"""Goal: each status of an order is decided once for each named set, and nowhere else.

Method: a table from status to the sets that it belongs to, compared with the sets as they are
written beside the enum; and a look through the whole code for sets of statuses elsewhere.
"""

from __future__ import annotations

import ast
import itertools
from pathlib import Path

import pytest

import execbot
from execbot.model import enums
from execbot.model.enums import OUTCOME_OF, OrderStatus
from execbot.oms.machine.table import ACTS, MOVES, RANK, STATUS_OF_EVENT, STAYS

_S = OrderStatus

DECISIONS: dict[OrderStatus, str] = {
    _S.QUEUED: ("LOCAL OPEN UNCONFIRMED NOT_AT_BROKER OWN_ENDS"),
    _S.PENDING: (
        "LOCAL UNSETTLED OPEN UNCONFIRMED NOT_AT_BROKER ARRIVING UNSTEADY UNCANCELABLE OWN_ENDS"
    ),
    _S.IN_DOUBT: (
        "LOCAL UNSETTLED OPEN UNCONFIRMED NOT_AT_BROKER ARRIVING UNSTEADY UNCANCELABLE NOT_TAKEN"
    ),
    _S.NEVER_SENT: ("LOCAL TERMINAL REOPENABLE OVER CUT_SHORT FAILED NOT_AT_BROKER NOT_TAKEN"),
    _S.DENIED: ("LOCAL TERMINAL REOPENABLE OVER CUT_SHORT FAILED NOT_AT_BROKER OWN_ENDS"),
    _S.PENDING_NEW: (
        "WORKING OPEN REPORTS NOT_YET_ROUTED SHOWS_FILLS ARRIVING IN_MOTION UNSTEADY UNCANCELABLE "
        "STANDING"
    ),
    _S.ACCEPTED: (
        "WORKING OPEN REPORTS NOT_YET_ROUTED SHOWS_FILLS ACKNOWLEDGED ACTIVATED STANDING"
    ),
    _S.NEW: "WORKING OPEN REPORTS SHOWS_FILLS ACKNOWLEDGED ACTIVATED REPLACEABLE STANDING",
    _S.ACCEPTED_FOR_BIDDING: "WORKING OPEN REPORTS SHOWS_FILLS ACKNOWLEDGED STANDING",
    _S.PARTIALLY_FILLED: (
        "WORKING OPEN REPORTS TRADED ACKNOWLEDGED ACTIVATED REPLACEABLE STANDING"
    ),
    _S.FILLED: "TERMINAL ENDS REPORTS OVER TRADED",
    _S.PENDING_CANCEL: "WORKING OPEN REPORTS UNDER_WAY IN_MOTION UNSTEADY UNCANCELABLE",
    _S.CANCELED: ("TERMINAL ENDS REPORTS OVER CUT_SHORT LAPSED ENDED_UNFILLED"),
    _S.PENDING_REPLACE: ("WORKING OPEN REPORTS ACKNOWLEDGED UNDER_WAY IN_MOTION UNSTEADY STANDING"),
    _S.REPLACED: "TERMINAL ENDS REPORTS",
    _S.REJECTED: (
        "TERMINAL ENDS REPORTS OVER CUT_SHORT FAILED NOT_AT_BROKER NOT_TAKEN ENDED_UNFILLED"
    ),
    _S.EXPIRED: ("TERMINAL ENDS REPORTS OVER CUT_SHORT LAPSED ENDED_UNFILLED"),
    _S.DONE_FOR_DAY: "WORKING OPEN REPORTS STANDING",
    _S.HELD: "WORKING OPEN REPORTS ACKNOWLEDGED REPLACEABLE STANDING",
    _S.STOPPED: "WORKING OPEN REPORTS ACKNOWLEDGED STANDING",
    _S.SUSPENDED: "WORKING OPEN REPORTS STANDING",
    _S.CALCULATED: "WORKING OPEN REPORTS STANDING",
    _S.UNKNOWN: "WORKING OPEN REPORTS STANDING",
}


def _sets() -> dict[str, frozenset[OrderStatus]]:
    """Every named set of statuses beside the enum."""
    return {
        name.removesuffix("_STATUSES"): value
        for name, value in vars(enums).items()
        if isinstance(value, frozenset) and value and all(isinstance(s, OrderStatus) for s in value)
    }


@pytest.mark.parametrize("status", OrderStatus)
def test_each_status_is_decided_for_each_set(status: OrderStatus) -> None:
    """A status that is new stands in no row yet: write one, and so decide every set."""
    decided = set(DECISIONS[status].split())
    assert decided <= _sets().keys()
    assert decided == {name for name, members in _sets().items() if status in members}


def test_every_set_says_why_it_is_there() -> None:
    """A docstring of one or two lines stands below each set."""
    source = Path(enums.__file__).read_text()
    body = ast.parse(source).body
    explained = {
        node.targets[0].id.removesuffix("_STATUSES")
        for node, after in itertools.pairwise(body)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
    }
    assert _sets().keys() <= explained


def test_no_set_of_statuses_stands_anywhere_else() -> None:
    """Two or more statuses in one literal are a set without a name. The exchange has its own."""
    room = Path(execbot.__file__).parent
    files = [p for p in room.rglob("*.py") if "sim" not in p.relative_to(room).parts]
    found = [
        f"{path.relative_to(room)}:{node.lineno}"
        for path in files
        if path != Path(enums.__file__)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Set | ast.Tuple | ast.List)
        if sum(map(_is_status, node.elts)) > 1
    ]
    assert found == []


def _is_status(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in ("OrderStatus", "_S")
    )


def test_the_tables_of_the_machine_know_every_status() -> None:
    """Whatever an order may be, the machine knows what may follow and what it outranks."""
    assert MOVES.keys() == STAYS.keys() == set(OrderStatus)
    assert RANK.keys() == enums.WORKING_STATUSES
    settled = {_S.NEVER_SENT, _S.DENIED, *enums.LOCAL_STATUSES, *enums.WORKING_STATUSES}
    assert ACTS.keys() - {None} == settled
    assert OUTCOME_OF.keys() >= enums.OVER | enums.LOCAL_STATUSES
    assert set(STATUS_OF_EVENT.values()) <= enums.REPORTS
