"""Synthetic news: articles that follow from the seed and the time, and from nothing else.

Every ten minutes there is one, about one or two of the listed symbols. So any moment can be asked
for, in any order, and the stream sends the same ones as the history shows. What they say means
nothing for prices.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from execbot.sim.times import format_ns
from execbot.sim.types import SECOND, Asset, AssetDirectory, Ns
from execbot.sim.wire import data_query as fields

EVERY: Ns = 600 * SECOND
LIMIT_DEFAULT, LIMIT_MAX = 10, 50
SEARCHED_MAX = 53_000  # a year of articles for one page
NAMES = (
    "start", "end", "sort", "symbols", "limit",
    "include_content", "exclude_contentless", "page_token",
)  # fmt: skip

_AUTHORS = ("A. Synthetic", "B. Seed", "C. Generated")
_TOPICS = (
    "names a new head of operations",
    "confirms its outlook for the year",
    "opens a site in Ohio",
    "is discussed by analysts before the close",
    "answers questions about its supply chain",
    "presents at a conference in New York",
    "sees heavier trading than usual",
)


@dataclass(frozen=True, slots=True)
class Newsroom:
    """The articles of one seed, about these assets."""

    seed: int
    assets: AssetDirectory

    def article(self, number: int) -> dict[str, Any] | None:
        """The article of one span of ten minutes, with its content and its time `at`."""
        listed = self._subjects()
        if not listed or number < 0:
            return None
        text = f"news:{self.seed}:{number}".encode()
        draw = hashlib.blake2b(text, digest_size=16).digest()
        first = listed[int.from_bytes(draw[:4]) % len(listed)]
        second = listed[int.from_bytes(draw[4:8]) % len(listed)]
        about = [first] if draw[8] % 4 or second is first else [first, second]
        at = number * EVERY + int.from_bytes(draw[9:11]) % 599 * SECOND
        topic = _TOPICS[draw[11] % len(_TOPICS)]
        headline = f"{first.name} {topic}"
        written = format_ns(at)
        return {
            "at": at,
            "id": number,
            "headline": headline,
            "author": _AUTHORS[draw[12] % len(_AUTHORS)],
            "created_at": written,
            "updated_at": written,
            "summary": f"{headline}, as the exchange made up.",
            "content": f"<p>{headline}.</p><p>This article follows from a seed.</p>",
            "images": [],
            "symbols": [asset.symbol.replace("/", "") for asset in about],
            "source": "execbot",
            "url": f"https://{SOURCE}/{number}",
        }

    def _subjects(self) -> Sequence[Asset]:
        return [asset for asset in self.assets.all() if asset.active and asset.tradable]

    def between(
        self, after: Ns, until: Ns, symbols: Collection[str], *, newest_first: bool
    ) -> Iterator[dict[str, Any]]:
        """Articles of `(after, until]` about these symbols; without symbols, all of them."""
        numbers = range(max(after // EVERY, 0), until // EVERY + 1)
        for count, number in enumerate(reversed(numbers) if newest_first else numbers):
            if count > SEARCHED_MAX:
                return
            found = self.article(number)
            if found is None or not after < found["at"] <= until:
                continue
            if not symbols or set(found["symbols"]) & set(symbols):
                yield found


SOURCE = "news.example.com"


def history(newsroom: Newsroom, query: Mapping[str, str], now: Ns) -> dict[str, Any]:
    """One page of `/v1beta1/news`. Raises `ApiError` 400."""
    fields.known_only(query, NAMES)
    limit = fields.count(query, "limit", LIMIT_DEFAULT, LIMIT_MAX)
    newest_first = fields.descending({"sort": query.get("sort") or "desc"})
    start, end = fields.span(query, now, fields.Plan.FULL, "news")
    token = fields.decode_token(query.get("page_token", ""))
    if token is not None:
        start, end = fields.resumed(token[1], start, end, backwards=newest_first)
    symbols = [s.strip().replace("/", "") for s in query.get("symbols", "").split(",") if s.strip()]
    rows = newsroom.between(start - 1, end, symbols, newest_first=newest_first)
    page = [row for row, _ in zip(rows, range(limit + 1), strict=False)]
    more = len(page) > limit
    page = page[:limit]
    after = fields.encode_token("news", page[-1]["at"]) if more and page else None
    with_content = query.get("include_content", "").lower() == "true"
    return {"news": [_row(row, with_content) for row in page], "next_page_token": after}


def _row(article: Mapping[str, Any], with_content: bool) -> dict[str, Any]:
    shown = {name: value for name, value in article.items() if name != "at"}
    return shown if with_content else {**shown, "content": ""}


def messages(newsroom: Newsroom, wanted: Collection[str], after: Ns, until: Ns) -> Iterator[Any]:
    """The stream's messages of `(after, until]`, oldest first. `*` is everything."""
    symbols = [] if "*" in wanted else [symbol.replace("/", "") for symbol in wanted]
    if not wanted:
        return
    for article in newsroom.between(after, until, symbols, newest_first=False):
        row = {name: value for name, value in article.items() if name not in ("at", "images")}
        yield {"T": "n", **row}
