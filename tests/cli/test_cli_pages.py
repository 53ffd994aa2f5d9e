"""Goal: the documentation says what the code does.

Method: the generated parts of the pages are generated again and compared; every command must have
a help text with an example.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from cli import generated_docs
from pages.when_to_change import WHEN

from execbot.cli.group import load_command
from execbot.config.parse import leaves


@pytest.mark.parametrize("path", [generated_docs.CLI, generated_docs.CONFIGURATION])
def test_the_generated_parts_are_current(path: Path) -> None:
    current = generated_docs.rendered(path)
    assert path.read_text() == current, "run: python tests/cli/generated_docs.py"


def test_every_key_is_documented() -> None:
    text = generated_docs.CONFIGURATION.read_text()
    missing = [leaf.key for leaf in leaves() if f"`{leaf.key}`" not in text]
    assert missing == []


def test_of_every_key_the_guide_says_when_to_change_it() -> None:
    keys = {leaf.key for leaf in leaves()}
    assert keys - set(WHEN) == set(), "say when to change it: tests/pages/when_to_change.py"
    assert set(WHEN) - keys == set()


@pytest.mark.parametrize("name", generated_docs.available())
def test_every_command_and_option_has_help_and_every_command_an_example(name: str) -> None:
    for path, text in generated_docs.pages_of(load_command(name), f"execbot {name}"):
        assert "Example" in text or "Commands:" in text, f"{path} has no example"
        for option in options_of(name, path):
            assert option.help, f"{path} {option.opts[0]} has no help"


def options_of(name: str, path: str):
    command = load_command(name)
    for part in path.split()[2:]:
        command = command.commands[part]
    return [p for p in command.params if p.param_type_name == "option" and not p.hidden]


@pytest.mark.parametrize("name", generated_docs.available())
def test_every_command_speaks_json(name: str) -> None:
    def leaves_of(command):
        below = getattr(command, "commands", None)
        return [leaf for c in below.values() for leaf in leaves_of(c)] if below else [command]

    for command in leaves_of(load_command(name)):
        flags = {flag for parameter in command.params for flag in parameter.opts}
        assert "--json" in flags, f"{name} {command.name}"
