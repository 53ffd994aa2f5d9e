#!/usr/bin/env python3
"""Counts circles of imports, imports that run upward, and files side by side; plain Python.

    python .ci/circles.py [ROOT]

Every `import` statement counts: also one under TYPE_CHECKING, and one inside a function. The layers
are those of the import contracts in ROOT/pyproject.toml. Prints one line with the counts, a line
for each finding before it, and ends with 1 where a count is not as it should be.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

MOST_FILES = 24
"""So many `.py` files may stand in one folder."""

Imports = dict[str, set[str]]


def main(root: Path) -> int:
    settings = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]
    package = settings["root_package"]
    imports = imports_of(root, package)
    circles = circles_of(imports)
    upward = list(upward_imports(imports, settings.get("contracts", [])))
    crowded = [(folder, n) for folder, n in folders(root, (package, "tests")) if n > MOST_FILES]
    for circle in circles:
        print(f"circle: {' -> '.join(circle)}")
    for lower, upper in upward:
        print(f"upward: {lower} -> {upper}")
    for folder, number in crowded:
        print(f"crowded: {folder} has {number} files, {MOST_FILES} are allowed")
    print(
        f"circles {len(circles)}, upward imports {len(upward)}, "
        f"folders with more than {MOST_FILES} files {len(crowded)}"
    )
    return 1 if circles or upward or crowded else 0


# --- what imports what ---------------------------------------------------------------------------


def imports_of(root: Path, package: str) -> Imports:
    """Each module of the package with the modules of the package that it names in an import."""
    files = {_name(root, path): path for path in sorted((root / package).rglob("*.py"))}
    found: Imports = {}
    for name, path in files.items():
        named = _named(ast.parse(path.read_text(), str(path)), name, path.name == "__init__.py")
        found[name] = {module for one in named if (module := _known(one, files)) and module != name}
    return found


def _name(root: Path, path: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _named(tree: ast.Module, module: str, is_package: bool) -> Iterator[str]:
    """Dotted names in import statements, wherever in the file they stand."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = node.module or ""
            if node.level:
                above = node.level - (1 if is_package else 0)
                home = module.split(".")
                start = ".".join([*home[: len(home) - above], *filter(None, [node.module])])
            yield from (f"{start}.{alias.name}" for alias in node.names)


def _known(name: str, files: Iterable[str]) -> str | None:
    """The module that a dotted name leads to: itself, or the one that has the name in it."""
    while name not in files:
        name, dot, _ = name.rpartition(".")
        if not dot:
            return None
    return name


# --- circles -------------------------------------------------------------------------------------


def circles_of(imports: Imports) -> list[list[str]]:
    """One way round for each group of modules that import each other in a circle."""
    return [_way_round(imports, group) for group in _groups(imports) if len(group) > 1]


def _groups(imports: Imports) -> list[set[str]]:
    """Strongly connected modules (Tarjan), without recursion."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups: list[set[str]] = []
    for start in imports:
        if start in index:
            continue
        work = [(start, iter(sorted(imports[start])))]
        index[start] = low[start] = len(index)
        stack.append(start)
        while work:
            module, rest = work[-1]
            for after in rest:
                if after not in index:
                    index[after] = low[after] = len(index)
                    stack.append(after)
                    work.append((after, iter(sorted(imports[after]))))
                    break
                if after in stack:
                    low[module] = min(low[module], index[after])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[module])
                if low[module] == index[module]:
                    cut = stack.index(module)
                    groups.append(set(stack[cut:]))
                    del stack[cut:]
    return groups


def _way_round(imports: Imports, group: set[str]) -> list[str]:
    """The shortest circle through the first module of the group, ended with its beginning."""
    first = min(group)
    ways = [[first]]
    seen = {first}
    while True:
        way = ways.pop(0)
        for after in sorted(imports[way[-1]] & group):
            if after == first:
                return [*way, first]
            if after not in seen:
                seen.add(after)
                ways.append([*way, after])


# --- layers and folders --------------------------------------------------------------------------


def upward_imports(imports: Imports, contracts: Iterable[Any]) -> Iterator[tuple[str, str]]:
    """Imports from a lower layer of a contract into a higher one; ignored ones count too."""
    for contract in contracts:
        if contract["type"] != "layers":
            continue
        for container in contract.get("containers", [None]):
            layers = [_parts(line, container) for line in contract["layers"]]
            for importer, named in imports.items():
                for module in sorted(named):
                    below, above = _floor(importer, layers), _floor(module, layers)
                    if below is not None and above is not None and above < below:
                        yield importer, module


def _parts(line: str, container: str | None) -> list[str]:
    """The modules of one layer: one, or several that stand side by side (`a | b`, `(a)`)."""
    names = [name.strip(" ()") for name in re.split(r"[|:]", line)]
    return [f"{container}.{name}" if container else name for name in names]


def _floor(module: str, layers: list[list[str]]) -> int | None:
    """Counted from the top; None where the module is in no layer."""
    for number, names in enumerate(layers):
        if any(module == name or module.startswith(f"{name}.") for name in names):
            return number
    return None


def folders(root: Path, names: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Each folder below these with the number of its `.py` files."""
    for name in names:
        found: dict[Path, int] = {}
        for path in (root / name).rglob("*.py"):
            found[path.parent] = found.get(path.parent, 0) + 1
        yield from ((str(folder.relative_to(root)), n) for folder, n in sorted(found.items()))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()))
