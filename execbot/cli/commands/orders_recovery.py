"""`execbot orders retry` and `orders abandon`: what a trader decides about a failed order."""

from __future__ import annotations

from typing import Annotated

import typer

from execbot.cli.command import Cli, command
from execbot.cli.commands.submit import confirm_live, show_outcome
from execbot.cli.show.later_targets import later_targets_behind
from execbot.cli.show.order_views import describe, record_json, sentence


@command
def retry(
    cli: Cli,
    id_: Annotated[str, typer.Argument(metavar="ID", help="The broker's id or your own.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a live order.")] = False,
) -> None:
    """Send a failed order once more, as a new order that passes every check afresh.

    For orders that were refused, rejected, canceled, expired or never sent; of a partly filled one
    the rest is asked for. An order in doubt is settled with `execbot reconcile` first.

    \b
    Examples:
      execbot orders retry my-order
      execbot orders retry my-order --json
    """
    from execbot.oms.place.retry_by_hand import retry as send_again

    with cli.open() as desk:
        record = desk.oms.record(id_)
        confirm_live(cli, desk, f"retry {describe(record.order)}", yes)
        again = send_again(desk.placer, id_).record
        show_outcome(cli, again, later=later_targets_behind(desk, again))


@command
def abandon(
    cli: Cli,
    id_: Annotated[str, typer.Argument(metavar="ID", help="The broker's id or your own.")],
    reason: Annotated[str, typer.Option(help="Why; kept in the journal.")] = "given up by hand",
) -> None:
    """Give up an order that is queued, or whose fate is unknown. Nothing is sent.

    Should the broker report it after all, it is taken in again and shown as a break.

    \b
    Examples:
      execbot orders abandon my-order --reason "too late now"
    """
    from execbot.oms.place.retry_by_hand import abandon as give_up

    with cli.open() as desk:
        record = give_up(desk.placer, id_, reason)
        cli.show(record_json(record), sentence(record))
