"""The tables of docs/exchange.md that come from code: faults, scenarios, deviations, operations.

PYTHONPATH=tests python -m sim.exchange_tables      writes them into the page
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from sim import coverage
from sim.deviations import DATA_DEVIATIONS, TRADING_DEVIATIONS
from support.paths import ROOT, alpaca_facts

from execbot.sim.faults.kinds import KINDS
from execbot.sim.faults.scenario import Scenario
from execbot.sim.wire.absent import ABSENT

PAGE = ROOT / "docs" / "exchange.md"
SCENARIOS = sorted((ROOT / "tests" / "scenarios").glob("*.yaml"))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def faults() -> str:
    rows = (
        (
            f"`{kind}`",
            ", ".join(f"`{name}` {_shown(value)}" for name, value in spec.params.items()) or "-",
            spec.about,
        )
        for kind, spec in KINDS.items()
    )
    return table(("kind", "parameters (default)", "what happens"), rows)


def _shown(value: object) -> str:
    return (
        "-" if value is None else f"{value:g}" if isinstance(value, float) else str(value).lower()
    )


def scenarios() -> str:
    read = [Scenario.read(path) for path in SCENARIOS]
    return table(("scenario", "source"), ((f"`{s.name}`", s.source) for s in read))


def deviations() -> str:
    rows = (
        (f"`{d.operation}`", d.what, f"`{d.field.replace('[[]]', '[]')}`", d.reason)
        for d in (*TRADING_DEVIATIONS, *DATA_DEVIATIONS)
    )
    return table(("operation", "difference", "field", "reason"), rows)


def absent() -> str:
    return table(("not served (404)", "why"), ((f"`{path}`", why) for path, why in ABSENT))


def operations() -> str:
    """Each of Alpaca's OpenAPI files with its totals and its operations."""
    parts = []
    for name in ("trading-api.json", "market-data-api.json"):
        spec = json.loads((alpaca_facts() / "openapi" / name).read_text(encoding="utf-8"))
        rows = list(coverage.operations(spec))
        title = f"{spec['info']['title']} {spec['info']['version']}"
        shown = table(("operation", "request", "here"), coverage.cells(rows))
        parts.append(f"{title}: {coverage.totals(rows)}.\n\n{shown}")
    return "\n\n".join(parts)


Tables = Mapping[str, Callable[[], str]]
TABLES: Tables = {
    "faults": faults,
    "scenarios": scenarios,
    "deviations": deviations,
    "absent": absent,
}
FROM_ALPACAS_FILES: Tables = {"operations": operations}


def with_tables(page: str, tables: Tables) -> str:
    """The page with each table between its markers made anew."""
    for name, make in tables.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        pattern = re.compile(f"{begin}.*?{end}", re.DOTALL)
        assert pattern.search(page), f"{begin} is missing in {PAGE}"
        made = f"{begin}\n{make()}\n{end}"
        page = pattern.sub(lambda _, made=made: made, page)  # type: ignore[misc]
    return page


if __name__ == "__main__":
    for tables in (TABLES, FROM_ALPACAS_FILES):
        text = with_tables(PAGE.read_text(encoding="utf-8"), tables)
        PAGE.write_text(text, encoding="utf-8")
