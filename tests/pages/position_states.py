"""The states of a position, drawn from `state_of` itself: every change of one of its inputs."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

from execbot.exits.position_view import PositionState, state_of
from execbot.exits.rules.view import Guarded

CHANGES = {
    ("held", True): "shares come, by a fill in part or whole",
    ("held", False): "the last share goes",
    ("entry", True): "an order that opens it works",
    ("entry", False): "that order ends, nothing filled",
    ("leaving", True): "an exit is decided, or an order that closes it now works",
    ("leaving", False): "that exit ends and shares are left",
}
"""What a change of one input is, in words: the input and its new value. Mermaid allows neither a
colon nor a semicolon in the words of an arrow."""

OF_STATE = {
    PositionState.PENDING_ENTRY: "nothing is held; an order that opens it works",
    PositionState.OPEN: "shares are held; stops and targets rest",
    PositionState.PENDING_EXIT: "shares are held and on their way out",
    PositionState.CLOSED: "nothing is held, and nothing that opens it works",
}

OF_GUARD = {
    Guarded.FLAT: "nothing is held",
    Guarded.DUST: "worth too little to be sold; wants no stop",
    Guarded.PENDING: "an exercise, assignment or expiry whose rows the broker has not written yet",
    Guarded.NO_PLAN: "nobody promised a stop (`exits.every_position` makes that a finding)",
    Guarded.PROTECTED: "every share has its stop at the broker",
    Guarded.ARRIVING: "the stop is sent and not acknowledged yet",
    Guarded.UNPROTECTED: "shares lack the stop of their plan: an alarm, exit 8",
    Guarded.EMULATED: "`watch` holds the stop itself: no order stands at the broker",
    Guarded.DORMANT: "the broker holds the stop until the regular session, and nobody acts before",
    Guarded.SUSPENDED: "the trader took the exits away; other stops cover the shares",
    Guarded.LIFTED: "the stop makes room for an order of ours and comes back",
    Guarded.LEAVING: "an exit for every share is under way",
}


def arrows() -> dict[tuple[PositionState, PositionState], set[str]]:
    """Every change of one input that leads to another state, with its words."""
    found: dict[tuple[PositionState, PositionState], set[str]] = {}
    names = ("held", "entry", "leaving")
    for values in product((False, True), repeat=len(names)):
        before = dict(zip(names, values, strict=True))
        for name in names:
            after = {**before, name: not before[name]}
            one, other = _state(before), _state(after)
            if one is not other:
                found.setdefault((one, other), set()).add(CHANGES[name, after[name]])
    return found


def diagram() -> str:
    """Arrows for Mermaid, in the order of the states."""
    order = list(PositionState)
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {PositionState.PENDING_ENTRY}"]
    ways = sorted(arrows().items(), key=lambda way: [order.index(state) for state in way[0]])
    for (one, other), words in ways:
        lines.append(f"    {one} --> {other}: {' or '.join(sorted(words))}")
    return "\n".join([*lines, f"    {PositionState.CLOSED} --> [*]", "```", ""])


def states() -> str:
    rows = [f"| `{state}` | {OF_STATE[state]} |" for state in PositionState]
    return "\n".join(["| state | it is so when |", "|---|---|", *rows, ""])


def guards() -> str:
    rows = [f"| `{guard}` | {OF_GUARD[guard]} |" for guard in Guarded]
    return "\n".join(["| guarded | means |", "|---|---|", *rows, ""])


def _state(inputs: dict[str, bool]) -> PositionState:
    qty = Decimal(10 if inputs["held"] else 0)
    return state_of(qty, has_entry=inputs["entry"], is_leaving=inputs["leaving"])
