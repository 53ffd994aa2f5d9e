"""`--log-file`: what a command was asked, what came of it, and what it warned of.

Begun before the flags are read, so that a mistyped one is logged too. Nothing is imported for it
where nobody asked for a log, and a log that cannot be written stops no command.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from execbot.config.schema import LogSettings

LOG_FILE_VARIABLE = "EXECBOT_LOG_FILE"
LOGGER = "execbot.command"
INFO, WARNING, ERROR = 20, 30, 40

ORDER_FIELDS = (
    "id",
    "client_order_id",
    "symbol",
    "side",
    "type",
    "qty",
    "notional",
    "status",
    "outcome",
    "filled_qty",
    "filled_avg_price",
)
"""Of an answer: what was done with an order."""


class _Log:
    """The one log of this process, once it has begun."""

    is_open = False
    began = 0.0
    command = ""


def begin(given: Sequence[str]) -> str:
    """Open the log that a flag or the environment names; nothing where neither does.

    `given` are the words of the command line. Says what is wrong with the file, in words.
    """
    named = flag(given, "--log-file") or os.environ.get(LOG_FILE_VARIABLE, "").strip()
    if not named:
        return ""
    import logging
    from pathlib import Path

    from execbot.watch.show.log_files import LogFile

    try:
        handler = LogFile(Path(named), _settings(given))
    except OSError as error:
        return f"the log {named} could not be opened: {error.strerror}"
    logger = logging.getLogger("execbot")
    logger.setLevel(logging.INFO)
    # What a library warns of is told on stderr as before: a handler of ours would keep it back.
    last = logging.lastResort
    logger.handlers = [handler] if last is None else [handler, last]
    commands = logging.getLogger(LOGGER)
    commands.propagate, commands.handlers = False, [handler]
    _Log.is_open, _Log.began, _Log.command = True, time.monotonic(), " ".join(given[:1])
    say(INFO, "started", f"started: {' '.join(given)}", arguments=list(given))
    return ""


def say(level: int, event: str, words: str, **facts: Any) -> None:
    """One line, where a log is kept."""
    if not _Log.is_open:
        return
    from execbot.watch.show.log_files import log_line

    log_line(level, LOGGER, event, words, {"command": _Log.command, **facts})


def answered(data: Any, where: Mapping[str, Any]) -> None:
    """What a command answers, where that is an order."""
    if not _Log.is_open or not isinstance(data, Mapping) or "client_order_id" not in data:
        return
    from execbot.cli.show.output import plain

    order = {name: plain(data[name]) for name in ORDER_FIELDS if data.get(name) is not None}
    words = " ".join(f"{name}={value}" for name, value in order.items())
    say(INFO, "order", f"order: {words}", **order, **where)


def failed(failure: Mapping[str, Any]) -> None:
    """A failure as --json tells it."""
    if not _Log.is_open:
        return
    from execbot.cli.show.output import plain

    facts = {name: value for name, value in plain(failure).items() if value != ""}
    words = f"{failure['kind']}: {failure['error']}"
    say(ERROR, "error", words, **facts)


def end(code: int) -> None:
    """The exit code, and how long it took."""
    took = round(time.monotonic() - _Log.began, 3)
    level = INFO if code == 0 else WARNING
    say(level, "ended", f"ended: exit {code} after {took} s", exit_code=code, seconds=took)


def flag(given: Sequence[str], name: str) -> str:
    """The value of a flag among the words, `--x VALUE` or `--x=VALUE`; the last one counts."""
    found = ""
    for number, word in enumerate(given):
        if word == name and number + 1 < len(given):
            found = given[number + 1]
        elif word.startswith(f"{name}="):
            found = word.partition("=")[2]
    return found


def _settings(given: Sequence[str]) -> LogSettings:
    """Those of the configuration in use; the defaults where that cannot be read, which the command
    itself tells."""
    from execbot.config.environment import environment_of
    from execbot.config.errors import ConfigError
    from execbot.config.load import load_settings
    from execbot.config.paths import ENV_FILE_VARIABLE, PROFILE_VARIABLE
    from execbot.config.schema import LogSettings

    flags = {"--profile": PROFILE_VARIABLE, "--env-file": ENV_FILE_VARIABLE}
    said = {variable: flag(given, name) for name, variable in flags.items()}
    env = {**os.environ, **{variable: value for variable, value in said.items() if value}}
    path = flag(given, "--config") or None
    try:
        return load_settings(path, environment_of(env, path)).trading.logs
    except ConfigError:
        return LogSettings()
