"""Faults on demand: rules that say which request, event or order goes wrong, and how.

A rule matches by method, path (a glob), symbol, stream event and key; it may skip its first
`after` matches, stop after `count` hits and hit with a `probability`. Whether the n-th match of
a rule hits is a function of seed, rule and n alone, so a run can be repeated exactly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any


class Family(StrEnum):
    """What a rule is matched against."""

    REQUEST = "request"
    STREAM = "stream"
    CONNECT = "connect"
    ORDER = "order"


class Kind(StrEnum):
    """Every way the exchange can misbehave."""

    # The reply to one HTTP request.
    REPLY_LOST = "reply_lost"
    REPLY_DELAYED = "reply_delayed"
    REQUEST_DELAYED = "request_delayed"
    RESET_BEFORE = "reset_before"
    RESET_AFTER = "reset_after"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    HTML_BODY = "html_body"
    TRUNCATED_JSON = "truncated_json"
    UNAUTHORIZED = "unauthorized"
    CANNED_REPLY = "canned_reply"
    CLOCK_SKEW = "clock_skew"
    BROKER_RESTART = "broker_restart"
    # Events of the trade-updates stream.
    EVENT_DUPLICATED = "event_duplicated"
    EVENT_MISSING = "event_missing"
    EVENT_LATE = "event_late"
    EVENT_REORDERED = "event_reordered"
    STREAM_CUT = "stream_cut"
    STREAM_MUTED = "stream_muted"
    STREAM_ERROR = "stream_error"
    # New stream connections.
    STREAM_REFUSED = "stream_refused"
    STREAM_UNAUTHORIZED = "stream_unauthorized"
    # Orders, inside the exchange.
    WRONG_FILLED_PRICE = "wrong_filled_price"
    PARTIAL_THEN_CANCEL = "partial_then_cancel"
    CANCEL_LOST = "cancel_lost"
    REPLACE_RACE = "replace_race"
    STUCK_PENDING_CANCEL = "stuck_pending_cancel"
    ACCEPTED_THEN_REJECTED = "accepted_then_rejected"


@dataclass(frozen=True, slots=True)
class KindSpec:
    """What a kind is matched against, its parameters with their defaults, and what it does."""

    family: Family
    params: Mapping[str, Any]
    about: str
    method: str | None = None
    path: str | None = None


_R, _S, _C, _O = Family.REQUEST, Family.STREAM, Family.CONNECT, Family.ORDER
_ORDERS, _ORDER, _STREAM = "/v2/orders", "/v2/orders/*", "/stream"

KINDS: dict[Kind, KindSpec] = {
    Kind.REPLY_LOST: KindSpec(
        _R, {"seconds": 60.0, "how": "hang"}, "carried out, no answer (how: hang or reset)"
    ),
    Kind.REPLY_DELAYED: KindSpec(_R, {"seconds": 5.0}, "carried out, answered late"),
    Kind.REQUEST_DELAYED: KindSpec(_R, {"seconds": 5.0}, "carried out late, answered after it"),
    Kind.RESET_BEFORE: KindSpec(_R, {}, "connection reset, not carried out"),
    Kind.RESET_AFTER: KindSpec(_R, {}, "carried out, then the connection is reset"),
    Kind.RATE_LIMITED: KindSpec(
        _R, {"retry_after": None, "headers": True, "handled": False}, "429"
    ),
    Kind.SERVER_ERROR: KindSpec(
        _R, {"status": 500, "handled": False, "html": None}, "500, 502, 503 or 504"
    ),
    Kind.HTML_BODY: KindSpec(
        _R, {"status": 200, "handled": True}, "an HTML page where JSON is due"
    ),
    Kind.TRUNCATED_JSON: KindSpec(
        _R, {"handled": True, "how": "body"}, "half of the JSON (how: body or connection)"
    ),
    Kind.UNAUTHORIZED: KindSpec(_R, {}, "401 for keys that were good before"),
    Kind.CANNED_REPLY: KindSpec(
        _R,
        {"status": 403, "body": None, "handled": False},
        "any answer: status and JSON body as given",
    ),
    Kind.CLOCK_SKEW: KindSpec(
        _R, {"seconds": 30.0}, "clock and Date header are off", "GET", "/v[23]/clock"
    ),
    Kind.BROKER_RESTART: KindSpec(
        _R, {"seconds": 2.0, "handled": True}, "connections die, the state is kept"
    ),
    Kind.EVENT_DUPLICATED: KindSpec(_S, {"times": 2}, "the event comes more than once"),
    Kind.EVENT_MISSING: KindSpec(_S, {}, "the event never comes"),
    Kind.EVENT_LATE: KindSpec(_S, {"seconds": 5.0}, "the event comes late"),
    Kind.EVENT_REORDERED: KindSpec(
        _S, {"seconds": 5.0}, "the event comes after the next one (or after `seconds`)"
    ),
    Kind.STREAM_CUT: KindSpec(
        _S, {"lose": True}, "the connection dies at the event (lose: the event with it)"
    ),
    Kind.STREAM_MUTED: KindSpec(
        _S, {"seconds": 3600.0}, "open but silent: events are lost for `seconds`"
    ),
    Kind.STREAM_ERROR: KindSpec(_S, {}, "an error frame, then the connection is closed"),
    Kind.STREAM_REFUSED: KindSpec(
        _C, {"status": 429}, "a new connection is refused", None, _STREAM
    ),
    Kind.STREAM_UNAUTHORIZED: KindSpec(
        _C, {}, "good keys are refused on the stream", None, _STREAM
    ),
    Kind.WRONG_FILLED_PRICE: KindSpec(
        _O, {}, "the order shows another price than its executions", "POST", _ORDERS
    ),
    Kind.PARTIAL_THEN_CANCEL: KindSpec(
        _O, {}, "part is filled, the venue cancels the rest", "POST", _ORDERS
    ),
    Kind.CANCEL_LOST: KindSpec(_O, {}, "204, and the order works on", "DELETE", _ORDER),
    Kind.REPLACE_RACE: KindSpec(
        _O, {}, "the old order fills while the replace is on its way", "PATCH", _ORDER
    ),
    Kind.STUCK_PENDING_CANCEL: KindSpec(_O, {}, "pending_cancel without an end", "DELETE", _ORDER),
    Kind.ACCEPTED_THEN_REJECTED: KindSpec(
        _O, {}, "accepted, then rejected by the venue", "POST", _ORDERS
    ),
}

_MATCHERS = ("method", "path", "symbol", "event", "key")


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
    params: dict[str, Any] = field(default_factory=dict)
    matched: int = 0
    fired: int = 0

    @property
    def spent(self) -> bool:
        return self.count is not None and self.fired >= self.count

    def describe(self) -> dict[str, Any]:
        """The rule as it was given, plus its counters."""
        shown: dict[str, Any] = {"id": self.id, "kind": self.kind.value}
        shown.update({name: getattr(self, name) for name in _MATCHERS if getattr(self, name)})
        shown.update(probability=self.probability, count=self.count, after=self.after)
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
    if rule.symbol and rule.symbol not in subject.symbols:
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
    except (TypeError, ValueError) as error:
        raise FaultError(f"{kind}: {error}") from None
    if not 0 <= rule.probability <= 1:
        raise FaultError(f"{kind}: probability was {rule.probability}, not within 0 and 1")
    if kind is not Kind.WRONG_FILLED_PRICE and known.family is not Family.ORDER:
        unknown = sorted(set(given) - set(known.params))
        if unknown:
            raise FaultError(
                f"{kind}: unknown {', '.join(unknown)}; takes {', '.join(known.params) or 'none'}"
            )
    rule.params = {**known.params, **given}
    return rule


class FaultBook:
    """The rules in force."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.rules: list[Rule] = []
        self._next_id = 1

    def add(self, spec: Mapping[str, Any]) -> Rule:
        rule = parse_rule(spec, str(self._next_id))
        self._next_id += 1
        self.rules.append(rule)
        return rule

    def extend(self, specs: Iterable[Mapping[str, Any]]) -> None:
        for spec in specs:
            self.add(spec)

    def remove(self, rule_id: str) -> bool:
        kept = [rule for rule in self.rules if rule.id != rule_id]
        removed = len(kept) < len(self.rules)
        self.rules = kept
        return removed

    def clear(self) -> None:
        self.rules.clear()

    def strike(self, families: tuple[Family, ...], subject: Subject) -> list[Rule]:
        """The rules that hit this subject now; counts them."""
        hits: list[Rule] = []
        for rule in self.rules:
            if KINDS[rule.kind].family not in families or rule.spent:
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
