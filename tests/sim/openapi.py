"""Checks replies against an OpenAPI file with openapi-core and keeps count of what was covered."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import quote, urlencode

from jsonschema_path import SchemaPath
from openapi_core.testing import MockRequest, MockResponse
from openapi_core.validation.response.validators import V30ResponseValidator
from sim.coverage import METHODS

DEPTH = 3  # a leg of a leg of an order tells nothing new


@dataclass(frozen=True)
class Finding:
    """One difference between a reply and the description.

    `what`: `error` (a value that the schema refuses), `missing` (a described field never sent),
    `empty` (a described list or object that never held anything), `extra` (a field sent that is
    not described).
    """

    operation: str
    what: str
    field: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.operation} {self.what} {self.field} {self.detail}".rstrip()


@dataclass(frozen=True)
class Deviation:
    """A difference that is meant, and why. Operation, field and detail are globs."""

    operation: str
    what: str
    field: str
    reason: str
    detail: str = "*"

    def covers(self, finding: Finding) -> bool:
        return (
            fnmatchcase(finding.operation, self.operation)
            and finding.what == self.what
            and fnmatchcase(finding.field, self.field)
            and fnmatchcase(finding.detail, self.detail)
        )


@dataclass
class Contract:
    """One OpenAPI file against one server."""

    spec: dict[str, Any]
    base_url: str
    errors: set[Finding] = field(default_factory=set)
    seen: dict[str, set[str]] = field(default_factory=dict)
    statuses: dict[str, set[int]] = field(default_factory=dict)
    _described: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        served = {**self.spec, "servers": [{"url": self.base_url}]}
        self._validator = V30ResponseValidator(SchemaPath.from_dict(served))

    def operations(self) -> dict[str, tuple[str, str]]:
        """Operation id to method and path pattern."""
        return {
            described["operationId"]: (method, pattern)
            for pattern, methods in self.spec["paths"].items()
            for method, described in methods.items()
            if method in METHODS
        }

    def target(
        self, operation: str, args: Mapping[str, str], query: Mapping[str, Any]
    ) -> tuple[str, str]:
        """Method and path with query of one request."""
        method, pattern = self.operations()[operation]
        for name, value in args.items():
            pattern = pattern.replace(f"{{{name}}}", quote(str(value), safe=""))
        assert "{" not in pattern, pattern
        return method.upper(), pattern + (f"?{urlencode(query)}" if query else "")

    def check(
        self, operation: str, target: str, status: int, headers: Mapping[str, str], body: bytes
    ) -> None:
        """Takes note of one reply."""
        method, _ = self.operations()[operation]
        path = target.partition("?")[0]
        self.statuses.setdefault(operation, set()).add(status)
        request = MockRequest(self.base_url, method, path)
        content_type = headers.get("Content-Type", "application/json").partition(";")[0]
        if status != 204:
            reply = MockResponse(body, status, dict(headers), content_type)
            for error in self._validator.iter_errors(request, reply):
                self.errors.update(_findings(operation, error))
        if status in (200, 207) and body:
            self.seen.setdefault(operation, set()).update(value_fields(json.loads(body)))

    def described(self, operation: str) -> set[str]:
        """Fields of the successful reply, as dotted paths."""
        if operation not in self._described:
            method, pattern = self.operations()[operation]
            responses = self.spec["paths"][pattern][method]["responses"]
            found: set[str] = set()
            for status in ("200", "207"):
                content = self._resolve(responses.get(status, {})).get("content", {})
                schema = content.get("application/json", {}).get("schema")
                if schema is not None:
                    found.update(self._fields(schema, "", 0))
            self._described[operation] = found
        return self._described[operation]

    def findings(self) -> set[Finding]:
        """All differences so far."""
        found = set(self.errors)
        for operation, seen in self.seen.items():
            described = self.described(operation)
            free = {name for name in described if name.endswith("*")}
            for name in described - free - seen:
                empty = next((c for c in _containers(name) if not _entered(c, seen)), None)
                if empty is not None:
                    found.add(Finding(operation, "empty", empty))
                else:
                    found.add(Finding(operation, "missing", name))
            for name in seen - described:
                if not any(fnmatchcase(name, pattern) for pattern in free):
                    found.add(Finding(operation, "extra", name))
        return found

    def fields_covered(self) -> tuple[int, int]:
        """Fields sent and described, over the operations that were tried."""
        sent = sum(len(self.described(op) & seen) for op, seen in self.seen.items())
        return sent, sum(len(self.described(op)) for op in self.seen)

    def _resolve(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in value:
            node: Any = self.spec
            for part in value["$ref"].removeprefix("#/").split("/"):
                node = node[part.replace("~1", "/").replace("~0", "~")]
            value = node
        return value

    def _fields(self, raw: Mapping[str, Any], prefix: str, depth: int) -> Iterator[str]:
        schema = self._resolve(raw)
        if depth > DEPTH:
            return
        for part in ("allOf", "anyOf", "oneOf"):
            for inner in schema.get(part, ()):
                yield from self._fields(inner, prefix, depth)
        for name, inner in schema.get("properties", {}).items():
            yield prefix + name
            yield from self._fields(inner, f"{prefix}{name}.", depth + 1)
        if "items" in schema:
            yield from self._fields(schema["items"], f"{prefix}[].", depth)
        extra = schema.get("additionalProperties")
        if isinstance(extra, Mapping):
            yield from self._fields(extra, f"{prefix}{{}}.", depth + 1)
        elif schema.get("type") == "object" and "properties" not in schema and prefix != "":
            yield f"{prefix}*"


# Maps whose keys are data, not names: symbols and the like.
MAP_FIELDS = {"bars", "quotes", "trades", "auctions", "snapshots", "orderbooks"}


def value_fields(value: Any, prefix: str = "", depth: int = 0) -> Iterator[str]:
    """The fields of a value, in the same notation."""
    if depth > DEPTH:
        return
    if isinstance(value, list):
        for item in value:
            yield from value_fields(item, f"{prefix}[].", depth)
    elif isinstance(value, dict):
        symbols = _is_map(value, prefix)
        for name, inner in value.items():
            if symbols:
                yield from value_fields(inner, f"{prefix}{{}}.", depth + 1)
            else:
                yield prefix + name
                yield from value_fields(inner, f"{prefix}{name}.", depth + 1)


def _containers(name: str) -> Iterator[str]:
    """The lists, maps and objects a field lies in, outermost first."""
    parts = name.split(".")
    for count in range(1, len(parts)):
        yield ".".join(parts[:count])


def _entered(container: str, seen: set[str]) -> bool:
    return any(name.startswith(container + ".") for name in seen)


def _is_map(value: Mapping[str, Any], prefix: str) -> bool:
    if prefix == "":
        return bool(value) and all(name.isupper() or len(name) == 1 for name in value)
    return prefix.rstrip(".") in MAP_FIELDS


def _findings(operation: str, error: Any) -> Iterator[Finding]:
    cause = error.__cause__
    inner = getattr(cause, "schema_errors", None)
    if inner is None:
        yield Finding(operation, "error", type(error).__name__, str(error)[:200])
        return
    for part in inner:
        place = ".".join("[]" if isinstance(p, int) else str(p) for p in part.absolute_path)
        yield Finding(operation, "error", place, part.message)
