"""Finds the endpoint that answers a path."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from execbot.sim.types import ApiError
from execbot.sim.wire.absent import reason
from execbot.sim.wire.http import segments
from execbot.sim.wire.trading import Endpoint

NOT_FOUND = "endpoint not found"
NOT_ALLOWED = "method not allowed"


@dataclass(slots=True)
class Router:
    """A table of routes, split once into exact paths and patterns of the same length."""

    exact: dict[str, dict[str, Endpoint]] = field(default_factory=dict)
    patterns: dict[int, list[tuple[tuple[str, ...], dict[str, Endpoint]]]] = field(
        default_factory=dict
    )

    @classmethod
    def of(cls, routes: Iterable[tuple[str, str, Endpoint]]) -> Router:
        router = cls()
        for method, path, endpoint in routes:
            router._add(method, path, endpoint)
        return router

    def _add(self, method: str, path: str, endpoint: Endpoint) -> None:
        if "*" not in path:
            self.exact.setdefault(path, {})[method] = endpoint
            return
        parts = tuple(path.strip("/").split("/"))
        same_length = self.patterns.setdefault(len(parts), [])
        for known, methods in same_length:
            if known == parts:
                methods[method] = endpoint
                return
        same_length.append((parts, {method: endpoint}))

    def find(self, method: str, path: str) -> tuple[Endpoint, tuple[str, ...]]:
        """The endpoint and the variable parts of the path.

        Raises `ApiError`: 404 for an unknown path, 405 for a known path with another method.
        """
        methods = self.exact.get(path.rstrip("/") or "/")
        args: tuple[str, ...] = ()
        if methods is None:
            methods, args = self._match(path)
        if methods is None:
            why = reason(path)
            raise ApiError(404, 40410000, f"{NOT_FOUND}: {why}" if why else NOT_FOUND)
        if method not in methods:
            raise ApiError(405, None, NOT_ALLOWED)
        return methods[method], args

    def _match(self, path: str) -> tuple[dict[str, Endpoint] | None, tuple[str, ...]]:
        parts = segments(path)
        for pattern, methods in self.patterns.get(len(parts), ()):
            pairs = list(zip(pattern, parts, strict=True))
            if all(want in ("*", part) for want, part in pairs):
                return methods, tuple(part for want, part in pairs if want == "*")
        return None, ()
