"""Chooses what may leave the journal: read within the transaction that will take it out."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date

from execbot.journal.archives.families import Link, Member, families, may_leave
from execbot.journal.archives.tables import LINKS, Taken
from execbot.journal.books import Books
from execbot.journal.codec import AMONG, listed
from execbot.journal.ledgers import TOGETHER
from execbot.model.times import day_begins, iso

ROWS_A_TIME = 5000

OTHERS_AN_ORDER = 8
"""At most so many signals, and decisions, that belong to no order leave for each order that may."""


def chosen(
    journal: Books, before: date, closed_plans: Collection[str], most: int = sys.maxsize
) -> Taken:
    """The orders from before a New York day that may leave, the oldest `most` of them (more where
    one family has more): none is open or recent, and none belongs to anything open or held.

    `closed_plans` are the statuses of plans that are over. Raises JournalError.
    """
    moment = iso(day_begins(before))
    members = {m.link.client_order_id: m for m in _members(journal, moment)}
    names = list(members)
    held = _held_back(journal, members.values(), moment, closed_plans)
    flat = _flat_before(journal, members.values(), before)
    links: list[Link] = []
    for family in families(member.link for member in members.values()):
        tied = {name for link in family for name in link.names()}
        if tied & held or not may_leave((members[x.client_order_id] for x in family), moment, flat):
            continue
        if links and len(links) + len(family) > most:
            break
        links += family
    orders = tuple(link.client_order_id for link in links)
    staying, others = set(names) - set(orders), most * OTHERS_AN_ORDER
    taken = Taken(
        orders=orders,
        order_ids=tuple(link.order_id for link in links if link.order_id),
        executions=tuple(_executions(journal, orders)),
        signals=tuple(
            _signals(journal, moment, {x.signal_id for x in links if x.signal_id}, others)
        ),
        plans=tuple(sorted({link.plan_id for link in links if link.plan_id})),
    )
    return _with_audit(journal, taken, moment, staying, others)


# --- orders ------------------------------------------------------------------------------------


def _members(journal: Books, moment: str) -> Iterator[Member]:
    rows = journal._rows(
        f"SELECT {LINKS}, status, alarm, max(intent_at, coalesce(sent_at, ''), "
        "coalesce(updated_at, '')) FROM orders WHERE intent_at < ? ORDER BY intent_at",
        (moment,),
    )
    names = listed(row[0] for row in rows)
    said: dict[str, str] = dict(
        tuple(row)
        for row in journal._rows(
            "SELECT client_order_id, max(recorded_at) FROM order_events "
            f"WHERE client_order_id {AMONG} GROUP BY client_order_id",
            (names,),
        )
    )
    fills: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    inferred: set[str] = set()
    for owner, symbol, at, changed_at, state in journal._rows(
        "SELECT client_order_id, symbol, at, changed_at, state FROM fills "
        f"WHERE client_order_id {AMONG}",
        (names,),
    ):
        fills[owner].append((symbol, at))
        said[owner] = max(said.get(owner, ""), changed_at or "")
        if state == "inferred":
            inferred.add(owner)
    for *link, status, alarm, last_at in rows:
        name = link[0]
        last = max(last_at, said.get(name, ""))
        known = tuple(fills.get(name, ()))
        yield Member(Link(*link), status, last, bool(alarm), name in inferred, known)


def _held_back(
    journal: Books, members: Iterable[Member], moment: str, closed_plans: Collection[str]
) -> set[str]:
    """Names, as `Link.names` has them, of relatives that keep a family here: younger orders, plans
    that are not over or were changed since, signals that are not finished."""
    links = [member.link for member in members]
    orders = listed(link.client_order_id for link in links)
    broker = listed(link.order_id for link in links if link.order_id)
    plans = listed({link.plan_id for link in links if link.plan_id})
    signals = listed({link.signal_id for link in links if link.signal_id})
    held = {
        f"o:{row[0]}"
        for row in journal._rows(
            f"SELECT parent_id FROM orders WHERE parent_id {AMONG} AND +intent_at >= ?",
            (orders, moment),
        )
    }
    held |= {
        f"b:{row[0]}"
        for row in journal._rows(
            f"SELECT replaces FROM orders WHERE replaces {AMONG} AND +intent_at >= ?",
            (broker, moment),
        )
    }
    held |= {
        f"p:{plan_id}"
        for plan_id, status, at in journal._rows(
            "SELECT f.plan_id, f.status, p.at FROM plans_in_force f JOIN exit_plans p "
            f"USING (plan_id, version) WHERE f.plan_id {AMONG}",
            (plans,),
        )
        if status not in closed_plans or at >= moment
    }
    return held | {
        f"s:{row[0]}"
        for row in journal._rows(
            f"SELECT signal_id FROM signals WHERE signal_id {AMONG} "
            "AND (outcome = 'claimed' OR updated_at >= ?)",
            (signals, moment),
        )
    }


def _flat_before(journal: Books, members: Iterable[Member], before: date) -> Mapping[str, str]:
    symbols = {symbol for member in members for symbol, _ in member.fills}
    found = {}
    for symbol in sorted(symbols):
        day = journal.day_before(symbol, before, lambda position: not position.qty)
        if day is not None:
            found[symbol] = iso(day_begins(day.day))
    return found


def _executions(journal: Books, orders: Iterable[str]) -> list[str]:
    sql = f"SELECT execution_id FROM fills WHERE client_order_id {AMONG}"
    return [row[0] for row in journal._rows(sql, (listed(orders),))]


def _signals(journal: Books, moment: str, of_orders: set[str], most: int) -> list[str]:
    """Those of the orders that leave, and the oldest finished ones that led to no order here."""
    rows = journal._rows(
        "SELECT s.signal_id, s.outcome, s.updated_at, o.client_order_id FROM signals s "
        "LEFT JOIN orders o ON o.client_order_id = s.client_order_id "
        "WHERE s.received_at < ? ORDER BY s.received_at",
        (moment,),
    )
    alone = [
        signal_id
        for signal_id, outcome, updated_at, order in rows
        if signal_id not in of_orders
        and (order is None and outcome != "claimed" and updated_at < moment)
    ]
    return [*(row[0] for row in rows if row[0] in of_orders), *alone[:most]]


# --- decisions ---------------------------------------------------------------------------------


def _with_audit(
    journal: Books, taken: Taken, moment: str, staying: Collection[str], most: int
) -> Taken:
    """Decisions about nothing that is kept leave too, but for the newest of a kind about a subject,
    and what contracts are one structure: those are asked for."""
    gone, seqs = frozenset(taken.subjects), list[int]()
    for seq, kind, subject in _decisions(journal, moment):
        if len(seqs) >= most:
            break
        if subject in gone or subject in staying or kind == TOGETHER:
            continue
        newer = journal._rows(
            "SELECT 1 FROM audit WHERE subject = ? AND seq > ? AND kind = ? LIMIT 1",
            (subject, seq, kind),
        )
        if newer and not _is_known(journal, subject):
            seqs.append(seq)
    return Taken(
        taken.orders, taken.order_ids, taken.executions, taken.signals, taken.plans, tuple(seqs)
    )


def _is_known(journal: Books, subject: str) -> bool:
    """Of an order, a plan or a signal that stays."""
    sql = (
        "SELECT 1 FROM orders WHERE client_order_id = :name UNION ALL "
        "SELECT 1 FROM plans_in_force WHERE plan_id = :name UNION ALL "
        "SELECT 1 FROM signals WHERE signal_id = :name LIMIT 1"
    ).replace(":name", "?")
    return bool(journal._rows(sql, (subject, subject, subject)))


def _decisions(journal: Books, moment: str) -> Iterator[tuple[int, str, str]]:
    """As they were written, until the first that is not past."""
    seq = 0
    sql = "SELECT seq, at, kind, subject FROM audit WHERE seq > ? ORDER BY seq LIMIT ?"
    while rows := journal._rows(sql, (seq, ROWS_A_TIME)):
        for seq, at, kind, subject in rows:
            if at >= moment:
                return
            yield seq, kind, subject
