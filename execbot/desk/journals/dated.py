"""Copies of the journal in one folder, each named by account and moment, the oldest taken away."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

from execbot.desk.account import Desk
from execbot.desk.journals.taken_signals import signals_beside
from execbot.journal.archives.files import archives_beside
from execbot.model.times import eastern

_STAMP = "????-??-??-??????"


def target_in(folder: Path, desk: Desk) -> Path:
    """The name of a copy that is made now; New York's date and time."""
    return folder / f"{_stem(desk)}-{eastern(desk.now()):%Y-%m-%d-%H%M%S}.db"


def prune(folder: Path, desk: Desk, keep: int) -> list[Path]:
    """Delete all copies of this account but the newest `keep`, by their names; what was deleted.
    Another account's, and what somebody else has put there, stays."""
    copies = sorted(folder.glob(f"{_stem(desk)}-{_STAMP}.db"))
    old = [path for path in copies[:-keep] if _is_stamped(path)]
    for path in old:
        path.unlink(missing_ok=True)
        signals_beside(path).unlink(missing_ok=True)
        shutil.rmtree(archives_beside(path), ignore_errors=True)
    return old


def _stem(desk: Desk) -> str:
    return desk.directory.name


def _is_stamped(path: Path) -> bool:
    try:
        datetime.strptime(path.stem[-len(_STAMP) :], "%Y-%m-%d-%H%M%S")
    except ValueError:
        return False
    return True
