"""`execbot replace`: another price or quantity for a working order."""

from __future__ import annotations

from typing import Annotated

import typer

from execbot.cli.command import Cli, command
from execbot.cli.errors import usage
from execbot.cli.flags.order_flags import read_number, read_price, read_qty
from execbot.cli.show.order_views import sentence
from execbot.desk import changing
from execbot.desk.changing import ReplaceRequest
from execbot.desk.order_json import record_json
from execbot.model.enums import TimeInForce


@command
def replace(
    cli: Cli,
    id_: Annotated[str, typer.Argument(metavar="ID", help="The broker's id or your own.")],
    qty: Annotated[
        str | None, typer.Option(help="The new total, filled part included.", metavar="N")
    ] = None,
    limit: Annotated[str | None, typer.Option(help="The new limit price.", metavar="PRICE")] = None,
    stop: Annotated[str | None, typer.Option(help="The new stop price.", metavar="PRICE")] = None,
    trail: Annotated[
        str | None, typer.Option(help="The new trail, in its own unit.", metavar="N")
    ] = None,
    tif: Annotated[TimeInForce | None, typer.Option(help="The new time in force.")] = None,
) -> None:
    """Change a working order.

    The broker makes a new order with a new id; the old one ends as `replaced`, and its id still
    finds the new one here and in `cancel`. Should the old one fill first, the change is refused
    and the old one stands. A changed entry passes every check anew, in the place of the old one;
    a changed exit is free.

    \b
    Examples:
      execbot replace my-own-id --limit 188.10
      execbot replace my-own-id --qty 5 --json
    """
    # Whether four decimals are fine for a price depends on the asset; the broker knows it.
    request = ReplaceRequest(
        qty=None if qty is None else read_qty("--qty", qty),
        limit_price=read_price("--limit", limit, False),
        stop_price=read_price("--stop", stop, False),
        trail=None if trail is None else read_number("--trail", trail),
        time_in_force=tif,
    )
    if request == ReplaceRequest():
        raise usage(
            "nothing to change",
            hint="Give at least one of --qty, --limit, --stop, --trail, --tif.",
            kind="usage.nothing_to_change",
        )
    with cli.open() as desk:
        record = changing.replace(desk, id_, request)
        cli.show(record_json(record), sentence(record), f"client_order_id {record.client_order_id}")
