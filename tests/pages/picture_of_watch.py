"""Makes the README's picture: the screen of `watch` as a terminal showed it in a real session.

    python tests/pages/picture_of_watch.py          writes docs/pictures/watch.svg

Orders are given on the built-in exchange in an empty home, `watch` runs at a terminal of its own,
and what that terminal shows in the end is drawn by Rich. Prices and times are those of the day.
"""

from __future__ import annotations

import io
import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from itertools import groupby
from pathlib import Path

import pyte
from rich.console import Console
from rich.style import Style
from rich.text import Text

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "docs" / "pictures" / "watch.svg"
COLUMNS, LINES = 132, 26
EXECBOT = [sys.executable, "-m", "execbot"]

BEFORE = (
    "submit AAPL --qty 20 --stop-loss 2% --take-profit 2R --wait 10",
    "submit KO --qty 60 --stop-loss 1.5% --take-profit 1R --take-profit 2R --wait 10",
)
DURING = (
    "signal NVDA buy --strength 82",
    "submit MSFT --qty 10 --limit 400",
)
WATCHED_SECONDS = 25


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        env = {
            "HOME": home,
            "PATH": os.environ["PATH"],
            "EXECBOT_MODE": "sim",
            "TERM": "xterm-256color",
            "COLUMNS": str(COLUMNS),
            "LINES": str(LINES),
        }
        for words in BEFORE:
            subprocess.run([*EXECBOT, *words.split()], env=env, cwd=home, check=True)
        screen = watched(env, home)
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(drawn(screen), encoding="utf-8")
    print(f"wrote {PICTURE.relative_to(ROOT)}")


def watched(env: dict[str, str], home: str) -> pyte.Screen:
    """The screen of `watch` after a while in which more orders came."""
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*EXECBOT, "watch"], env=env, cwd=home, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    follow(ours, stream, 5)
    for words in DURING:
        subprocess.run([*EXECBOT, *words.split()], env=env, cwd=home, check=True)
    follow(ours, stream, WATCHED_SECONDS)
    shown = [dict(screen.buffer[line]) for line in range(LINES)]
    process.send_signal(signal.SIGINT)
    follow(ours, stream, 6)
    process.wait(30)
    for line, cells in enumerate(shown):
        screen.buffer[line].clear()
        screen.buffer[line].update(cells)
    return screen


def follow(terminal: int, stream: pyte.ByteStream, seconds: float) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        ready, _, _ = select.select([terminal], [], [], left)
        if ready:
            try:
                stream.feed(os.read(terminal, 65536))
            except OSError:  # the other end is closed
                return


def drawn(screen: pyte.Screen) -> str:
    """As SVG, without the fonts that Rich's template loads from elsewhere."""
    console = Console(width=COLUMNS, record=True, file=io.StringIO(), force_terminal=True)
    for line in range(LINES):
        cells = [screen.buffer[line][column] for column in range(COLUMNS)]
        text = Text(no_wrap=True)
        for style, run in groupby(cells, style_of):
            text.append("".join(cell.data for cell in run), style)
        text.rstrip()
        console.print(text)
    svg = console.export_svg(title="execbot watch")
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)


def style_of(cell: pyte.screens.Char) -> Style:
    color = {"default": None, "brown": "yellow"}.get(cell.fg, cell.fg)
    if color and color.startswith("bright"):
        color = "bright_" + color.removeprefix("bright").replace("brown", "yellow")
    if color and re.fullmatch(r"[0-9a-f]{6}", color):
        color = f"#{color}"
    return Style(color=color, bold=cell.bold, underline=cell.underscore, reverse=cell.reverse)


if __name__ == "__main__":
    main()
