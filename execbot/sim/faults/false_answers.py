"""Answers that are not true: empty, late or impossible, while the exchange itself is right.

What users of Alpaca have met: a list of positions that is empty or lags the fills, an equity of
zero, an order that every look-up denies although its id is taken, an order that is shown as it
was before the stream told its end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from execbot.sim.engine import Exchange
from execbot.sim.engine.order import TERMINAL, Status
from execbot.sim.faults.faults import Rule
from execbot.sim.faults.kinds import Kind
from execbot.sim.faults.spoilt import spoil
from execbot.sim.types import SECOND, ApiError, Ns, Request, Response
from execbot.sim.wire.http import encode, error_reply

NO_POSITION = ApiError(404, 40410000, "position does not exist")
MONEY = (
    "equity",
    "portfolio_value",
    "cash",
    "buying_power",
    "regt_buying_power",
    "effective_buying_power",
    "non_marginable_buying_power",
    "options_buying_power",
    "long_market_value",
    "short_market_value",
    "position_market_value",
    "initial_margin",
    "maintenance_margin",
    "sma",
)
MANY = {"limit": "500", "status": "all"}


@dataclass(frozen=True, slots=True)
class Asked:
    """The request that is answered, who asks, and the truth."""

    request: Request
    exchange: Exchange
    account_id: str
    now: Ns

    def ago(self, rule: Rule) -> Ns:
        return self.now - int(float(rule.params["seconds"]) * SECOND)


def falsify(rules: Iterable[Rule], response: Response, asked: Asked) -> Response:
    """The answer as the rules that have struck want it; errors stay as they are.

    A value is spoilt last: the other rules reckon with what they find.
    """
    for rule in sorted(rules, key=lambda rule: rule.kind is Kind.VALUE_SPOILT):
        if rule.kind is Kind.VALUE_SPOILT:
            response = replace(response, body=spoil(response.body, rule.params))
            continue
        change = _CHANGES.get(rule.kind)
        if change is None or response.status != 200:
            continue
        try:
            body = change(rule, json.loads(response.body, parse_float=Decimal), asked)
        except ApiError as error:
            response = error_reply(error)
        else:
            response = replace(response, body=encode(body))
    return response


def remembered(rules: Iterable[Rule]) -> Ns:
    """How far back the exchange must know its past for these rules."""
    late = (Kind.POSITIONS_LATE, Kind.ORDERS_LATE)
    seconds = [float(rule.params["seconds"]) for rule in rules if rule.kind in late]
    return int(max(seconds, default=0) * SECOND)


def _is_of(rule: Rule, row: Mapping[str, Any]) -> bool:
    """Whether a row is of the rule's symbol. Positions write a pair without its slash."""
    wanted = rule.symbol
    return wanted is None or str(row.get("symbol")) in (wanted, wanted.replace("/", ""))


# --- positions ---------------------------------------------------------------------------------


def _position_missing(rule: Rule, body: Any, asked: Asked) -> Any:
    if isinstance(body, list):
        return [row for row in body if not _is_of(rule, row)]
    if _is_of(rule, body):
        raise NO_POSITION
    return body


def _positions_late(rule: Rule, body: Any, asked: Asked) -> Any:
    rows = asked.exchange.positions_at(asked.account_id, asked.ago(rule), rule.symbol)
    if isinstance(body, list):
        return rows
    found = next((row for row in rows if row["symbol"] == body["symbol"]), None)
    if found is None:
        raise NO_POSITION
    return found


# --- the account -------------------------------------------------------------------------------


def _account_zero(rule: Rule, body: Any, asked: Asked) -> Any:
    wanted = rule.params["fields"] or MONEY
    return {**body, **{name: "0" for name in wanted if name in body}}


def _equity_off(rule: Rule, body: Any, asked: Asked) -> Any:
    equity = Decimal(body["equity"]) * Decimal(str(rule.params["factor"]))
    shown = str(equity.quantize(Decimal("0.01")))
    return {**body, "equity": shown, "portfolio_value": shown}


def _fill_row_rounded(rule: Rule, body: Any, asked: Asked) -> Any:
    step = Decimal(1).scaleb(-int(rule.params["decimals"]))
    return [
        {**row, "price": str(Decimal(row["price"]).quantize(step))}
        if row["activity_type"] == "FILL" and _is_of(rule, row)
        else row
        for row in body
    ]


# --- orders ------------------------------------------------------------------------------------


def _order_unknown(rule: Rule, body: Any, asked: Asked) -> Any:
    since = asked.ago(rule)

    def denied(row: Mapping[str, Any]) -> bool:
        return _is_of(rule, row) and asked.exchange.taken_at(str(row["id"])) > since

    if not isinstance(body, list):
        if denied(body):
            asked_for = asked.request.query.get("client_order_id") or body["id"]
            raise ApiError(404, 40410000, f"order not found for {asked_for}")
        return body
    return [row for row in body if not denied(row)]


def _orders_late(rule: Rule, body: Any, asked: Asked) -> Any:
    if not isinstance(body, list):
        return _as_it_was(rule, body, asked)
    query = asked.request.query
    found = asked.exchange.orders(asked.account_id, {**query, **MANY})
    rows = [_as_it_was(rule, row, asked) for row in found]
    wanted = query.get("status") or "open"
    limit = int(query.get("limit") or 50)
    return [row for row in rows if wanted in ("all", _open_or_closed(row))][:limit]


def _as_it_was(rule: Rule, row: Mapping[str, Any], asked: Asked) -> Mapping[str, Any]:
    if not _is_of(rule, row):
        return row
    earlier = asked.exchange.order_at(str(row["id"]), asked.ago(rule)) or row
    legs = row.get("legs")
    if legs is not None:
        legs = [_as_it_was(rule, leg, asked) for leg in legs]
    return {**earlier, "legs": legs}


def _open_or_closed(row: Mapping[str, Any]) -> str:
    waits = row["status"] == Status.HELD
    return "closed" if waits or row["status"] in TERMINAL else "open"


_CHANGES: Mapping[Kind, Callable[[Rule, Any, Asked], Any]] = {
    Kind.POSITION_MISSING: _position_missing,
    Kind.POSITIONS_LATE: _positions_late,
    Kind.ACCOUNT_ZERO: _account_zero,
    Kind.EQUITY_OFF: _equity_off,
    Kind.FILL_ROW_ROUNDED: _fill_row_rounded,
    Kind.ORDER_UNKNOWN: _order_unknown,
    Kind.ORDERS_LATE: _orders_late,
}
