"""Goal: every command has a published schema, and every schema is sound and explains itself."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from support.processes import clean_environment, execbot
from support.schema_judge import complaints

from execbot.cli.errors import Failure
from execbot.cli.exit_codes import ExitCode
from execbot.cli.group import load_command
from execbot.cli.main import COMMANDS
from execbot.schemas.catalogue import ANSWERS, LINES, SchemaEntry, entries, json_schema
from execbot.schemas.orders import Order, OrderRecord

ENTRIES = list(entries())
WITHOUT_ENVELOPE = {"watch", "sim serve"}
"""They print lines, not an answer."""


def command_paths(command: Any, path: str) -> Iterator[str]:
    """The words of a command and of all below it; a group is one where it does something itself."""
    below = getattr(command, "commands", {})
    if not below or getattr(command, "invoke_without_command", False):
        yield path
    for name, inner in below.items():
        yield from command_paths(inner, f"{path} {name}")


def test_every_command_has_a_schema_and_every_schema_a_command() -> None:
    paths = {path for name in COMMANDS for path in command_paths(load_command(name), name)}
    assert set(ANSWERS) == paths - WITHOUT_ENVELOPE
    assert {name.replace("-", " ") for name in LINES} >= WITHOUT_ENVELOPE


def test_names_are_unique() -> None:
    names = [entry.name for entry in ENTRIES]
    assert len(names) == len(set(names)) and "all" not in names


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_each_is_a_sound_json_schema_whose_fields_explain_themselves(entry: SchemaEntry) -> None:
    schema = json_schema(entry)
    Draft202012Validator.check_schema(schema)
    assert schema["description"] and schema["$id"].endswith(f":{entry.name}")
    silent = [where for where, field in fields(schema, schema, entry.name) if not explained(field)]
    assert silent == []


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_unknown_fields_are_allowed_in_outputs_and_refused_in_inputs(entry: SchemaEntry) -> None:
    allowed = entry.kind != "input"
    objects = [one for one in walk(json_schema(entry)) if one.get("properties")]
    assert objects
    # An `if`-like condition (the two sizes of a signal) describes no object of its own.
    described = [one for one in objects if one.get("type") == "object"]
    assert {one.get("additionalProperties") for one in described} == {allowed}


def walk(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for inner in schema.values():
            yield from walk(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from walk(inner)


def fields(schema: Any, root: Any, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property of every object, by its place."""
    for part in walk(schema):
        if part.get("type") == "object":
            for name, field in part.get("properties", {}).items():
                yield f"{where}.{part.get('title', '')}.{name}", field


def explained(field: dict[str, Any]) -> bool:
    return bool(field.get("description")) or "$ref" in field or "const" in field


def test_every_exit_code_can_be_told() -> None:
    for code in ExitCode:
        if code is not ExitCode.DONE:
            failure = Failure("usage.value", "no", code)
            assert complaints("error", failure.as_json()) == []


def test_an_order_has_every_field_of_the_contract() -> None:
    promised = {"id", "client_order_id", "symbol", "side", "type", "time_in_force", "qty",
                "notional", "filled_qty", "filled_avg_price", "status", "outcome"}  # fmt: skip
    assert promised <= set(Order.model_fields) <= set(OrderRecord.model_fields)
    assert all(OrderRecord.model_fields[name].is_required() for name in promised)


# --- the command ---------------------------------------------------------------------------


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return clean_environment(tmp_path)


def test_the_command_lists_prints_and_writes_them(env: dict[str, str], tmp_path: Path) -> None:
    listed = execbot(["schema", "--json"], env).data
    assert [one["name"] for one in listed] == [entry.name for entry in ENTRIES]
    for words in (["orders", "show"], ["orders-show"]):
        printed = json.loads(execbot(["schema", *words], env).out)
        assert printed["$id"] == "urn:execbot:v1:orders-show"
        assert execbot(["schema", *words, "--json"], env).data["schema"] == printed
    folder = tmp_path / "out" / "schemas"
    assert execbot(["schema", "all", "--dir", str(folder)], env).code == 0
    written = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    assert written == {entry.name: json_schema(entry) for entry in ENTRIES}
    assert json.loads(execbot(["schema", "all"], env).out) == written


def test_an_unknown_name_is_answered_with_the_nearest(env: dict[str, str]) -> None:
    refused = execbot(["schema", "orders", "shwo", "--json"], env)
    assert (refused.code, refused.error["kind"]) == (2, "usage.schema")
    assert "orders-show" in refused.error["hint"]
    assert execbot(["schema", "watch", "--dir", "x"], env).code == 2


# --- never on the order path ---------------------------------------------------------------

HEAVY = {"pydantic", "pydantic_core", "execbot.schemas"}

COMMANDS_RUN = [
    ["submit", "AAPL", "--qty", "1", "--stop-loss", "2%", "--client-order-id", "one"],
    ["submit", "AAPL", "--qty", "1", "--dry-run", "--json"],
    ["orders", "show", "one", "--json"],
    ["positions"],
    ["exits", "move", "AAPL", "--stop", "3%"],
    ["signal", "MSFT", "buy", "--strength", "90"],
    ["signal", "-", "--json"],
    ["watch", "--json", "--seconds", "2"],
    ["replace", "nothing", "--qty", "1"],
    ["cancel", "nothing"],
    ["queue", "release"],
    ["reconcile"],
    ["report"],
    ["close", "AAPL"],
    ["halt", "--reason", "x", "--flatten"],
    ["cancel-all", "--yes"],
    ["config", "check"],
]


def test_no_command_that_trades_imports_pydantic(env: dict[str, str]) -> None:
    for arguments in COMMANDS_RUN:
        code = (
            "import sys\n"
            "from execbot.cli.main import run\n"
            f"try: run({arguments!r})\n"
            "except SystemExit: pass\n"
            f"print('LOADED', *sorted(set(sys.modules) & {HEAVY!r}))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**env, "EXECBOT_MODE": "sim"},
            cwd=env["HOME"],
            input="",
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.stdout.splitlines()[-1] == "LOADED", (arguments, done)
