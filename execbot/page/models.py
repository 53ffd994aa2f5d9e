"""What comes into the page, and what it answers to that, as pydantic models. What it shows live is
`execbot.schemas.board`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    """Nothing unknown, nothing changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class SignIn(Strict):
    """The token of the link."""

    token: str = Field(min_length=1, max_length=512)


class Wanted(Strict):
    """What somebody wants done. `subject` is an order's id or a symbol; empty for halt, resume."""

    kind: Literal["cancel", "close", "halt", "resume", "move_stop"]
    subject: str = Field(default="", max_length=128)
    stop: str = Field(default="", max_length=32)
    reason: str = Field(default="", max_length=200)


class Review(Strict):
    """What would be done, to be agreed to with `ticket`, once, within a minute."""

    ticket: str
    words: str
    warnings: tuple[str, ...] = ()


class Agreed(Strict):
    ticket: str = Field(min_length=1, max_length=128)


class Done(Strict):
    """How it ended. `outcome` is one of the words of every command."""

    ok: bool
    words: str
    why: str = ""
    next: str = ""
    outcome: str = ""
    warnings: tuple[str, ...] = ()
