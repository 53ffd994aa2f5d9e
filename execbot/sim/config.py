"""How an exchange is set up: what a command line, a scenario file or a test may choose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from execbot.sim.times import parse_time
from execbot.sim.types import Ns

SPEED_MAX = 1_000_000
Frames = Literal["binary", "text"]


class ConfigError(ValueError):
    """A setting that does not exist or does not fit."""


@dataclass(frozen=True, slots=True)
class SimConfig:
    """Settings of one exchange. Every field has a default that makes a first try work."""

    seed: int = 0
    # "always" never closes; "exchange" keeps the real hours, holidays and early closes.
    calendar: str = "always"
    # A folder of recorded CSV files to replay; without it all prices are synthetic.
    data: str | None = None
    # Where the virtual clock starts, New York time. Without it the wall clock rules.
    at: str | None = None
    # Times the wall clock; 0 stands still until stepped.
    speed: float = 1.0
    # How far the wall clock of the exchange is ahead of ours.
    offset_seconds: float = 0.0
    # What the data plan allows: "full" sees everything, "basic" is the free plan.
    plan: str = "full"
    # Requests a minute and key, separately for trading and data; 0 is no limit.
    rate_limit: int = 0
    # Alpaca allows one trade-updates connection an account; the next one gets HTTP 429.
    single_stream: bool = False
    # How long a cut connection still counts as open (Alpaca: about 90 s).
    stream_linger_seconds: float = 0.0
    # Paper sends binary frames, live sends text.
    frames: Frames = "binary"
    # Keys that are refused. Every other pair is good, and each key is an account of its own.
    bad_keys: tuple[str, ...] = ()
    # How many entries of the request log and of the event log are kept.
    log_size: int = 10_000
    # Settings of the engine (`ExchangeConfig`) and of the synthetic market.
    exchange: Mapping[str, Any] = field(default_factory=dict)
    market: Mapping[str, Any] = field(default_factory=dict)
    # Faults in force from the start, and what happens by itself later (see `scenario`).
    faults: tuple[Mapping[str, Any], ...] = ()
    actions: tuple[Mapping[str, Any], ...] = ()
    scenario: str | None = None

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> SimConfig:
        """Builds from plain JSON values. Raises `ConfigError` for an unknown name."""
        known = {item.name for item in fields(cls)}
        unknown = sorted(set(settings) - known)
        if unknown:
            raise ConfigError(
                f"unknown setting {', '.join(unknown)}; known: {', '.join(sorted(known))}"
            )
        given = dict(settings)
        for name in ("bad_keys", "faults", "actions"):
            if name in given:
                given[name] = tuple(given[name])
        return cls(**given)._checked()

    def _checked(self) -> SimConfig:
        if self.calendar not in ("always", "exchange"):
            raise ConfigError(f"calendar was {self.calendar!r}, not always or exchange")
        if self.frames not in ("binary", "text"):
            raise ConfigError(f"frames was {self.frames!r}, not binary or text")
        if not 0 <= self.speed <= SPEED_MAX:
            raise ConfigError(f"speed was {self.speed}, not within 0 and {SPEED_MAX}")
        if self.plan not in ("full", "basic"):
            raise ConfigError(f"plan was {self.plan!r}, not full or basic")
        return self

    def plain(self) -> dict[str, Any]:
        """JSON values that `of` reads back."""
        return asdict(self)

    @property
    def start(self) -> Ns | None:
        """Where the virtual clock starts. Raises `ConfigError` when `at` is no time."""
        if self.at is None:
            return None
        try:
            return parse_time(self.at)
        except ValueError as error:
            raise ConfigError(str(error)) from None
