"""Answers of `page`."""

from __future__ import annotations

from execbot.schemas.base import Output


class PageServed(Output):
    """The page listens; printed once, when it does."""

    link: str
    """What a browser opens. Whoever has it sees the account."""
    signals: str | None
    """Where signals are posted; null without --signals."""
    metrics: str | None
    """Where Prometheus scrapes; null without --metrics."""


class PageLink(Output):
    """The page that runs for this account."""

    link: str
    """What a browser opens. Whoever has it sees the account."""
    pid: int
    """Its process."""
    actions: bool
    """Whether anything may be done from it."""
