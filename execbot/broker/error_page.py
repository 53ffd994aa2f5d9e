"""Prints the first part of docs/errors.md from the tables; the rest: `execbot.cli.error_page`."""

from __future__ import annotations

from collections.abc import Iterable

from execbot.broker.error_table import ROWS
from execbot.broker.errors import NETWORK_ROWS, TLS_ROW
from execbot.broker.remedy import CATEGORY_OF, Remedy
from execbot.broker.stream_errors import DATA_STREAM_ROWS

INTRODUCTION = """\
# Errors from the broker

Printed by `python -m execbot.broker.error_page` and, the last part, `python -m
execbot.cli.error_page` from the tables in `execbot/broker/` and `execbot/cli/`; do not edit.

Everything that can go wrong between execbot and the broker is one `BrokerError`. Under `--json` it
shows as `kind`, `category`, `error`, `hint`, `next`, and where they exist `code`, `status`,
`request_id` and `client_order_id`; Alpaca's own words stay in the library's `said`.

| category | meaning |
|---|---|
| retryable | nothing happened at the broker; the same request may be sent again |
| adjustable | nothing happened; another request may be accepted |
| waiting | look at the state again before anything else: it changes, is reached, or is in doubt |
| fatal | stop: wrong input, or something that a human must settle |

**In doubt.** A write (POST, PATCH, DELETE) that left this machine and got no answer, a 5xx, a
timeout (408), a conflict (409, 425) or an answer that cannot be read, may have been carried out. It
is marked `in_doubt`, never sent again blindly, and settled by looking the order up by its
`client_order_id`. The same failure of a read changed nothing and is retryable. A 429 was not
executed.

| what a program does (`remedy`) | category |
|---|---|
"""

MORE_ROWS: tuple[tuple[str, Remedy, str], ...] = (
    ("broker.rejected", Remedy.FATAL_REQUEST, "A refusal that the table does not know"),
    (
        "broker.bad_reply",
        Remedy.IN_DOUBT,
        "An answer that is not Alpaca's: HTML, empty, broken, no order; 408, 409 or 425",
    ),
    ("broker.redirected", Remedy.FATAL_REQUEST, "A redirect; it is not followed"),
    ("broker.no_options", Remedy.FATAL_REQUEST, "A broker without option contracts"),
    ("broker.paging_stuck", Remedy.RETRY, "A list that never ends; it is not used"),
    ("stream.bad_url", Remedy.FATAL_REQUEST, "A stream URL that cannot be used"),
    ("stream.not_found", Remedy.FATAL_REQUEST, "No stream at this address"),
)


def markdown() -> str:
    """The whole page."""
    parts = [
        INTRODUCTION,
        *(f"| {remedy.value} | {CATEGORY_OF[remedy].value} |\n" for remedy in Remedy),
        "\n## Refusals and failures of the API\n\n",
        "The first row that fits wins: HTTP status, then words of the message.\n\n",
        "| kind | HTTP | remedy | what | why | next |\n|---|---|---|---|---|---|\n",
    ]
    for row in ROWS:
        cells = (f"`{row.kind}`", _statuses(row.statuses), row.remedy.value)
        parts.append(_line(*cells, row.says, row.hint, row.next_step))
    parts.append("\n## Other answers\n\n| kind | remedy | what |\n|---|---|---|\n")
    parts += [_line(f"`{kind}`", remedy.value, says) for kind, remedy, says in MORE_ROWS]
    parts.append("\n## No answer\n\n")
    parts.append("In doubt for a write of which a byte may have left, else retryable.\n\n")
    parts.append("| kind | what | why |\n|---|---|---|\n")
    for network in (*NETWORK_ROWS, TLS_ROW):
        parts.append(_line(f"`{network.kind}`", network.says, network.hint))
    parts.append("\n## Codes of the market data streams\n\n")
    parts.append("| code | kind | the connection | what | next |\n|---|---|---|---|---|\n")
    for code, stream in DATA_STREAM_ROWS.items():
        cells = (str(code), f"`{stream.kind}`", stream.after.value)
        parts.append(_line(*cells, stream.says, stream.next_step))
    return "".join(parts)


def _line(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _statuses(statuses: Iterable[int]) -> str:
    found = list(statuses)
    return "other 5xx" if len(found) > 10 else " ".join(str(status) for status in found)


if __name__ == "__main__":
    print(markdown(), end="")
