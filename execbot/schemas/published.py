"""The answers of `execbot schema`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from execbot.schemas.base import Output

Kind = Literal["input", "answer", "line", "http", "error"]


class SchemaName(Output):
    """One schema that there is."""

    name: str
    """What to give to `execbot schema`."""
    kind: Kind
    """`input` is read, `answer` is a command's, `line` is one of many, `http` is the
    webhook's or the page's, `error` is on stderr."""
    about: str
    """What it describes."""


class SchemaShown(SchemaName):
    """One schema."""

    schema_: Annotated[dict[str, Any], Field(alias="schema")]
    """JSON Schema, draft 2020-12."""


class SchemaFiles(Output):
    """All schemas as files."""

    dir: str
    """The folder."""
    files: list[str]
    """Their names in `dir`."""


Published = SchemaShown | SchemaFiles | list[SchemaShown] | list[SchemaName]
