"""The account in one line: below `positions`, at the head of `watch`."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from execbot.watch.show.totals_line import Totals

if TYPE_CHECKING:
    from execbot.desk.look.account_state import AccountState

__all__ = ["Totals", "totals_of"]


def totals_of(state: AccountState) -> Totals:
    """Its figures, None where one is not known or has no limit."""
    used = {item.name: item for item in state.limits}

    def pair(name: str) -> tuple[Decimal | None, Decimal | None]:
        return used[name].used, used[name].limit

    return Totals(
        equity=state.account.equity if state.equity_known else None,
        day_profit=state.day.profit,
        day_profit_pct=state.day.profit_pct,
        open_pl=state.open_pl,
        buying_power=state.account.buying_power,
        exposure_pct=pair("max_account_exposure_pct"),
        positions=pair("max_positions"),
        orders_today=pair("risk.max_daily_orders"),
        daily_loss_pct=pair("risk.max_daily_loss_pct"),
        halted=state.kill_switch.level.value.upper() if state.kill_switch.stops_entries else "",
    )
