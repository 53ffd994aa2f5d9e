"""Corporate actions as both APIs list them: those of the recording, and those that the control
plane brought about. Each appears once it has happened; of what is to come there are dividends that
the control plane has announced.

    /v1/corporate-actions                        market data: by kind, in pages
    /v2/corporate_actions/announcements[/{id}]   trading: one flat list
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from execbot.sim.calendar import new_york, new_york_date
from execbot.sim.prices.adjustments import Adjustments
from execbot.sim.prices.source import MarketPrices
from execbot.sim.types import ApiError, Ns
from execbot.sim.wire import data_query as fields

LIMIT_DEFAULT, LIMIT_MAX = 100, 1000
DAYS_MAX = 90  # of the trading API's list
CUSIP = ""
"""Securities have no CUSIP here."""
PARAMETERS = (
    "symbols", "cusips", "types", "region", "start", "end", "ids", "limit", "page_token", "sort",
)  # fmt: skip


class CorporateAction(NamedTuple):
    """`kind` as in the market-data API, singular; `particulars` are its fields there, as text."""

    at: Ns
    kind: str
    particulars: Mapping[str, str]


@dataclass(slots=True)
class CorporateLog:
    """What the control plane brought about."""

    actions: list[CorporateAction] = field(default_factory=list)

    def add(self, at: Ns, kind: str, **particulars: object) -> None:
        """Writes down that an action takes place at `at`."""
        own = {name: str(value) for name, value in particulars.items()}
        self.actions.append(CorporateAction(at, kind, own))

    def forget_announced(self, kind: str, symbol: str, day: str) -> None:
        """Drops what was announced for that day: it takes place, or with another amount."""
        dropped = (new_york(day), kind, symbol)
        self.actions = [
            action
            for action in self.actions
            if (action.at, action.kind, action.particulars.get("symbol")) != dropped
        ]

    def dump(self) -> list[Any]:
        return [list(action) for action in self.actions]

    def load(self, rows: Iterable[Sequence[Any]]) -> None:
        self.actions = [CorporateAction(at, kind, dict(own)) for at, kind, own in rows]


def recorded(adjustments: Adjustments, prices: MarketPrices, now: Ns) -> list[CorporateAction]:
    """The splits and dividends of the recording up to `now`. It carries a dividend as a factor of
    prices; the dollars follow from the last price before.
    """
    found: list[CorporateAction] = []
    for symbol, rows in adjustments.splits.items():
        found += [
            CorporateAction(at, *split(symbol, *ratio.as_integer_ratio()))
            for at, ratio in rows
            if at <= now
        ]
    for symbol, rows in adjustments.dividends.items():
        for at, factor in rows:
            last = prices.last_trade(symbol, at - 1) if at <= now else None
            if last is not None:
                rate = (last.price * (1 - factor)).quantize(Decimal("0.0001"))
                own = {"symbol": symbol, "rate": str(rate)}
                found.append(CorporateAction(at, "cash_dividend", own))
    return found


def split(symbol: str, new: int | Decimal, old: int | Decimal) -> tuple[str, Mapping[str, str]]:
    """Kind and particulars of a split."""
    kind = "forward_split" if new > old else "reverse_split"
    return kind, {"symbol": symbol, "new_rate": str(new), "old_rate": str(old)}


# --- rows ----------------------------------------------------------------------------------------

_NUMBERS = frozenset(
    {"rate", "new_rate", "old_rate", "cash_rate", "source_rate", "acquirer_rate", "acquiree_rate"}
)
_CUSIPS: Mapping[str, tuple[str, ...]] = {
    "forward_split": ("cusip",),
    "reverse_split": ("old_cusip", "new_cusip"),
    "cash_dividend": ("cusip",),
    "name_change": ("old_cusip", "new_cusip"),
    "spin_off": ("source_cusip", "new_cusip"),
    "cash_merger": ("acquiree_cusip",),
    "stock_merger": ("acquirer_cusip", "acquiree_cusip"),
    "stock_and_cash_merger": ("acquirer_cusip", "acquiree_cusip"),
}
_MERGERS = ("cash_merger", "stock_merger", "stock_and_cash_merger")


def _id(action: CorporateAction) -> str:
    digest = hashlib.blake2b(repr(tuple(action)).encode(), digest_size=16).digest()
    return str(UUID(bytes=digest, version=4))


def _row(action: CorporateAction) -> dict[str, Any]:
    """As the market-data API shows it."""
    at, kind, particulars = action
    day = new_york_date(at)
    row: dict[str, Any] = {"id": _id(action), "process_date": day, "currency": "USD"}
    if kind in _MERGERS:
        row.update(effective_date=day, payable_date=day)
    elif kind != "name_change":
        row.update(ex_date=day, payable_date=day, record_date=day)
    if kind == "cash_dividend":
        row.update(special=False, foreign=False)
    row.update(dict.fromkeys(_CUSIPS[kind], CUSIP))
    for name, value in particulars.items():
        row[name] = float(value) if name in _NUMBERS else value
    return row


def _symbols_of(particulars: Mapping[str, str]) -> set[str]:
    return {value for name, value in particulars.items() if name.endswith("symbol")}


def history(
    actions: Sequence[CorporateAction], query: Mapping[str, str], now: Ns
) -> dict[str, Any]:
    """One page of `/v1/corporate-actions`. Raises `ApiError` 400."""
    fields.known_only(query, PARAMETERS)
    if query.get("ids") and any(query.get(n) for n in ("symbols", "types", "start", "end")):
        raise fields.bad("ids cannot be combined with other filters")
    symbols, kinds, ids = (_listed(query, name) for name in ("symbols", "types", "ids"))
    unknown = [kind for kind in kinds if kind not in _CUSIPS and kind not in _NEVER]
    if unknown:
        raise fields.bad(f"invalid types: {', '.join(unknown)}")
    today = new_york_date(now)
    start, end = fields.day(query, "start") or today, fields.day(query, "end") or today
    found = [
        action
        for action in sorted(actions, key=lambda action: (action.at, _id(action)))
        if (_id(action) in ids if ids else start <= new_york_date(action.at) <= end)
        and (not symbols or symbols & _symbols_of(action.particulars))
        and (not kinds or action.kind in kinds)
    ]
    if fields.descending(query):
        found.reverse()
    first = _offset(query.get("page_token", ""))
    limit = fields.count(query, "limit", LIMIT_DEFAULT, LIMIT_MAX)
    page, rest = found[first : first + limit], found[first + limit :]
    grouped: dict[str, list[dict[str, Any]]] = {}
    for action in page:
        grouped.setdefault(f"{action.kind}s", []).append(_row(action))
    token = fields.encode_token("corporate", first + limit) if rest else None
    return {"corporate_actions": grouped, "next_page_token": token}


# Kinds that Alpaca has and nothing here brings about.
_NEVER = frozenset({
    "unit_split", "stock_dividend", "redemption", "worthless_removal", "rights_distribution",
    "partial_call", "reorganization",
})  # fmt: skip


def _listed(query: Mapping[str, str], name: str) -> set[str]:
    return {part.strip() for part in query.get(name, "").split(",") if part.strip()}


def _offset(token: str) -> int:
    found = fields.decode_token(token)
    return max(found[1], 0) if found else 0


# --- the trading API's list ----------------------------------------------------------------------

# Kind to `ca_type`, `ca_sub_type`; a name change is none of the four types.
_TYPES = {
    "cash_dividend": ("dividend", "cash"),
    "forward_split": ("split", "stock_split"),
    "reverse_split": ("split", "reverse_split"),
    "spin_off": ("spinoff", "spinoff"),
    "cash_merger": ("merger", "merger_update"),
    "stock_merger": ("merger", "merger_completion"),
    "stock_and_cash_merger": ("merger", "merger_completion"),
}


def announcements(
    actions: Sequence[CorporateAction], query: Mapping[str, str]
) -> list[dict[str, Any]]:
    """`/v2/corporate_actions/announcements`, oldest first. Raises `ApiError` 422."""
    wanted = {name.lower() for name in _listed(query, "ca_types")}
    if not wanted or wanted - {"dividend", "merger", "spinoff", "split"}:
        raise ApiError(422, 42210000, "ca_types is a list of dividend, merger, spinoff, split")
    since, until = (_given_day(query, name) for name in ("since", "until"))
    if not since <= until or (until - since).days > DAYS_MAX:
        raise ApiError(422, 42210000, f"since to until is up to {DAYS_MAX} days")
    rows = [
        (new_york_date(action.at), _announcement(action))
        for action in sorted(actions, key=lambda action: action.at)
        if action.kind in _TYPES
    ]
    symbol = query.get("symbol")
    return [
        row
        for day, row in rows
        if row["ca_type"] in wanted
        and since.isoformat() <= day <= until.isoformat()
        and (not symbol or symbol in (row["initiating_symbol"], row["target_symbol"]))
    ]


def announcement(actions: Sequence[CorporateAction], found_id: str) -> dict[str, Any]:
    """One of them. Raises `ApiError` 404."""
    for action in actions:
        if action.kind in _TYPES and _id(action) == found_id:
            row = _announcement(action)
            # The description of a single one knows fewer fields.
            return {n: v for n, v in row.items() if n not in ("corporate_action_id", "ex_date")}
    raise ApiError(404, 40410000, f"corporate action announcement not found: {found_id}")


def _given_day(query: Mapping[str, str], name: str) -> date:
    try:
        return date.fromisoformat(query.get(name, "")[:10])
    except ValueError:
        raise ApiError(422, 42210000, f"{name} is missing, or no date") from None


def _announcement(action: CorporateAction) -> dict[str, Any]:
    at, kind, own = action
    day = new_york_date(at)
    initiating = own.get("symbol") or own.get("source_symbol") or own.get("acquiree_symbol", "")
    target = own.get("new_symbol") or own.get("acquirer_symbol") or initiating
    return {
        "id": _id(action),
        "corporate_action_id": _id(action),
        "corporate_actions_id": _id(action),
        "ca_type": _TYPES[kind][0],
        "ca_sub_type": _TYPES[kind][1],
        "initiating_symbol": initiating,
        "initiating_original_cusip": CUSIP,
        "target_symbol": target,
        "target_original_cusip": CUSIP,
        "declaration_date": day,
        "ex_date": day,
        "record_date": day,
        "payable_date": day,
        "cash": own.get("cash_rate") or (own.get("rate", "0") if kind.startswith("cash") else "0"),
        "old_rate": own.get("old_rate") or own.get("source_rate") or own.get("acquiree_rate", "1"),
        "new_rate": own.get("new_rate") or own.get("acquirer_rate", "1"),
    }
