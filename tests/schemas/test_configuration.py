"""Goal: the schema of trading.yaml and the loader agree, so that an editor marks what we refuse.

Method: a table of spoilt files and one value at a time at random, each given to the loader, to the
pydantic model and to the JSON Schema. The few things in which they may differ are named by the
schema itself and pinned here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from support.schema_judge import complaints

from execbot.config import schema
from execbot.config.errors import ConfigError
from execbot.config.load import load_settings
from execbot.config.parse import Leaf, leaves
from execbot.model.struct import field_types
from execbot.schemas.catalogue import find, json_schema
from execbot.schemas.configuration import BEYOND, LENIENT, TEMPLATE, descriptions

ROOT = Path(__file__).resolve().parents[2]
ENTRY = find("trading-yaml")
assert ENTRY is not None
SCHEMA = json_schema(ENTRY)


def as_json(text: str) -> Any:
    """YAML as an editor reads it (1.2: only true and false are truths), in JSON's terms."""
    loader = yaml.SafeLoader(text)
    try:
        return _plain(loader.get_single_node())
    finally:
        loader.dispose()


def _plain(node: Any) -> Any:
    if node is None:
        return None
    if node.id == "mapping":
        return {str(name.value): _plain(value) for name, value in node.value}
    if node.id == "sequence":
        return [_plain(item) for item in node.value]
    if node.style in ("'", '"'):
        return node.value
    if node.value in ("", "~", "null", "Null", "NULL"):
        return None
    if node.value in ("true", "false"):
        return node.value == "true"
    try:
        return json.loads(node.value) if node.value[0] in "-.0123456789" else node.value
    except ValueError:
        return node.value


def refused_by_loader(text: str, folder: Path) -> bool:
    path = folder / "trading.yaml"
    path.write_text(text)
    try:
        load_settings(path, {})
    except ConfigError:
        return True
    return False


def refused_by_schema(text: str) -> bool:
    """By both: pydantic and the JSON Schema agree, or the test ends here."""
    found = complaints("trading-yaml", as_json(text))
    by = {line.partition(":")[0] for line in found}
    assert by in (set(), {"pydantic", "JSON Schema"}), found
    return bool(found)


# --- keys ----------------------------------------------------------------------------------


def keys_of(part: Any, prefix: str = "") -> Iterator[str]:
    """The dotted keys of an object in the JSON Schema."""
    for name, field in resolved(part).get("properties", {}).items():
        inner = next((one for one in choices(field) if "properties" in resolved(one)), None)
        if inner is None:
            yield f"{prefix}{name}"
        else:
            yield from keys_of(inner, f"{prefix}{name}.")


def resolved(part: Any) -> dict[str, Any]:
    while "$ref" in part:
        part = SCHEMA["$defs"][part["$ref"].rpartition("/")[2]]
    return part  # type: ignore[no-any-return]


def choices(field: dict[str, Any]) -> list[dict[str, Any]]:
    return field.get("anyOf") or [field]


def test_the_schema_has_the_loaders_keys() -> None:
    wanted = {f"trading_execution.{leaf.key}" for leaf in leaves()}
    assert set(keys_of(SCHEMA)) == wanted


def test_rows_of_lists_have_the_loaders_keys() -> None:
    for row in (schema.PartialExit, schema.StarRule):
        found = SCHEMA["$defs"][row.__name__]
        assert set(found["properties"]) == set(field_types(row))


def test_every_key_says_what_it_is_for_in_the_words_of_the_template() -> None:
    missing = [leaf.key for leaf in leaves() if not descriptions().get(leaf.key)]
    assert missing == []


def test_every_default_is_the_loaders() -> None:
    shown = {key: field.get("default") for key, field in fields_of(SCHEMA)}
    for leaf in leaves():
        assert shown[f"trading_execution.{leaf.key}"] == plain(leaf.default), leaf.key


def fields_of(part: Any, prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, field in resolved(part).get("properties", {}).items():
        inner = next((one for one in choices(field) if "properties" in resolved(one)), None)
        if inner is None:
            yield f"{prefix}{name}", field
        else:
            yield from fields_of(inner, f"{prefix}{name}.")


def plain(value: Any) -> Any:
    if isinstance(value, Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    return float(value) if isinstance(value, Decimal) else value


# --- files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [ROOT / "trading.yaml", TEMPLATE], ids=lambda path: path.name)
def test_the_files_that_are_shipped_are_valid(path: Path, tmp_path: Path) -> None:
    text = path.read_text()
    assert not refused_by_loader(text, tmp_path)
    assert complaints("trading-yaml", as_json(text)) == []


def of(body: str) -> str:
    return f"trading_execution: {{{body}}}"


GOOD = [
    "trading_execution:",
    "trading_execution: {}",
    of("max_positions: 3"),
    of("max_position_size_pct: 12.5"),
    of("mode: null"),
    of("mode: paper"),
    of("symbols: [AAPL, BRK.B, BTC/USD, 'ON']"),
    of("symbols: 'AAPL, MSFT'"),
    of("symbols: []"),
    of("symbols: null"),
    of("symbols: 'null'"),
    of("risk: null"),
    of("risk: {max_daily_loss_pct: null, scale_in: {enabled: true, min_profit_pct: -5}}"),
    of("take_profit: {partial_exits: [{level: 1, size_pct: 40}]}"),
    of("sizing: {star_rules: [{stars: 3}], star_notional: {3: 500}}"),
    of("broker: {feed: iex}"),
    of("signals: {strategy: 'null'}"),
    of("signals: {strategy: none}"),
]

SPOILT = [
    "",
    "max_positions: 3",
    "trading_execution: [1]",
    "trading_execution: 5",
    "trading_execution: {}\nother: {}",
    of("max_positins: 3"),
    of("max_positions: many"),
    of("max_positions: 2.5"),
    of("max_positions: 0"),
    of("max_positions: -1"),
    of("max_positions: [3]"),
    of("max_positions: {a: 1}"),
    of("max_positions: true"),
    of("max_positions: null"),
    of("max_position_size_pct: 0"),
    of("max_position_size_pct: 401"),
    of("mode: papier"),
    of("mode: 5"),
    of("symbols: [AA PL]"),
    of("symbols: ['']"),
    of("symbols: ['AAPL, MSFT']"),
    of("symbols: {AAPL: 1}"),
    of("symbols: 'AAPL; MSFT'"),
    of("risk: []"),
    of("risk: 5"),
    of("risk: {max_spread: 5}"),
    of("risk: {max_spread_pct: 101}"),
    of("risk: {allow_short: maybe}"),
    of("risk: {allow_short: 1}"),
    of("risk: {allow_short: null}"),
    of("risk: {scale_in: {enabled: 3}}"),
    of("risk: {scale_in: {min_profit_pct: -101}}"),
    of("stop_loss: {method: hope}"),
    of("stop_loss: {atr_period: 501}"),
    of("stop_loss: {atr_period: 1.5}"),
    of("take_profit: {partial_exits: {level: 1}}"),
    of("take_profit: {partial_exits: [1, 2]}"),
    of("take_profit: {partial_exits: [{level: 1}]}"),
    of("take_profit: {partial_exits: [{level: 0, size_pct: 50}]}"),
    of("take_profit: {partial_exits: [{level: 1, size_pct: 50, note: x}]}"),
    of("sizing: {star_notional: [500]}"),
    of("sizing: {star_notional: {six: 500}}"),
    of("sizing: {star_notional: {6: 500}}"),
    of("sizing: {star_notional: {3: 0}}"),
    of("sizing: {star_rules: [{stars: 6}]}"),
    of("sizing: {star_rules: [{tier: A}]}"),
    of("broker: {timeout_seconds: 0}"),
    of("broker: {timeout_seconds: 301}"),
    of("broker: {transport: pigeon}"),
    of("broker: {api_key: PK1}"),
    of("signals: {strategy: null}"),
    of("signals: {strategy: }"),
]


@pytest.mark.parametrize("text", GOOD)
def test_what_is_allowed_is_allowed_by_both(text: str, tmp_path: Path) -> None:
    assert not refused_by_loader(text, tmp_path)
    assert not refused_by_schema(text)


@pytest.mark.parametrize("text", SPOILT)
def test_what_is_spoilt_is_refused_by_both(text: str, tmp_path: Path) -> None:
    assert refused_by_loader(text, tmp_path)
    assert refused_by_schema(text)


LOADER_TAKES_TOO = [
    of("max_positions: '3'"),
    of("sizing: {notional: 1_000}"),
    of("risk: {allow_short: yes}"),
    of("risk: {allow_short: 'off'}"),
    of("mode: Paper"),
    of("symbols: [true, 5]"),
    of("mode: ''"),
    of("risk: {max_daily_orders: none}"),
]

LOADER_REFUSES_TOO = [
    of("take_profit: {partial_exits: [{level: 1, size_pct: 60}, {level: 2, size_pct: 60}]}"),
    of("take_profit: {partial_exits: [{level: 2, size_pct: 5}, {level: 1, size_pct: 5}]}"),
    of("stream: {backoff_seconds: 9, backoff_max_seconds: 5}"),
    of("order_management: {settle_quiet_seconds: 5}"),
    of("sizing: {star_rules: [{stars: 2}]}"),
    of("symbols: [AAPL], denied_symbols: [AAPL]"),
    of("alerts: {quiet_hours: '22:00-07:00 Mars/Base'}"),
    of("max_positions: 3, max_positions: 4"),
]


@pytest.mark.parametrize("text", LOADER_TAKES_TOO)
def test_where_the_loader_is_more_lenient(text: str, tmp_path: Path) -> None:
    assert not refused_by_loader(text, tmp_path)
    assert refused_by_schema(text)


@pytest.mark.parametrize("text", LOADER_REFUSES_TOO)
def test_where_the_loader_knows_more(text: str, tmp_path: Path) -> None:
    assert refused_by_loader(text, tmp_path)
    assert not refused_by_schema(text)


def test_all_differences_are_named() -> None:
    assert len(LENIENT) == 5 and len(BEYOND) == 7
    page = (ROOT / "docs" / "json.md").read_text()
    assert all(words in page for words in (*LENIENT, *BEYOND))


LEAVES = list(leaves())
VALUES = st.one_of(
    st.integers(-1000, 1000),
    st.decimals(-1000, 1000, places=2, allow_nan=False).map(str),
    st.sampled_from(["null", "true", "false", "[]", "[AAPL]", "{}", "{a: 1}", "word", "[1]"]),
)


@settings(max_examples=600, deadline=None)
@given(leaf=st.sampled_from(LEAVES), value=VALUES)
def test_of_any_value_for_any_key_both_say_the_same(
    leaf: Leaf, value: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    *path, name = leaf.key.split(".")
    body = f"{name}: {value}"
    for section in reversed(path):
        body = f"{section}: {{{body}}}"
    text = of(body)
    if contradicts(leaf.key):
        return
    refused = refused_by_loader(text, tmp_path_factory.getbasetemp())
    assert refused_by_schema(text) is refused, text


def contradicts(key: str) -> bool:
    """Keys whose value alone may break a rule between keys (BEYOND), or whose text may be anything
    (LENIENT): those are in the tables above."""
    between = ("stream.backoff", "order_management.settle_quiet", "broker.timeout_seconds",
               "sizing.star")  # fmt: skip
    return key.startswith(between) or key in ("broker.feed", "symbols", "denied_symbols")
