"""What a command said, held against the exchange's record: exit code, `outcome`, its own figures.

Pure: orders are the exchange's own, by the id that people use, before the command and after it.
Between its answer and the look at the exchange an order may have filled further, or ended; it
cannot have filled less, nor live again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from execbot.cli.errors import NOTHING_SENT
from execbot.cli.exit_codes import ExitCode
from support.harness.breaking import LIVE
from support.processes import Outcome

D = Decimal
Orders = Mapping[str, Mapping[str, Any]]
NEVER_THERE = ("not_sent", "rejected")


def is_of(id_: str, name: str) -> bool:
    """The order of the intent, or another attempt at it."""
    rest = id_.removeprefix("execbot-signal-")
    return rest == name or rest.startswith((f"{name}-r", f"{name}-q", f"{name}."))


def contradictions(
    line: str, name: str, ended: Outcome, before: Orders, after: Orders
) -> Iterator[str]:
    """Each thing that was said and is not so."""
    own = [row for id_, row in after.items() if is_of(id_, name) and id_ not in before]
    closing = [row for id_, row in after.items() if id_ not in before and _closes(id_, row)]
    is_close = line.startswith("close")
    error = _error(ended)
    said = str(error.get("outcome") or "")
    if ended.code in NOTHING_SENT or said == "not_sent":
        there = own or (closing if is_close else [])
        if there:
            yield f"not sent, it is said; the exchange has {there[0]['status']}"
    if ended.code == ExitCode.REJECTED or said == "rejected":
        for row in own:
            if row["status"] in LIVE or D(row["filled_qty"]):
                yield f"rejected, it is said; it is {row['status']}, {row['filled_qty']} filled"
    if error:
        yield from _of_the_error(ended.code, said, error)
    if ended.code == ExitCode.DONE and ended.out.strip():
        yield from _of_the_answer(line, _data(ended), after)


def _of_the_error(code: int, said: str, error: Mapping[str, Any]) -> Iterator[str]:
    """The code and the outcome say the same."""
    if (code == ExitCode.IN_DOUBT) != (said == "in_doubt"):
        yield f"the code is {code}, the outcome {said}"
    if code == ExitCode.PARTLY and said == "not_sent":
        yield "partly done, says the code; not sent, the outcome"
    if error.get("exit_code") not in (None, code):
        yield f"the error names the code {error.get('exit_code')}, it is {code}"


def _of_the_answer(line: str, data: Any, after: Orders) -> Iterator[str]:
    """Each order that the answer shows, as it shows it."""
    command = line.split()[0]
    if command == "cancel-all":
        for shown in data.get("canceled", ()):
            row = _there(shown, after)
            if row is not None and row["status"] in LIVE - {"pending_cancel"}:
                yield f"canceled, it is said of {shown['client_order_id']}; it is {row['status']}"
        return
    if command == "queue":
        yield from _of_the_queue(data, after)
        return
    tells_one = command in ("submit", "signal", "close") or line.startswith("orders retry")
    if not tells_one or not isinstance(data, dict):
        return
    outcome = data.get("outcome")
    if outcome in ("not_sent", "queued") or data.get("status") == "queued":
        return
    row = _there(data, after)
    if row is None:
        if outcome not in NEVER_THERE:
            yield f"{outcome}, it is said, and the exchange does not have it"
        return
    yield from _of_the_order(data, row)
    yield from unprotected_as_said(data, after, at_rest=False)


def _of_the_queue(rows: Any, after: Orders) -> Iterator[str]:
    for shown in rows:
        row, name = _there(shown, after), shown["client_order_id"]
        if shown["outcome"] == "queued" and row is not None:
            yield f"{name} waits, it is said; the exchange has it, {row['status']}"
        if shown["outcome"] in ("accepted", "filled") and row is None:
            yield f"{name} is {shown['outcome']}, it is said, and the exchange does not have it"


def _of_the_order(data: Mapping[str, Any], row: Mapping[str, Any]) -> Iterator[str]:
    # A signal that only takes an entry back names that entry, which is of the other side.
    takes_back = "signal_id" in data and data.get("outcome") == "canceled"
    for name in ("symbol", "qty") if takes_back else ("symbol", "side", "qty"):
        if data.get(name) is not None and str(data[name]) != str(row[name]):
            yield f"{name} {data[name]}, it is said; it is {row[name]}"
    filled, status = data.get("filled_qty"), data.get("status")
    if filled is not None and D(filled) > D(row["filled_qty"]):
        yield f"{filled} filled, it is said; {row['filled_qty']} are"
    if "filled" in (status, data.get("outcome")) and row["status"] != "filled":
        yield f"filled, it is said; it is {row['status']}"
    ended = status or data.get("outcome")
    if ended in ("canceled", "expired", "rejected") and row["status"] in LIVE:
        yield f"{ended}, it is said; it is {row['status']}"
    if data.get("outcome") == "rejected" and row["status"] != "rejected":
        yield f"rejected, it is said; it is {row['status']}"


def unprotected_as_said(
    data: Mapping[str, Any], after: Orders, *, at_rest: bool = True
) -> Iterator[str]:
    """What an answer says of an entry's stop, against the one that the exchange has with it. Where
    nothing is `at_rest`, a watch may have moved that since."""
    row = _there(data, after)
    risk = data.get("risk")
    if row is None or not isinstance(risk, Mapping) or row["side"] not in ("buy", "sell"):
        return
    legs = [leg for leg in row.get("legs") or () if leg["status"] in LIVE]
    stops = {D(leg["stop_price"]) for leg in legs if leg["stop_price"] is not None}
    said = {D(one["price"]) for one in data.get("exits") or () if one["level"] == "stop"}
    if stops and not said:
        yield f"no stop is said; the exchange has one at {min(stops)}"
    if stops and risk["stop"] is None:
        yield f"no stop limits the risk, it is said; the exchange has one at {min(stops)}"
    if at_rest and stops and said and said != stops:
        yield f"a stop at {min(said)} is said; the exchange has {min(stops)}"


def differing(ours: list[dict[str, Any]], theirs: Orders) -> Iterator[str]:
    """All at rest: each order that the journal shows, against the exchange's, and the other way."""
    mine = {row["client_order_id"]: row for row in ours}
    for id_, row in theirs.items():
        known = mine.get(id_)
        if known is None:
            yield f"the journal does not have {id_}, {row['status']}"
        elif (known["status"] in LIVE) != (row["status"] in LIVE):
            yield f"{id_} is {known['status']} in the journal, {row['status']} there"
        elif D(known["filled_qty"]) != D(row["filled_qty"]):
            yield f"{id_} has {known['filled_qty']} filled, {row['filled_qty']} there"
    for id_ in mine.keys() - theirs.keys():
        row = mine[id_]
        if row["status"] in LIVE | {"filled"} or D(row["filled_qty"]):
            yield f"{id_} is {row['status']} in the journal, and was never there"


def _closes(id_: str, row: Mapping[str, Any]) -> bool:
    """A market order of a command that sells; those of `watch` have names of their own."""
    return (row["side"], row["type"]) == ("sell", "market") and not id_.startswith("execbot-x-")


def _there(shown: Mapping[str, Any], after: Orders) -> Mapping[str, Any] | None:
    by_id = {row["id"]: row for row in after.values()}
    id_ = shown.get("id") or shown.get("order_id")
    return by_id.get(str(id_)) or after.get(str(shown.get("client_order_id")))


def _error(ended: Outcome) -> Mapping[str, Any]:
    return _read(lambda: ended.error) if ended.code and ended.err.strip() else {}


def _data(ended: Outcome) -> Any:
    return json.loads(ended.out)["data"]


def _read(read: Callable[[], Any]) -> Mapping[str, Any]:
    found = read()
    return found if isinstance(found, Mapping) else {}
