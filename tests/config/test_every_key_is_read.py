"""Goal: every key of trading.yaml does something: code outside the loader reads it.

Method: the whole source, parsed. An access counts for a key when what it is asked of is the key's
section: by name (`settings.risk.max_order_qty`), by annotation, or by an assignment before.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

import execbot
from execbot.config import schema
from execbot.config.schema import TradingSettings

ROOM = Path(execbot.__file__).parent

NOT_READ_YET = {"order_management.slippage_alert_pct"}
"""Comes alive with the measuring of execution quality."""


def sections() -> dict[str, type]:
    """Sections by the name of their field, nested ones too (`scale_in`)."""
    found: dict[str, type] = {}

    def walk(of: type) -> None:
        for item in msgspec.structs.fields(of):
            if isinstance(item.type, type) and issubclass(item.type, msgspec.Struct):
                found[item.encode_name] = item.type
                walk(item.type)

    walk(TradingSettings)
    return found


SECTIONS = sections()
ROOT = ("settings", "trading", "limits")
"""How code calls the whole of the settings."""


def keys() -> Iterator[tuple[type, str, str]]:
    """Struct, field and the key as it is written in trading.yaml."""
    for item in msgspec.structs.fields(TradingSettings):
        if item.encode_name not in SECTIONS:
            yield TradingSettings, item.encode_name, item.encode_name
    for name, section in SECTIONS.items():
        for item in msgspec.structs.fields(section):
            if item.encode_name not in SECTIONS:
                yield section, item.encode_name, f"{name}.{item.encode_name}"


class Reads(ast.NodeVisitor):
    """Collects (struct, field) of every access whose owner is known to be a section."""

    def __init__(self) -> None:
        self.found: set[tuple[type, str]] = set()
        self.names: dict[str, type] = {}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        outer, self.names = self.names, dict(self.names)
        for argument in (*node.args.args, *node.args.kwonlyargs):
            self._annotated(argument.arg, argument.annotation)
        self.generic_visit(node)
        self.names = outer

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if isinstance(node.target, ast.Name):
            self._annotated(node.target.id, node.annotation)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        for target in node.targets:
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=True))
            for name, value in pairs:
                owner = self._owner(value)
                if isinstance(name, ast.Name) and owner is not None:
                    self.names[name.id] = owner

    def visit_Attribute(self, node: ast.Attribute) -> None:
        owner = self._owner(node.value)
        if owner is not None:
            self.found.add((owner, node.attr))
        self.generic_visit(node)

    def _annotated(self, name: str, annotation: ast.expr | None) -> None:
        said: Any = (
            getattr(schema, annotation.id, None) if isinstance(annotation, ast.Name) else None
        )
        if isinstance(said, type) and issubclass(said, msgspec.Struct):
            self.names[name] = said

    def _owner(self, value: ast.expr) -> type | None:
        name = value.attr if isinstance(value, ast.Attribute) else None
        name = value.id if isinstance(value, ast.Name) else name
        if isinstance(value, ast.Name) and value.id in self.names:
            return self.names[value.id]
        if name in SECTIONS:
            return SECTIONS[name]
        return TradingSettings if name is not None and name.lstrip("_") in ROOT else None


def test_every_key_of_the_schema_is_read_by_code() -> None:
    """A key that only the loader knows promises something that does not happen."""
    reads = Reads()
    for path in ROOM.rglob("*.py"):
        if path.parent.name != "config" or path.parent.parent != ROOM:
            reads.visit(ast.parse(path.read_text()))
    missing = {key for owner, name, key in keys() if (owner, name) not in reads.found}
    assert missing == NOT_READ_YET
