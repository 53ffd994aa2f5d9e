"""What follows when Tab is pressed: symbols held, open ids, strategies, profiles.

Loaded only while a shell asks. A completion that cannot be made is none; it never prints an error
into somebody's command line.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from execbot.config.paths import ENV_FILE_VARIABLE, PROFILE_VARIABLE
from execbot.desk.setting_up.completing import Kind, completions

BY_OPTION: Mapping[str, Kind] = {
    "--strategy": Kind.STRATEGY,
    "--symbol": Kind.TRADED,
    "--profile": Kind.PROFILE,
    "--mode": Kind.MODE,
}
SYMBOLS: Mapping[str, Kind] = {
    "close": Kind.HELD,
    "exits": Kind.HELD,
    "protect": Kind.HELD,
    "positions": Kind.HELD,
    "chart": Kind.TRADED,
    "quote": Kind.TRADED,
    "submit": Kind.TRADED,
    "buy": Kind.TRADED,
    "sell": Kind.HELD,
    "short": Kind.TRADED,
    "signal": Kind.TRADED,
    "sim": Kind.TRADED,
}
"""By the first word of the command."""

IDS: Mapping[str, Kind] = {
    "cancel": Kind.OPEN_ORDER,
    "replace": Kind.OPEN_ORDER,
    "orders": Kind.ANY_ORDER,
    "queue": Kind.QUEUED_ORDER,
}


def attach(command: Any, name: str) -> None:
    """Give the parameters of a command, and of those below it, their completions."""
    for parameter in command.params:
        kind = _kind(parameter, name)
        if kind is not None:
            parameter._custom_shell_complete = _completer(kind)
    for below in getattr(command, "commands", {}).values():
        attach(below, name)


def _kind(parameter: Any, name: str) -> Kind | None:
    if parameter.param_type_name == "option":
        return next((BY_OPTION[flag] for flag in parameter.opts if flag in BY_OPTION), None)
    if parameter.name in ("symbol", "symbols"):
        return SYMBOLS.get(name)
    return IDS.get(name) if parameter.name == "id_" else None


def _completer(kind: Kind) -> Any:
    def complete(ctx: Any, parameter: Any, begun: str) -> list[Any]:
        # Typer has taken click in; its core names the class in both forms.
        from typer.core import CompletionItem  # type: ignore[attr-defined]

        given = {**(ctx.parent.params if ctx.parent is not None else {}), **_said(ctx.params)}
        for name, variable in (("profile_", PROFILE_VARIABLE), ("env_file_", ENV_FILE_VARIABLE)):
            if given.get(name):
                os.environ[variable] = str(given[name])
        with suppress(Exception):
            found = completions(kind, begun, given.get("mode_"), given.get("config_"))
            return [CompletionItem(word, help=words) for word, words in found]
        return []

    return complete


def _said(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}
