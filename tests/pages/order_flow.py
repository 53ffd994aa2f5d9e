"""The way of one order as a graph, drawn as a diagram, and walked by tests.

Nodes are the steps that the submit pipeline announces (`on_step`) and the statuses in which the
sending of an order can end. `test_diagrams.py` sends orders through faults and holds every step to
an arrow here, and every arrow here to a walk.
"""

from __future__ import annotations

START = "request"
STEPS = ("before_intent", "intent_written", "before_post", "after_post", "in_doubt", "recorded")
"""What the pipeline announces, in its order."""

ENDS = ("denied", "never_sent", "queued", "rejected", "doubt_stays", "at_the_broker")
"""How the sending ends; `doubt_stays` is the status `in_doubt`, `at_the_broker` any of theirs."""

WORDS = {
    START: "submit, signal, exit plan or queue:<br/>size, levels, request",
    "before_intent": "facts are read:<br/>account, positions, orders, quote, session, halts",
    "intent_written": "one write transaction of the journal:<br/>every check, then the intent",
    "before_post": "POST under the client_order_id",
    "after_post": "answer, refusal, or silence",
    "in_doubt": "in doubt: looked up by client_order_id",
    "recorded": "the broker's answer is in the journal",
    "denied": "denied<br/>not_sent, exit 5",
    "never_sent": "never_sent<br/>not_sent, exit 10 or 4",
    "queued": "queued<br/>for the open, the end of a halt,<br/>or the rate limit",
    "rejected": "rejected<br/>exit 6",
    "doubt_stays": "in_doubt<br/>exit 7: execbot reconcile",
    "at_the_broker": "accepted, filled, ...<br/>exit 0",
}

ARROWS: dict[tuple[str, str], str] = {
    (START, "before_intent"): "",
    ("before_intent", "denied"): "a check fails",
    ("before_intent", "intent_written"): "all pass",
    ("intent_written", "never_sent"): "held up too long",
    ("intent_written", "before_post"): "the intent is durable",
    ("before_post", "after_post"): "",
    ("after_post", "recorded"): "taken",
    ("after_post", "rejected"): "refused",
    ("after_post", "before_post"): "nothing happened: again, same id",
    ("after_post", "never_sent"): "tried often enough",
    ("after_post", "queued"): "rate limit, entry of a signal",
    ("after_post", "in_doubt"): "it may have arrived",
    ("after_post", "doubt_stays"): "its id is there, the order is not shown",
    ("in_doubt", "recorded"): "found",
    ("in_doubt", "before_post"): "absent, and young: again, same id",
    ("in_doubt", "doubt_stays"): "still unknown when it is no longer young",
    ("recorded", "at_the_broker"): "",
}


def diagram() -> str:
    """The graph for Mermaid."""
    lines = ["```mermaid", "flowchart TD"]
    lines += [f"    {name}{_shape(name)}" for name in WORDS]
    for (start, end), words in ARROWS.items():
        label = f"|{words}|" if words else ""
        lines.append(f"    {start} -->{label} {end}")
    return "\n".join([*lines, "```", ""])


def _shape(name: str) -> str:
    opening, closing = ("([", "])") if name in ENDS else ("[", "]")
    return f'{opening}"{WORDS[name]}"{closing}'
