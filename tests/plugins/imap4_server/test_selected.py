"""STORE, EXPUNGE, COPY, MOVE and what else is done in a selected mailbox."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.plugins.imap4_server.talk import Talk
from tests.plugins.imap4_server.test_select import fill

Clients = Callable[..., Talk]


@pytest.fixture
def client(talk: Clients) -> Talk:
    """Four messages in INBOX, which is selected."""
    client = talk()
    fill(client, 4)
    client.ok("SELECT INBOX")
    return client


@pytest.fixture
def other(client: Talk, talk: Clients) -> Talk:
    """A second client of the same mailbox."""
    other = talk()
    other.ok("SELECT INBOX")
    return other


def test_store_tells_the_flags_of_each_message(client: Talk) -> None:
    assert client.ok(r"STORE 2:3 +FLAGS (\Seen)") == [b"* 2 FETCH (FLAGS (\\Seen \\Recent))", b"* 3 FETCH (FLAGS (\\Seen \\Recent))"]


def test_uid_store_tells_uids_too(client: Talk) -> None:
    assert client.ok(r"UID STORE 4 FLAGS \Draft") == [b"* 4 FETCH (UID 4 FLAGS (\\Draft \\Recent))"]


def test_a_silent_store_says_nothing(client: Talk) -> None:
    assert client.ok(r"STORE 1:* FLAGS.SILENT (\Seen)") == []
    assert client.ok("NOOP") == []


def test_others_hear_of_it(client: Talk, other: Talk) -> None:
    client.ok(r"STORE 1 +FLAGS.SILENT (\Seen)")
    assert other.ok("NOOP") == [b"* 1 FETCH (UID 1 FLAGS (\\Seen))"]


def test_a_new_keyword_is_told_before_it_is_used(client: Talk) -> None:
    said = client.ok("STORE 1 +FLAGS ($Work)")
    assert said[0] == b"* FLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft $Work)"
    assert said[2] == b"* 1 FETCH (FLAGS ($Work \\Recent))"


def test_a_new_keyword_of_somebody_else_is_told_before_a_fetch_that_marks_shows_it(client: Talk, other: Talk) -> None:
    other.ok(r"STORE 4 +FLAGS (\Deleted)")
    other.ok("EXPUNGE")
    client.ok("FETCH 1 FLAGS")  # message 4 is still counted, so the client's view of the mailbox stays as it is
    other.ok("STORE 1 +FLAGS ($New)")
    told = b"".join(client.ok("FETCH 1 (FLAGS BODY[])"))
    assert 0 <= told.find(b"* FLAGS (") < told.find(b"* 1 FETCH (")


def test_expunge_numbers_from_the_end(client: Talk) -> None:
    client.ok(r"STORE 1,3 +FLAGS.SILENT (\Deleted)")
    assert client.ok("EXPUNGE") == [b"* 3 EXPUNGE", b"* 1 EXPUNGE"]
    assert client.ok(r"UID STORE 4 FLAGS.SILENT (\Deleted)") == []
    assert client.ok("UID EXPUNGE 1:3") == []
    assert client.ok("UID EXPUNGE 4") == [b"* 2 EXPUNGE"]


def test_a_message_that_is_gone_keeps_its_number_while_commands_by_number_run(client: Talk, other: Talk) -> None:
    client.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
    client.ok("EXPUNGE")
    assert other(r"STORE 1:2 +FLAGS (\Seen)") == [b"* 2 FETCH (FLAGS (\\Seen))", b"OK [EXPUNGEISSUED] STORE completed"]
    assert other.answer(r"STORE 1 +FLAGS (\Seen)").startswith("NO [EXPUNGEISSUED]")
    assert other.ok("NOOP") == [b"* 1 EXPUNGE"]


def test_close_expunges_without_a_word(client: Talk, other: Talk) -> None:
    client.ok(r"STORE 1:2 +FLAGS.SILENT (\Deleted)")
    assert client.ok("CLOSE") == []
    assert other.ok("NOOP")[-2:] == [b"* 2 EXPUNGE", b"* 1 EXPUNGE"]
    assert client.answer("CHECK").startswith("BAD")


def test_unselect_expunges_nothing(client: Talk) -> None:
    client.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
    client.ok("UNSELECT")
    assert b"* 4 EXISTS" in client.ok("SELECT INBOX")


def test_copy_tells_the_new_uids(client: Talk) -> None:
    assert client.answer("COPY 2:3 Archive").startswith("OK [COPYUID ")
    assert client.answer("COPY 2:3 Archive").endswith(" 2:3 3:4] COPY completed")
    assert client.answer("COPY 1 Nowhere").startswith("NO [TRYCREATE]")


def test_move_takes_them_away(client: Talk) -> None:
    said = client.ok("MOVE 1:2 Archive")
    assert said[0].startswith(b"* OK [COPYUID ")
    assert said[1:] == [b"* 2 EXPUNGE", b"* 1 EXPUNGE"]


def test_copying_what_is_gone_copies_nothing(client: Talk, other: Talk) -> None:
    client.ok("MOVE 1 Archive")
    assert other.answer("COPY 1:2 Drafts").startswith("NO [EXPUNGEISSUED]")
    assert b"* 0 EXISTS" in client.ok("EXAMINE Drafts")


def test_a_conditional_store_leaves_alone_what_has_changed(client: Talk, other: Talk) -> None:
    said = client.ok("SELECT INBOX (CONDSTORE)")
    modseq = next(int(line.split()[3].rstrip(b"]")) for line in said if b"HIGHESTMODSEQ" in line)
    other.ok(r"STORE 2 +FLAGS.SILENT (\Flagged)")
    said = client(rf"STORE 1:2 (UNCHANGEDSINCE {modseq}) +FLAGS (\Seen)")
    assert said[-1] == b"OK [MODIFIED 2] Conditional STORE failed"
    assert said[0].startswith(b"* 1 FETCH (FLAGS (\\Seen) MODSEQ (")


HIGHEST = re.compile(rb"\* OK \[HIGHESTMODSEQ (\d+)\] .+")
ENABLING = [
    "ENABLE CONDSTORE", "ENABLE QRESYNC", "STATUS Archive (HIGHESTMODSEQ)", "FETCH 1 MODSEQ", "UID FETCH 1 UID (CHANGEDSINCE 1)",
    "SEARCH MODSEQ 1", "STORE 1 (UNCHANGEDSINCE 1) FLAGS.SILENT ()", "SORT (DATE) UTF-8 MODSEQ 1",
]  # fmt: skip


def highest(lines: list[bytes]) -> list[int]:
    """What HIGHESTMODSEQ responses tell."""
    return [int(found[1]) for line in lines if (found := HIGHEST.fullmatch(line))]


@pytest.mark.parametrize("command", ENABLING)
def test_what_enables_condstore_tells_the_highest_modseq_once(client: Talk, other: Talk, command: str) -> None:
    client.ok(r"STORE 1 +FLAGS.SILENT (\Flagged)")
    modseq = int(fetched_modseq(other))
    assert highest(client(command)) == [modseq]
    assert highest([*client(command), *client.ok("FETCH 1 MODSEQ")]) == []
    other.ok(r"STORE 2 +FLAGS.SILENT (\Flagged)")
    assert client.ok("NOOP") == [rb"* 2 FETCH (UID 2 FLAGS (\Flagged \Recent) MODSEQ (%d))" % (modseq + 1)]


def fetched_modseq(other: Talk) -> bytes:
    """The modseq of the first message, that was changed last."""
    return other.ok("FETCH 1 MODSEQ")[-1].split(b"(")[-1].rstrip(b")")


def test_the_highest_modseq_that_is_told_is_one_whose_changes_have_been_told(client: Talk, other: Talk) -> None:
    selected = highest(client.ok("SELECT INBOX"))
    other.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
    other.ok("EXPUNGE")
    client("FETCH 2 FLAGS")  # cannot tell what is gone
    assert highest(client("FETCH 2 MODSEQ")) == selected


def test_enabling_condstore_tells_nothing_where_no_mailbox_is_selected(client: Talk) -> None:
    client.ok("UNSELECT")
    assert client.ok("ENABLE CONDSTORE") == [b"* ENABLED CONDSTORE"]
    assert len(highest(client.ok("SELECT INBOX"))) == 1
    assert highest(client.ok("FETCH 1 MODSEQ")) == []


def test_flags_are_told_with_their_modseq_once_condstore_is_enabled(client: Talk) -> None:
    client.ok("ENABLE CONDSTORE")
    for command in ("FETCH 1 (FLAGS BODY[])", r"STORE 1 +FLAGS (\Flagged)", "FETCH 1 FLAGS", "UID FETCH 1 FAST"):
        [line] = client.ok(command)
        assert b"FLAGS (" in line and b" MODSEQ (" in line
    assert b"MODSEQ" not in client.ok("FETCH 1 RFC822.SIZE")[0]


def test_nothing_changes_in_a_mailbox_that_is_examined(client: Talk) -> None:
    client.ok("EXAMINE INBOX")
    for command in (r"STORE 1 +FLAGS (\Seen)", "EXPUNGE", "MOVE 1 Archive"):
        assert client.answer(command).startswith("NO")


def test_numbers_beyond_the_last_message_are_refused(client: Talk) -> None:
    assert client.answer(r"STORE 5 +FLAGS (\Seen)").startswith("BAD")
    assert client.answer(r"UID STORE 5 +FLAGS (\Seen)").startswith("OK")


@pytest.mark.parametrize(
    "command",
    [
        "STORE",
        "STORE 1",
        "STORE 1 FLAGS",
        "STORE 0 FLAGS ()",
        "STORE 1:2: FLAGS ()",
        "STORE 1,,2 FLAGS ()",
        r"STORE 1 FLAGS (\Recent)",
        r"STORE 1 FLAGS (\Seen",
        "STORE 1 FLAGS () more",
        "STORE 1 () FLAGS ()",
        "STORE 1 (UNCHANGEDSINCE) FLAGS ()",
        "STORE 1 (UNCHANGEDSINCE x) FLAGS ()",
        "STORE 1 (UNCHANGEDSINCE 9223372036854775808) FLAGS ()",
        "STORE 1 FLAGS.LOUD ()",
        "COPY 1",
        "COPY 1 ",
        "COPY 1 a b",
        "MOVE a Archive",
        "UID EXPUNGE",
        "UID EXPUNGE 1 2",
        "EXPUNGE 1",
        "CLOSE now",
        "UNSELECT now",
        "CHECK now",
        "UID CHECK",
    ],
)
def test_what_is_no_command_is_bad_and_changes_nothing(client: Talk, command: str) -> None:
    assert client.answer(command).startswith("BAD")
    assert b"* 4 EXISTS" in client.ok("SELECT INBOX")


def test_in_an_empty_mailbox_there_is_no_last_message(client: Talk) -> None:
    client.ok("SELECT Archive")
    assert client.answer(r"STORE * +FLAGS (\Seen)").startswith("BAD")
    assert client.answer("COPY 1:* INBOX").startswith("BAD")
    assert client.answer("UID COPY 1:* INBOX") == "OK COPY completed"
    assert client.ok("EXPUNGE") == []


def test_messages_move_within_a_mailbox_to_its_end(client: Talk) -> None:
    assert client.ok("UID MOVE 2 INBOX")[1:] == [b"* 2 EXPUNGE", b"* 4 EXISTS", b"* 4 RECENT"]
    assert client.ok("FETCH 4 UID") == [b"* 4 FETCH (UID 5)"]


def test_without_message_numbers_all_is_told_by_uid(client: Talk, other: Talk) -> None:
    client.ok("ENABLE UIDONLY")
    for command in (r"STORE 1 +FLAGS (\Seen)", "COPY 1 Archive", "MOVE 1 Archive"):
        assert client.answer(command).startswith("BAD [UIDREQUIRED]")
    other.ok(r"STORE 2 +FLAGS.SILENT (\Draft)")
    other.ok("MOVE 1 Archive")
    assert client.ok(r"UID STORE 4 +FLAGS (\Seen)") == [
        rb"* 4 UIDFETCH (FLAGS (\Seen \Recent))",
        b"* VANISHED 1",
        rb"* 2 UIDFETCH (FLAGS (\Draft \Recent))",
    ]


def test_a_silent_store_that_somebody_else_has_crossed_is_told_as_a_whole(client: Talk, other: Talk) -> None:
    other.ok(r"STORE 1 +FLAGS.SILENT (\Flagged)")
    assert client.ok(r"STORE 1:2 +FLAGS.SILENT (\Seen)")[0] == rb"* 1 FETCH (UID 1 FLAGS (\Seen \Flagged \Recent))"
    assert client.ok("NOOP") == []
