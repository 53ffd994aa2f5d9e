"""The confirmation of an execution as a sentence and a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from execbot.cli.show.output import Table
from execbot.desk.executions import confirmation_rows, in_words

if TYPE_CHECKING:
    from execbot.desk.executions import Confirmation as Confirmation


def confirmation_views(item: Confirmation) -> list[Table | str]:
    """What it came to in one line, then every figure."""
    rows = [(name, value) for name, value in confirmation_rows(item)]
    table = Table(
        ("figure", "value"),
        rows,
        title="Execution",
        wrap=frozenset({"value"}),
    )
    return [in_words(item), table]
