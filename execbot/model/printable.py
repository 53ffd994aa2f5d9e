"""The output's border: what others wrote (the broker, a reason, an id) cannot steer a terminal.

Every text that leaves the program, for a screen, a file or a pipe, passes one of these functions.
Escape sequences begin with ESC or a C1 code (ECMA-48), DEL and CR rub out what was printed, and
the directional characters show one order while another is meant (Unicode, annex 9). Each of them is
shown by its number instead, as Python and JSON write it: `\\x1b`, `\\u202e`.
"""

from __future__ import annotations

import json
import re
from typing import Any

_STEERING = re.compile(
    "["
    "\x00-\x08\x0b-\x1f"  # C0 but for tab and newline
    "\x7f-\x9f"  # DEL and C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction marks, embeddings, overrides
    "\u2028\u2029"  # line and paragraph separator
    "\ufff9-\ufffb"  # interlinear annotations
    "\ud800-\udfff"  # halves of a pair: no encoding can write them
    "]"
)


def harmless(text: str) -> str:
    """The text with every steering character shown by its number. Newlines and tabs stay."""
    return _STEERING.sub(_numbered, text)


def harmless_line(text: str) -> str:
    """The same in one line: newlines, tabs and runs of blanks become one blank."""
    return harmless(" ".join(text.split()) if any(c in text for c in "\t\r\n") else text)


def json_text(value: Any) -> str:
    """The value as JSON in one line, readable beyond ASCII, with steering characters escaped.

    What JSON has no shape for becomes text. A reader gets the very same characters back.
    """
    return _STEERING.sub(_escaped, json.dumps(value, ensure_ascii=False, default=str))


def _numbered(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
