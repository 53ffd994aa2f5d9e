"""What a run amounted to, in figures."""

from __future__ import annotations

from collections import Counter

from week.judge import Verdict
from week.play import Week


def summary(week: Week, verdict: Verdict, seconds: float) -> str:
    assert verdict.record is not None and week.strategy is not None
    record, strategy = verdict.record, week.strategy
    days = verdict.days.values()
    answers = Counter(str(a.get("reason") or a.get("outcome")) for a in strategy.answers.values())
    heard = Counter(heard.kind for heard in week.phone.heard)
    pings = Counter(f"{beat.job} {beat.event}" for beat in week.phone.beats)
    memory = [kb / 1024 for kb in week.samples.memory_kb.values()]
    size = list(week.samples.state_bytes.values())
    orders = list(week.samples.orders.values())
    lines = [
        f"seed {week.wanted.seed}, speed {week.wanted.speed:g}, {seconds / 60:.1f} minutes",
        f"sessions {len(week.course.sessions)}, signals {len(strategy.wishes)}: {_counts(answers)}",
        f"orders {len(record.flat)}, fills {sum(day.fills for day in days)}, "
        f"traded {float(sum(day.bought + day.sold for day in days)):,.2f} USD, "
        f"realized {float(sum(day.realized for day in days)):,.2f}, "
        f"fees {float(sum(day.fees for day in days)):,.2f}",
        f"stretches without a stop {verdict.spells}: the longest in order "
        f"{verdict.untold_longest:.1f} s of the exchange's "
        f"({verdict.untold_longest / week.wanted.speed:.2f} s of this machine's); longer and told "
        f"{len(verdict.told)}",
        f"jobs: {_counts(verdict.jobs)}",
        f"failed while something was wrong: {_counts(verdict.excused)}",
        f"told to a person: {_counts(heard)}",
        f"pings: {_counts(pings)}",
    ]
    if week.samples.equity:
        off = ", ".join(f"{usd:+.2f}" for usd in week.samples.equity.values())
        lines.append(f"equity at the closes, ours less the exchange's: {off} USD")
    if memory:
        lines.append(f"memory of watch at the closes: {', '.join(f'{mb:.1f}' for mb in memory)} MB")
    if size and orders[-1]:
        lines.append(
            f"on the disk {size[-1] / 1e6:.1f} MB, {size[-1] / orders[-1] / 1e3:.1f} kB an order"
        )
    lines += [
        f"from {day} on nothing was entered until a person resumes: {why}"
        for why, day in week.halted.items()
    ]
    lines += [f"PROBLEM {line}" for line in verdict.problems]
    lines.append("no problem" if not verdict.problems else f"{len(verdict.problems)} problems")
    return "\n".join(lines)


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counter.items())) or "none"
