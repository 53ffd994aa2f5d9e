"""Errors of the configuration, in the three lines a trader reads: what, why, what next.

ConfigError
└── CredentialsError    a missing half, an unreadable credentials file, no key at all
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from execbot.model.errors import ExecbotError


class ConfigError(ExecbotError):
    """The configuration cannot be used. Nothing was sent.

    `kind` is a stable slug (`config.unknown_key`, `mode.live_gate`); `line` is 1-based in the
    configuration file where there is one; `problems` holds every problem found, this one first.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        next_step: str = "",
        kind: str = "config.bad_value",
        line: int | None = None,
        problems: tuple[ConfigError, ...] = (),
    ) -> None:
        super().__init__(message)
        self.hint = hint
        self.next_step = next_step
        self.kind = kind
        self.line = line
        self.problems = problems or (self,)

    @property
    def facts(self) -> Mapping[str, Any]:
        return {"line": self.line}


class CredentialsError(ConfigError):
    """No usable pair of API keys where one is needed."""
