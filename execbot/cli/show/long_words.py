"""Long words, most of them paths, in columns that break into lines. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def rooms_for_words(texts: Mapping[int, Sequence[str]], width: int, least: int) -> dict[int, int]:
    """How wide each of these columns is, out of `width` for all: as its longest word, as far as the
    others leave room, then as its longest text. Those with short ones first; none is counted below
    `least`."""
    longest = {
        number: max((len(word) for text in of for word in text.split()), default=0)
        for number, of in texts.items()
    }
    rooms = {number: min(most, least) for number, most in longest.items()}
    left = max(width - sum(rooms.values()), 0)
    whole = {number: max(map(len, of), default=0) for number, of in texts.items()}
    for most in (longest, whole):
        for number in sorted(most, key=lambda number: most[number]):
            more = min(max(most[number] - rooms[number], 0), left)
            rooms[number] += more
            left -= more
    return rooms


def broken_behind_slashes(text: str, room: int) -> str:
    """A path that is longer than its column goes on in the next line, name by name."""
    return " ".join(_pieces(word, room) if len(word) > room else word for word in text.split(" "))


def _pieces(word: str, room: int) -> str:
    lines: list[str] = []
    while len(word) > room and (end := word.rfind("/", 1, room)) > 0:
        lines.append(word[: end + 1])
        word = word[end + 1 :]
    return "\n".join([*lines, word])
