"""The settings of an exchange as options: the same ones for `sim serve` and `sim run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

AtOption = Annotated[
    str | None,
    typer.Option(
        "--at", metavar="TIME", help='Where its clock starts, New York: "2013-10-08 09:30".'
    ),
]
SpeedOption = Annotated[
    float, typer.Option("--speed", metavar="N", help="Times real time; 0 stands still.")
]
DataOption = Annotated[
    Path | None, typer.Option("--data", metavar="PATH", help="Recorded CSV files to replay.")
]
CalendarOption = Annotated[
    str, typer.Option("--calendar", help="`always` open, or the real hours of the `exchange`.")
]
SeedOption = Annotated[int, typer.Option("--seed", help="Same seed, same requests: same bytes.")]
ScenarioOption = Annotated[
    Path | None,
    typer.Option("--scenario", metavar="FILE", help="YAML with settings, faults, actions."),
]
RateOption = Annotated[
    int,
    typer.Option("--rate-limit", help="Requests a minute and key (Alpaca: 200); 0 is no limit."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Any other setting; may be repeated."),
]


def settings_given(*, data: Path | None, **given: Any) -> dict[str, Any]:
    """The settings by name, as the exchange takes them."""
    return {"data": None if data is None else str(data.resolve()), **given}
