"""Which of a watch's notes become alerts: alarms, their ends, and fills where they are wanted."""

from __future__ import annotations

from collections.abc import Mapping

from execbot.alerts import Alert, Severity
from execbot.config.schema import AlertSettings
from execbot.desk.account import Desk
from execbot.exits.rules.view import Guarded
from execbot.watch.core.jobs import Note

FILL = "fill"

ENDS: Mapping[tuple[str, str], str] = {
    ("broker", "answers"): "blind",
    ("stream", "up"): "stream_lost",
    ("prices", "known"): "prices_lost",
    ("prices", "streamed"): "prices_lost",
    ("journal", "writes"): "journal",
}
"""The type and the state of a note that says that all alarms of a kind are over."""

UNPROTECTED = "unprotected"
WITHOUT_STOP = (UNPROTECTED, "stop_lifted")
SAFE = frozenset(
    {
        Guarded.PROTECTED.value,
        Guarded.DORMANT.value,
        Guarded.FLAT.value,
        Guarded.EMULATED.value,
        Guarded.PENDING.value,
    }
)
"""States in which a position is not without its stop any more."""

LASTING = frozenset({*ENDS.values(), *WITHOUT_STOP})
"""Kinds of alarms whose end is noted."""


def alert_of(note: Note, settings: AlertSettings) -> Alert | None:
    """The alert that a note becomes; None for most. Pure."""
    if note.is_alarm:
        kind = str(note.data.get("kind") or note.type)
        severity = Severity.CRITICAL if note.is_critical else Severity.WARNING
        subject = str(note.data.get("symbol") or "")
        return Alert(kind, note.text, subject, severity, lasts=kind in LASTING)
    is_fill = note.type == "order" and note.data.get("fills") and not note.data.get("replayed")
    if settings.fills and is_fill:
        # Each fill is news: the last execution's id keeps it apart from the one before.
        last = str(note.data["fills"][-1].get("execution_id"))
        return Alert(FILL, note.text, f"{note.data.get('symbol')} {last}", Severity.INFO)
    return None


def ended_by(note: Note) -> list[tuple[str, str]]:
    """Kinds and subjects of the alarms that are over with this note. Pure."""
    if note.type == "guard":
        symbol = str(note.data.get("symbol"))
        is_over = note.data.get("state") in SAFE
        return [(kind, symbol) for kind in WITHOUT_STOP] if is_over else []
    kind = ENDS.get((note.type, str(note.data.get("state"))))
    return [] if kind is None else [(kind, "")]


def tell(desk: Desk, note: Note) -> None:
    """Send the alert of a note, where it has one."""
    for kind, subject in ended_by(note):
        desk.alerter.resolve(kind, note.text, subject)
    if alert := alert_of(note, desk.settings.trading.alerts):
        desk.alerter.alert(alert)
