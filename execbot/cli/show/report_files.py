"""A report as files: whole ones or none, readable by their owner alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from execbot.cli.errors import usage
from execbot.desk.account import Desk
from execbot.desk.look.reports import SpanReport

PRIVATE = 0o600
"""They say what an account holds and earns."""


def write_page(path: Path, found: SpanReport, desk: Desk) -> list[str]:
    """The page of `--html`; what to warn of. Raises Failure (2) where it cannot be written."""
    from execbot.cli.show.report_page import report_page
    from execbot.desk.look.reporting.report_charts import charts_of

    charts = charts_of(desk, found.period)
    page = report_page(
        found, charts, mode=desk.mode.value, account=desk.account, made_at=desk.now()
    )
    put(path, lambda to: to.write_bytes(page.encode()))
    return list(charts.warnings)


def write_csv(folder: Path, found: SpanReport) -> list[Path]:
    """The files of `--csv`; what was written. Raises Failure (2) as above."""
    from execbot.cli.show.report_csv import csv_files

    _make(folder)
    written = []
    for name, text in csv_files(found).items():
        path = folder / name
        put(path, lambda to, text=text: to.write_bytes(text.encode()))  # type: ignore[misc]
        written.append(path)
    return written


def check_parquet() -> None:
    """Raises Failure (2) where nothing could be written, before anything is asked."""
    from importlib.util import find_spec

    if find_spec("pyarrow") is None:
        raise usage(
            "--parquet needs pyarrow, which is not installed",
            next_step="pip install pyarrow",
            kind="usage.extra",
        )


def write_tables(folder: Path, found: SpanReport, desk: Desk) -> list[Path]:
    """The files of `--parquet`; what was written. Raises Failure (2) as above."""
    from execbot.desk.look.reporting.report_parquet import write_parquet

    _make(folder)
    return write_parquet(desk, found.period.span, folder, put)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise usage(
            f"{folder} could not be made: {error.strerror or error}",
            hint="Choose a folder that you may write to.",
            kind="usage.file",
        ) from error


def put(path: Path, write: Callable[[Path], object]) -> None:
    """Write beside it and put it in its place: whoever reads meanwhile sees the old one whole."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.touch(PRIVATE)
        try:
            write(beside)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise usage(
            f"{path} could not be written: {error.strerror or error}",
            hint="The folder must be there, and be yours to write to.",
            kind="usage.file",
        ) from error
