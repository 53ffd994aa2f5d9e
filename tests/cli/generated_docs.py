"""The parts of docs/cli.md and docs/configuration.md that follow from the code.

`python tests/cli/generated_docs.py` writes them anew; a test keeps them equal.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import typer

from execbot.cli.exit_codes import MEANING
from execbot.cli.group import load_command
from execbot.cli.main import COMMANDS, PROGRAM

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "tests"))

from pages.when_to_change import WHEN  # noqa: E402

CLI, CONFIGURATION = ROOT / "docs" / "cli.md", ROOT / "docs" / "configuration.md"
WIDTH = 88


def rendered(path: Path) -> str:
    """The file's text with every generated part as the code has it now."""
    text = path.read_text()
    for name, body in PARTS.items():
        text = re.sub(
            rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)",
            lambda match, body=body: match[1] + body() + match[2],  # type: ignore[misc]
            text,
            flags=re.DOTALL,
        )
    return text


def available() -> list[str]:
    """Commands whose module is there."""
    return [n for n, entry in COMMANDS.items() if find_spec(f"execbot.cli.commands.{entry.module}")]


def commands() -> str:
    rows = [f"| `{name}` | {COMMANDS[name].help} |" for name in available()]
    return "\n".join(rows) + "\n"


def exit_codes() -> str:
    rows = [f"| {int(code)} | {what} | {there} |" for code, (what, there) in MEANING.items()]
    return "\n".join(rows) + "\n"


def help_pages() -> str:
    pages = []
    for name in available():
        for path, help_text in pages_of(load_command(name), f"{PROGRAM} {name}"):
            pages.append(f"### {path}\n\n```text\n{help_text}\n```\n")
    return "\n".join(pages)


def pages_of(command: Any, path: str, parent: Any = None) -> Iterator[tuple[str, str]]:
    """A command and all below it, each with its `--help`."""
    context = typer.Context(
        command,
        info_name=path if parent is None else path.rpartition(" ")[2],
        parent=parent,
        terminal_width=WIDTH,
        max_content_width=WIDTH,
        help_option_names=["-h", "--help"],
    )
    text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    yield path, text
    for name, below in getattr(command, "commands", {}).items():
        yield from pages_of(below, f"{path} {name}", context)


def keys() -> str:
    """A table for each section of the shipped file: key, default, comment, when to change it."""
    out: list[str] = [*_HEAD]
    section: list[str] = []
    heading = ""
    for line in (ROOT / "trading.yaml").read_text().splitlines():
        if line.startswith("  # "):
            heading = line.removeprefix("  # ")
        match = re.match(r"^( +)([a-z_]+):\s*([^#]*?)\s*(?:#\s*(.*))?$", line)
        if not match:
            continue
        depth = len(match[1]) // 2
        section = [*section[: depth - 1], match[2]]
        value, meaning = match[3], match[4]
        if value or meaning:
            shown = f"`{value}`" if value else "see the file"
            key = ".".join(section)
            out.append(f"| `{key}` | {shown} | {meaning or ''} | {WHEN.get(key, '')} |")
        elif depth == 1:
            out += ["", f"### {match[2]}", "", *([heading, ""] if heading else []), *_HEAD]
            heading = ""
    return "\n".join(out) + "\n"


_HEAD = ("| key | default | meaning | change it |", "|---|---|---|---|")

PARTS = {"commands": commands, "exit codes": exit_codes, "help": help_pages, "keys": keys}

if __name__ == "__main__":
    for document in (CLI, CONFIGURATION):
        document.write_text(rendered(document))
        print(f"wrote {document}")
