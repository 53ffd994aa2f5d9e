"""Goal: long texts are kept small and come back as they were; what was written before is read too.

Method: texts of any kind through the packer; rows of real orders in a real file, looked at there;
rows put back as an earlier version wrote them; what was packed by each dictionary, by hand; bytes
of every kind spoilt.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from journal.rows import event
from msgspec.structs import replace
from support.harness.earlier import made_earlier
from support.oms_making import T0, at, update

from execbot.journal import Journal, JournalCorrupt, JournalError
from execbot.journal.care.copies import Unreadable, leave_out, readable_events
from execbot.journal.codec import event_of, payload
from execbot.journal.packing.form import FORM
from execbot.journal.packing.texts import (
    _DICTIONARIES,
    AFTER,
    LAST_FOR_ALL,
    LONGEST_BEFORE,
    OLDEST,
    SHORTEST,
    SHORTEST_OF_ITS_KIND,
    Kind,
    is_after,
    packed,
    unpacked,
)
from execbot.journal.records import EventRecord
from execbot.journal.statements import EVENTS
from execbot.oms.sync.intake import apply_update
from execbot.oms.sync.rebuild import rebuild

ONCE = (
    '{"order":{"id":"one","client_order_id":"execbot-two","status":"filled","filled_qty":"10",'
    '"symbol":"AAPL","side":"sell","type":"stop"}}'
)
BEFORE = ONCE.replace("filled", "new", 1).replace("10", "0")

KEPT = {
    (1, False): "01ab464bb3a0ca1e5fb22d29cf57c2e67294a80157cae8118e1ab0c871505b0b00",
    (2, False): "02ab462b2a200d4bdca54549793e565fa2a44e70e31a47fb014bcba7b61600",
    (2, True): "829d3440aba3d005f07046718421a9ae0000",
    (3, False): "0343cf3df979a97833504979be12360fa1a600032ce90a35bc914badda5a00",
    (3, True): "839d3440aba3d005f020454d83a4ba0200",
    (4, False): "04ab86380394e0c066e6e7e18fe692f27cb0afd11d0d6140ed360459457cfaadad0500",
    (5, False): "05ab5602276990e7c1a91a14b3404370a6f692f27ce4860bbcad8192460c0d7067c4e2d41c90"
    "334b2a0b601e51aaad0500",
    (6, False): "06ab5682666d68c30da22239271398c820d1006974c1ec2d29cf87865e29287ed2808d2970d8"
    "4118f185d0e448b0ed5d5259900a7535300a01",
    (7, False): "07ab86243870b201990a8a4b1d3cb9a0a43c1f5c2e249694825c0f8928f4c468684030fb2157"
    "f4b5b500",
    (7, True): "879d3440aba3d00510bbd11d6148aa2b00",
}
"""What was packed once, by the number of the dictionary, alone or after `BEFORE`."""

CRCS = {
    1: 939485062,
    2: 2598528890,
    3: 1732196502,
    4: 1995424198,
    5: 3849862708,
    6: 3290640007,
    7: 158683338,
}

SAID = {
    Kind.REPORT: '{"order":{"id":"","symbol":"AAPL","asset_class":"us_equity"}}',
    Kind.ACT: '{"chain_qty":"0","chain_value":"0"}',
    Kind.PLAN: '{"rules":{"breakeven_at_r":null,"tighten_within_pct":null}}',
    Kind.DECISION: '{"action":"replace","result":"done","message":""}',
    Kind.CONFIRMATION: '{"why_unverified":["position_not_read"]}',
}
"""What is often said in each kind of text, in words that are short."""


@given(st.text(max_size=3000))
def test_every_text_comes_back(text: str) -> None:
    for number in _DICTIONARIES:
        assert unpacked(packed(text, number=number)) == text


@given(st.text(max_size=3000), st.text(max_size=LONGEST_BEFORE + 500))
def test_every_text_comes_back_after_any_other(text: str, before: str) -> None:
    for number in _DICTIONARIES:
        assert unpacked(packed(text, before, number=number), before) == text


def test_a_text_after_one_that_is_nearly_the_same_takes_next_to_nothing() -> None:
    shown = [json.dumps({"id": str(UUID(int=n, version=4)), "qty": n}) * 3 for n in (7**42, 7**41)]
    once = json.dumps({"client_order_id": shown[0], "status": "new"})
    later = json.dumps({"client_order_id": shown[0], "status": "filled"})
    after = packed(later, once)
    assert is_after(after)
    assert len(after) < len(packed(later)) / 3
    assert len(packed(later, shown[1])) > len(after)


@pytest.mark.parametrize(("number", "is_later"), KEPT)
def test_what_was_packed_once_is_read_for_ever(number: int, is_later: bool) -> None:
    kept = bytes.fromhex(KEPT[number, is_later])
    assert unpacked(kept, BEFORE if is_later else None) == ONCE


def test_a_better_dictionary_gets_the_next_number() -> None:
    assert {number: zlib.crc32(text) for number, text in _DICTIONARIES.items()} == CRCS


def test_who_knows_the_first_form_alone_is_written_no_other() -> None:
    alone = packed(ONCE, BEFORE, number=OLDEST)
    assert alone[0] == OLDEST
    assert unpacked(alone) == ONCE


@pytest.mark.parametrize("number", _DICTIONARIES)
def test_short_text_stays_readable_in_the_file(number: int) -> None:
    assert packed("{}", number=number) == "{}"
    assert packed("{}", BEFORE, number=number) == "{}"
    assert isinstance(packed("x" * SHORTEST, number=number), bytes)


@pytest.mark.parametrize("kind", Kind)
def test_what_is_often_said_in_a_kind_of_text_takes_next_to_nothing_there(kind: Kind) -> None:
    sizes = {other: len(packed(SAID[kind], number=other)) for other in Kind}
    assert sizes[kind] < len(SAID[kind]) / 2
    assert min(sizes, key=sizes.__getitem__) == kind
    assert packed(SAID[kind], number=LAST_FOR_ALL) == SAID[kind]


@given(st.text(min_size=SHORTEST_OF_ITS_KIND, max_size=SHORTEST - 1), st.sampled_from(Kind))
def test_a_short_text_that_gains_nothing_stays_as_it_is(text: str, kind: Kind) -> None:
    for before in (None, BEFORE):
        kept = packed(text, before, number=kind)
        assert kept == text or len(kept) < len(text.encode())


@pytest.mark.parametrize("words", range(0, LONGEST_BEFORE // 40, 10))
def test_a_long_text_after_one_that_is_nearly_the_same_is_small_too(words: int) -> None:
    """However long: what it follows lies within reach."""
    once = json.dumps([str(UUID(int=7**n % 2**128, version=4)) for n in range(1, words + 2)])
    kept = packed(f"{once} ", once)
    assert len(kept) < 20 + len(packed(once)) / 30
    assert unpacked(kept, once) == f"{once} "


@pytest.mark.parametrize("spoilt", [b"", b"\x09abc", packed("x" * 500)[:-3], b"\x01\xff\xff"])
def test_what_cannot_be_read_back_is_said_to_be_so(spoilt: bytes) -> None:
    with pytest.raises(ValueError, match="what was packed"):
        unpacked(spoilt)


@pytest.mark.parametrize("before", [None, "", BEFORE.replace("two", "too"), BEFORE[:-1], ONCE])
def test_a_text_is_not_read_after_another_one_than_it_was_packed_after(before: str | None) -> None:
    with pytest.raises(ValueError, match="what was packed"):
        unpacked(packed(ONCE, BEFORE), before)


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255), st.booleans())
def test_spoilt_bytes_are_no_other_text_after_one(place: int, change: int, is_cut: bool) -> None:
    whole = packed(ONCE, BEFORE)
    assert isinstance(whole, bytes)
    place %= len(whole)
    spoilt = whole[:place] + (
        b"" if is_cut else bytes([whole[place] ^ change]) + whole[place + 1 :]
    )
    with contextlib.suppress(ValueError):
        assert unpacked(spoilt, BEFORE) == ONCE


def filled(path: Path) -> None:
    with Journal.open(path) as journal:
        frames = (
            update("new", "new", second=1),
            update("fill", "filled", second=2, execution_id="x1", qty="10", price="100",
                   filled="10", avg="100"),
        )  # fmt: skip
        for frame in frames:
            apply_update(journal, frame, T0)
        journal.audit("risk", "mine-1", "checks", {"checks": ["x" * 200]}, "passed", T0)
        journal.save_plan("p", "AAPL", "active", {"note": "y" * 200}, T0, version=1)
        journal.claim_signal("s", "AAPL", {"note": "z" * 200}, T0)


def content(journal: Journal) -> list[object]:
    plan, signal = journal.plan("p"), journal.signal("s")
    assert plan is not None and signal is not None
    events = list(journal.all_events())
    return [events, journal.audit_of("mine-1"), plan.body, signal.body, journal.derived_tables()]


LONG = (("order_events", "raw"), ("audit", "facts"), ("exit_plans", "body"), ("signals", "body"))


def test_reports_decisions_and_plans_are_kept_packed(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    filled(path)
    with closing(sqlite3.connect(path)) as connection:
        for table, column in LONG:
            kinds = connection.execute(f"SELECT DISTINCT typeof({column}) FROM {table}").fetchall()
            assert kinds == [("blob",)], table


def forms(journal: Journal) -> list[str]:
    """How each report of the history is kept: as text, alone, or after the first of its order."""
    rows = journal._rows("SELECT raw FROM order_events WHERE raw != '{}' ORDER BY seq")
    return [
        "text" if isinstance(row[0], str) else "after" if is_after(row[0]) else "alone"
        for row in rows
    ]


def test_a_later_report_of_an_order_is_packed_after_its_first(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    filled(path)
    with Journal.open(path) as journal:
        assert forms(journal) == ["alone", "after"]
        apply_update(journal, update("canceled", "canceled", second=3), T0)
        assert forms(journal) == ["alone", "after", "after"]
        events = list(journal.all_events())
        assert [event.raw["event"] for event in events] == ["new", "fill", "canceled"]
        assert journal.events_of("mine-1") == journal.changes_since(0) == events
        assert list(readable_events(journal)) == events


def test_a_first_report_that_was_rolled_back_is_none(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "journal.db") as journal:
        with pytest.raises(ZeroDivisionError), journal.transaction():
            apply_update(journal, update("new", "new", second=1), T0)
            raise ZeroDivisionError
        apply_update(journal, update("new", "new", second=2), T0)
        assert forms(journal) == ["alone"]
        assert journal.check() == []
        assert [event.at for event in journal.all_events()] == [at(2)]


def test_a_damaged_first_report_is_told_and_costs_nothing_that_comes(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    filled(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TRIGGER order_events_are_never_changed")
        connection.execute("UPDATE order_events SET raw = x'02ff' WHERE seq = 1")
        connection.commit()
    with Journal.open(path) as journal:
        with pytest.raises(JournalCorrupt, match="in a row of order_events"):
            journal.events_of("mine-1")
        journal.append_events([replace(event("mine-1"), raw={"words": "x" * SHORTEST})])
        assert forms(journal) == ["alone", "after", "alone"]
        *damaged, last = readable_events(journal)
        assert [item.seq for item in damaged if isinstance(item, Unreadable)] == [1, 2]
        assert isinstance(last, EventRecord)


def test_an_event_that_is_left_out_of_a_copy_takes_no_other_along(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    filled(path)
    with Journal.open(path) as journal:
        _, second = journal.all_events()
        leave_out(journal, [1])
        assert list(journal.all_events()) == [second]
        for sql in ("UPDATE order_events SET kind = 'x'", "DELETE FROM order_events"):
            with pytest.raises(JournalError, match="append-only"):
                journal._run(sql)


def test_an_earlier_version_that_has_the_file_open_reads_all_of_it(tmp_path: Path) -> None:
    """Until a `watch` of today begins, one of before may be running."""
    path = tmp_path / "journal.db"
    filled(path)
    made_earlier(path, "0018_less_room")
    with Journal.open(path) as journal:
        older = len(forms(journal))
        journal._run("DELETE FROM meta WHERE key = ?", (FORM,))  # as the version of then had it
    with Journal.open(path) as journal:
        apply_update(journal, update("canceled", "canceled", second=3), T0)
        journal.audit("risk", "mine-1", "checks", {"checks": ["x" * 200]}, "passed", T0)
        assert forms(journal)[older:] == ["alone"]
        [(facts,)] = journal._rows("SELECT facts FROM audit ORDER BY seq DESC LIMIT 1")
        assert facts[0] == OLDEST
        journal.pack_newly()
        apply_update(journal, update("canceled", "canceled", second=4), T0)
        assert forms(journal)[older:] == ["alone", "after"]
    with Journal.open(path) as journal:
        apply_update(journal, update("canceled", "canceled", second=5), T0)
        assert forms(journal)[older:] == ["alone", "after", "after"]
        assert len(list(journal.all_events())) == older + 3


KEPT_IN: tuple[tuple[str, str, Kind], ...] = (
    ("order_events", "raw", Kind.REPORT),
    ("order_events", "details", Kind.ACT),
    ("audit", "facts", Kind.DECISION),
    ("exit_plans", "body", Kind.PLAN),
    ("signals", "body", Kind.DECISION),
)


def dictionaries(path: Path) -> dict[tuple[str, str], set[int]]:
    """The numbers of those that packed the texts of each column."""
    with closing(sqlite3.connect(path)) as connection:
        return {
            (table, column): {
                row[0][0] % AFTER
                for row in connection.execute(f"SELECT {column} FROM {table}")
                if isinstance(row[0], bytes)
            }
            for table, column, _ in KEPT_IN
        }


def test_each_kind_of_text_has_its_dictionary_once_no_earlier_version_runs(tmp_path: Path) -> None:
    """A journal of the version before, which knows one dictionary for all, is written as that one
    reads it until a `watch` of today begins."""
    path, long = tmp_path / "journal.db", {"note": "z" * 200}

    def write(journal: Journal, number: int) -> None:
        apply_update(journal, update("canceled", "canceled", second=number), T0)
        journal.append_events([replace(event("mine-1", "send"), details=long)])
        journal.audit("risk", "mine-1", "checks", long, "passed", T0)
        journal.claim_signal(f"s-{number}", "AAPL", long, T0)
        journal.save_plan("p", "AAPL", "active", long, T0, version=number)

    with Journal.open(path) as journal:
        journal.meta_set(FORM, LAST_FOR_ALL)
    with Journal.open(path) as journal:
        write(journal, 1)
    made_earlier(path, "0019_kinds_of_text")
    with Journal.open(path) as journal:
        write(journal, 2)
    assert {number for found in dictionaries(path).values() for number in found} == {LAST_FOR_ALL}
    with Journal.open(path) as journal:
        journal.pack_newly()
        write(journal, 3)
    assert dictionaries(path) == {
        (table, column): {LAST_FOR_ALL, kind} for table, column, kind in KEPT_IN
    }
    with Journal.open(path) as journal:
        plans = [(plan.version, plan.body) for plan in journal.plan_history("p")]
        assert plans == [(1, long), (2, long), (3, long)]
        assert [row.facts for row in journal.audit_of("mine-1")] == [long] * 3
        sent = [found.details for found in journal.all_events() if found.kind == "send"]
        assert sent == [long] * 3
        assert len(list(journal.all_events())) == 6
        assert {signal.signal_id: signal.body for signal in journal.signals()} == {
            f"s-{number}": long for number in (1, 2, 3)
        }
        kept = journal.derived_tables()
        rebuild(journal)
        assert journal.derived_tables() == kept


def test_rows_of_an_earlier_version_are_read_beside_packed_ones(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    filled(path)
    with Journal.open(path) as journal:
        before = content(journal)
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        connection.create_function("unpacked", 1, unpacked)
        connection.execute("DROP TRIGGER order_events_are_never_changed")
        for table, column in LONG[1:]:
            connection.execute(f"UPDATE {table} SET {column} = unpacked({column})")
        connection.executemany(
            "UPDATE order_events SET raw = ? WHERE seq = ?",
            [(payload(event_of(row).raw), row["seq"]) for row in connection.execute(EVENTS)],
        )
        connection.commit()
    with Journal.open(path) as journal:
        assert content(journal) == before
        apply_update(journal, update("canceled", "canceled", second=3), T0)
        kept = journal.derived_tables()
        rebuild(journal)
        assert journal.derived_tables() == kept
        assert forms(journal) == ["text", "text", "after"]
