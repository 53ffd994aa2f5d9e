"""Log files: one line a record, as text or JSON, rotated, and kept as long as the settings say.

    2026-11-30T14:30:00.123456Z INFO execbot.command started: submit AAPL --qty 10
    {"at": "...", "level": "INFO", "logger": "execbot.command", "event": "started", ...}

`docs/logs.md` describes every field. Several processes may write to one file: each line is one
append, and whoever finds the file too large puts it aside under a lock. No disk that is full and no
file that cannot be written stops a command.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from execbot.config.paths import FILE_MODE
from execbot.config.schema import LogFormat, LogSettings
from execbot.model.printable import harmless_line, json_text
from execbot.model.times import iso

MEGABYTE = 1_000_000
DAY_SECONDS = 86_400


class LogFile(logging.Handler):
    """Appends to `path`. Raises OSError where it cannot be opened at the start; later failures
    lose lines and stop nobody."""

    def __init__(self, path: Path, settings: LogSettings) -> None:
        super().__init__(logging.INFO)
        self._path = path.expanduser().absolute()
        self._bytes_max = int(settings.max_megabytes * MEGABYTE)
        self._keep_files = settings.keep_files
        self._keep_seconds = float(settings.keep_days) * DAY_SECONDS
        self._file = self._open()
        self.setFormatter(JsonLines() if settings.format is LogFormat.JSON else TextLines())
        self._delete_old()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record).encode() + b"\n"
            self._follow()
            os.write(self._file, line)
            if os.fstat(self._file).st_size > self._bytes_max:
                self._put_aside()
        except OSError:
            pass

    def close(self) -> None:
        with suppress(OSError):
            os.close(self._file)
        super().close()

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, FILE_MODE)

    def _follow(self) -> None:
        """Go on in the file that has the name now: another process may have put ours aside, and so
        may logrotate."""
        try:
            there, ours = os.stat(self._path), os.fstat(self._file)
            is_ours = (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
        except FileNotFoundError:
            is_ours = False
        if not is_ours:
            os.close(self._file)
            self._file = self._open()

    def _put_aside(self) -> None:
        lock = os.open(self._aside("lock"), os.O_WRONLY | os.O_CREAT, FILE_MODE)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.stat(self._path).st_size > self._bytes_max:
                for number in range(self._keep_files, 0, -1):
                    older = self._aside(number - 1) if number > 1 else self._path
                    with suppress(FileNotFoundError):
                        os.replace(older, self._aside(number))
                self._delete_old()
        finally:
            os.close(lock)
        self._follow()

    def _aside(self, end: object) -> Path:
        return self._path.with_name(f"{self._path.name}.{end}")

    def _delete_old(self) -> None:
        """Those put aside beyond the number that is kept, or last written too long ago."""
        for path in self._path.parent.glob(f"{self._path.name}.*"):
            number = path.name.removeprefix(f"{self._path.name}.")
            with suppress(OSError):
                is_old = time.time() - path.stat().st_mtime > self._keep_seconds
                if number.isdigit() and (is_old or int(number) > self._keep_files):
                    path.unlink()


def log_line(level: int, logger: str, event: str, words: str, facts: Mapping[str, Any]) -> None:
    """One record of an event, with its facts as fields of the JSON form."""
    extra = {"event": event, "facts": {k: v for k, v in facts.items() if v is not None}}
    logging.getLogger(logger).log(level, "%s", words, extra=extra)


class TextLines(logging.Formatter):
    """`TIME LEVEL LOGGER MESSAGE`; a traceback follows in the same line, parts by ` | `."""

    def format(self, record: logging.LogRecord) -> str:
        words = record.getMessage()
        if record.exc_info:
            words += " | " + " | ".join(_trace(record.exc_info))
        return harmless_line(f"{_at(record)} {record.levelname} {record.name} {words}")


class JsonLines(logging.Formatter):
    """One object a line: `at`, `level`, `logger`, `event`, `message`, `pid`, and the event's own
    fields."""

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, Any] = {
            "at": _at(record),
            "level": record.levelname,
            "logger": record.name,
            "event": getattr(record, "event", "message"),
            "message": record.getMessage(),
            "pid": record.process,
        }
        facts = getattr(record, "facts", {})
        said.update({key: value for key, value in facts.items() if key not in said})
        if record.exc_info:
            said["traceback"] = "\n".join(_trace(record.exc_info))
        return json_text(said)


def _at(record: logging.LogRecord) -> str:
    return iso(datetime.fromtimestamp(record.created, UTC))


def _trace(exc_info: Any) -> list[str]:
    lines = "".join(traceback.format_exception(*exc_info)).splitlines()
    return [line.strip() for line in lines if line.strip()]
