"""Finds the one service of apprise that a URL names, without loading the hundred others.

Asked for a URL, apprise first imports everything that it can send to: some 500 modules and 20 MB,
which a `watch` would keep for its whole life after its first alert. Here the service is found by
the text of its file and is loaded alone. Whatever is not found this way apprise finds itself, as
it also does for a web address that a service hands out (`https://discord.com/api/webhooks/...`).
"""

from __future__ import annotations

import importlib
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

log = logging.getLogger("execbot.alerts")

SCHEME = re.compile(r"\s*([a-z0-9]+)://", re.I)


def receiver_of(url: str, asset: Any) -> Any:
    """What sends to this URL, made as `Apprise.instantiate` makes it; None where apprise has to
    find it. `asset` is that of the `Apprise` it is meant for."""
    try:
        service = _service_of(url)
        if service is None or not service.enabled:
            return None
        # A `#` at the beginning of a name is part of it, as for a channel of Slack.
        parsed = service.parse_url(url.replace("/#", "/%23"))
        if not parsed:
            return None
        made = service(**{**parsed, "tag": set(), "asset": asset})
        return made if made.enabled else None
    except Exception as error:  # another apprise may be built otherwise; the words hold no URL
        log.info("apprise looks for a receiver itself: %s", type(error).__name__)
        return None


def _service_of(url: str) -> Any:
    """The class of the service whose scheme the URL has, None where no file tells of it."""
    found = SCHEME.match(url)
    if found is None:
        return None
    scheme = found[1].lower()
    for name in _files_that_name(scheme):
        module = importlib.import_module(f"apprise.plugins.{name}")
        for value in vars(module).values():
            if hasattr(value, "app_id") and scheme in _schemes_of(value):
                return value
    return None


def _files_that_name(scheme: str) -> Iterator[str]:
    """Modules whose text has the scheme in quotes. A few others may have it too."""
    quoted = re.compile(rf"[\"']{scheme}[\"']".encode())
    import apprise.plugins

    for entry in sorted(Path(apprise.plugins.__path__[0]).iterdir()):
        files = entry.glob("*.py") if entry.is_dir() else [entry] if entry.suffix == ".py" else []
        is_service = not entry.name.startswith(("_", "base"))
        if is_service and any(quoted.search(file.read_bytes()) for file in files):
            yield entry.stem


def _schemes_of(service: Any) -> set[str]:
    """`protocol` and `secure_protocol` are each one name, several, or None."""
    given = (getattr(service, "protocol", None), getattr(service, "secure_protocol", None))
    names = [[one] if isinstance(one, str) else one or () for one in given]
    return {name.lower() for several in names for name in several}
