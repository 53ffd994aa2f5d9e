"""Long texts of the journal made small: reports, decisions, plans, all of which repeat each other.

What is packed begins with the number of its dictionary and goes on as deflated bytes, which SQLite
keeps as a BLOB where otherwise there is TEXT; short texts stay as they are, and so does whatever
was written before there was this. A dictionary is never changed: what was packed with it could not
be read any more. A better one gets the next number. By now each kind of text has one of its own.

A text may be packed *after* another one of which little differs, like a later report of the same
order: then it is read back with that text at hand. Its number has the highest bit set, and a
checksum of the text follows it, since deflated bytes after another text would come out as something
that looks right.
"""

from __future__ import annotations

import zlib
from enum import IntEnum
from functools import cache
from typing import TYPE_CHECKING

from execbot.journal.packing.first import FIRST
from execbot.journal.packing.second import SECOND
from execbot.journal.packing.third import ACTS, CONFIRMATIONS, DECISIONS, PLANS, REPORTS

if TYPE_CHECKING:
    from zlib import _Compress

SHORTEST, SHORTEST_OF_ITS_KIND = 100, 25
"""A text under so many characters gains next to nothing; with a dictionary for its kind it does."""

LONGEST_BEFORE = 5000
"""Characters of a text that another one is packed after: both have to lie in the window."""

AFTER = 0x80
"""Added to the number of the dictionary."""

_LEVEL, _WINDOW_BITS, _MEMORY = 6, -13, 7
"""A window of 8 kB holds the dictionary and the text; a larger one costs more to set up."""

_SMALL_WINDOW_BITS, _SMALL_MEMORY = -12, 5
"""A dictionary for one kind of text needs half of it, which is set up in a third of the time."""

_LONG_BEFORE = 3000
"""Characters of a text before that would not lie in the small window."""

_CHECK_BYTES = 4

_TAIL_BYTES = 2048
"""Of the dictionary, before the text that another is packed after: more of it costs time and room,
since what is looked back at lies further away."""


class Kind(IntEnum):
    """What a text is, as the number of the newest dictionary for it."""

    REPORT = 3
    ACT = 4
    PLAN = 5
    DECISION = 6
    CONFIRMATION = 7


OLDEST, LAST_FOR_ALL = 1, 2
_DICTIONARIES: dict[int, bytes] = {
    OLDEST: FIRST,
    LAST_FOR_ALL: SECOND,
    Kind.REPORT: REPORTS,
    Kind.ACT: ACTS,
    Kind.PLAN: PLANS,
    Kind.DECISION: DECISIONS,
    Kind.CONFIRMATION: CONFIRMATIONS,
}


def packed(text: str, before: str | None = None, *, number: int = Kind.REPORT) -> str | bytes:
    """The form in which a text is written: after the text `before` it where one is given. The first
    dictionary is for readers who know no other form."""
    if len(text) < (SHORTEST if number <= LAST_FOR_ALL else SHORTEST_OF_ITS_KIND):
        return text
    data = text.encode()
    if before is None or number == OLDEST or len(before) > LONGEST_BEFORE:
        packer = _primed(number).copy()
        found = b"%c%b%b" % (number, packer.compress(data), packer.flush())
    else:
        packer = _packer(number, before)
        check = zlib.crc32(data).to_bytes(_CHECK_BYTES)
        found = b"%c%b%b%b" % (AFTER | number, check, packer.compress(data), packer.flush())
    return text if len(text) < SHORTEST and len(found) >= len(data) else found


def unpacked(value: str | bytes, before: str | None = None) -> str:
    """The text that was written. Raises ValueError where it cannot be read back."""
    if isinstance(value, str):
        return value
    if not is_after(value):
        return _inflated(value, 1, None).decode()
    if before is None:
        raise ValueError("what was packed cannot be read back: what it was packed after is gone")
    found = _inflated(value, 1 + _CHECK_BYTES, before)
    if zlib.crc32(found).to_bytes(_CHECK_BYTES) != value[1 : 1 + _CHECK_BYTES]:
        raise ValueError("what was packed cannot be read back: it comes out as something else")
    return found.decode()


def is_after(value: str | bytes) -> bool:
    """Whether another text is needed to read this one."""
    return isinstance(value, bytes) and bool(value) and value[0] >= AFTER


def _inflated(value: bytes, start: int, before: str | None) -> bytes:
    try:
        opener = zlib.decompressobj(_WINDOW_BITS, _dictionary(value[0] % AFTER, before))
        found = opener.decompress(value[start:]) + opener.flush()
    except (KeyError, IndexError, zlib.error) as error:
        raise ValueError(f"what was packed cannot be read back: {error}") from error
    if not opener.eof:
        raise ValueError("what was packed is cut off")
    return found


@cache
def _primed(number: int) -> _Compress:
    """Copied for each text: a copy knows the dictionary already."""
    return _packer(number, None)


def _dictionary(number: int, before: str | None) -> bytes:
    whole = _DICTIONARIES[number]
    return whole if before is None else whole[-_TAIL_BYTES:] + before.encode()


def _packer(number: int, before: str | None) -> _Compress:
    bits, memory = _WINDOW_BITS, _MEMORY
    if number > LAST_FOR_ALL and len(before or "") <= _LONG_BEFORE:
        bits, memory = _SMALL_WINDOW_BITS, _SMALL_MEMORY
    dictionary = _dictionary(number, before)
    return zlib.compressobj(
        _LEVEL, zlib.DEFLATED, bits, memory, zlib.Z_DEFAULT_STRATEGY, dictionary
    )
