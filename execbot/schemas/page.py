"""docs/json.md: the schemas as tables for people. `python -m execbot.schemas.page` prints it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from execbot.schemas import configuration, signal_line
from execbot.schemas.base import Output
from execbot.schemas.board import PAGE
from execbot.schemas.catalogue import (
    ANSWERS,
    LINES,
    Answer,
    Plain,
    entries,
    find,
    json_schema,
    name_of,
)
from execbot.schemas.webhook import WEBHOOK

INLINE_MAX = 4
"""A choice of more words than this stands in a table of its own."""

Json = dict[str, Any]

INTRO = """# What programs read and write

Printed by `python -m execbot.schemas.page` from the models in `execbot/schemas/`; do not edit.

`execbot schema` lists the schemas, `execbot schema NAME` prints one as JSON Schema (draft 2020-12),
and `execbot schema all --dir DIR` writes them all. Within `execbot/v1` fields are added and none is
taken away or changes its meaning, so a reader must allow for fields that it does not know. What
execbot reads is strict instead: an unknown field is refused.

Money, prices and quantities are **decimal text** (`"187.5"`), times **UTC time**
(`"2026-11-20T15:04:05.123456Z"`), days are New York dates. A field is always there unless it is
marked *optional*; what is not known is null. Characters that could steer a terminal are escaped.

* [Answers of the commands](#answers-of-the-commands), [errors](#error), [lines](#lines)
* [The webhook](#the-webhook), [the page](#the-page)
* [Types](#types), [words](#words)
* [Signal lines](#signal-lines), [trading.yaml](#tradingyaml)
"""

YAML_HEAD = """
## trading.yaml

Keys and defaults: [configuration.md](configuration.md); with bounds: `execbot schema trading-yaml`.
For an editor that knows YAML schemas:

```console
$ execbot schema trading-yaml > trading.schema.json
```

and as the first line of the file `# yaml-language-server: $schema=trading.schema.json`.
"""


def markdown() -> str:
    types, words = _types()
    parts = [INTRO, _answers(), _error(), _lines(), _webhook(), _page(), "\n## Types\n"]
    parts += [_section(name, found) for name, found in types.items()]
    parts += [_words(words), _signal_line(), YAML_HEAD]
    parts += [_list("The loader takes as well, and the schema does not:", configuration.LENIENT)]
    parts += [_list("The loader refuses, and a schema cannot say:", configuration.BEYOND)]
    return "\n".join(parts)


def _types() -> tuple[dict[str, Json], dict[str, Json]]:
    """Objects and choices of all outputs by name, in the order in which they come up."""
    shown_elsewhere = {"Error", *_members("watch"), *_members("signal-lines")}
    types = {
        name: found
        for name, found in _defs().items()
        if "enum" not in found and name not in shown_elsewhere
    }
    return types, {name: found for name, found in _defs().items() if "enum" in found}


@cache
def _defs() -> dict[str, Json]:
    """Every type of an output by its name."""
    found: dict[str, Json] = {}
    for entry in entries():
        if entry.kind == "input":
            continue
        shape = _shape(entry.name)
        for name in _used(shape, shape.get("$defs", {})):
            known = found.setdefault(name, shape["$defs"][name])
            assert known == shape["$defs"][name], f"two types are called {name}"
    return found


@cache
def _shape(name: str) -> Json:
    entry = find(name)
    assert entry is not None, name
    return json_schema(entry)


@cache
def _bases() -> dict[str, type]:
    """By a type's name: the type whose fields it has too, if that has any."""
    found: dict[str, type] = {}
    todo: list[type[Output]] = [Output]
    while todo:
        base = todo.pop()
        for kind in base.__subclasses__():
            todo.append(kind)
            if base.model_fields:
                found[kind.__name__] = base
    return found


def _used(part: Any, defs: Json, seen: dict[str, None] | None = None) -> dict[str, None]:
    """Names of the types that a schema uses, as they come up."""
    seen = {} if seen is None else seen
    if isinstance(part, dict):
        name = str(part.get("$ref", "")).rpartition("/")[2]
        if name and name not in seen:
            seen[name] = None
            _used(defs[name], defs, seen)
        for key, inner in part.items():
            if key != "$defs":
                _used(inner, defs, seen)
    elif isinstance(part, list):
        for inner in part:
            _used(inner, defs, seen)
    return seen


def _answers() -> str:
    envelope = TypeAdapter(Answer).json_schema(by_alias=True, schema_generator=Plain)
    rows = [f"| `execbot {command}` | {_kind(_data(command))} |" for command in ANSWERS]
    return "\n".join(
        [
            "\n## Answers of the commands\n",
            f"{Answer.__doc__}\n",
            *_table(envelope, without=("data",)),
            "| `data` | see below | What the command has to say. |",
            "\n| command | `data` |",
            "|---|---|",
            *rows,
            "",
        ]
    )


def _data(command: str) -> Json:
    found: Json = _shape(name_of(command))["properties"]["data"]
    return found


def _error() -> str:
    shape = _shape("error")
    target = shape["$defs"]["Error"]
    return "\n".join(["\n## Error\n", target["description"], "", *_table(target), ""])


def _lines() -> str:
    parts = ["\n## Lines\n", "Printed without an envelope, one JSON object a line.\n"]
    for name, (_, about) in LINES.items():
        parts.append(f"### {name}\n\n{about}\n")
        shape = _shape(name)
        members = _members(name)
        if not members:
            parts += [*_table(shape), ""]
            continue
        common = _common(shape, members)
        if common:
            parts += ["Every line has:\n", *_rows(shape["$defs"][members[0]], only=common), ""]
        for member in members:
            found = shape["$defs"][member]
            kind = found["properties"]["type"]["const"]
            parts += [f"**`{kind}`**: {found['description']}\n"]
            rows = _rows(found, without=(*common, "type"))
            parts += [*rows, ""] if len(rows) > len(HEAD) else []
    return "\n".join(parts)


def _webhook() -> str:
    about = "What `/signals` answers, see [webhook.md](webhook.md)."
    return _http("The webhook", about, WEBHOOK)


def _page() -> str:
    about = "What `execbot page` tells programs, see [page.md](page.md#for-programs)."
    return _http("The page", about, PAGE)


def _http(title: str, about: str, names: Iterable[str]) -> str:
    parts = [f"\n## {title}\n", f"{about}\n"]
    for name in names:
        shape = _shape(name)
        parts += [f"### {name}\n", f"{shape['description']}\n", *_table(shape), ""]
    return "\n".join(parts)


def _common(shape: Json, members: list[str]) -> tuple[str, ...]:
    """Fields that all of the lines have, told alike."""
    first = shape["$defs"][members[0]]["properties"]
    alike = [
        name
        for name, field in first.items()
        if all(shape["$defs"][m]["properties"].get(name) == field for m in members)
    ]
    return tuple(alike)


def _members(name: str) -> list[str]:
    """The types of a union of lines."""
    shape = _shape(name)
    union = shape.get("oneOf") or shape.get("anyOf") or ()
    return [member["$ref"].rpartition("/")[2] for member in union]


def _section(name: str, found: Json) -> str:
    about = found.get("description", "")
    base = _bases().get(name)
    if base is None:
        return "\n".join([f"### {name}\n", about, "", *_table(found), ""])
    inherited = tuple(_defs()[base.__name__]["properties"])
    head = f"Everything of {_reference(base.__name__)}, and:"
    rows = _table(found, without=inherited)
    more = [head, "", *rows] if len(rows) > len(HEAD) else [f"See {_reference(base.__name__)}."]
    return "\n".join([f"### {name}\n", about, "", *more, ""])


def _words(words: dict[str, Json]) -> str:
    rows = [
        f'| <a id="{name.lower()}"></a>{name} | {_listed(found["enum"])} |'
        for name, found in sorted(words.items())
        if len(found["enum"]) > INLINE_MAX
    ]
    return "\n".join(["\n## Words\n", "| choice | words |", "|---|---|", *rows, ""])


def _signal_line() -> str:
    shape = _shape("signal-line")
    head = "\n## Signal lines\n\nOne JSON object a line: see [signals.md](signals.md).\n"
    beyond = _list("The reader refuses, and a schema cannot say:", signal_line.BEYOND)
    legs = _table(shape["$defs"]["SignalLeg"])
    return "\n".join([head, *_table(shape), "\n### Legs of a signal\n", *legs, "", beyond])


def _list(head: str, items: tuple[str, ...]) -> str:
    return "\n".join([f"\n{head}\n", *(f"* {item}" for item in items), ""])


# --- tables --------------------------------------------------------------------------------

HEAD = ("| field | kind | meaning |", "|---|---|---|")


def _table(found: Json, without: tuple[str, ...] = ()) -> list[str]:
    return _rows(found, without=without)


def _rows(found: Json, *, without: tuple[str, ...] = (), only: tuple[str, ...] = ()) -> list[str]:
    needed = set(found.get("required", ()))
    rows = [
        f"| `{name}` | {_kind(field)}{'' if name in needed else ', *optional*'} | {_about(field)} |"
        for name, field in found.get("properties", {}).items()
        if name not in without and (not only or name in only)
    ]
    return [*HEAD, *rows]


def _about(field: Json) -> str:
    words = " ".join(str(field.get("description", "")).split()).replace("|", "\\|")
    return re.sub(r"docs/([a-z-]+\.md)(#[a-z-]+)?", r"[\1](\1\2)", words)


def _kind(field: Json) -> str:
    """The kind of a value in words, with links to its types."""
    if "$ref" in field:
        return _reference(field["$ref"].rpartition("/")[2])
    if "allOf" in field:
        return _kind(field["allOf"][0])
    if "title" in field and field.get("type") != "object":
        return str(field["title"])
    if "const" in field:
        value = field["const"]
        return f"`{str(value).lower() if isinstance(value, bool) else value}`"
    if "enum" in field:
        return _listed(field["enum"])
    for union in ("anyOf", "oneOf"):
        if union in field:
            return " or ".join(dict.fromkeys(_kind(part) for part in field[union]))
    return "".join(_simple(field))


def _simple(field: Json) -> Iterator[str]:
    match field.get("type"):
        case "array":
            yield f"list of {_kind(field['items'])}" if field.get("items") else "list"
        case "object" if isinstance(field.get("additionalProperties"), dict):
            yield f"object of {_kind(field['additionalProperties'])}"
        case "object" if "patternProperties" in field or "propertyNames" in field:
            yield "object"
        case "boolean":
            yield "true or false"
        case "integer":
            yield f"whole number{_bounds(field)}"
        case "number":
            yield f"number{_bounds(field)}"
        case "string":
            yield "text"
        case "null":
            yield "null"
        case None:
            yield "anything"
        case other:
            yield str(other)


def _bounds(field: Json) -> str:
    low = field.get("minimum", field.get("exclusiveMinimum"))
    high = field.get("maximum")
    above = "above " if "exclusiveMinimum" in field else "from "
    parts = [
        f"{above}{low:g}" if low is not None else "",
        f"to {high:g}" if high is not None else "",
    ]
    said = " ".join(part for part in parts if part)
    return f", {said}" if said else ""


def _reference(name: str) -> str:
    if name == signal_line.SignalLeg.__name__:
        return f"[{name}](#legs-of-a-signal)"
    found = _defs()[name]
    if "enum" in found and len(found["enum"]) <= INLINE_MAX:
        return _listed(found["enum"])
    return f"[{name}](#{name.lower()})"


def _listed(values: list[Any]) -> str:
    return ", ".join(f"`{value}`" if value != "" else "empty" for value in values)


if __name__ == "__main__":
    print(markdown(), end="")
