"""What a parameter of a command is on the command line, said without Typer.

    symbol: Annotated[str | None, Argument(help="AAPL, BRK.B")] = None,
    dry_run: Annotated[bool, Option("--dry-run", help="Send nothing.")] = False,

Importing Typer takes a quarter of the time of a `submit`. Plain words are read without it
(`quick`); help, completion and whatever is wrong with the words are Typer's, which gets its own
objects made of these (`typers_own`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

REQUIRED: Any = object()
"""In place of a default: there is none."""


class Declared:
    """The arguments of `typer.Option` or `typer.Argument`, kept for when they are wanted."""

    def __init__(self, is_option: bool, names: tuple[str, ...], said: Mapping[str, Any]) -> None:
        self.is_option = is_option
        self.names = names
        self.said = said

    def typers_own(self) -> Any:
        import typer

        make = typer.Option if self.is_option else typer.Argument
        return make(*self.names, **self.said)


def Option(*names: str, **said: Any) -> Any:
    """As `typer.Option` in an Annotated."""
    return Declared(True, names, said)


def Argument(**said: Any) -> Any:
    """As `typer.Argument` in an Annotated."""
    return Declared(False, (), said)


class Flag(NamedTuple):
    """One parameter of a command's function."""

    name: str
    annotation: Any
    default: Any = REQUIRED

    @property
    def kind(self) -> Any:
        """The type that is annotated."""
        is_annotated = get_origin(self.annotation) is Annotated
        return get_args(self.annotation)[0] if is_annotated else self.annotation

    @property
    def declared(self) -> Declared | None:
        """None where it was declared with Typer's own objects, or not at all."""
        if get_origin(self.annotation) is not Annotated:
            return None
        found = get_args(self.annotation)[1:]
        return found[0] if len(found) == 1 and isinstance(found[0], Declared) else None

    @property
    def for_typer(self) -> Any:
        """The annotation as Typer understands it."""
        declared = self.declared
        return self.annotation if declared is None else Annotated[self.kind, declared.typers_own()]


def flags_of(function: Callable[..., Any]) -> list[Flag]:
    """The parameters of a command after its `Cli`. One that was made of another says them itself
    (`flags`)."""
    said: list[Flag] | None = getattr(function, "flags", None)
    if said is not None:
        return said
    bare: Any = function
    while hasattr(bare, "__wrapped__"):
        bare = bare.__wrapped__
    assert isinstance(bare, FunctionType)
    code, hints = bare.__code__, get_type_hints(function, include_extras=True)
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    given = bare.__defaults__ or ()
    first = code.co_argcount - len(given)
    defaults = {**dict(zip(names[first:], given, strict=False)), **(bare.__kwdefaults__ or {})}
    return [Flag(name, hints[name], defaults.get(name, REQUIRED)) for name in names[1:]]
