"""Goal: no key of trading.yaml is documented, checked and then read by nobody.

Method: the program's own source. An attribute with the key's name counts as reading it where it is
taken from a value that is known to be the key's section: by the section's name in the chain
(`settings.risk.max_daily_orders`), or by a name annotated or assigned as the section's type. The
room of the configuration itself does not count: it reads every key in order to check it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

import execbot
from execbot.config.parse import leaves
from execbot.config.schema import TradingSettings

HOME = Path(execbot.__file__).parent


def sections(of: Struct, prefix: str = "") -> Iterator[tuple[str, type[Struct]]]:
    """The dotted name and the type of every section, the whole (``) first."""
    yield prefix, type(of)
    for name in of.__struct_fields__:
        value = getattr(of, name)
        if isinstance(value, Struct):
            yield from sections(value, f"{prefix}.{name}".strip("."))


SECTIONS = dict(sections(TradingSettings()))
TYPE_NAMES = {kind.__name__: name for name, kind in SECTIONS.items()}
"""`RiskSettings` -> `risk`."""
LAST_NAMES = {name.rpartition(".")[2]: name for name in SECTIONS if name}
"""`scale_in` -> `risk.scale_in`. `trading` is what the whole is called where it is a part."""


class Reads(ast.NodeVisitor):
    """The keys that one file reads."""

    def __init__(self, tree: ast.AST) -> None:
        self.keys: set[str] = set()
        self._names: dict[str, set[str]] = {"trading": {""}}
        for _ in range(2):  # a name may be assigned from one that is bound further down
            for node in ast.walk(tree):
                self._bind(node)
        self.visit(tree)

    def _bind(self, node: ast.AST) -> None:
        match node:
            case ast.arg(arg=name, annotation=ast.expr() as hint):
                self._note(name, self._annotated(hint))
            case ast.AnnAssign(target=target, annotation=hint):
                self._note(_last(target), self._annotated(hint))
            case ast.FunctionDef(name=name, returns=ast.expr() as hint):
                self._note(name, self._annotated(hint))
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
                for target, value in zip(targets, values, strict=False):
                    self._note(_last(target), self._sections_of(value))
            case ast.Assign(targets=[target], value=value):
                self._note(_last(target), self._sections_of(value))

    def _note(self, name: str, found: set[str]) -> None:
        if name and found:
            self._names.setdefault(name, set()).update(found)

    def _annotated(self, hint: ast.expr) -> set[str]:
        words = {_last(node) for node in ast.walk(hint)}
        return {TYPE_NAMES[word] for word in words if word in TYPE_NAMES}

    def _sections_of(self, value: ast.expr) -> set[str]:
        """The sections that the value of this expression may be."""
        if isinstance(value, ast.Call):
            if _last(value.func) == "replace" and value.args:
                return self._sections_of(value.args[0])
            return self._names.get(_last(value.func), set())
        if isinstance(value, ast.Attribute) and value.attr in LAST_NAMES:
            return {LAST_NAMES[value.attr]}
        return self._names.get(_last(value), set())

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.ctx, ast.Load):
            for section in self._sections_of(node.value):
                self.keys.add(f"{section}.{node.attr}".strip("."))
        self.generic_visit(node)


def _last(node: ast.AST) -> str:
    """`settings` of `self.settings`, `risk` of `risk`."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def sources() -> Iterator[Path]:
    return (
        path
        for path in HOME.rglob("*.py")
        if path.relative_to(HOME).parts[0] not in ("config", "schemas")
    )


def read_by(texts: Mapping[str, str]) -> set[str]:
    return {key for text in texts.values() for key in Reads(ast.parse(text)).keys}


def unread(texts: Mapping[str, str], keys: set[str]) -> set[str]:
    return keys - read_by(texts)


def test_every_key_is_read_by_code_outside_the_configuration() -> None:
    keys = {leaf.key for leaf in leaves()}
    found = unread({str(path): path.read_text() for path in sources()}, keys)
    assert found == set()


def test_a_key_that_nobody_reads_is_found() -> None:
    """The finder itself: names that only look like the key do not count."""
    keys = {"risk.max_spread_pct", "risk.scale_in.enabled", "stop_loss.method", "sizing.qty"}
    nothing = """
def check(order, take_profit: TakeProfitSettings, exits: ExitSettings):
    order.qty, take_profit.method, exits.enabled
    max_spread_pct = 5
    settings.risk.max_spread_pct = 3
"""
    assert unread({"a": nothing}, keys) == keys
    everything = """
def check(settings: TradingSettings, rules: StopLossSettings):
    step, stop = settings.risk.scale_in, rules
    sized = self.trading.sizing
    step.enabled, stop.method, sized.qty, replace(settings.risk, x=1).max_spread_pct
"""
    assert unread({"a": everything}, keys) == set()
