"""The settings of an exchange, from a command line, a scenario file or a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from execbot.sim.times import parse_time
from execbot.sim.types import LATEST, Ns

SPEED_MAX = 1_000_000
LARGEST = 1e15
Frames = Literal["binary", "text"]


class ConfigError(ValueError):
    """A setting that does not exist or does not fit."""


NUMBERS: Mapping[str, type[int] | type[float]] = {
    "seed": int,
    "rate_limit": int,
    "log_size": int,
    "speed": float,
    "offset_seconds": float,
    "stream_linger_seconds": float,
}
SWITCHES = ("single_stream", "old_crypto_stream")
LISTS = {"bad_keys": str, "allowed_hosts": str, "faults": Mapping, "actions": Mapping}


def _fitting(name: str, value: Any) -> Any:
    """A setting in the type of its field. Raises `ConfigError`."""
    fits = True
    if name in NUMBERS:
        fits = _is_number(value) and (NUMBERS[name] is float or value == int(value))
        value = NUMBERS[name](value) if fits else value
    elif name in LISTS:
        fits = isinstance(value, list | tuple) and all(isinstance(v, LISTS[name]) for v in value)
        value = tuple(value) if fits else value
    elif name in ("exchange", "market"):
        fits = isinstance(value, Mapping)
    elif name in SWITCHES:
        fits = isinstance(value, bool)
    else:
        fits = isinstance(value, str) or value is None
    if not fits:
        raise ConfigError(f"{name} was {str(value)[:40]!r}")
    return value


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < LARGEST


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
    # The path that ccxt connects to; whether Alpaca still serves it is unconfirmed.
    old_crypto_stream: bool = True
    # Keys that are refused. Every other pair is good, and each key is an account of its own.
    bad_keys: tuple[str, ...] = ()
    # Names beside its own addresses by which a served exchange may be called.
    allowed_hosts: tuple[str, ...] = ()
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
        return cls(**{name: _fitting(name, value) for name, value in settings.items()})._checked()

    def _checked(self) -> SimConfig:
        if self.calendar not in ("always", "exchange"):
            raise ConfigError(f"calendar was {self.calendar!r}, not always or exchange")
        if self.frames not in ("binary", "text"):
            raise ConfigError(f"frames was {self.frames!r}, not binary or text")
        if not 0 <= self.speed <= SPEED_MAX:
            raise ConfigError(f"speed was {self.speed}, not within 0 and {SPEED_MAX}")
        if self.plan not in ("full", "basic"):
            raise ConfigError(f"plan was {self.plan!r}, not full or basic")
        if self.rate_limit < 0 or self.log_size < 1 or self.stream_linger_seconds < 0:
            raise ConfigError("rate_limit and stream_linger_seconds are 0 or more, log_size 1")
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
            found = parse_time(self.at)
        except ValueError as error:
            raise ConfigError(str(error)) from None
        if not 0 < found < LATEST:
            raise ConfigError(f"at was {self.at!r}, not within 1970 and 2100")
        return found
