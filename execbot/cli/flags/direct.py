"""`--direct`, which every command has that hands over to a running `watch`."""

from __future__ import annotations

from typing import Annotated

from execbot.cli.flags.declared import Option

DirectOption = Annotated[
    bool, Option("--direct", help="From here, even if a watch runs that would do it.")
]
