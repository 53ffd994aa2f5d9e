"""The options that every command takes besides its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from execbot.cli.flags.declared import Flag, Option

COMMON = (
    Flag("json_", Annotated[bool, Option("--json", help="Print one JSON object.")], False),
    Flag(
        "quiet_",
        Annotated[bool, Option("--quiet", help="Print nothing when all went well; warnings stay.")],
        False,
    ),
    Flag(
        "mode_",
        Annotated[str | None, Option("--mode", metavar="MODE", help="sim, paper or live.")],
        None,
    ),
    Flag(
        "config_",
        Annotated[Path | None, Option("--config", metavar="FILE", help="Use this trading.yaml.")],
        None,
    ),
    Flag(
        "profile_",
        Annotated[
            str | None,
            Option("--profile", metavar="NAME", help="The account set up by this name."),
        ],
        None,
    ),
    Flag(
        "env_file_",
        Annotated[
            Path | None,
            Option("--env-file", metavar="FILE", help="Read these variables; the real ones win."),
        ],
        None,
    ),
    Flag(
        "log_file_",
        Annotated[
            Path | None, Option("--log-file", metavar="FILE", help="Write a log to this file.")
        ],
        None,
    ),
    Flag("no_color_", Annotated[bool, Option("--no-color", help="Print without colour.")], False),
    Flag(
        "debug_", Annotated[bool, Option("--debug", help="Show the traceback of an error.")], False
    ),
)

COMMON_NAMES = tuple(flag.name for flag in COMMON)
