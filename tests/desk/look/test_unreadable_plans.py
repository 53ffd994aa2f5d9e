"""Goal: an exit plan that cannot be read is named by what lists plans, and stands in nobody's way
who only looks back.

Method: plans with bodies that mean nothing, beside one that does, in the journal of a real desk.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.exit_views import plan
from support.processes import clean_environment

from execbot.desk.account import Desk, open_desk
from execbot.desk.exit_plans import plans
from execbot.desk.look.plan_versions import plan_versions
from execbot.exits.plan.plan_json import to_data
from execbot.journal.errors import JournalCorrupt

WHOLE = to_data(plan())
SPOILT: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a target that is none": {**WHOLE, "targets": [7]},
    "a side that is none": {**WHOLE, "side": "up"},
    "rules that are none": {**WHOLE, "rules": [7]},
}


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Desk]:
    desk = open_desk(env=clean_environment(tmp_path, EXECBOT_MODE="sim"))
    yield desk
    desk.close()


@pytest.mark.parametrize("body", SPOILT.values(), ids=SPOILT)
def test_the_history_of_a_symbol_names_the_plan_that_cannot_be_read(
    account: Desk, body: dict[str, Any]
) -> None:
    account.journal.save_plan("old", "AAPL", "closed", body, account.now(), version=1)
    with pytest.raises(JournalCorrupt, match="the exit plan old"):
        plans(account, "AAPL", history=True)


@pytest.mark.parametrize("body", SPOILT.values(), ids=SPOILT)
def test_who_looks_back_goes_on_without_the_version(account: Desk, body: dict[str, Any]) -> None:
    for version, given in enumerate((WHOLE, body, WHOLE), start=1):
        account.journal.save_plan("old", "AAPL", "closed", given, account.now(), version=version)
    assert [found.plan_id for found in plan_versions(account.journal, "old")] == ["p1", "p1"]
