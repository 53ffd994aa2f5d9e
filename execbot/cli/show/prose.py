"""Sentences on a terminal break between words, never within one. Pure."""

from __future__ import annotations

PROSE_WIDTH_MIN = 30
"""Narrower, a terminal breaks lines better than we do."""

_FIRST_WORDS = ("execbot ", "pip ", "export ", "unset ", "chmod ", "kill ", "mv ")
"""What begins so is a command: broken, it could not be copied any more."""

_MARKS = ("why:  ", "next: ", "- ")
"""Further lines begin where the words behind these do."""


def broken(line: str, width: int) -> str:
    """The line in as many as it needs; 0 is no terminal. Texts of several lines stay as they are,
    and so does what is data or a command."""
    if len(line) <= width or width < PROSE_WIDTH_MIN or "\n" in line or "\t" in line:
        return line
    if line.removeprefix("  next: ").startswith((*_FIRST_WORDS, "{", "[")):
        return line
    from textwrap import wrap

    bare = line.lstrip()
    hang = max(len(line) - len(bare), 2)
    hang += sum(len(mark) for mark in _MARKS if bare.startswith(mark))
    lines = wrap(
        line,
        width,
        subsequent_indent=" " * hang,
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
    )
    return "\n".join(lines)
