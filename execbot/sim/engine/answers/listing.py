"""Lists: orders and activities, filtered and paged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from execbot.sim.engine.accounts.account import Account
from execbot.sim.engine.accounts.archive import ActivityFilter, OrderFilter, OrderKey, Span
from execbot.sim.engine.answers.views import asset_view, rest_order
from execbot.sim.engine.core import ExchangeCore
from execbot.sim.engine.order import Order, Status
from execbot.sim.engine.parse import malformed
from execbot.sim.engine.render import at_new_york, parse_stamp
from execbot.sim.types import AssetClass, Ns, whole_number

ORDERS_DEFAULT = 50
ORDERS_MAX = 500
ACTIVITIES_MAX = 100
LAST_SEQ = 1 << 62

ACTIVITY_TYPES = frozenset(
    {
        "FILL",
        "TRANS",
        "MISC",
        "ACATC",
        "ACATS",
        "CFEE",
        "CGD",
        "CSD",
        "CSW",
        "DIV",
        "DIVCGL",
        "DIVCGS",
        "DIVFEE",
        "DIVFT",
        "DIVNRA",
        "DIVROC",
        "DIVTW",
        "DIVTXEX",
        "FEE",
        "INT",
        "INTNRA",
        "INTTW",
        "JNL",
        "JNLC",
        "JNLS",
        "MA",
        "NC",
        "OPASN",
        "OPCA",
        "OPCSH",
        "OPEXC",
        "OPEXP",
        "OPTRD",
        "PTC",
        "PTR",
        "REORG",
        "SPIN",
        "SPLIT",
        "FOPT",
    }
)
TRANSACTIONS = ("CSD", "CSW")


def flag(query: Mapping[str, str], name: str) -> bool:
    return query.get(name, "").lower() in ("true", "1", "t")


def instant(query: Mapping[str, str], name: str) -> Ns | None:
    value = query.get(name)
    if not value:
        return None
    try:
        return parse_stamp(value)
    except ValueError:
        raise malformed(f"invalid {name}") from None


def orders(core: ExchangeCore, account: Account, query: Mapping[str, str]) -> list[dict[str, Any]]:
    """`GET /v2/orders`."""
    status = query.get("status") or "open"
    if status not in ("open", "closed", "all"):
        raise malformed(f"invalid status: {status}")
    direction = query.get("direction") or "desc"
    if direction not in ("asc", "desc"):
        raise malformed(f"invalid direction: {direction}")
    ascending = direction == "asc"
    limit = _limit(query)
    after, until = _bounds(core, account, query)
    nested = flag(query, "nested")
    span = Span(after, until, ascending)
    wanted = OrderFilter(
        _symbols(core, query), query.get("side") or None, _classes(query), top_only=nested
    )
    found = [
        order
        for order in account.live.values()
        if _is_listed(core, order, status) and span.holds(_key(order)) and wanted.wants_order(order)
    ]
    if status != "open":
        found += core.archive.find_orders(account.id, span, wanted, limit)
    found.sort(key=_key, reverse=not ascending)
    return [rest_order(core, order, legs=nested) for order in found[:limit]]


def _is_listed(core: ExchangeCore, order: Order, status: str) -> bool:
    """Legs that wait are listed as closed, which surprises clients of the real exchange too."""
    if status == "all":
        return True
    waits = order.status is Status.HELD and not core.config.held_listed_open
    return waits == (status == "closed")


def _key(order: Order) -> OrderKey:
    return order.submitted_at, order.seq


def _limit(query: Mapping[str, str]) -> int:
    limit = whole_number(query.get("limit") or str(ORDERS_DEFAULT), 1, ORDERS_MAX)
    if limit is None:
        raise malformed(f"limit must be between 1 and {ORDERS_MAX}")
    return limit


def _bounds(
    core: ExchangeCore, account: Account, query: Mapping[str, str]
) -> tuple[OrderKey | None, OrderKey | None]:
    after, until = instant(query, "after"), instant(query, "until")
    low: OrderKey | None = None if after is None else (after, LAST_SEQ)
    high: OrderKey | None = None if until is None else (until, -1)
    before_id, after_id = query.get("before_order_id"), query.get("after_order_id")
    if before_id and after_id:
        raise malformed("only one of before_order_id or after_order_id is accepted")
    if (before_id or after_id) and (low or high):
        raise malformed("before_order_id and after_order_id cannot be used with after or until")
    if before_id or after_id:
        order = core.find(before_id or after_id)
        if order is None or order.account_id != account.id:
            raise malformed("invalid before_order_id" if before_id else "invalid after_order_id")
        if before_id:
            high = _key(order)
        else:
            low = _key(order)
    return low, high


def _symbols(core: ExchangeCore, query: Mapping[str, str]) -> frozenset[str] | None:
    text = query.get("symbols")
    if not text:
        return None
    found = set()
    for symbol in text.split(","):
        asset = core.assets.get(symbol.strip())
        found.add(asset.symbol if asset is not None else symbol.strip())
    return frozenset(found)


def _classes(query: Mapping[str, str]) -> frozenset[str] | None:
    text = query.get("asset_class")
    if not text or "all" in text.split(","):
        return None
    return frozenset(text.split(",")) & frozenset(kind.value for kind in AssetClass)


# --- activities ------------------------------------------------------------------------------


def activities(
    core: ExchangeCore, account: Account, types: Sequence[str] | None, query: Mapping[str, str]
) -> list[dict[str, Any]]:
    """`GET /v2/account/activities[/{type}]`: newest first, paged by the last id seen."""
    ascending = _direction(query) == "asc"
    size = _page_size(query)
    after, until = _activity_bounds(query)
    token = query.get("page_token")
    if token:
        last = core.archive.get_activity(account.id, token)
        if last is None:
            raise malformed("invalid page_token")
        if ascending:
            after = max(filter(None, (after, (last.at, last.seq))))
        else:
            until = min(filter(None, (until, (last.at, last.seq))))
    wanted = ActivityFilter(_kinds(types, query), query.get("order_id") or None)
    found = core.archive.find_activities(account.id, Span(after, until, ascending), wanted, size)
    return [dict(activity.data) for activity in found]


def _direction(query: Mapping[str, str]) -> str:
    direction = query.get("direction") or "desc"
    if direction not in ("asc", "desc"):
        raise malformed(f"invalid direction: {direction}")
    return direction


def _page_size(query: Mapping[str, str]) -> int:
    size = whole_number(query.get("page_size") or str(ACTIVITIES_MAX), 1, ACTIVITIES_MAX)
    if size is None:
        raise malformed(f"page_size must be between 1 and {ACTIVITIES_MAX}")
    return size


def _kinds(types: Sequence[str] | None, query: Mapping[str, str]) -> frozenset[str] | None:
    category = query.get("category")
    if category and types:
        raise malformed("only one of category or activity_types is accepted")
    if category == "trade_activity":
        return frozenset({"FILL"})
    if category == "non_trade_activity":
        return ACTIVITY_TYPES - {"FILL"}
    if category:
        raise malformed(f"invalid category: {category}")
    if not types:
        return None
    kinds: set[str] = set()
    for kind in types:
        if kind not in ACTIVITY_TYPES:
            raise malformed(f"invalid activity type: {kind}")
        kinds.update(TRANSACTIONS if kind == "TRANS" else (kind,))
    return frozenset(kinds)


def _activity_bounds(query: Mapping[str, str]) -> tuple[OrderKey | None, OrderKey | None]:
    day = query.get("date")
    after, until = instant(query, "after"), instant(query, "until")
    if day and (after is not None or until is not None):
        raise malformed("date cannot be used with after or until")
    if day:
        try:
            start = date.fromisoformat(day[:10])
            end = at_new_york(start + timedelta(days=1), 0)
        except (ValueError, OverflowError):
            raise malformed("invalid date") from None
        return (at_new_york(start, 0), -1), (end, -1)
    low: OrderKey | None = None if after is None else (after, LAST_SEQ)
    high: OrderKey | None = None if until is None else (until, -1)
    return low, high


# --- assets ----------------------------------------------------------------------------------


def assets(core: ExchangeCore, query: Mapping[str, str]) -> list[dict[str, Any]]:
    """`GET /v2/assets`: stocks unless another class is asked for; `status` all is no filter."""
    status, kind = query.get("status"), query.get("asset_class") or AssetClass.US_EQUITY
    venue = query.get("exchange")
    wanted = set(filter(None, query.get("attributes", "").split(",")))
    found = (core.listed(asset.symbol) or asset for asset in core.assets.all())
    return [
        asset_view(asset)
        for asset in found
        if asset.asset_class == kind
        and (status in (None, "", "all") or (status == "active") == asset.active)
        and (not venue or asset.exchange == venue)
        and (not wanted or wanted & set(asset.attributes))
    ]
