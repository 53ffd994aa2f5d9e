"""What a command asks the broker while its modules are still being loaded.

It opens connections as soon as it knows the hosts, and asks for the facts of the order as soon as
the journal is open; meanwhile it imports the executor and the rules.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from execbot.journal.errors import JournalError
from execbot.model.symbols import is_option

if TYPE_CHECKING:
    from execbot.desk.account import Desk
    from execbot.model.enums import Side
    from execbot.model.order import OrderRequest
    from execbot.risk.asking.together import Round


def begin_facts(desk: Desk, request: OrderRequest) -> None:
    """Ask for the facts of an order and do not wait for them; the desk's risk gate takes them. Asks
    for nothing where facts come one by one, or where exits are looked for first.
    """
    asking = desk.asking
    if not asking.beside or desk.begun is not None or desk.has_risk:
        return
    if desk.settings.trading.exits.unprotected_stops_entries:
        return
    with suppress(JournalError):  # whoever needs the journal says why it fails
        opens = opens_by_journal(desk, request) and not request.spread
        asks_asset = opens and not is_option(request.symbol)
        desk.begun = asking.begin(request.symbol, asks_asset=asks_asset, asks_quote=opens)


def begin_round(desk: Desk, symbol: str, side: Side, *, asks_account: bool) -> Round | None:
    """The facts of an entry of which no more is known yet, without `asks_account` those of the
    symbol alone; None where it would close what is held. Raises JournalError."""
    if not _opens(desk, symbol, side):
        return None
    return desk.asking.begin(
        symbol,
        asks_asset=not is_option(symbol),
        asks_quote=True,
        asks_account=asks_account,
    )


def opens_by_journal(desk: Desk, request: OrderRequest) -> bool:
    """Whether the order opens or adds, as far as the fills in the journal tell.

    One that closes needs neither its asset nor a price, and waits for none.
    """
    if request.spread:
        return any(leg.opens for leg in request.spread)
    return _opens(desk, request.symbol, request.side)


def _opens(desk: Desk, symbol: str, side: Side) -> bool:
    ours = desk.journal.position(symbol)
    return ours is None or ours.qty * side.sign >= 0
