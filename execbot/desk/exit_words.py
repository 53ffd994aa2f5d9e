"""The exits that are asked for, in words: `182.50`, `2%`, `2R`, `1.5ATR`, `support`. Pure.

What can be known before anything is asked of the broker is checked here; what a level is worth is
decided below. Errors name the words as the caller does (`--stop-loss`, `stop_loss`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from execbot.desk.errors import BadExits
from execbot.exits.levels import LevelKind, LevelSpec, parse_level
from execbot.exits.plan.legs import why_no_legs
from execbot.exits.plan.plan import Trail, TrailKind
from execbot.exits.plan.wishes import NO_WISHES as NO_WISHES
from execbot.exits.plan.wishes import Wishes, in_equal_parts
from execbot.model.numbers import text
from execbot.model.order import OrderRequest
from execbot.model.symbols import is_option, is_pair

__all__ = ["Levels", "Wishes", "levels_asked", "wishes_for_order", "wishes_for_position"]

CheckPrice = Callable[[str, str], object]
"""Called with a name and a word that is a price; raises where the price cannot be one."""


class Names(Struct, frozen=True):
    """The names by which the caller calls the words."""

    stop: str
    target: str
    qty: str
    trail: str = "--trail"


FLAGS = Names("--stop-loss", "--take-profit", "--qty")


def wishes_for_order(
    request: OrderRequest,
    stop: str | None,
    targets: Sequence[str],
    *,
    names: Names = FLAGS,
    check_price: CheckPrice = lambda name, word: None,
) -> Wishes:
    """The exits of an entry. Several targets share it in equal parts.

    Raises BadExits, and LevelError for a word that is no level.
    """
    if stop is None and not targets:
        return NO_WISHES
    _check_parent(request, names)
    stop_spec = None if stop is None else _level(names.stop, stop, check_price)
    specs = [_level(names.target, word, check_price) for word in targets]
    if stop_spec is None:
        _check_without_stop(specs, names)
    if request.qty is not None and len(specs) > request.qty:
        raise BadExits(
            f"{names.target} was given {len(specs)} times with {names.qty} {text(request.qty)}",
            hint="Each target takes one whole share at least.",
            next_step=f"Give {names.target} less often, or raise {names.qty} to {len(specs)}.",
            kind="usage.targets",
        )
    return Wishes(stop_spec, None, in_equal_parts(specs))


def wishes_for_position(
    stop: str | None, targets: Sequence[str], trail: str | None, *, names: Names = FLAGS
) -> Wishes:
    """The exits of a position that is held. Raises BadExits, LevelError."""
    if stop is None and not targets and trail is None:
        return NO_WISHES
    return Wishes(
        stop=None if stop is None else parse_level(stop),
        trail=None if trail is None else _trail(trail, names, from_start=stop is None),
        targets=in_equal_parts([parse_level(word) for word in targets]),
    )


class Levels(Struct, frozen=True):
    """Where the exits of a position should move to; None and nothing leave them where they are."""

    stop: LevelSpec | None = None
    targets: tuple[LevelSpec, ...] = ()


def levels_asked(stop: str | None, targets: Sequence[str]) -> Levels:
    """Raises LevelError."""
    spec = None if stop is None else parse_level(stop)
    return Levels(spec, tuple(parse_level(word) for word in targets))


_TRAILS = {
    LevelKind.PERCENT: TrailKind.PERCENT,
    LevelKind.OFFSET: TrailKind.PRICE,
    LevelKind.ATR: TrailKind.ATR,
}


def _trail(word: str, names: Names, *, from_start: bool) -> Trail:
    spec = parse_level(word)
    if spec.kind not in _TRAILS:
        raise BadExits(f"{names.trail} was {word}", hint="A trail is 1%, 2USD or 3ATR.")
    return Trail(_TRAILS[spec.kind], spec.value, from_start=from_start)


def _level(name: str, word: str, check_price: CheckPrice) -> LevelSpec:
    spec = parse_level(word)
    if spec.kind is LevelKind.PRICE:
        check_price(name, word)
    return spec


def _check_without_stop(targets: Sequence[LevelSpec], names: Names) -> None:
    if len(targets) > 1:
        raise BadExits(
            f"{names.target} was given {len(targets)} times with no {names.stop}",
            hint="Several targets stand at the broker as pairs, each of a target and a stop.",
            next_step=f"Add {names.stop} 2%, or give one {names.target}.",
            kind="usage.targets",
        )
    if any(target.kind is LevelKind.R_MULTIPLE for target in targets):
        raise BadExits(
            f"{names.target} was {targets[0]} with no {names.stop}",
            hint="R is the distance from entry to stop.",
            next_step=f"Add {names.stop} 2%.",
            kind="usage.r_without_stop",
        )


def _check_parent(request: OrderRequest, names: Names) -> None:
    """Refuse what the order alone shows to be impossible, before the broker is asked for anything.
    Of contracts it depends on a running `watch`: the planner refuses that."""
    why = why_no_legs(request, is_crypto=is_pair(request.symbol))
    if why is None or request.spread or is_option(request.symbol):
        return
    raise BadExits(
        f"{names.stop} and {names.target} are not possible: {why.message}",
        hint=why.hint,
        next_step=f"Leave them out, and protect the position: execbot protect {request.symbol}",
        kind="usage.legs",
    )
