"""What reconciliation could not explain away: the kinds of breaks, their causes and remedies."""

from __future__ import annotations

from msgspec import Struct


class Break(Struct, frozen=True):
    """One difference. `ours` and `theirs` are texts; `subject` an id or a symbol."""

    kind: str
    subject: str
    ours: str
    theirs: str
    cause: str
    hint: str


class BreakKind(Struct, frozen=True):
    """What a kind of break usually comes from, and what to do about it."""

    cause: str
    hint: str


BREAKS: dict[str, BreakKind] = {
    "order.in_doubt": BreakKind(
        "It was being sent when the process or the connection ended, not long ago.",
        "Run `execbot reconcile` again after the quiet period; do not resubmit.",
    ),
    "order.missing": BreakKind(
        "The broker does not know an order that is open here: the account was reset, or the "
        "journal belongs to another account.",
        "Check the account. `execbot orders abandon ID` gives the order up.",
    ),
    "order.status": BreakKind(
        "The order has ended here, and the broker reports it in another state.",
        "Look at `execbot orders show ID` and at the broker's dashboard.",
    ),
    "order.filled_qty": BreakKind(
        "Executions were reported that the broker does not count (a trade bust that was not "
        "reported), or counted that it does not list.",
        "Compare `execbot orders show ID` with the broker's activities.",
    ),
    "order.duplicate_id": BreakKind(
        "Two orders at the broker carry one client_order_id.",
        "Cancel the one that is not wanted; report it to the broker.",
    ),
    "answer.unknown": BreakKind(
        "The broker's answer holds an impossible value. It is not believed: what was known before "
        "still counts, and entries in the symbol are refused. It is kept as it came in the "
        "journal.",
        "Run `execbot reconcile` again; if it stays so, ask the broker.",
    ),
    "position.qty": BreakKind(
        "A transfer, exercise or other booking without an order, a split that neither the broker's "
        "activities nor the average price bear out, or a fill that the broker does not list.",
        "If the broker is right, `execbot reconcile --accept-positions` records an adjustment.",
    ),
}
"""Every kind of break there is; docs/oms.md lists the same."""
