"""`--stop-loss`, `--take-profit`, `--stop`, `--target` and `--trail` become `Wishes`.

Levels follow `execbot.exits.levels`: `182.50`, `2%`, `2R`, `1.5ATR`, `support`. What can be checked
before anything is asked of the broker is checked here; what a level is worth is decided below.
"""

from __future__ import annotations

from collections.abc import Sequence

from execbot.cli.errors import usage
from execbot.cli.flags.order_flags import read_price
from execbot.exits.levels import LevelKind, LevelSpec, parse_level
from execbot.exits.plan.legs import why_no_legs
from execbot.exits.plan.plan import Trail, TrailKind
from execbot.exits.plan.wishes import NO_WISHES, Wishes, in_equal_parts
from execbot.model.numbers import text
from execbot.model.order import OrderRequest
from execbot.model.symbols import is_pair

FAR_HELP = "A level further than half the price away is meant."
NO_RULES_HELP = "Leave the plan alone: no break-even, time stop or flattening."

STOP, TARGET = "--stop-loss", "--take-profit"


def read_exits(request: OrderRequest, stop_loss: str | None, take_profit: Sequence[str]) -> Wishes:
    """The exits that were asked for with an order. Several targets share it in equal parts.

    Raises Failure (2), and LevelError for a word that is no level.
    """
    if stop_loss is None and not take_profit:
        return NO_WISHES
    _check_parent(request)
    stop = None if stop_loss is None else _read_level(STOP, stop_loss, request.symbol)
    targets = [_read_level(TARGET, word, request.symbol) for word in take_profit]
    if stop is None:
        _check_without_stop(targets)
    if request.qty is not None and len(targets) > request.qty:
        raise usage(
            f"{TARGET} was given {len(targets)} times with --qty {text(request.qty)}",
            hint="Each target takes one whole share at least.",
            next_step=f"Give {TARGET} less often, or raise --qty to {len(targets)}.",
            kind="usage.targets",
        )
    return Wishes(stop, None, in_equal_parts(targets))


def read_protection(stop: str | None, targets: Sequence[str], trail: str | None) -> Wishes:
    """The exits that were asked for a position. Raises Failure (2), LevelError."""
    if stop is None and not targets and trail is None:
        return NO_WISHES
    return Wishes(
        stop=None if stop is None else parse_level(stop),
        trail=None if trail is None else _read_trail(trail, from_start=stop is None),
        targets=in_equal_parts([parse_level(word) for word in targets]),
    )


_TRAILS = {
    LevelKind.PERCENT: TrailKind.PERCENT,
    LevelKind.OFFSET: TrailKind.PRICE,
    LevelKind.ATR: TrailKind.ATR,
}


def _read_trail(word: str, *, from_start: bool) -> Trail:
    spec = parse_level(word)
    if spec.kind not in _TRAILS:
        raise usage(f"--trail was {word}", hint="A trail is 1%, 2USD or 3ATR.")
    return Trail(_TRAILS[spec.kind], spec.value, from_start=from_start)


def _read_level(flag: str, word: str, symbol: str) -> LevelSpec:
    spec = parse_level(word)
    if spec.kind is LevelKind.PRICE:
        read_price(flag, word, is_pair(symbol))
    return spec


def _check_without_stop(targets: Sequence[LevelSpec]) -> None:
    if len(targets) > 1:
        raise usage(
            f"{TARGET} was given {len(targets)} times with no {STOP}",
            hint="Several targets stand at the broker as pairs, each of a target and a stop.",
            next_step=f"Add {STOP} 2%, or give one {TARGET}.",
            kind="usage.targets",
        )
    if any(target.kind is LevelKind.R_MULTIPLE for target in targets):
        raise usage(
            f"{TARGET} was {targets[0]} with no {STOP}",
            hint="R is the distance from entry to stop.",
            next_step=f"Add {STOP} 2%.",
            kind="usage.r_without_stop",
        )


def _check_parent(request: OrderRequest) -> None:
    """Said before the broker is asked for anything where the order alone shows it."""
    why = why_no_legs(request, is_crypto=is_pair(request.symbol))
    if why is None:
        return
    raise usage(
        f"{STOP} and {TARGET} are not possible: {why.message}",
        hint=why.hint,
        next_step=f"Leave them out, and protect the position: execbot protect {request.symbol}",
        kind="usage.legs",
    )
