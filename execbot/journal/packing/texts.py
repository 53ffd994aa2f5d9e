"""Long texts of the journal made small: reports, decisions, plans, all of which repeat each other.

What is packed begins with the number of its dictionary and goes on as deflated bytes, which SQLite
keeps as a BLOB where otherwise there is TEXT; short texts stay as they are, and so does whatever
was written before there was this. A dictionary is never changed: what was packed with it could not
be read any more. A better one gets the next number.

A text may be packed *after* another one of which little differs, like a later report of the same
order: then it is read back with that text at hand. Its number has the highest bit set, and a
checksum of the text follows it, since deflated bytes after another text would come out as something
that looks right.
"""

from __future__ import annotations

import zlib
from functools import cache
from typing import TYPE_CHECKING

from execbot.journal.packing.first import FIRST
from execbot.journal.packing.second import SECOND

if TYPE_CHECKING:
    from zlib import _Compress

SHORTEST = 100
"""A text under so many characters gains next to nothing."""

LONGEST_BEFORE = 5000
"""Characters of a text that another one is packed after: both have to lie in the window."""

AFTER = 0x80
"""Added to the number of the dictionary."""

_LEVEL, _WINDOW_BITS, _MEMORY = 6, -13, 7
"""A window of 8 kB holds the dictionary and the text; a larger one costs more to set up."""

_CHECK_BYTES = 4

_TAIL_BYTES = 2048
"""Of the dictionary, before the text that another is packed after: more of it costs time and room,
since what is looked back at lies further away."""

_DICTIONARIES = {1: FIRST, 2: SECOND}
OLDEST, NEWEST = min(_DICTIONARIES), max(_DICTIONARIES)


def packed(text: str, before: str | None = None, *, number: int = NEWEST) -> str | bytes:
    """The form in which a text is written: after the text `before` it where one is given. The first
    dictionary is for readers who know no other form."""
    if len(text) < SHORTEST:
        return text
    data = text.encode()
    if before is None or number == OLDEST or len(before) > LONGEST_BEFORE:
        packer = _primed(number).copy()
        return b"%c%b%b" % (number, packer.compress(data), packer.flush())
    packer = _packer(_dictionary(number, before))
    check = zlib.crc32(data).to_bytes(_CHECK_BYTES)
    return b"%c%b%b%b" % (AFTER | number, check, packer.compress(data), packer.flush())


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
    return _packer(_dictionary(number, None))


def _dictionary(number: int, before: str | None) -> bytes:
    whole = _DICTIONARIES[number]
    return whole if before is None else whole[-_TAIL_BYTES:] + before.encode()


def _packer(dictionary: bytes) -> _Compress:
    return zlib.compressobj(
        _LEVEL, zlib.DEFLATED, _WINDOW_BITS, _MEMORY, zlib.Z_DEFAULT_STRATEGY, dictionary
    )
