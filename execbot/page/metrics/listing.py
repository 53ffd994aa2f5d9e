"""The table of docs/metrics.md. `python -m execbot.page.metrics.listing` prints the page anew; a
test keeps it equal."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from prometheus_client.core import Metric

from execbot.exits.rules.view import Guarded
from execbot.model.enums import PositionSide, Side
from execbot.page.metrics.families import families
from execbot.page.metrics.reading import (
    REJECTION_KINDS,
    Figures,
    FromJournal,
    HeldTotals,
    OrdersNow,
    Traded,
)
from execbot.page.metrics.tally import Tally
from execbot.page.metrics.webhook import families_of
from execbot.page.signals.app import STATUSES
from execbot.page.signals.rows import State
from execbot.risk.kill_switch import Level

T = TypeVar("T")

PAGE = Path("docs", "metrics.md")
"""In a checkout, from its top."""
LABELS_SHOWN_MAX = 9


def rendered(page: str) -> str:
    """The page with the table as the code has it now."""
    head = "| metric | kind | labels | meaning |\n|---|---|---|---|\n"
    table = head + "".join(f"{row}\n" for row in rows())
    return re.sub(
        r"(<!-- generated from [^\n]*-->\n).*?(<!-- end -->)",
        lambda found: f"{found[1]}{table}{found[2]}",
        page,
        flags=re.DOTALL,
    )


def rows() -> Iterator[str]:
    for family in [*families(nothing(), "sim"), *families_of(_none(STATUSES), _none(State), None)]:
        name = f"{family.name}_total" if family.type == "counter" else family.name
        yield f"| `{name}` | {family.type} | {_labels(family)} | {family.documentation} |"


def _labels(family: Metric) -> str:
    """Names, and the values where they are few."""
    values: dict[str, dict[str, None]] = {}
    for sample in family.samples:
        for label, value in sample.labels.items():
            if label != "le":
                values.setdefault(label, {})[value] = None
    return "; ".join(
        f"`{label}`: {', '.join(found)}" if 1 < len(found) <= LABELS_SHOWN_MAX else f"`{label}`"
        for label, found in values.items()
    )


def nothing() -> Figures:
    """What is scraped of an account on which nothing has happened."""
    zero = Decimal(0)
    holding = HeldTotals(
        dict(_none(PositionSide)),
        dict.fromkeys(PositionSide, zero),
        dict(_none(Guarded)),
        zero,
        zero,
        dict.fromkeys(PositionSide, zero),
        zero,
    )
    journal = FromJournal(
        Tally(REJECTION_KINDS),
        Traded(dict(_none(Side)), dict.fromkeys(Side, zero)),
        holding,
        OrdersNow(0, 0, 0),
        None,
        Level.OFF,
        None,
    )
    return Figures(journal, "", {"journal": 0, "wal": 0}, False, None)


def _none(keys: Iterable[T]) -> Counter[T]:
    return Counter(dict.fromkeys(keys, 0))


if __name__ == "__main__":
    print(rendered(PAGE.read_text()), end="")
