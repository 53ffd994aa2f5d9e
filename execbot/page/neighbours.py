"""The other accounts of this user, by the files that their watch and their page keep."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from execbot.config.paths import JOURNAL_NAME
from execbot.desk.errors import NoPage
from execbot.model.printable import harmless_line
from execbot.model.timer import Timer
from execbot.page.link import read
from execbot.schemas.board import BoardProfile
from execbot.watch.heartbeat import YOUNG_SECONDS, heartbeat_of
from execbot.watch.lock import holder_of

NEIGHBOURS_MAX = 20


def neighbours(directory: Path) -> tuple[BoardProfile, ...]:
    """Those beside `directory` that are watched or have a page; each with its worst state."""
    try:
        beside = sorted(path for path in directory.parent.iterdir() if path != directory)
    except OSError:
        return ()
    found = [_line(path) for path in beside if (path / JOURNAL_NAME).is_file()]
    return tuple(line for line in found if line is not None)[:NEIGHBOURS_MAX]


def _line(path: Path) -> BoardProfile | None:
    url = _url(path)
    is_watched = holder_of(path) is not None
    if url is None and not is_watched:
        return None
    state = _state(path) if is_watched else "no watch runs"
    return BoardProfile(
        name=harmless_line(path.name),
        url=url,
        state=harmless_line(state or "watched"),
        is_fine=is_watched and not state,
    )


def _state(path: Path) -> str:
    """What is wrong with its watch; empty where nothing is."""
    beat = heartbeat_of(path)
    if beat is None:
        return ""  # it begins
    if beat.age(datetime.now(UTC), Timer().mark()) > YOUNG_SECONDS:
        return "the watch is stuck"
    return beat.trouble or ("" if beat.stream_up else "the broker's stream is down")


def _url(path: Path) -> str | None:
    """Where its page is, without its token."""
    try:
        url = read(path).url
    except NoPage:
        return None
    return url if url.startswith(("http://127.0.0.1:", "https://", "http://[::1]:")) else None
