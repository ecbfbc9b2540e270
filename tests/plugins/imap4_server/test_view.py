"""What a view tells, when, and what it costs."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.store.uids import members, ranges
from postroom.testing import Miniature
from postroom_imap4_server import numbering, resyncing
from postroom_imap4_server.grammar.numbers import NumberSet
from tests.plugins.imap4_server.talk import Talk
from tests.plugins.imap4_server.test_select import fill

Clients = Callable[..., Talk]
SETS = st.sets(st.integers(1, 60)).map(sorted)


def modseq(said: list[bytes]) -> int:
    return next(int(line.split()[3].rstrip(b"]")) for line in said if b"HIGHESTMODSEQ" in line)


def uidvalidity(said: list[bytes]) -> int:
    return next(int(line.split()[3].rstrip(b"]")) for line in said if b"UIDVALIDITY" in line)


def forget_expunges(server: Miniature) -> None:
    """What housekeeping does after some days."""

    def work(tx: Any) -> None:
        tx.do("UPDATE mailbox SET horizon = modseq")
        tx.do("DELETE FROM expunged")

    server.context.db.write(work)


def test_neither_a_select_nor_one_new_message_loads_the_mailbox(server: Miniature, talk: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    client = talk()
    fill(client, 2)
    monkeypatch.delattr("postroom.store.snapshots.ColumnsCache.current")
    client.ok("SELECT INBOX")
    server.send("ann@elsewhere.example", "alice@example.test")
    assert b"* 3 EXISTS" in client.ok("NOOP")


def test_what_happens_before_the_mailbox_is_first_looked_into_is_told_all_the_same(talk: Clients) -> None:
    client, other = talk(), talk()
    fill(client, 4)
    client.ok("SELECT INBOX")
    other.ok("SELECT INBOX")
    other.ok("MOVE 2 Archive")
    other.ok(r"STORE 1 +FLAGS.SILENT (\Seen)")
    assert client.ok(r"STORE 3 +FLAGS (\Draft)") == [rb"* 3 FETCH (FLAGS (\Draft \Recent))", rb"* 1 FETCH (UID 1 FLAGS (\Seen \Recent))"]
    assert client.ok("NOOP") == [b"* 2 EXPUNGE"]


def test_a_mailbox_that_is_deleted_ends_the_sessions_in_it(talk: Clients) -> None:
    client, other = talk(), talk()
    other.ok("CREATE Work")
    client.ok("SELECT Work")
    other.ok("DELETE Work")
    client.begin("NOOP")
    assert client.response().startswith(b"* BYE")


def test_a_numbering_that_nobody_remembers_ends_the_session(server: Miniature, talk: Clients) -> None:
    client, other = talk(), talk()
    fill(client, 3)
    client.ok("SELECT INBOX")
    other.ok("SELECT INBOX")
    other.ok("MOVE 2 Archive")
    forget_expunges(server)
    client.begin("NOOP")
    assert client.response().startswith(b"* BYE")


def test_what_has_vanished_is_told_once_in_lines_of_bounded_length() -> None:
    uids = range(1_000_000, 1_020_000, 2)
    lines = numbering_lines(uids)
    assert all(len(line) < 9_000 for line in lines)
    assert [uid for line in lines for uid in members(parsed(line))] == list(uids)


def numbering_lines(uids: range) -> list[bytes]:
    from postroom_imap4_server.telling import vanished

    return vanished((uid, uid) for uid in uids).splitlines()


def parsed(line: bytes) -> list[tuple[int, int]]:
    return ranges(int(number) for number in line.split()[2].split(b","))


# --- QRESYNC


def resyncing_client(talk: Clients) -> tuple[Talk, list[bytes]]:
    """A client that knows six messages, has left, and has missed that the third and the fifth have gone."""
    client, other = talk(), talk()
    fill(client, 6)
    client.ok("ENABLE QRESYNC")
    said = client.ok("SELECT INBOX")
    client.ok("UNSELECT")
    other.ok("SELECT INBOX")
    other.ok("MOVE 3 Archive")
    other.ok("MOVE 4 Archive")
    return client, said


def test_only_what_a_client_knows_is_said_to_have_vanished(talk: Clients) -> None:
    client, said = resyncing_client(talk)
    resynced = client.ok(f"SELECT INBOX (QRESYNC ({uidvalidity(said)} {modseq(said)} 1:4,6))")
    assert b"* VANISHED (EARLIER) 3" in resynced


def test_after_the_history_is_forgotten_whatever_is_not_there_has_vanished(server: Miniature, talk: Clients) -> None:
    client, said = resyncing_client(talk)
    forget_expunges(server)
    resynced = client.ok(f"SELECT INBOX (QRESYNC ({uidvalidity(said)} {modseq(said)}))")
    assert b"* VANISHED (EARLIER) 3,5" in resynced


def test_numbers_that_still_match_save_the_client_what_vanished_before(server: Miniature, talk: Clients) -> None:
    client, said = resyncing_client(talk)
    forget_expunges(server)
    resynced = client.ok(f"SELECT INBOX (QRESYNC ({uidvalidity(said)} {modseq(said)} 1:2,4:6 (1:2,3,5 1:2,4,6)))")
    assert b"* VANISHED (EARLIER) 5" in resynced


@pytest.mark.parametrize(
    "parameters",
    [
        "()",
        "(QRESYNC)",
        "(QRESYNC ())",
        "(QRESYNC (1))",
        "(QRESYNC (0 1))",
        "(QRESYNC (1 0))",
        "(QRESYNC (1 1 *))",
        "(QRESYNC (1 1 1:5 (1:2)))",
        "(QRESYNC (1 1 1:5 (1:2 1:2) 3))",
        "(CONDSTORE",
        "(OTHER)",
        "CONDSTORE",
    ],
)
def test_ill_formed_parameters_are_refused(talk: Clients, parameters: str) -> None:
    client = talk()
    client.ok("ENABLE QRESYNC")
    assert client.answer(f"SELECT INBOX {parameters}").startswith("BAD")


# --- the arithmetic


@given(SETS, SETS)
def test_what_is_lost_is_what_is_in_the_old_list_only(old: list[int], gone: list[int]) -> None:
    shift = list(range(100, 3000))  # more than a block at both ends
    before, after = array("I", [*old, *shift]), array("I", sorted({*old, *shift}.difference(gone, [700, 2000])))
    assert numbering.lost(before, after) == {*old, *shift}.intersection([*gone, 700, 2000])


@given(SETS, SETS)
def test_ranges_without_some_uids_are_the_others(uids: list[int], holes: list[int]) -> None:
    found = list(members(list(resyncing.without(ranges(uids), array("I", holes)))))
    assert found == sorted(set(uids).difference(holes))


@given(SETS, st.integers(0, 20))
def test_a_client_agrees_up_to_the_last_message_whose_number_is_the_same(known: list[int], missed: int) -> None:
    now = array("I", known[:missed] + known[missed + 1 :])
    matched = (NumberSet(tuple((n, n) for n in range(1, len(known) + 1))), NumberSet(tuple((uid, uid) for uid in known)))
    assert resyncing.agreed(now, matched) == max(known[:missed], default=0)
