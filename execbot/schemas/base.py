"""What all models have in common: open or closed, and the few kinds of values there are."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Output(BaseModel):
    """What execbot prints. A reader must allow for fields that a later version adds."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True, frozen=True)


class Input(BaseModel):
    """What execbot reads. A field that is not listed is refused: it may be a typing error."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, frozen=True)


Number = Annotated[
    str, Field(pattern=r"^-?[0-9]+(\.[0-9]+)?$", examples=["187.5"], title="decimal text")
]
"""Money, prices and quantities: text, so that no reader rounds them."""

Time = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$",
        examples=["2026-11-20T15:04:05.123456Z"],
        title="UTC time",
    ),
]

Day = Annotated[
    str, Field(pattern=r"^\d{4}-\d\d-\d\d$", examples=["2026-11-20"], title="New York date")
]

Slug = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9_]+(\.[A-Za-z0-9_.-]+)*$", examples=["risk.max_positions"], title="slug"
    ),
]
"""A word that stays the same for the same thing, for programs to look at."""
