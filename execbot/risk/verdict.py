"""The answer of one check, and the verdict of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from execbot.model.enums import ErrorCategory


class CheckResult(Struct, frozen=True):
    """One rule's answer: the limit it holds to and the number it saw, both as text for people.

    `applies` False: the rule has nothing to say about this order (and passes).
    """

    code: str
    passed: bool
    limit: str
    seen: str
    message: str
    category: ErrorCategory
    applies: bool = True

    def to_dict(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "passed": self.passed,
            "applies": self.applies,
            "limit": self.limit,
            "seen": self.seen,
            "message": self.message,
            "category": self.category.value,
        }


_RANK = {
    ErrorCategory.FATAL: 3,
    ErrorCategory.ADJUSTABLE: 2,
    ErrorCategory.WAITING: 1,
    ErrorCategory.RETRYABLE: 0,
}


class Verdict(Struct, frozen=True):
    """All results, in the order of the list of checks."""

    results: tuple[CheckResult, ...]

    @property
    def failures(self) -> tuple[CheckResult, ...]:
        return tuple(result for result in self.results if not result.passed)

    @property
    def passed(self) -> bool:
        return not self.failures

    @property
    def category(self) -> ErrorCategory | None:
        """The worst category among the failures; None when everything passed."""
        categories = [failure.category for failure in self.failures]
        return max(categories, key=_RANK.__getitem__, default=None)

    @property
    def only_waiting(self) -> bool:
        """Refused now for nothing but the hour or a halt: the order may be kept for later."""
        return self.category is ErrorCategory.WAITING

    @property
    def kind(self) -> str:
        """The stable slug of the first failure, as errors carry it: `risk.max_positions`."""
        worst = [f for f in self.failures if f.category is self.category]
        return f"risk.{worst[0].code}" if worst else ""

    @property
    def message(self) -> str:
        """Every failure, in one line."""
        return "; ".join(failure.message for failure in self.failures).replace(".; ", "; ")

    def to_dict(self) -> Mapping[str, Any]:
        """JSON shape for audit rows and `--dry-run`."""
        return {
            "passed": self.passed,
            "category": self.category.value if self.category else None,
            "failures": [failure.code for failure in self.failures],
            "checks": [result.to_dict() for result in self.results],
        }
