"""YAML text to a tree of nodes that keeps line numbers and the scalars' own text; parsed once.

Importing the YAML library and parsing a file takes a fifth of a `submit`. So the cache directory
keeps the tree under the hash of the text that it was made from: another text is another tree, and
no time stamp is trusted. The kept file is JSON of strings and numbers behind a checksum; if it is
damaged, missing or of another format, the tree is made anew from the text. The schema reads and
checks the values every time, kept tree or not.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from execbot.config.errors import ConfigError

FORMAT = 1
FILES_MAX = 20
"""Trees that are kept; the oldest goes first. One file has as many as it had contents lately."""

Packed = list[Any]
"""`[kind, line, value, style]`: kind 0 is a scalar, 1 a sequence, 2 a mapping of pairs."""

SCALAR, SEQUENCE, MAPPING = 0, 1, 2
_NAMES = ("scalar", "sequence", "mapping")


class Mark(Struct, frozen=True):
    line: int


class Node(Struct, frozen=True):
    """A node as a YAML library gives it: `value` is a text, nodes, or pairs of nodes."""

    id: str
    value: Any
    start_mark: Mark
    style: str | None = None


def nodes_of(text: str, name: str, cache: Path | None) -> Any:
    """The node tree of a document, None for an empty one. `name` is what errors call it.

    Raises ConfigError.
    """
    if cache is None:
        return _parsed(text, name)
    path = cache / f"yaml-{FORMAT}-{sha256(text.encode()).hexdigest()}.json"
    kept = _kept(path)
    if kept is not None:
        return kept
    tree = _parsed(text, name)
    packed = _packed(tree)
    if packed is not None:
        _keep(path, packed)
    return tree


def _parsed(text: str, name: str) -> Any:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        return loader.get_single_node()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        where = "" if line is None else f" at line {line}"
        reason = getattr(error, "problem", None) or "it is not YAML"
        raise ConfigError(
            f"{name} is not valid YAML{where}: {reason}",
            kind="config.unreadable",
            hint="Indent with spaces and write `key: value`.",
            next_step=f"Fix {name}, then: execbot config check",
            line=line,
        ) from None
    finally:
        loader.dispose()


def _packed(tree: Any) -> Packed | None:
    """As plain lists; None for no tree, and for one that refers to itself (anchors)."""
    seen: set[int] = set()

    def pack(node: Any) -> Packed:
        if id(node) in seen:
            raise ValueError("a node that stands twice")
        seen.add(id(node))
        kind = _NAMES.index(node.id)
        value = node.value
        if kind == SEQUENCE:
            value = [pack(item) for item in value]
        elif kind == MAPPING:
            value = [[pack(key), pack(item)] for key, item in value]
        return [kind, node.start_mark.line, value, getattr(node, "style", None)]

    try:
        return None if tree is None else pack(tree)
    except ValueError:
        return None


def _unpacked(packed: Packed) -> Node:
    kind, line, value, style = packed
    if kind == SEQUENCE:
        value = [_unpacked(item) for item in value]
    elif kind == MAPPING:
        value = [(_unpacked(key), _unpacked(item)) for key, item in value]
    elif type(value) is not str:
        raise ValueError("a scalar is a text")
    return Node(_NAMES[kind], value, Mark(int(line)), style)


def _kept(path: Path) -> Node | None:
    try:
        said, _, body = path.read_bytes().partition(b"\n")
        if said.decode() != sha256(body).hexdigest():
            return None
        return _unpacked(msgspec.json.decode(body))
    except (OSError, ValueError, TypeError, IndexError, msgspec.MsgspecError):
        return None


def _keep(path: Path, packed: Packed) -> None:
    """At once and completely, for this user alone; not being able to is no matter."""
    body = msgspec.json.encode(packed)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(sha256(body).hexdigest().encode() + b"\n" + body)
        os.replace(temporary, path)
        _drop_oldest(path.parent.glob("yaml-*.json"))


def _drop_oldest(paths: Iterable[Path]) -> None:
    by_age = sorted(paths, key=lambda path: path.stat().st_mtime, reverse=True)
    for path in by_age[FILES_MAX:]:
        path.unlink(missing_ok=True)
