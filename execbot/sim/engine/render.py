"""Numbers and times in the form Alpaca writes them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from execbot.sim.calendar import NEW_YORK
from execbot.sim.times import format_ns
from execbot.sim.types import SECOND, Ns, within_time

CENT = Decimal("0.01")
MICRO = Decimal("0.000001")
RATIO = Decimal("0.00001")
NANO = Decimal("0.000000001")
ZERO = Decimal(0)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def text(value: Decimal) -> str:
    """Plain notation without trailing zeros: `5`, `86.878`."""
    if not value:
        return "0"
    plain = format(value, "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def maybe(value: Decimal | None) -> str | None:
    return None if value is None else text(value)


def rounded(value: Decimal, step: Decimal) -> str:
    return text(value.quantize(step, ROUND_HALF_UP))


def stamp_micro(at: Ns) -> str:
    """RFC 3339 in UTC, cut to microseconds: the form of activities."""
    return format_ns(at - at % 1000)


def maybe_stamp(at: Ns | None) -> str | None:
    return None if at is None else format_ns(at)


@lru_cache(maxsize=512)
def _local_second(seconds: int) -> datetime:
    return (_EPOCH + timedelta(seconds=seconds)).astimezone(NEW_YORK)


def wall_time(at: Ns) -> datetime:
    """What New York's clocks show, cut to the second."""
    return _local_second(at // SECOND)


def new_york_stamp(at: Ns) -> str:
    """RFC 3339 with the New York offset, as the clock endpoint answers."""
    seconds, nanos = divmod(at, SECOND)
    local = _local_second(seconds)
    offset = local.strftime("%z")
    fraction = f".{nanos:09d}".rstrip("0") if nanos else ""
    return f"{local.strftime('%Y-%m-%dT%H:%M:%S')}{fraction}{offset[:3]}:{offset[3:]}"


def activity_prefix(at: Ns) -> str:
    """`YYYYMMDDHHMMSSmmm` in New York local time, the first half of an activity id."""
    return f"{_local_digits(at // SECOND)}{at % SECOND // 1_000_000:03d}"


@lru_cache(maxsize=64)
def _local_digits(seconds: int) -> str:
    return _local_second(seconds).strftime("%Y%m%d%H%M%S")


def at_new_york(day: date, hour: int, minute: int = 0) -> Ns:
    """The instant of a New York wall time."""
    local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=NEW_YORK)
    return int(local.timestamp()) * SECOND


def parse_stamp(value: str) -> Ns:
    """An RFC 3339 timestamp or `YYYY-MM-DD` (UTC midnight). Raises ValueError."""
    raw = value.strip().replace(" ", "+")
    nanos = 0
    if "." in raw:
        head, rest = raw.split(".", 1)
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        raw = head + rest[len(digits) :]
        nanos = int(digits[:9].ljust(9, "0") or "0")
    moment = datetime.fromisoformat(raw)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    delta = moment - _EPOCH
    return within_time((delta.days * 86_400 + delta.seconds) * SECOND + nanos)
