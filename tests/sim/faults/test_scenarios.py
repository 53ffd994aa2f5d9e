"""Goal: each named scenario produces what it says. Method: its file, a venue, one check each.

The files are in `tests/scenarios/`; a file without a check, or a check without a file, fails.
Scenarios about connections are checked over sockets in `sim/doors/test_sockets.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.paths import SCENARIOS
from support.scenario_checks import (  # noqa: F401 - being imported, they register their checks
    CHECKS,
    accounts,
    answers,
    events,
    options,
    orders,
    requests,
    rules,
)

from execbot.sim.config import SimConfig
from execbot.sim.faults.scenario import Scenario, ScenarioError

FILES = sorted(SCENARIOS.glob("*.yaml"))


OVER_SOCKETS = {"second-stream-refused", "dropped-stream-holds-its-slot"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_scenario_produces_what_it_says(path: Path, make_bench: Callable[..., Any]) -> None:
    scenario = Scenario.read(path)
    assert scenario.name == path.stem
    assert scenario.about and scenario.source
    if scenario.name in OVER_SOCKETS:
        SimConfig.of(scenario.settings)
        return
    CHECKS[scenario.name](make_bench(**scenario.settings))


def test_every_check_has_its_file() -> None:
    assert set(CHECKS) | OVER_SOCKETS == {path.stem for path in FILES}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("- a list", "mapping"),
        ("faults: [{kind: nonsense}]", "nonsense"),
        ("nonsense: 1", "nonsense"),
        ("actions: [{after: 1}]", "request"),
        ("actions: [{after: 1, request: POST /v2/orders}]", "/sim/"),
        ("actions: [{after: soon, request: POST /sim/halt}]", "soon"),
        ("{", "yaml"),
    ],
)
def test_broken_scenario_is_refused_with_file_and_reason(
    tmp_path: Path, text: str, reason: str
) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(ScenarioError) as refusal:
        Scenario.read(path)
    assert reason in str(refusal.value) and "broken.yaml" in str(refusal.value)


def test_command_line_settings_rule_over_those_of_the_scenario() -> None:
    scenario = Scenario.of({"settings": {"seed": 1, "calendar": "exchange"}}, Path("x.yaml"))
    config = replace(SimConfig.of(scenario.settings), seed=2)
    assert (config.seed, config.calendar, config.scenario) == (2, "exchange", "x")
