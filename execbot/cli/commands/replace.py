"""`execbot replace`: another price or quantity for a working order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import structs

from execbot.cli.command import Cli, command
from execbot.cli.errors import usage
from execbot.cli.flags.declared import Argument, Option
from execbot.cli.flags.direct import DirectOption
from execbot.cli.flags.order_flags import read_number, read_price, read_qty
from execbot.cli.show.order_views import sentence
from execbot.desk import changing
from execbot.desk.changing import ReplaceRequest
from execbot.desk.confirming import Act
from execbot.desk.door.going_on import going_on
from execbot.desk.door.messages import Replace
from execbot.desk.door.names import order_name
from execbot.desk.look.order_json import record_json
from execbot.desk.opening.lines import FACTS_LINES
from execbot.model.enums import TimeInForce

if TYPE_CHECKING:
    from execbot.desk.look.order_json import OrderRecord


@command
def replace(
    cli: Cli,
    id_: Annotated[str, Argument(metavar="ID", help="The broker's id or your own.")],
    qty: Annotated[
        str | None, Option(help="The new total, filled part included.", metavar="N")
    ] = None,
    limit: Annotated[str | None, Option(help="The new limit price.", metavar="PRICE")] = None,
    stop: Annotated[str | None, Option(help="The new stop price.", metavar="PRICE")] = None,
    trail: Annotated[
        str | None, Option(help="The new trail, in its own unit.", metavar="N")
    ] = None,
    tif: Annotated[TimeInForce | None, Option(help="The new time in force.")] = None,
    yes: Annotated[
        bool, Option("--yes", help="Do not ask before a live change that risks more.")
    ] = False,
    direct: DirectOption = False,
) -> None:
    """Change a working order.

    The broker makes a new order with a new id; the old one ends as `replaced`, and its id still
    finds the new one here and in `cancel`. Should the old one fill first, the change is refused
    and the old one stands. A changed entry passes every check anew, in the place of the old one;
    a changed exit is free. In live a change that risks more (an entry larger, at a worse price or
    for longer; a stop looser, for the day only or of fewer shares) is shown and asked about like
    an order.

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
    name = order_name()
    request = structs.replace(request, client_order_id=name)
    consent = cli.consent(yes)
    asked = cli.ask_watch(Replace(id_, request), name, direct=direct, act=Act.SEND, consent=consent)
    if asked.is_reported:
        with cli.told_by_watch():
            _show(cli, asked.result())
        return
    with cli.open(lines=FACTS_LINES, asked=asked) as desk, going_on(desk, asked) as told:
        if told is None:
            told = changing.replace(desk, id_, request, consent=consent)
        _show(cli, told)


def _show(cli: Cli, record: OrderRecord) -> None:
    cli.show(record_json(record), sentence(record), f"client_order_id {record.client_order_id}")
