"""`--stop-loss`, `--take-profit`, `--stop`, `--target` and `--trail`, read into what they ask for.

Prices among them must be on the grid like any other price; the rest is `execbot.desk.exit_words`.
"""

from __future__ import annotations

from collections.abc import Sequence

from execbot.cli.flags.order_flags import read_price
from execbot.desk.exit_words import Wishes, wishes_for_order
from execbot.model.order import OrderRequest
from execbot.model.symbols import is_pair

FAR_HELP = "A level further than half the price away is meant."
NO_RULES_HELP = "Leave the plan alone: no break-even, time stop or flattening."


def read_exits(request: OrderRequest, stop_loss: str | None, take_profit: Sequence[str]) -> Wishes:
    """The exits that were asked for with an order. Raises Failure (2), BadExits, LevelError."""
    return wishes_for_order(
        request,
        stop_loss,
        take_profit,
        check_price=lambda flag, word: read_price(flag, word, is_pair(request.symbol)),
    )
