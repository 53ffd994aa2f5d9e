"""`execbot schema`: what programs read and write, as JSON Schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from execbot.cli.command import Cli, command
from execbot.cli.errors import Failure, usage
from execbot.cli.exit_codes import ExitCode
from execbot.cli.show.output import Table

if TYPE_CHECKING:
    from execbot.schemas.catalogue import SchemaEntry

ALL = "all"


@command
def schema(
    cli: Cli,
    name: Annotated[
        list[str] | None,
        typer.Argument(
            help="trading-yaml, signal-line, a command, watch, webhook-taken, board, error, all."
        ),
    ] = None,
    dir_: Annotated[
        Path | None, typer.Option("--dir", help="With all: write each into a file.", metavar="DIR")
    ] = None,
) -> None:
    """List the schemas, or print one: JSON Schema, draft 2020-12.

    They describe trading.yaml and signal lines (unknown fields are refused), and the answers of all
    commands under --json, their errors, the lines of watch, what the webhook answers and what the
    page tells programs (unknown fields are allowed: later versions add some). docs/json.md shows
    them as tables.

    \b
    Examples:
      execbot schema
      execbot schema trading-yaml > trading.schema.json
      execbot schema orders show
      execbot schema all --dir schemas/
    """
    from execbot.schemas.catalogue import entries, find, json_schema

    wanted = "-".join(name or ())
    if dir_ is not None and wanted != ALL:
        raise usage("--dir is for `execbot schema all`", kind="usage.schema")
    if dir_ is not None:
        _write(cli, dir_, [(entry, json_schema(entry)) for entry in entries()])
        return
    if not wanted:
        _list(cli, list(entries()))
        return
    if wanted == ALL:
        shown = [{**_named(entry), "schema": json_schema(entry)} for entry in entries()]
        cli.show(shown, json.dumps({one["name"]: one["schema"] for one in shown}, indent=2))
        return
    entry = find(wanted)
    if entry is None:
        raise _unknown(" ".join(name or ()), [entry.name for entry in entries()])
    found = json_schema(entry)
    cli.show({**_named(entry), "schema": found}, json.dumps(found, indent=2))


def _named(entry: SchemaEntry) -> dict[str, Any]:
    return {"name": entry.name, "kind": entry.kind, "about": entry.about}


def _list(cli: Cli, entries: list[SchemaEntry]) -> None:
    rows = [(entry.name, entry.kind, entry.about) for entry in entries]
    columns = ("name", "kind", "about")
    cli.show([_named(entry) for entry in entries], Table(columns, rows, wrap=frozenset({"about"})))


def _unknown(wanted: str, known: list[str]) -> Failure:
    from difflib import get_close_matches

    near = get_close_matches(wanted.replace(" ", "-"), known, n=1)
    return usage(
        f"there is no schema {wanted}",
        hint=f"Did you mean {near[0]}?" if near else "",
        next_step="execbot schema",
        kind="usage.schema",
    )


def _write(cli: Cli, folder: Path, found: list[tuple[SchemaEntry, dict[str, Any]]]) -> None:
    files = [f"{entry.name}.json" for entry, _ in found]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, (_, shown) in zip(files, found, strict=True):
            (folder / name).write_text(json.dumps(shown, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise Failure(
            "config.file",
            f"{folder} could not be written: {error.strerror}",
            ExitCode.CONFIG,
            next_step="Choose a folder you may write to.",
        ) from error
    cli.show({"dir": str(folder), "files": files}, f"Wrote {len(files)} files into {folder}.")
