"""Keeps requests for later: a fault delays them, or a scenario plans them."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from typing import Any

from execbot.sim.types import Ns, Request, Response

_ANSWERS_KEPT = 100  # answers whose client may have gone away


class Pending:
    """A queue by time. Each request has a ticket, with which its answer is fetched later."""

    def __init__(self) -> None:
        self._queue: list[tuple[Ns, int, dict[str, Any]]] = []
        self._tickets = 0
        self._answers: dict[int, Response] = {}

    def put(self, due: Ns, request: Request) -> int:
        """Keeps a request until `due`; returns its ticket."""
        self._tickets += 1
        parts = {
            "method": request.method,
            "path": request.path,
            "query": dict(request.query),
            "headers": dict(request.headers),
            "body": request.body.decode("latin-1"),
        }
        heapq.heappush(self._queue, (due, self._tickets, parts))
        return self._tickets

    def next_due(self) -> Ns | None:
        return self._queue[0][0] if self._queue else None

    def due(self, now: Ns) -> Iterator[tuple[Ns, int, Request]]:
        """Takes out what is due by `now`, in time order."""
        while self._queue and self._queue[0][0] <= now:
            at, ticket, parts = heapq.heappop(self._queue)
            yield at, ticket, Request(**{**parts, "body": parts["body"].encode("latin-1")})

    def answer(self, ticket: int, response: Response) -> None:
        self._answers[ticket] = response
        while len(self._answers) > _ANSWERS_KEPT:
            self._answers.pop(next(iter(self._answers)))

    def redeem(self, ticket: int) -> Response | None:
        return self._answers.pop(ticket, None)

    def dump(self) -> dict[str, Any]:
        return {
            "queue": self._queue,
            "tickets": self._tickets,
            "answers": {
                str(ticket): [answer.status, answer.body.decode("latin-1"), dict(answer.headers)]
                for ticket, answer in self._answers.items()
            },
        }

    def load(self, state: Mapping[str, Any]) -> None:
        self._queue = [(due, ticket, parts) for due, ticket, parts in state["queue"]]
        heapq.heapify(self._queue)
        self._tickets = state["tickets"]
        self._answers = {
            int(ticket): Response(status, body.encode("latin-1"), headers)
            for ticket, (status, body, headers) in state["answers"].items()
        }
