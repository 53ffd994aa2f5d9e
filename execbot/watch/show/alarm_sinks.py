"""`watch --quiet`: of all that a watch has to say only its alarms.

The log file of the account is written as always.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from execbot.watch.core.jobs import Note
from execbot.watch.show.sinks import JsonSink, PlainSink


class AlarmLines(PlainSink):
    """One line an alarm."""

    def begin(self, facts: dict[str, Any]) -> None:
        """A watch that begins is no alarm."""

    def note(self, note: Note, at: datetime) -> None:
        if note.is_alarm:
            super().note(note, at)

    def end(self, facts: dict[str, Any]) -> None:
        self._writer.close()


class JsonAlarms(JsonSink):
    """One JSON object an alarm; `seq` counts what is printed."""

    def note(self, note: Note, at: datetime) -> None:
        if note.is_alarm:
            super().note(note, at)

    def _put(self, kind: str, at: datetime, facts: dict[str, Any]) -> None:
        if kind not in ("started", "stopped"):
            super()._put(kind, at, facts)
