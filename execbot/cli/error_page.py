"""Prints the last part of docs/errors.md: what may have happened for every exit code.

(python -m execbot.broker.error_page; python -m execbot.cli.error_page) > docs/errors.md
"""

from __future__ import annotations

from execbot.cli.exit_codes import AT_BROKER, MEANING

INTRODUCTION = """
## Exit codes: what may have happened at the broker

A command that fails says what was really done, not where it failed. Each request that may change
something is noted before its first byte leaves, and again when its answer was read. So an answer
that was read keeps its meaning although the journal failed meanwhile, an answer that was not read
is in doubt, and where a part was done the command ends with 12 and names it.

| code | | what may have happened at the broker |
|---|---|---|
"""


def markdown() -> str:
    rows = [f"| {int(code)} | {MEANING[code][0]} | {said} |\n" for code, said in AT_BROKER.items()]
    return "".join((INTRODUCTION, *rows))


if __name__ == "__main__":
    print(markdown(), end="")
