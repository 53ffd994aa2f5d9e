"""Whether a command and a watch would do the same: the same settings, mode, keys and servers."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

import msgspec

from execbot.desk.opening.setup import Setup

ALERT_VARIABLES = ("EXECBOT_ALERT_URLS",)
"""Environment variables that decide whom alerts reach."""


def sameness(setup: Setup, env: Mapping[str, str] | None = None) -> str:
    """A hash of everything that decides what is done with a request. No key can be read from it."""
    env = setup.env if env is None else env
    parts = (
        msgspec.json.encode(setup.settings.trading),
        setup.mode.value.encode(),
        msgspec.json.encode(setup.endpoints),
        setup.credentials.api_key.encode(),
        setup.credentials.secret_key.encode(),
        *(env.get(name, "").encode() for name in ALERT_VARIABLES),
    )
    return sha256(b"\0".join(sha256(part).digest() for part in parts)).hexdigest()
