"""The settings of an account that its owner and the control plane may change; checks each value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from execbot.sim.engine.accounts.account import FLAGS, LEGACY_CONFIGURATIONS, Account
from execbot.sim.engine.parse import check_body, malformed
from execbot.sim.types import ApiError

SWITCHES = {
    "blocked": "account_blocked",
    "account_blocked": "account_blocked",
    "trading_blocked": "trading_blocked",
    "transfers_blocked": "transfers_blocked",
    "liquidation_only": "liquidation_only",
}


def configure(account: Account, body: Mapping[str, Any]) -> None:
    """Takes over the configurations in the body of a PATCH. Raises `ApiError` 422."""
    check_body(body)
    for name, value in body.items():
        if name in account.configurations:
            account.configurations[name] = _setting(name, value)


def switch(account: Account, switches: Mapping[str, bool]) -> None:
    """Sets switches of the control plane. Raises `ApiError` 422 for an unknown one."""
    for name, value in switches.items():
        if name == "suspended":
            account.configurations["suspend_trade"] = bool(value)
        elif name in SWITCHES:
            setattr(account, SWITCHES[name], bool(value))
        else:
            known = ", ".join([*FLAGS, "suspended"])
            raise ApiError(422, None, f"unknown switch {name}; known: {known}")


def _setting(name: str, value: Any) -> Any:
    """One account configuration, checked."""
    allowed: Mapping[str, tuple[Any, ...]] = {
        "max_margin_multiplier": ("1", "2", "4"),
        "trade_confirm_email": ("all", "none"),
        **dict.fromkeys(LEGACY_CONFIGURATIONS, ("both", "entry", "exit")),
    }
    if name in allowed:
        if str(value) not in allowed[name]:
            raise malformed(f"invalid {name}")
        return str(value)
    if name == "max_options_trading_level":
        if value not in (0, 1, 2, 3):
            raise malformed(f"invalid {name}")
        return value
    if not isinstance(value, bool):
        raise malformed(f"invalid {name}")
    return value
