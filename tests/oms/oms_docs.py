"""Prints the generated parts of docs/oms.md from the code: run me after changing the table."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

from execbot.model.enums import (
    ENDS,
    LOCAL_STATUSES,
    NOT_YET_ROUTED,
    REPORTS,
    WORKING_STATUSES,
    OrderStatus,
)
from execbot.oms.machine.changes import EventName
from execbot.oms.machine.table import ACTS, Verdict, verdict
from execbot.oms.sync.breaks import BREAKS

PAGE = Path(__file__).parents[2] / "docs" / "oms.md"
_PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_MARK = {Verdict.MOVE: "→", Verdict.STAY: "·", Verdict.ILLEGAL: "✗"}


GROUPS: dict[str, frozenset[OrderStatus]] = {
    "ours": LOCAL_STATUSES,
    "at_alpaca": NOT_YET_ROUTED,
    "at_the_venue": WORKING_STATUSES - NOT_YET_ROUTED,
    "ended": ENDS,
}
"""Statuses with the same rows in the table: one box each."""


def moves_between(first: frozenset[OrderStatus], second: frozenset[OrderStatus]) -> bool:
    """Whether reports lead from one group to the other: from all of it to all, or not at all."""
    found = {verdict(current, reported) is Verdict.MOVE for current in first for reported in second}
    assert len(found) == 1, "the groups of the diagram no longer fit the table"
    return found.pop()


def diagram() -> str:
    """The table as a picture: arrows with a name are acts, the others reports of the broker."""
    lines = ["```mermaid", "stateDiagram-v2"]
    for name, members in GROUPS.items():
        lines.append(f"    state {name} {{")
        lines += [f"        {status.value}" for status in sorted(members)]
        lines.append("    }")
    for current, acts in ACTS.items():
        if current in WORKING_STATUSES:
            continue
        start = "[*]" if current is None else current.value
        lines += [f"    {start} --> {end.value}: {act.value}" for act, end in acts.items()]
    for first, second in permutations(GROUPS, 2):
        if second != "ours" and moves_between(GROUPS[first], GROUPS[second]):
            lines.append(f"    {first} --> {second}")
    lines.append("    ended --> [*]")
    return "\n".join([*lines, "```"])


def table() -> str:
    """Rows are what the order is, columns what is reported."""
    columns = sorted(REPORTS)
    rows = [status for status in OrderStatus if status not in LOCAL_STATUSES]
    lines = [
        "`→` it takes the status on (among working ones, if the report is younger), `·` old news, "
        "`✗` contradiction: recorded, changes nothing.",
        "",
        "| it is \\ reported | " + " | ".join(column.value for column in columns) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for row in rows:
        cells = [_MARK[verdict(row, column)] for column in columns]
        lines.append(f"| {row.value} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def acts() -> str:
    """Every act and where it leads from which status."""
    lines = ["| it is | act → it becomes |", "|---|---|"]
    for current, moves in ACTS.items():
        if current in WORKING_STATUSES:
            continue
        name = "(nothing yet)" if current is None else current.value
        words = ", ".join(f"{act.value} → {end.value}" for act, end in moves.items())
        lines.append(f"| {name} | {words}; any report of the broker → that status |")
    lines[2] = lines[2].replace("; any report of the broker → that status", "")
    lines.append("| any working status | abandon → canceled |")
    return "\n".join(lines)


def breaks() -> str:
    lines = ["| kind | likely cause | what to do |", "|---|---|---|"]
    lines += [f"| `{kind}` | {words.cause} | {words.hint} |" for kind, words in BREAKS.items()]
    return "\n".join(lines)


def events() -> str:
    return ", ".join(f"`{name.value}`" for name in EventName) + "."


PARTS: dict[str, Callable[[], str]] = {
    "diagram": diagram,
    "table": table,
    "acts": acts,
    "breaks": breaks,
    "events": events,
}


def rendered(text: str) -> str:
    """The page with every generated part printed anew."""
    return _PART.sub(
        lambda found: f"{found.group(1)}{PARTS[found.group(2)]()}\n{found.group(3)}", text
    )


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text()))
