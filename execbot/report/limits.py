"""Which limits were hit, and when trading was halted: from the audit trail. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct

from execbot.journal.records import AuditRow


class LimitHit(Struct, frozen=True):
    """One check of ours that refused orders: how often, which symbols, when last. An order that
    broke several is counted in each of them."""

    rule: str
    times: int
    symbols: tuple[str, ...]
    last_at: datetime


class Halt(Struct, frozen=True):
    """The kill switch, from when it was raised until it was lifted; None: not in this span."""

    level: str
    by: str
    reason: str
    since: datetime
    until: datetime | None = None


class Limits(Struct, frozen=True):
    """`refused` are the orders that were refused."""

    hits: Sequence[LimitHit] = ()
    halts: Sequence[Halt] = ()
    refused: int = 0


def limits_of(rows: Iterable[AuditRow], symbols: dict[str, str]) -> Limits:
    """`symbols` are those of the orders, by client_order_id."""
    found: dict[str, list[AuditRow]] = {}
    halts: list[Halt] = []
    refused = 0
    for row in rows:
        if row.kind == "gate":
            refused += 1
            for rule in _broken(row):
                found.setdefault(rule, []).append(row)
        elif row.kind == "halt":
            halts = _halted(halts, row)
    hits = [
        LimitHit(
            rule,
            len(some),
            tuple(sorted({symbols[r.subject] for r in some if r.subject in symbols})),
            some[-1].at,
        )
        for rule, some in found.items()
    ]
    return Limits(sorted(hits, key=lambda hit: (-hit.times, hit.rule)), halts, refused)


def _broken(row: AuditRow) -> list[str]:
    """By the names that `risk` has for its checks."""
    failed = row.facts.get("failed")
    codes = [str(one.get("code")) for one in failed] if isinstance(failed, list) else []
    return list(dict.fromkeys(codes)) or [row.rule.removeprefix("risk.")]


def _halted(halts: list[Halt], row: AuditRow) -> list[Halt]:
    """Whatever is said of the switch ends what was in force before."""
    ended = [
        Halt(h.level, h.by, h.reason, h.since, row.at) if h.until is None else h for h in halts
    ]
    if row.result == "off":
        return ended
    return [*ended, Halt(row.result, row.rule, str(row.facts.get("reason") or ""), row.at)]
