"""Whether what was printed is what its schema says: by pydantic, by the JSON Schema, and closed.

Outputs may have fields that no schema knows, for the sake of later versions. Today's may not: what
is printed and described nowhere is found here.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator
from pydantic import BaseModel, TypeAdapter, ValidationError

from execbot.schemas.catalogue import entries, json_schema
from support.processes import Outcome


@cache
def adapter(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(next(e.shape for e in entries() if e.name == name))


@cache
def validator(name: str) -> Validator:
    return Draft202012Validator(json_schema(next(e for e in entries() if e.name == name)))


def complaints(name: str, value: Any) -> list[str]:
    """What is wrong with a value by the schema of that name; empty is good."""
    found = [
        f"JSON Schema: {error.json_path}: {error.message[:300]}"
        for error in validator(name).iter_errors(value)
    ]
    try:
        model = adapter(name).validate_python(value)
    except ValidationError as error:
        return [*found, *(f"pydantic: {e['loc']}: {e['msg']}" for e in error.errors())]
    return found + [f"described nowhere: {where}" for where in undescribed(model)]


def undescribed(value: Any, where: str = "") -> Iterator[str]:
    """Fields that were taken as unknown ones, at any depth."""
    if isinstance(value, BaseModel):
        yield from (f"{where}.{name}" for name in value.model_extra or ())
        for name in type(value).model_fields:
            yield from undescribed(getattr(value, name), f"{where}.{name}")
    elif isinstance(value, list):
        for item in value:
            yield from undescribed(item, f"{where}[]")
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from undescribed(item, f"{where}.{name}")


def judge(outcome: Outcome) -> list[str]:
    """What is wrong with what a command printed under --json; empty is good.

    An answer is on stdout and an error on stderr, never both.
    """
    if outcome.out:
        answer = outcome.json
        name = answer["command"].replace(" ", "-")
        wrong = complaints(name, answer)
        if outcome.err:
            wrong.append(f"stderr is not empty: {outcome.err}")
        if answer["ok"] is not (outcome.code == 0):
            wrong.append(f"ok is {answer['ok']}, the exit code {outcome.code}")
        return wrong
    wrong = complaints("error", outcome.error)
    if outcome.error["exit_code"] != outcome.code:
        wrong.append(f"exit_code is {outcome.error['exit_code']}, the process ended {outcome.code}")
    if len(outcome.err.splitlines()) != 1:
        wrong.append(f"not one line: {outcome.err}")
    return wrong
