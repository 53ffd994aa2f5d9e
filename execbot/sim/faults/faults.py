"""Faults on demand: rules that say which request, event or order goes wrong, and how.

A rule matches by method, path (a glob), symbol, stream event and key; it may skip its first
`after` matches, stop after `count` hits or `for_seconds` after it was made, and hit with a
`probability`. Whether the n-th match of a rule hits is a function of seed, rule and n alone, so a
run can be repeated exactly.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

from execbot.sim.faults.kinds import KINDS, Family, Kind
from execbot.sim.types import SECOND, Ns

_MATCHERS = ("method", "path", "symbol", "event", "key")


LONGEST_SECONDS = 1e9


class FaultError(ValueError):
    """A fault description that cannot be understood."""


@dataclass(slots=True)
class Rule:
    """One fault. `matched` counts what it was asked about, `fired` how often it struck."""

    id: str
    kind: Kind
    method: str | None = None
    path: str | None = None
    symbol: str | None = None
    event: str | None = None
    key: str | None = None
    probability: float = 1.0
    count: int | None = None
    after: int = 0
    for_seconds: float | None = None
    until: Ns | None = None  # the end of `for_seconds`
    params: dict[str, Any] = field(default_factory=dict)
    matched: int = 0
    fired: int = 0

    def is_spent(self, now: Ns) -> bool:
        if self.until is not None and now >= self.until:
            return True
        return self.count is not None and self.fired >= self.count

    def describe(self) -> dict[str, Any]:
        """The rule as it was given, plus its counters."""
        shown: dict[str, Any] = {"id": self.id, "kind": self.kind.value}
        shown.update({name: getattr(self, name) for name in _MATCHERS if getattr(self, name)})
        shown.update(probability=self.probability, count=self.count, after=self.after)
        if self.for_seconds is not None:
            shown["for_seconds"] = self.for_seconds
        shown.update(self.params)
        shown.update(matched=self.matched, fired=self.fired)
        return shown


@dataclass(frozen=True, slots=True)
class Subject:
    """What a rule is asked about."""

    method: str = ""
    path: str = ""
    symbols: tuple[str, ...] = ()
    event: str = ""
    key: str = ""


def _covers(rule: Rule, subject: Subject) -> bool:
    if rule.method and rule.method not in ("*", subject.method):
        return False
    if rule.path and not fnmatchcase(subject.path, rule.path):
        return False
    names_none = KINDS[rule.kind].rows and not subject.symbols
    if rule.symbol and rule.symbol not in subject.symbols and not names_none:
        return False
    if rule.event and not fnmatchcase(subject.event, rule.event):
        return False
    return not rule.key or rule.key == subject.key


def _draw(seed: int, rule: Rule) -> float:
    """A number in [0, 1) that depends on nothing but seed, rule and how often it was asked."""
    text = f"{seed}:{rule.id}:{rule.matched}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=7).digest()) / 2**56


def parse_rule(spec: Mapping[str, Any], rule_id: str) -> Rule:
    """Reads `{"kind": …, "method": …, "count": …, …}`. Raises `FaultError` with the reason.

    The parameters of the kind may stand beside these or under `params`.
    """
    given = {**spec, **(spec.get("params") or {})}
    given.pop("params", None)
    given.pop("id", None)
    name = given.pop("kind", None)
    if name not in {kind.value for kind in Kind}:
        raise FaultError(f"kind was {name!r}; known kinds: {', '.join(Kind)}")
    kind = Kind(name)
    known = KINDS[kind]
    rule = Rule(rule_id, kind, method=known.method, path=known.path)
    for matcher in _MATCHERS:
        if given.get(matcher) is not None:
            setattr(rule, matcher, str(given[matcher]))
        given.pop(matcher, None)
    if rule.method:
        rule.method = rule.method.upper()
    try:
        rule.probability = float(given.pop("probability", 1.0))
        count = given.pop("count", None)
        rule.count = None if count is None else int(count)
        rule.after = int(given.pop("after", 0))
        seconds = given.pop("for_seconds", None)
        rule.for_seconds = None if seconds is None else float(seconds)
    except (TypeError, ValueError, OverflowError) as error:
        raise FaultError(f"{kind}: {error}") from None
    if rule.for_seconds is not None and not 0 <= rule.for_seconds <= LONGEST_SECONDS:
        raise FaultError(f"{kind}: for_seconds was {rule.for_seconds}, not seconds")
    if not 0 <= rule.probability <= 1:
        raise FaultError(f"{kind}: probability was {rule.probability}, not within 0 and 1")
    unknown = sorted(set(given) - set(known.params))
    if unknown:
        raise FaultError(
            f"{kind}: unknown {', '.join(unknown)}; takes {', '.join(known.params) or 'none'}"
        )
    for name, value in given.items():
        _check_param(kind, name, value, known.params[name])
    rule.params = {**known.params, **given}
    return rule


def _check_param(kind: Kind, name: str, value: object, default: object) -> None:
    """A parameter has the type of its default; what has none takes anything (or a check below)."""
    if isinstance(default, bool):
        fits = isinstance(value, bool)
    elif isinstance(default, int | float):
        fits = _is_number(value) and 0 <= float(str(value)) <= LONGEST_SECONDS
    elif isinstance(default, str):
        fits = isinstance(value, str)
    elif name == "fields":
        fits = value is None or (isinstance(value, list) and all(isinstance(n, str) for n in value))
    else:
        fits = True
    if name == "status":
        fits = fits and 200 <= int(float(str(value))) <= 599
    if not fits:
        raise FaultError(f"{kind}: {name} was {str(value)[:40]!r}")


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return False
    try:
        return math.isfinite(float(value))
    except (ValueError, OverflowError):
        return False


class FaultBook:
    """The rules in force."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.rules: list[Rule] = []
        self._next_id = 1

    def add(self, spec: Mapping[str, Any], now: Ns = 0) -> Rule:
        """Puts a rule in force at `now`. Raises `FaultError`."""
        rule = parse_rule(spec, str(self._next_id))
        if rule.for_seconds is not None:
            rule.until = now + int(rule.for_seconds * SECOND)
        self._next_id += 1
        self.rules.append(rule)
        return rule

    def extend(self, specs: Iterable[Mapping[str, Any]], now: Ns = 0) -> list[Rule]:
        """Puts all of them in force, or none. Raises `FaultError`."""
        wanted = list(specs)
        for spec in wanted:
            parse_rule(spec, "")
        return [self.add(spec, now) for spec in wanted]

    def remove(self, rule_id: str) -> bool:
        kept = [rule for rule in self.rules if rule.id != rule_id]
        removed = len(kept) < len(self.rules)
        self.rules = kept
        return removed

    def clear(self) -> None:
        self.rules.clear()

    def strike(self, families: tuple[Family, ...], subject: Subject, now: Ns = 0) -> list[Rule]:
        """The rules that hit this subject at `now`; counts them."""
        hits: list[Rule] = []
        for rule in self.rules:
            if KINDS[rule.kind].family not in families or rule.is_spent(now):
                continue
            if not _covers(rule, subject):
                continue
            rule.matched += 1
            if rule.matched <= rule.after:
                continue
            if rule.probability >= 1 or _draw(self.seed, rule) < rule.probability:
                rule.fired += 1
                hits.append(rule)
        return hits

    def dump(self) -> dict[str, Any]:
        rules = [{n: getattr(rule, n) for n in Rule.__slots__} for rule in self.rules]
        return {"next_id": self._next_id, "rules": rules}

    def load(self, state: Mapping[str, Any]) -> None:
        self._next_id = state["next_id"]
        self.rules = [Rule(**{**row, "kind": Kind(row["kind"])}) for row in state["rules"]]
