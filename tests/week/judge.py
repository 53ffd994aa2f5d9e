"""The judge: the exchange's record against what was said, evening by evening and at the end."""

from __future__ import annotations

from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from week import journal_side
from week.course import NEW_YORK
from week.machine import Ended
from week.phone import Heard
from week.record import Day, Record, Spell

if TYPE_CHECKING:
    from week.acting import Acting
    from week.play import Week

CENT = Fraction(1, 100)
LIVE = {"new", "accepted", "partially_filled", "held", "pending_new", "pending_replace",
        "pending_cancel", "accepted_for_bidding"}  # fmt: skip
OF_ALL = {"stream_lost", "blind", "journal", "watch.ended", "watch.resumed"}
"""Alerts that concern every symbol."""

BY_HAND = {"halted", "protection_suspended", "cash", "overfill", "execution_conflict"}
"""Alerts after which somebody would have to do something, or that would be false here."""

MEMORY_GROWTH_KB = 12_000
"""Of one process from its second close to its last: what has ended is forgotten."""

BYTES_AN_ORDER = 30_000
"""Of journal and logs together, legs counted as orders, over the first megabytes."""

FIRST_BYTES = 24_000_000
"""The write-ahead log keeps the room that it once needed, some sixteen."""

EXCUSED = timedelta(minutes=10)

CLOSE_SEEN = timedelta(minutes=4)
"""So long after a close its equity is sampled."""

EQUITY_MOVES = Fraction(2, 10_000)
"""Of equity, in those minutes of after-hours trading; a share that is missing is more."""


@dataclass
class Verdict:
    problems: list[str] = field(default_factory=list)
    told: list[Spell] = field(default_factory=list)
    untold_longest: float = 0.0
    spells: int = 0
    record: Record | None = None
    days: dict[date, Day] = field(default_factory=dict)
    jobs: Counter[str] = field(default_factory=Counter)
    excused: Counter[str] = field(default_factory=Counter)


# --- in the evening ---------------------------------------------------------------------------


def evening(week: Week, day: date) -> None:
    """After the close, when the hourly jobs have come round."""
    record, differs, differing = _compared(week)
    found = [f"the record: {line}" for line in differs]
    code, data, said = journal_side.ask(week, "reconcile")
    if code:
        found.append(f"reconcile ends with {code}: {said.strip()[:300]} {str(data)[:600]}")
    found += [f"journal: {line}" for line in differing[:6]]
    found += wrong_report(week, day, record.day(day))
    found += wrong_cash(week, day, record)
    code, data, said = journal_side.ask(week, "health")
    if code:
        found.append(f"health ends with {code}: {failing(data)} {said.strip()[:300]}")
    week.halted |= {why: day for why in failing(data, "entries") if why not in week.halted}
    week.problems += [f"{day}: {line}" for line in found]
    sample(week, day, record)
    week.tell(
        f"  {day} {len(record.orders)} orders, {record.day(day).fills} fills today, "
        f"watch {week.samples.memory_kb.get(day, 0) / 1024:.1f} MB, "
        f"state {week.samples.state_bytes[day] / 1e6:.1f} MB"
        + "".join(f"\n    PROBLEM {line}" for line in found)
    )


def _compared(week: Week) -> tuple[Record, list[str], list[str]]:
    """The record, how it differs from its own rows, and how the journal differs from it. After the
    close an exit may fill between two of these reads: what differs is looked at once more."""
    for is_last in (False, False, True):
        record = week.venue.record()
        differs = record.differs_from_rows()
        differing = journal_side.differences(journal_side.read_books(week), record)
        if is_last or not (differs or differing):
            break
        week.rest()
    return record, differs, differing


def failing(data: Any, check: str = "") -> list[str]:
    """What `health` finds that fails; of one check whatever is not well."""
    with suppress(TypeError, KeyError, AttributeError):
        rows = data.get("checks") or data.get("findings") or []
        results = [(row, str(row.get("result") or row.get("status")).upper()) for row in rows]
        return [f"{row.get('check')}: {row.get('detail')}" for row, result in results
                if (row.get("check") == check and result != "OK" if check
                    else result == "FAIL")]  # fmt: skip
    return []


def wrong_report(week: Week, day: date, mine: Day, *, with_fees: bool = False) -> list[str]:
    """The daily report against what the record adds up to."""
    code, said, err = journal_side.ask(week, "report", "--daily", "--date", day.isoformat())
    if said is None or code:
        return [f"report of {day} ends with {code}: {err.strip()[:300]}"]
    pairs = {
        "fills": (Fraction(len(said["fills"])), Fraction(mine.fills)),
        "bought": (Fraction(said["bought"]), mine.bought),
        "sold": (Fraction(said["sold"]), mine.sold),
        "realized": (Fraction(said["realized_pl"]), mine.realized),
    }
    if with_fees:
        pairs["fees"] = (Fraction(said["fees"] or 0), mine.fees)
    return [
        f"report of {day}: {name} {float(theirs):.4f}, the exchange's record {float(ours):.4f}"
        for name, (theirs, ours) in pairs.items()
        if abs(theirs - ours) >= CENT
    ]


def wrong_cash(week: Week, day: date, record: Record) -> list[str]:
    """Cash by every row, as the exchange says it, and as `execbot account` does: to the cent."""
    there = week.venue.money(day)
    if there is None:
        return []
    code, said, err = journal_side.ask(week, "account")
    if said is None or code:
        return [f"account ends with {code}: {err.strip()[:300]}"]
    told = {"the rows": record.cash(), "execbot account": Fraction(str(said["cash"]))}
    return [f"cash by {whose} {float(cash):.2f}, by the exchange {float(there.cash):.2f}"
            for whose, cash in told.items() if abs(cash - there.cash) >= CENT]  # fmt: skip


def wrong_equity(week: Week, day: date) -> list[str]:
    """Equity at a close as the reports have it. Ours is sampled in the moments after the close, in
    which what is held may have moved by a trifle."""
    there = week.venue.money(day)
    if there is None or there.closed is None:
        return []
    _, said, _ = journal_side.ask(week, "report", "--daily", "--date", day.isoformat())
    rows = (said or {}).get("days") or []
    ours = next((row["equity"] for row in rows if row["date"] == day.isoformat()), None)
    if ours is None:
        close = week.course.sessions[day].close
        was_off = any(start <= close + CLOSE_SEEN and close <= end for start, end in week.off)
        return [] if was_off else [f"equity at the close of {day} is not known"]
    week.samples.equity[day] = float(Fraction(str(ours)) - there.closed)
    if abs(Fraction(str(ours)) - there.closed) <= EQUITY_MOVES * there.closed:
        return []
    return [f"equity at the close of {day}: {ours}, by the exchange {float(there.closed):.2f}"]


def sample(week: Week, day: date, record: Record) -> None:
    pid = week.watch_pid()
    if pid is not None:
        with suppress(OSError):
            week.samples.memory_kb[day] = journal_side.memory_kb(pid)
            week.samples.process[day] = pid
    week.samples.state_bytes[day] = journal_side.state_bytes(week)
    week.samples.orders[day] = len(record.flat)


# --- at the end ---------------------------------------------------------------------------------


def final(week: Week, acting: Acting) -> Verdict:
    """Over all that was played. The machine is off by now, its disk still there."""
    record = week.venue.record()
    verdict = Verdict(list(week.problems), record=record)
    found = verdict.problems
    found += [f"oversold: {line}" for line in record.oversold()[:3]]
    found += twice(week, record)
    _bare(week, acting, record, verdict)
    _ends(week, acting, verdict)
    for day in week.course.sessions:
        verdict.days[day] = record.day(day)
        found += wrong_report(week, day, verdict.days[day], with_fees=True)
        found += wrong_equity(week, day)
    found += _heard_once(week)
    found += [
        f"this needs a person: {heard.at:%m-%d %H:%M} {heard.title}: {heard.body[:300]}"
        for heard in week.phone.heard
        if heard.kind in BY_HAND
    ]
    found += _grown(week)
    return verdict


def twice(week: Week, record: Record) -> list[str]:
    """No signal bought more than it said; no order that nobody asked for."""
    assert week.strategy is not None
    bought: defaultdict[str, Fraction] = defaultdict(Fraction)
    found = []
    for row in record.orders:
        if row["side"] != "buy":
            continue
        name = next(
            (n for n in _origins(row["client_order_id"]) if n in week.strategy.wishes), None
        )
        if name is None:
            found.append(f"an order that nobody asked for: {row['client_order_id']}")
            continue
        bought[name] += Fraction(row["qty"] if row["status"] in LIVE else row["filled_qty"])
    for name, qty in bought.items():
        if qty > week.strategy.wishes[name].qty:
            found.append(f"{name} asked for {week.strategy.wishes[name].qty}, bought {qty}")
    found += [f"not answered: {wish.id}" for wish in week.strategy.unanswered()[:3]]
    found += [f"the strategy's run ended with {code}" for code in week.strategy.ends]
    return found


def _origins(client_order_id: str) -> list[str]:
    """The intent's name, and that without what another attempt at it adds."""
    rest = client_order_id.removeprefix("execbot-signal-")
    return [rest, rest.rpartition(".")[0], rest.rpartition("-")[0]]


def _bare(week: Week, acting: Acting, record: Record, verdict: Verdict) -> None:
    """Shares without a stop for longer than the alarm's time, and nobody told."""
    wanted = week.wanted
    limit = wanted.alarm_seconds + SLACK_SECONDS * wanted.speed
    slack = timedelta(seconds=SLACK_SECONDS * wanted.speed)
    unwatched = _unwatched(week, slack)
    for spell in record.spells():
        verdict.spells += 1
        seconds = _watched_seconds(spell, unwatched)
        if seconds <= limit:
            verdict.untold_longest = max(verdict.untold_longest, seconds)
        elif any(_tells(heard, spell, slack) for heard in week.phone.heard):
            verdict.told.append(spell)
        else:
            verdict.problems.append(f"without a stop, and nobody was told: {spell}")


SLACK_SECONDS = 3.0
"""What a busy machine may take on top, in its own seconds."""


def _unwatched(week: Week, slack: timedelta) -> list[tuple[datetime, datetime]]:
    """While there was no power, and while `watch` was being started again."""
    found = [(start, end + slack * 5) for start, end in week.off]
    found += [(run.ended - slack, run.ended + slack * 5) for run in week.machine.ended
              if run.is_lasting]  # fmt: skip
    return found


def _watched_seconds(spell: Spell, unwatched: list[tuple[datetime, datetime]]) -> float:
    """The longest stretch of it in which somebody watched."""
    pieces = [(spell.start, spell.end)]
    for start, end in unwatched:
        parts = [((a, min(b, start)), (max(a, end), b)) for a, b in pieces]
        pieces = [piece for both in parts for piece in both if piece[0] < piece[1]]
    return max(((b - a).total_seconds() for a, b in pieces), default=0.0)


def _tells(heard: Heard, spell: Spell, slack: timedelta) -> bool:
    if not spell.start - slack <= heard.at <= spell.end + slack:
        return False
    return heard.kind in OF_ALL or spell.symbol in f"{heard.title} {heard.body}"


def _ends(week: Week, acting: Acting, verdict: Verdict) -> None:
    """Jobs that failed although nothing was wrong, and a `watch` that ended by itself."""
    grace = max(EXCUSED, timedelta(seconds=20 * week.wanted.speed))
    blamed = [(trouble.at, trouble.until + grace) for trouble in acting.done]
    for run in week.machine.ended:
        verdict.jobs[run.job] += 1
        if run.code == 0 or run.was_cut:
            continue
        if any(start <= run.ended and run.began <= end for start, end in blamed):
            verdict.excused[f"{run.job}: {run.code}"] += 1
        else:
            verdict.problems.append(_words(run))


def _words(run: Ended) -> str:
    return f"{run.job} at {run.began:%m-%d %H:%M} ended with {run.code}: {run.said.strip()[-400:]}"


def _heard_once(week: Week) -> list[str]:
    """One report for each session, one all-clear for each morning that the machine was on."""
    found = []
    reports = Counter(heard.title.rpartition(" ")[2] for heard in week.phone.heard
                      if heard.kind == "report.daily")  # fmt: skip
    for day in week.judged:
        if reports[day.isoformat()] != 1:
            found.append(f"the report of {day} was told {reports[day.isoformat()]} times")
    mornings = Counter(
        beat.at.astimezone(NEW_YORK).date() for beat in week.phone.beats
        if beat.job == "all_clear" and beat.event == "start"
    )  # fmt: skip
    clear = Counter(heard.at.astimezone(NEW_YORK).date() for heard in week.phone.heard
                    if heard.kind in ("health.all_clear", "health.not_clear"))  # fmt: skip
    found += [f"the all-clear of {day} was told {clear[day]} times"
              for day in mornings if clear[day] != 1]  # fmt: skip
    return found


def _grown(week: Week) -> list[str]:
    """Memory of `watch` and bytes on the disk."""
    found = []
    for memory in week.samples.by_process().values():
        _, *settled = memory  # the first close of a process may come minutes after its start
        if settled and settled[-1] - settled[0] > MEMORY_GROWTH_KB:
            found.append(f"memory of watch grew from {settled[0]} to {settled[-1]} kB")
    days = list(week.samples.orders)
    if days:
        size, orders = week.samples.state_bytes[days[-1]], week.samples.orders[days[-1]]
        if size > FIRST_BYTES + BYTES_AN_ORDER * orders:
            found.append(f"{size} bytes on the disk for {orders} orders")
    return found
