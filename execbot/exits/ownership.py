"""Whose an order is that the journal has never heard of (docs/evidence.md, E-OWN).

An exit carries a mark of its plan in its id, so a journal that was restored from a copy, or that
could not be written for a while, knows the exits of its own plans again. Any other order with an id
of execbot's kind was sent by somebody else: another execbot on the account. Pure, but for what is
kept of it in the journal.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from execbot.exits.tags import (
    EXIT,
    PREFIX,
    STOP,
    TAG_FORM,
    client_order_id,
    is_exit_tag,
    tag_of,
)
from execbot.journal.journal import Journal
from execbot.journal.records import Origin, PlanRecord, Role
from execbot.model.enums import Side
from execbot.model.numbers import maybe_decimal
from execbot.model.order import Order
from execbot.model.times import iso, parse_time

OTHER_KEY = "other_execbot"

TOLD_FOR = timedelta(days=1)
"""How long after the last of its orders another execbot is told of."""

_MARK = re.compile(re.escape(PREFIX) + rf"(?:{TAG_FORM})-p([0-9a-f]{{8}})-")
_OF_OUR_KIND = re.compile(r"execbot-|flat-[A-Z0-9]+-[0-9]{8}-[0-9]+$")

_ROLES = {STOP: Role.STOP, EXIT: Role.EXIT}


def exit_id(tag: str, plan_id: str | None, unique: str) -> str:
    """The client_order_id of an exit, with the mark of its plan."""
    return client_order_id(tag, unique if plan_id is None else f"p{_mark_of(plan_id)}-{unique}")


def _mark_of(plan_id: str) -> str:
    return hashlib.sha256(plan_id.encode()).hexdigest()[:8]


def is_of_our_kind(name: str) -> bool:
    """Ids that execbot gives: `execbot-...`, and `flat-...` where it has no journal."""
    return _OF_OUR_KIND.match(name) is not None


def own_facts(order: Order, plans: Sequence[PlanRecord]) -> Mapping[str, Any]:
    """What an order is that carries the mark of one of these plans, or is the entry of one; or an
    exit without a mark, as earlier versions sent them, that is just what one of them wants."""
    name = order.client_order_id
    marked, tag = _MARK.match(name), tag_of(name)
    if tag is not None and marked is None:
        return _unmarked_facts(order, tag, plans)
    for plan in plans:
        if plan.body.get("entry_client_order_id") == name:
            return {"origin": Origin.SUBMIT, "plan_id": plan.plan_id, "role": Role.ENTRY}
        if marked is not None and tag is not None and marked[1] == _mark_of(plan.plan_id):
            role = _ROLES.get(tag[0], Role.TARGET)
            return {"origin": Origin.EXIT, "plan_id": plan.plan_id, "role": role}
    return {}


def _unmarked_facts(order: Order, tag: str, plans: Iterable[PlanRecord]) -> Mapping[str, Any]:
    """One open plan of this symbol, and only one, wants an exit of this kind, side and level, no
    larger than its position, and was made before it was sent."""
    serving = [plan for plan in plans if plan.status in _IN_FORCE and _wants(plan, order, tag)]
    if len(serving) != 1:
        return {}
    role = _ROLES.get(tag[0], Role.TARGET)
    return {"origin": Origin.EXIT, "plan_id": serving[0].plan_id, "role": role}


_IN_FORCE = ("pending", "active", "suspended", "sleeping")


def _wants(plan: PlanRecord, order: Order, tag: str) -> bool:
    body = plan.body
    created_at, sent_at = parse_time(body.get("created_at")), order.submitted_at or order.created_at
    if created_at is None or sent_at is None or sent_at < created_at:
        return False
    base = maybe_decimal(body.get("base_qty"))
    if order.side.value != _CLOSING.get(str(body.get("side"))) or base is None:
        return False
    return order.qty is not None and order.qty <= base and _is_level_of(body, order, tag)


_CLOSING = {"long": Side.SELL.value, "short": Side.BUY.value}


def _is_level_of(body: Mapping[str, Any], order: Order, tag: str) -> bool:
    """A way out has no level: it is the plan's that is on its way out."""
    stop = body.get("stop") or {}
    if is_exit_tag(tag):
        return bool(body.get("exit"))
    if tag == STOP:
        trail = stop.get("trail") or {}
        mine = order.trail_price if order.trail_percent is None else order.trail_percent
        known = maybe_decimal(trail.get("value")) if mine is not None else None
        levels = {maybe_decimal(stop.get("price")), maybe_decimal(stop.get("initial"))}
        return mine == known if mine is not None else order.stop_price in levels - {None}
    targets = body.get("targets") or []
    number = int(tag[1:]) - 1
    wanted = maybe_decimal(targets[number].get("price")) if number < len(targets) else None
    return wanted is not None and order.limit_price == wanted


def note_other(journal: Journal, order: Order, now: datetime) -> None:
    """Keep that somebody else sends orders as execbot does, unless that is long ago."""
    at = order.submitted_at or order.created_at or now
    if now - at < TOLD_FOR:
        found = {"at": iso(at), "client_order_id": order.client_order_id, "symbol": order.symbol}
        journal.meta_set(OTHER_KEY, found)


def other_execbot(journal: Journal, now: datetime) -> str:
    """One sentence of another execbot on the account; empty where none was heard of lately."""
    found = journal.meta_get(OTHER_KEY)
    if not isinstance(found, Mapping):
        return ""
    at = parse_time(found.get("at"))
    if at is None or now - at >= TOLD_FOR:
        return ""
    return (
        f"ANOTHER EXECBOT trades this account: order {found.get('client_order_id')} "
        f"({found.get('symbol')}) has an id of execbot's and is not in this journal. Or the "
        "journal was restored from a copy, or a command ran without it. Its exits count as "
        "protection, and no plan here changes them."
    )
