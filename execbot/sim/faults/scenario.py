"""Scenario files: a named situation in YAML, to be loaded with `--scenario FILE`.

name: reply-lost-after-accept
about: The order is accepted, the answer never comes.
source: where the situation was reported
settings: {seed: 7, calendar: exchange}       # any of `SimConfig`
faults:                                       # see `/sim/faults/kinds`
  - {kind: reply_lost, method: POST, path: /v2/orders, count: 1}
actions:                                      # by itself, this many seconds after the start
  - {after: 5, request: POST /sim/halt, body: {symbol: AAPL}}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from execbot.sim.config import ConfigError
from execbot.sim.faults.faults import FaultError, parse_rule

_KEYS = ("name", "about", "source", "settings", "faults", "actions")


class ScenarioError(ConfigError):
    """A scenario file that cannot be used; the message names the file and the reason."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One situation: what it is, and the settings that bring it about."""

    name: str
    about: str
    source: str
    settings: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> Scenario:
        """Reads a file. Raises `ScenarioError`."""
        import yaml

        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
            raise ScenarioError(f"{path}: {error}") from None
        if not isinstance(content, dict):
            raise ScenarioError(f"{path}: a scenario is a mapping")
        return cls.of(content, path)

    @classmethod
    def of(cls, content: Mapping[str, Any], path: Path) -> Scenario:
        unknown = sorted(set(content) - set(_KEYS))
        if unknown:
            raise ScenarioError(f"{path}: unknown {', '.join(unknown)}; known: {', '.join(_KEYS)}")
        faults = tuple(content.get("faults") or ())
        try:
            for number, spec in enumerate(faults, 1):
                parse_rule(spec, str(number))
        except (FaultError, TypeError, ValueError) as error:
            raise ScenarioError(f"{path}: {error}") from None
        actions = tuple(content.get("actions") or ())
        for action in actions:
            _check_action(action, path)
        name = str(content.get("name") or path.stem)
        return cls(
            name=name,
            about=" ".join(str(content.get("about", "")).split()),
            source=str(content.get("source", "")),
            settings={
                **(content.get("settings") or {}),
                "faults": faults,
                "actions": actions,
                "scenario": name,
            },
        )


def _check_action(action: Any, path: Path) -> None:
    if not isinstance(action, Mapping) or not {"after", "request"} <= set(action):
        raise ScenarioError(f"{path}: an action has after and request")
    parts = str(action["request"]).split(" ", 1)
    if len(parts) != 2 or not parts[1].startswith("/sim/"):
        raise ScenarioError(f"{path}: an action's request is like `POST /sim/halt`")
    if not isinstance(action["after"], int | float) or action["after"] < 0:
        raise ScenarioError(f"{path}: after was {action['after']!r}, not seconds")
