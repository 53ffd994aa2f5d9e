"""`execbot account`: what the account is worth, and how far its limits are used."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from execbot.cli.command import Cli, command
from execbot.cli.commands.market import halts_json, now_json
from execbot.cli.show.amounts import gain, money, percent
from execbot.cli.show.list_form import ColumnsFlag, CsvFlag, list_form, value_of
from execbot.cli.show.output import Cell, Table
from execbot.desk.look.account_state import (
    LIMITS,
    AccountState,
    ContractsHeld,
    Usage,
    account_state,
)
from execbot.desk.opening.journal_need import Need
from execbot.model.numbers import text

BLOCKS = ("trading_blocked", "account_blocked", "transfers_blocked", "trade_suspended_by_user")


@command
def account(cli: Cli, csv: CsvFlag = False, columns: ColumnsFlag = None) -> None:
    """Equity, cash, the day's profit, exposure, and how far the limits are used.

    The day's profit is what equity moved since the last close, less cash and securities that came
    or went; fees that the broker has charged are out of it.

    \b
    Examples:
      execbot account
      execbot account --json
      execbot account --csv --columns at,equity,day.profit
    """
    form = list_form(cli, COLUMNS, csv=csv, columns=columns)
    with cli.open(need=Need.LOOK) as desk:
        state = account_state(desk)
        rows = [_row(state)] if form.takes_rows else []
        cli.show(_json(state), *form.views(rows, *_views(state)), warnings=state.warnings)


def _blocked(state: AccountState) -> list[str]:
    return [name for name in BLOCKS if getattr(state.account, name)]


def _json(state: AccountState) -> dict[str, Any]:
    account, day = state.account, state.day
    names = (
        *("account_number", "status", "equity", "last_equity", "cash", "buying_power"),
        *("non_marginable_buying_power", "long_market_value", "short_market_value"),
    )
    return {
        **{name: getattr(account, name) for name in names},
        "equity_known": state.equity_known,
        "day": {
            "date": day.on,
            "profit": day.profit,
            "profit_pct": day.profit_pct,
            "flows": day.flows,
            "fees": day.fees,
        },
        "open_pl": state.open_pl,
        "exposure": state.exposure,
        "contracts": [one.to_dict() for one in state.contracts],
        "limits": [
            {"name": item.name, "used": item.used, "limit": item.limit, "left": item.left}
            for item in state.limits
        ],
        "margin": {
            "multiplier": account.multiplier,
            "initial": account.initial_margin,
            "maintenance": account.maintenance_margin,
            "excess": state.margin_excess,
        },
        "blocked": _blocked(state),
        "kill_switch": state.kill_switch.to_json(),
        "market": now_json(state.market),
        "halts": halts_json(state.halts),
    }


def _views(state: AccountState) -> list[Table | str]:
    account, day = state.account, state.day
    rows: list[tuple[str, object]] = [
        ("equity", money(account.equity) if state.equity_known else "not known"),
        ("cash", money(account.cash)),
        ("buying power", money(account.buying_power)),
        ("day P&L", gain(day.profit)),
        ("day P&L, percent", gain(day.profit_pct, " %")),
        ("came or went since the close", money(day.flows)),
        ("fees today", money(day.fees)),
        ("open P&L", gain(state.open_pl)),
        ("exposure", money(state.exposure)),
        *((f"{one.underlying} contracts", _contracts(one)) for one in state.contracts),
        ("maintenance margin", money(account.maintenance_margin)),
        ("above it", money(state.margin_excess)),
        ("session", state.market.session.value),
        ("kill switch", state.kill_switch.describe()),
    ]
    if _blocked(state):
        rows.append(("blocked by the broker", ", ".join(_blocked(state))))
    if state.halts:
        rows.append(("halted", ", ".join(halt.symbol for halt in state.halts)))
    return [
        Table(("what", "value"), rows, frozenset({"value"}), title="Account"),
        Table(
            ("limit", "used", "of", "left"),
            [_limit_row(item) for item in state.limits],
            frozenset({"used", "of", "left"}),
            title="Limits",
        ),
    ]


def _contracts(one: ContractsHeld) -> str:
    """`2 long, 2 short, worth 240.00, at most 240.00 to lose`."""
    counts = [f"{text(n)} {word}" for n, word in ((one.long, "long"), (one.short, "short")) if n]
    worth = "no price" if one.market_value is None else f"worth {one.market_value:z,.2f}"
    loss = "loss without end, or not known"
    if one.max_loss is not None:
        loss = f"at most {one.max_loss:z,.2f} to lose"
    return ", ".join([*counts, worth, loss])


def _limit_row(item: Usage) -> tuple[object, ...]:
    if item.limit is None:
        return item.name, _number(item, item.used), "no limit", None
    used = _number(item, item.used)
    if used is not None and item.used is not None and item.used >= item.limit:
        used = Cell(used.value, used.short, "bold red")
    return item.name, used, _number(item, item.limit), _number(item, item.left)


def _number(item: Usage, value: Decimal | None) -> Cell | None:
    """Percentages with two decimals, counts as they are."""
    if value is None:
        return None
    return percent(value) if item.name.endswith("_pct") else Cell(text(value), text(value))


def _row(state: AccountState) -> dict[str, Any]:
    """One line for a log that grows by one each time; limits by their names."""
    data = _json(state)
    usage = {
        f"{item.name}.{part}": getattr(item, part)
        for item in state.limits
        for part in ("used", "limit")
    }
    return {
        "at": state.market.at,
        **{name: value_of(data, name) for name in _FIGURES},
        **usage,
        "session": state.market.session.value,
        "kill_switch": state.kill_switch.level.value,
        "blocked": _blocked(state),
    }


_FIGURES = (
    *("account_number", "equity", "last_equity", "cash", "buying_power", "long_market_value"),
    *("short_market_value", "day.date", "day.profit", "day.profit_pct", "day.flows", "day.fees"),
    *("open_pl", "exposure", "margin.initial", "margin.maintenance", "margin.excess"),
)
COLUMNS = (
    "at",
    *_FIGURES,
    *(f"{name}.{part}" for name in LIMITS for part in ("used", "limit")),
    *("session", "kill_switch", "blocked"),
)
