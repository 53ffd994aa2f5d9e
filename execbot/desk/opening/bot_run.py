"""Somebody's bot, unchanged, against an exchange of its own (`execbot sim run`)."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from execbot.desk.errors import BadRequest, CannotServe, ExtraMissing, NotSealed
from execbot.desk.opening.exchange import settings_of


class BotEnded(Struct, frozen=True):
    """How a bot's run ended.

    `exit_code` is the command's own, 128 + N where signal N ended it. `accounts`: a row for each
    key that was used, with `orders` (status to count), `traded` (symbol to `bought`, `sold`),
    `refused`, `positions`, `equity`, `cash`, `profit`; quantities and dollars as decimal strings.
    """

    command: Sequence[str]
    sealed: bool
    exit_code: int
    seconds: float
    accounts: Sequence[Mapping[str, Any]]


def run_bot(
    settings: Mapping[str, Any],
    command: Sequence[str],
    *,
    scenario: Path | None = None,
    pairs: Sequence[str] = (),
    sealed: bool,
    started: Callable[[str], None],
    own_stdout: bool,
) -> BotEnded:
    """Run `command` to its end against an exchange with these `settings` (see `exchange.serve`).

    `sealed` puts this process into namespaces of its own, for good. `started` gets the URL of the
    control plane. Without `own_stdout` what the command prints goes to stderr.

    Raises NotSealed where namespaces are not to be had, BadRequest for a setting or a command that
    makes no sense, CannotServe, and ExtraMissing.
    """
    config = settings_of(settings, scenario, pairs)
    try:
        import trustme  # noqa: F401 - told apart from what is missing inside

        from execbot.sim.config import ConfigError
        from execbot.sim.run.bot import CannotStart, Run, run
        from execbot.sim.run.seal import CannotSeal
    except ModuleNotFoundError as error:
        raise ExtraMissing(
            f"A run needs {error.name}, which is not installed",
            kind="config.missing_package",
            hint="It serves the exchange with a certificate of its own.",
            next_step="pip install 'execbot[sim]'",
        ) from None
    output = None if own_stdout else sys.stderr
    try:
        ended = run(Run(config, command, os.environ, sealed, started, output))
    except CannotStart as error:
        raise BadRequest(
            f"The command could not be started: {error}",
            kind="usage.sim_run",
            hint="The exchange was ready; nothing ran.",
            next_step="execbot sim run --help",
        ) from None
    except CannotSeal as error:
        raise NotSealed(
            f"The run cannot be sealed here: {error}",
            hint=error.hint,
            next_step="execbot sim run --unsealed -- " + " ".join(command),
        ) from None
    except ConfigError as error:
        raise BadRequest(str(error), next_step="execbot sim run --help") from None
    except OSError as error:
        raise CannotServe(
            f"The exchange could not be served: {error.strerror or error}",
            next_step="execbot sim run --help",
        ) from error
    return BotEnded(command, sealed, ended.exit_code, ended.seconds, ended.accounts)
