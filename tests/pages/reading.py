"""The pages as tests read them: which there are, their links and headings, their commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from support.paths import ROOT

SHELLS = ("console", "sh", "bash", "crontab")
"""Languages of the blocks that hold commands. In `console` a line with one begins with `$`."""

_FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
_SEPARATORS = {"|", "||", "&&", ";", "&"}


class Command(NamedTuple):
    """Words after `execbot`, and where they stand. `is_named`: in a sentence, perhaps without what
    it needs to run."""

    words: tuple[str, ...]
    where: str
    is_named: bool = False


def pages() -> list[Path]:
    """Every page of the project, the ones about the tests included."""
    beside = list(ROOT.glob("*.md"))
    below = [path for name in ("docs", "findings", "tests") for path in (ROOT / name).rglob("*.md")]
    return sorted(beside + below)


def prose(text: str) -> str:
    """A page without its blocks of code: what links and headings are looked for in."""
    return _FENCE.sub("", text)


def links(text: str) -> list[str]:
    bare = re.sub(_SPAN, "", prose(text))
    return [one or other for one, other in _LINK.findall(bare)]


def anchors(text: str) -> set[str]:
    """The names that headings get from GitHub and mkdocs, and those that a page gives itself."""
    found = set(re.findall(r'<a (?:id|name)="([^"]+)"', text))
    for heading in re.findall(r"^#+ +(.+)$", prose(text), re.MULTILINE):
        plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        found.add(re.sub(r" ", "-", re.sub(r"[^\w\- ]", "", plain)))
    return found


def blocks(text: str, *languages: str) -> list[str]:
    return [body for _, language, body in _FENCE.findall(text) if language in languages]


def shell_lines(text: str) -> Iterator[str]:
    """Lines of the blocks with commands, continued ones joined, without prompt; and the examples
    in a command's help."""
    for _, language, body in _FENCE.findall(text):
        if language == "text":
            joined = re.sub(r"\\\n\s*", "", body)
            yield from re.findall(r"^    (execbot .*)$", joined, re.MULTILINE)
        if language not in SHELLS:
            continue
        for line in re.sub(r"\\\n\s*", "", body).splitlines():
            if language == "console" and not line.startswith("$ "):
                continue
            yield line.removeprefix("$ ").strip()


def commands(page: Path) -> Iterator[Command]:
    """Every command of ours on a page: in blocks, and between backticks in the text."""
    text = page.read_text(encoding="utf-8")
    for line in shell_lines(text):
        yield from _in_line(line, f"{page.relative_to(ROOT)}: {line}")
    for span in _SPAN.findall(prose(text)):
        if span.startswith("execbot ") and "execbot-" not in span:
            where = f"{page.relative_to(ROOT)}: `{span}`"
            yield from (found._replace(is_named=True) for found in _in_line(span, where))


def _in_line(line: str, where: str) -> Iterator[Command]:
    """Commands of one line of shell: several with pipes or in sequence, after variables."""
    line = re.sub(r"\$\([^()]*\)", "NOW", line)
    if re.match(r"^[-@*\d/,]+ ", line):  # a line of a crontab: five fields and the command
        line = line if line.startswith("@") else " ".join(line.split()[5:])
    reader = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    reader.whitespace_split, reader.commenters = True, "#"
    words: list[str] = []
    for word in [*reader, ";"]:
        if word in _SEPARATORS:
            command = _of_ours(words)
            if command is not None:
                yield Command(command, where)
            words = []
        else:
            words.append(word)


def _of_ours(words: list[str]) -> tuple[str, ...] | None:
    while words and re.match(r"^\w+=|^(sudo|exec|time|env)$", words[0]):
        words = words[1:]
    if not words or Path(words[0]).name != "execbot":
        return None
    kept = list(_without_redirections(words[1:]))
    return tuple(kept)


def _without_redirections(words: list[str]) -> Iterator[str]:
    """`> FILE` and `2>&1` are the shell's: a number counts as such only before a sign."""
    number = 0
    while number < len(words):
        word, after = words[number], words[number + 1 : number + 2]
        if set(word) <= set("<>&"):
            number += 2
        elif word.isdigit() and after and set(after[0]) <= set("<>&"):
            number += 3
        else:
            yield word
            number += 1
