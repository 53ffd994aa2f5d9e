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
from execbot.schemas import sim
from execbot.schemas.base import Output, Time
from execbot.schemas.board import PAGE
from execbot.schemas.charts import ChartData
from execbot.schemas.checks import DryRun
from execbot.schemas.configuration import trading_yaml
from execbot.schemas.contracts import ChainLink, Exercise, Expiry, Structure
from execbot.schemas.errors import Error
from execbot.schemas.exit_plans import ExitPlan, Unplanned
from execbot.schemas.operation import (
    account,
    emergency,
    journal_files,
    live_page,
    living,
    reconciled,
    setup,
)
from execbot.schemas.orders import OrderHistory, OrderRecord, SentOrder, TimedOrder
from execbot.schemas.positions import (
    ClosedAll,
    ClosedPosition,
    LifeStep,
    NothingClosed,
    Position,
)
from execbot.schemas.published import Kind, Published
from execbot.schemas.quotes import Quote
from execbot.schemas.report import Report
from execbot.schemas.signal_line import SignalLine
from execbot.schemas.signals import SignalLines, SignalPreview, SignalResult
from execbot.schemas.statistics import Statistics
from execbot.schemas.trades import LotOfTrade, TradeOfList, TradeShown
from execbot.schemas.watch import WatchLine
from execbot.schemas.webhook import WEBHOOK

VERSION = "execbot/v1"

ANSWERS: dict[str, Any] = {
    "submit": SentOrder | DryRun,
    "buy": SentOrder | DryRun,
    "sell": SentOrder | DryRun,
    "short": SentOrder | DryRun,
    "orders": list[TimedOrder],
    "orders show": OrderHistory,
    "orders retry": SentOrder,
    "orders abandon": OrderRecord,
    "positions": list[Position],
    "positions history": list[LifeStep],
    "account": account.AccountState,
    "quote": list[Quote],
    "cancel": OrderRecord,
    "cancel-all": emergency.CanceledAll,
    "replace": OrderRecord,
    "close": ClosedPosition | ClosedAll | NothingClosed,
    "option chain": list[ChainLink] | list[Expiry],
    "option held": list[Structure],
    "option close": SentOrder | DryRun,
    "option protect": Structure,
    "option together": Structure,
    "option exercise": Exercise,
    "option abandon": Exercise,
    "signal": SignalPreview | SignalResult,
    "reconcile": reconciled.Reconciled,
    "trades": list[TradeOfList] | list[LotOfTrade],
    "trades show": TradeShown,
    "stats": Statistics,
    "chart": ChartData,
    "report": Report | living.NothingDue,
    "halt": emergency.Halted,
    "resume": emergency.Resumed,
    "page": live_page.PageServed,
    "page link": live_page.PageLink,
    "market": account.Market,
    "queue": list[emergency.QueuedOrder],
    "queue list": list[emergency.QueuedOrder],
    "queue release": list[emergency.Released],
    "queue cancel": list[OrderRecord],
    "exits": list[ExitPlan | Unplanned],
    "exits show": list[ExitPlan | Unplanned],
    "exits move": ExitPlan | None,
    "protect": ExitPlan | None,
    "doctor": setup.Health,
    "health": setup.HealthNow,
    "alerts": living.Alerts,
    "alerts list": living.Alerts,
    "alerts init": living.AlertReceiverMade,
    "service": living.ServiceSetUp,
    "selftest": living.Selftest,
    "journal": journal_files.JournalFile,
    "journal rebuild": journal_files.JournalRebuilt,
    "journal verify": journal_files.JournalVerified,
    "journal size": journal_files.JournalSize,
    "journal backup": journal_files.JournalBackup,
    "journal archive": journal_files.JournalArchived,
    "journal restore": journal_files.JournalRestored,
    "init": setup.SetUp,
    "profiles": list[setup.ProfileListed],
    "config": setup.Config,
    "config show": setup.Config,
    "config check": setup.ConfigChecked,
    "config init": setup.ConfigWritten,
    "config adopt": setup.ConfigAdopted,
    "schema": Published,
    "sim": sim.SimStatus,
    "sim status": sim.SimStatus,
    "sim run": sim.SimRun,
    "sim reset": sim.SimReset,
    "sim deposit": sim.SimCash,
    "sim halt": sim.SimHalt,
    "sim resume": sim.SimHalt,
    "sim price": sim.SimPrice,
    "sim replay": sim.SimReset,
    "sim clock": sim.SimClock,
    "help": setup.HelpText,
    "version": setup.Version,
}
"""By the command's words: what `data` is in its answer."""

LINES: dict[str, tuple[Any, str]] = {
    "watch": (WatchLine, "A line of `watch --json`."),
    "signal-lines": (SignalLines, "A line of `signal - --json` or `--file`."),
    "sim-serve": (sim.SimServed, "The line of `sim serve --json`."),
}
"""By name: what is printed without an envelope, one object a line."""


class SchemaEntry(NamedTuple):
    """One published schema. `shape` is what pydantic validates."""

    name: str
    kind: Kind
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
    profile: str | None = None
    """The profile that was chosen; left out where none was."""
    as_of: Time
    """When this was printed."""
    data: Any
    """What the command has to say."""
    warnings: list[str]
    """For people; empty when there is nothing to warn of."""


@cache
def entries() -> tuple[SchemaEntry, ...]:
    """All of them: inputs first, then answers in the order of the commands, lines, what webhook
    and page answer, the error."""
    return tuple(_entries())


def _entries() -> Iterator[SchemaEntry]:
    about = "The configuration file, see docs/configuration.md."
    yield SchemaEntry("trading-yaml", "input", about, trading_yaml())
    about = "A signal as `signal -` and `--file` read it, see docs/signals.md."
    yield SchemaEntry("signal-line", "input", about, SignalLine)
    for command, data in ANSWERS.items():
        about = f"The answer of `execbot {command} --json`."
        yield SchemaEntry(name_of(command), "answer", about, _answer(command, data))
    for name, (shape, about) in LINES.items():
        yield SchemaEntry(name, "line", about, shape)
    for name, (shape, about) in (WEBHOOK | PAGE).items():
        yield SchemaEntry(name, "http", about, shape)
    yield SchemaEntry("error", "error", "What a command prints on stderr when it fails.", Error)


def find(name: str) -> SchemaEntry | None:
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


def json_schema(entry: SchemaEntry) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of an entry."""
    shape = TypeAdapter(entry.shape).json_schema(by_alias=True, schema_generator=Plain)
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{VERSION.replace('/', ':')}:{entry.name}",
        "title": f"execbot {entry.name}",
        "description": entry.about,
    }
    return {**shape, **head}
