"""`execbot replace`: another price or quantity for a working order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from execbot.cli.command import Cli, command
from execbot.cli.errors import usage
from execbot.cli.flags.order_flags import read_number, read_price, read_qty
from execbot.cli.flags.order_ids import full_id, newest
from execbot.cli.show.order_views import record_json, sentence
from execbot.model.enums import TimeInForce

if TYPE_CHECKING:
    from execbot.broker.port import ReplaceRequest
    from execbot.desk.context import Context
    from execbot.journal.records import OrderRecord
    from execbot.model.order import OrderRequest
    from execbot.oms.place.risk_desk import Checked
    from execbot.oms.results import Gate


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
    from execbot.broker.port import ReplaceRequest

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
        record = _changed(desk, newest(desk, full_id(desk, id_)), request)
        cli.show(record_json(record), sentence(record), f"client_order_id {record.client_order_id}")


def _changed(desk: Context, identifier: str, change: ReplaceRequest) -> OrderRecord:
    """An entry's change is judged like an order of its own; a switch that trips is told of."""
    from execbot.oms.errors import Refused

    judged: list[Checked] = []

    def judge(old: OrderRecord, wanted: OrderRequest) -> Gate | None:
        checked = desk.risk.check_replacement(old, wanted)
        if checked is None:
            return None
        judged.append(checked)
        return checked.gate

    try:
        return desk.oms.replace(identifier, change, judge=judge)
    except Refused:
        for checked in judged:
            desk.placer.tell_if_tripped(checked)
        raise
