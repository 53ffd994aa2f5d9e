"""`--direct`, which every command has that hands over to a running `watch`."""

from __future__ import annotations

from typing import Annotated

import typer

DirectOption = Annotated[
    bool, typer.Option("--direct", help="From here, even if a watch runs that would do it.")
]
