"""Every schema by its name: what is read, what each command answers, and lines and errors.

A command without an entry here fails a test: add its answer's model with the command.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, TypeAdapter, create_model
from pydantic.json_schema import GenerateJsonSchema

from execbot.config.schema import Mode
from execbot.schemas import operation as op
from execbot.schemas import sim
from execbot.schemas.base import Output, Time
from execbot.schemas.checks import DryRun
from execbot.schemas.configuration import trading_yaml
from execbot.schemas.errors import Error
from execbot.schemas.orders import OrderHistory, OrderRecord, SentOrder
from execbot.schemas.positions import (
    ClosedAll,
    ClosedPosition,
    ExitPlan,
    NothingClosed,
    Position,
)
from execbot.schemas.published import Published
from execbot.schemas.signal_line import SignalLine
from execbot.schemas.signals import SignalLines, SignalPreview, SignalResult
from execbot.schemas.watch import WatchLine

VERSION = "execbot/v1"

ANSWERS: dict[str, Any] = {
    "submit": SentOrder | DryRun,
    "orders": list[OrderRecord],
    "orders show": OrderHistory,
    "orders retry": SentOrder,
    "orders abandon": OrderRecord,
    "positions": list[Position],
    "cancel": OrderRecord,
    "cancel-all": op.CanceledAll,
    "replace": OrderRecord,
    "close": ClosedPosition | ClosedAll | NothingClosed,
    "signal": SignalPreview | SignalResult,
    "reconcile": op.Reconciled,
    "report": op.Report,
    "halt": op.Halted,
    "resume": op.Resumed,
    "market": op.Market,
    "queue": list[op.QueuedOrder],
    "queue list": list[op.QueuedOrder],
    "queue release": list[op.Released],
    "queue cancel": list[OrderRecord],
    "exits": list[ExitPlan],
    "exits show": list[ExitPlan],
    "exits move": ExitPlan | None,
    "protect": ExitPlan | None,
    "doctor": op.Health,
    "journal": op.JournalFile,
    "journal rebuild": op.JournalRebuilt,
    "config": op.Config,
    "config show": op.Config,
    "config check": op.ConfigChecked,
    "config init": op.ConfigWritten,
    "config adopt": op.ConfigAdopted,
    "schema": Published,
    "sim": sim.SimStatus,
    "sim status": sim.SimStatus,
    "sim reset": sim.SimReset,
    "sim deposit": sim.SimCash,
    "sim halt": sim.SimHalt,
    "sim resume": sim.SimHalt,
    "sim price": sim.SimPrice,
    "sim replay": sim.SimReset,
    "sim clock": sim.SimClock,
}
"""By the command's words: what `data` is in its answer."""

LINES: dict[str, tuple[Any, str]] = {
    "watch": (WatchLine, "A line of `watch --json`."),
    "signal-lines": (SignalLines, "A line of `signal - --json` or `--file`."),
    "sim-serve": (sim.SimServed, "The line of `sim serve --json`."),
}
"""By name: what is printed without an envelope, one object a line."""


class Entry(NamedTuple):
    """One published schema. `shape` is what pydantic validates."""

    name: str
    kind: Literal["input", "answer", "line", "error"]
    about: str
    shape: Any


class Answer(Output):
    """What every command prints under `--json` when it could do what was asked."""

    schema_: Annotated[Literal["execbot/v1"], Field(alias="schema")]
    """Version of the shape: fields are added within it, none is taken away."""
    ok: bool
    """False: it was done, and the exit code is not 0: a dry run that would be refused, breaks
    found, some of several parts failed."""
    command: str
    """The command's words."""
    mode: Mode | None
    """Null where no account is meant."""
    account: str | None
    """The account number; null where no account is meant."""
    as_of: Time
    """When this was printed."""
    data: Any
    """What the command has to say."""
    warnings: list[str]
    """For people; empty when there is nothing to warn of."""


@cache
def entries() -> tuple[Entry, ...]:
    """All of them: inputs first, then answers in the order of the commands, lines, the error."""
    return tuple(_entries())


def _entries() -> Iterator[Entry]:
    about = "The configuration file, see docs/configuration.md."
    yield Entry("trading-yaml", "input", about, trading_yaml())
    about = "A signal as `signal -` and `--file` read it, see docs/signals.md."
    yield Entry("signal-line", "input", about, SignalLine)
    for command, data in ANSWERS.items():
        about = f"The answer of `execbot {command} --json`."
        yield Entry(name_of(command), "answer", about, _answer(command, data))
    for name, (shape, about) in LINES.items():
        yield Entry(name, "line", about, shape)
    yield Entry("error", "error", "What a command prints on stderr when it fails.", Error)


def find(name: str) -> Entry | None:
    return next((entry for entry in entries() if entry.name == name), None)


def name_of(command: str) -> str:
    """`orders show` -> `orders-show`."""
    return command.replace(" ", "-")


def _answer(command: str, data: Any) -> type[Answer]:
    title = "".join(word.capitalize() for word in name_of(command).split("-"))
    fields: dict[str, Any] = {
        "command": (Literal[command], Field(description="The command's words.")),
        "data": (data, Field(description="What the command has to say.")),
    }
    about = f"The answer of `execbot {command} --json`."
    return create_model(f"{title}Answer", __base__=Answer, __doc__=about, **fields)


class Plain(GenerateJsonSchema):
    """Without the titles that only repeat a field's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def json_schema(entry: Entry) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of an entry."""
    shape = TypeAdapter(entry.shape).json_schema(by_alias=True, schema_generator=Plain)
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{VERSION.replace('/', ':')}:{entry.name}",
        "title": f"execbot {entry.name}",
        "description": entry.about,
    }
    return {**shape, **head}
