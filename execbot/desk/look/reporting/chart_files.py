"""Charts as files: a page, a picture."""

from __future__ import annotations

import os
from pathlib import Path

from execbot.charts.model import Chart
from execbot.desk.errors import CannotWrite, ExtraMissing

_MODE = 0o600
"""What was traded is nobody else's business."""


def write_chart(chart: Chart, html: Path | None, png: Path | None) -> tuple[list[str], list[str]]:
    """Names of the files that were written, and what is to be said of them. Both are drawn before
    one is written. Raises ExtraMissing, CannotWrite."""
    contents: list[tuple[Path, bytes]] = []
    warnings: list[str] = []
    if html is not None:
        from execbot.charts.library import library
        from execbot.charts.page import page

        found = library()
        contents.append((html, page(chart, found).encode()))
        warnings += [found.why_not] if found.why_not else []
    if png is not None:
        contents.append((png, _png(chart)))
    for path, content in contents:
        _write(path, content)
    return [str(path) for path, _ in contents], warnings


def _png(chart: Chart) -> bytes:
    from execbot.charts.png import png

    try:
        return png(chart)
    except ImportError as error:
        raise ExtraMissing(
            "--png needs matplotlib, which is not installed",
            hint=f"Python says: {error}.",
            next_step="pip install matplotlib",
        ) from error


def _write(path: Path, content: bytes) -> None:
    """At once and completely, in place of a file of that name; never of anything else."""
    try:
        target = path.expanduser()
        if target.is_symlink() or (target.exists() and not target.is_file()):
            # Also /dev/stdout: what it stands for would be replaced, not written to.
            raise CannotWrite(f"{path} is not a plain file", hint="Name a file of its own.")
        temporary = target.with_name(f".{target.name}.{os.getpid()}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _MODE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            os.replace(temporary, target)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CannotWrite(
            f"{path} cannot be written: {(error.strerror or str(error)).lower()}",
            hint="Its folder must exist, and you must be allowed to write there.",
        ) from error
