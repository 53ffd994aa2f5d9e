"""The parts of the pages that follow from the code: `python tests/pages/generated.py` writes them.

A part stands between `<!-- generated: NAME -->` and `<!-- end -->`; `test_diagrams.py` keeps every
one equal to the code.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "tests"))

from pages import error_tree, event_format, order_flow, position_states, site_map  # noqa: E402

Parts = dict[str, Callable[[], str]]

PAGES: dict[Path, Parts] = {
    ROOT / "mkdocs.yml": {"nav": site_map.nav},
    DOCS / "diagrams" / "order-flow.md": {"flow": order_flow.diagram},
    DOCS / "diagrams" / "position-states.md": {
        "states": position_states.states,
        "diagram": position_states.diagram,
        "guards": position_states.guards,
    },
    DOCS / "diagrams" / "error-tree.md": {
        "tree": error_tree.diagram,
        "ways": error_tree.table,
    },
    DOCS / "events.md": {
        "event columns": event_format.event_columns,
        "kinds": event_format.kinds,
        "sources": event_format.sources,
        "results": event_format.results,
        "words": event_format.words,
        "names": event_format.names,
        "audit columns": event_format.audit_columns,
        "audits": event_format.audits,
        "tables": event_format.tables,
    },
}


def rendered(page: Path) -> str:
    """The page with every generated part as the code has it now."""
    text = page.read_text(encoding="utf-8")
    for name, body in PAGES[page].items():
        pattern = rf"(<!-- generated: {name} -->\n).*?((?:  # )?<!-- end -->)"
        assert re.search(pattern, text, re.DOTALL), f"{page.name} has no part {name}"
        text = re.sub(
            pattern,
            lambda match, body=body: match[1] + body() + match[2],  # type: ignore[misc]
            text,
            flags=re.DOTALL,
        )
    return text


if __name__ == "__main__":
    for each in PAGES:
        each.write_text(rendered(each), encoding="utf-8")
        print(f"wrote {each.relative_to(ROOT)}")
