"""FETCH: what it reads of messages small, large, ugly, marked and gone."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from postroom.store.database import StoreUnavailable
from postroom.testing import Miniature
from tests.plugins.imap4_server.talk import Talk

Clients = Callable[..., Talk]

SIMPLE = b"From: a@b\r\nSubject: s\r\nX-Mailer: m\r\n\r\nbody\r\n"
NESTED = (
    b"Subject: outer\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n--b\r\n\r\none\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\nX-Part: 2\r\n\r\nSubject: inner\r\nTo: x@y\r\n\r\ninner text\r\n"
    b"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nw6QA\r\n"
    b"--b\r\nContent-Transfer-Encoding: x-strange\r\n\r\nstrange\r\n--b--\r\n"
)
LARGE = (
    b"Subject: large\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nsmall part\r\n--b\r\n\r\n"
    + (b"0123456789\r\n" * 100_000)
    + b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + b"QUJD\r\n" * 60_000
    + b"--b--\r\n"
)


def fill(client: Talk, *messages: bytes) -> Talk:
    for message in messages:
        client.ok(b"APPEND INBOX {%d}" % len(message), message)
    client.ok("SELECT INBOX")
    return client


def fetched(client: Talk, command: str | bytes) -> bytes:
    """The only response, without its head and end; the first time that a modseq is asked for the highest one is told too."""
    (answer,) = [line for line in client.ok(command) if not line.startswith(b"* OK [HIGHESTMODSEQ ")]
    found = re.fullmatch(rb"\* \d+ (?:UID)?FETCH \((.*)\)", answer, re.DOTALL)
    assert found, answer
    return found[1]


def test_facts_come_from_the_columns(talk: Clients) -> None:
    client = fill(talk(), SIMPLE)
    answer = fetched(client, "FETCH 1 (UID FLAGS RFC822.SIZE MODSEQ INTERNALDATE SAVEDATE EMAILID THREADID)")
    assert re.fullmatch(
        rb"UID 1 FLAGS \(\\Recent\) RFC822.SIZE 44 MODSEQ \(\d+\) INTERNALDATE \"[ \d]\d-\w+-\d{4} [\d:]{8} \+0000\""
        rb" SAVEDATE \"[ \d]\d-\w+-\d{4} [\d:]{8} \+0000\" EMAILID \(M[0-9a-f]+\) THREADID \(T[0-9a-f]{16}\)",
        answer,
    )


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("ENVELOPE", b'ENVELOPE (NIL "s" ((NIL NIL "a" "b")) ((NIL NIL "a" "b")) ((NIL NIL "a" "b")) NIL NIL NIL NIL NIL)'),
        ("BODY", b'BODY ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 6 1)'),
        ("BODYSTRUCTURE", b'BODYSTRUCTURE ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 6 1 NIL NIL NIL NIL)'),
        ("PREVIEW", b'PREVIEW "body"'),
        ("PREVIEW (LAZY)", b'PREVIEW "body"'),
        ("BODY.PEEK[]", b"BODY[] {44}\r\n" + SIMPLE),
        ("RFC822.HEADER", b"RFC822.HEADER {38}\r\n" + SIMPLE[:38]),
        ("BODY.PEEK[HEADER]", b"BODY[HEADER] {38}\r\n" + SIMPLE[:38]),
        ("BODY.PEEK[TEXT]", b"BODY[TEXT] {6}\r\nbody\r\n"),
        ("BODY.PEEK[1]", b"BODY[1] {6}\r\nbody\r\n"),
        ("BODY.PEEK[1.MIME]", b"BODY[1.MIME] {38}\r\n" + SIMPLE[:38]),
        ("BODY.PEEK[2]", b"BODY[2] NIL"),
        ("BODY.PEEK[1.TEXT]", b"BODY[1.TEXT] NIL"),
        ("BODY.PEEK[]<3.10>", b"BODY[]<3> {10}\r\n" + SIMPLE[3:13]),
        ("BODY.PEEK[TEXT]<4.100>", b"BODY[TEXT]<4> {2}\r\n\r\n"),
        ("BODY.PEEK[TEXT]<400.100>", b"BODY[TEXT]<400> {0}\r\n"),
        (
            "body.peek[header.fields (subject X-mailer)]",
            b"BODY[HEADER.FIELDS (subject X-mailer)] {27}\r\nSubject: s\r\nX-Mailer: m\r\n\r\n",
        ),
        ("BODY.PEEK[HEADER.FIELDS (TO)]", b"BODY[HEADER.FIELDS (TO)] {2}\r\n\r\n"),
        ("BODY.PEEK[HEADER.FIELDS (Subject)]<0.4>", b"BODY[HEADER.FIELDS (Subject)]<0> {4}\r\nSubj"),
        ("BODY.PEEK[HEADER.FIELDS.NOT (From Subject)]", b"BODY[HEADER.FIELDS.NOT (From Subject)] {15}\r\nX-Mailer: m\r\n\r\n"),
        ("BINARY.PEEK[1]", b"BINARY[1] {6}\r\nbody\r\n"),
        ("BINARY.SIZE[1]", b"BINARY.SIZE[1] 6"),
        ("BINARY.PEEK[]", b"BINARY[] {44}\r\n" + SIMPLE),
        ("BINARY.SIZE[7]", b"BINARY.SIZE[7] 0"),
    ],
)
def test_items_are_answered_and_from_what_is_kept_too(talk: Clients, item: str, expected: bytes) -> None:
    client = fill(talk(), SIMPLE)
    assert fetched(client, f"FETCH 1 {item}") == expected
    assert fetched(client, f"FETCH 1 ({item} UID)") == expected + b" UID 1"


def test_an_envelope_that_is_not_ascii_is_the_same_whatever_is_enabled(talk: Clients) -> None:
    client = fill(talk(), "Subject: Grüße\r\nFrom: Jörg <j@x>\r\n\r\nx\r\n".encode())
    told = fetched(client, "FETCH 1 ENVELOPE")
    assert "{7}\r\nGrüße (({5}\r\nJörg ".encode() in told
    client.ok("ENABLE UTF8=ACCEPT IMAP4rev2")
    assert fetched(client, "FETCH 1 ENVELOPE") == told


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("BODY.PEEK[1]", b"one"),
        ("BODY.PEEK[2]", b"Subject: inner\r\nTo: x@y\r\n\r\ninner text"),
        ("BODY.PEEK[2.MIME]", b"Content-Type: message/rfc822\r\nX-Part: 2\r\n\r\n"),
        ("BODY.PEEK[2.HEADER]", b"Subject: inner\r\nTo: x@y\r\n\r\n"),
        ("BODY.PEEK[2.HEADER.FIELDS (TO)]", b"To: x@y\r\n\r\n"),
        ("BODY.PEEK[2.TEXT]", b"inner text"),
        ("BODY.PEEK[2.1]", b"inner text"),
        ("BODY.PEEK[3]", b"w6QA"),
    ],
)
def test_parts_of_parts_are_found(talk: Clients, item: str, expected: bytes) -> None:
    name = item.replace(".PEEK", "").encode()
    assert fetched(fill(talk(), NESTED), f"FETCH 1 {item}") == b"%b {%d}\r\n%b" % (name, len(expected), expected)


def test_binary_is_decoded_and_a_nul_makes_a_literal8(talk: Clients) -> None:
    client = fill(talk(), NESTED)
    assert fetched(client, "FETCH 1 (BINARY.PEEK[3] BINARY.SIZE[3])") == b"BINARY[3] ~{3}\r\n\xc3\xa4\0 BINARY.SIZE[3] 3"
    assert fetched(client, "FETCH 1 BINARY.PEEK[3]<0.2>") == b"BINARY[3]<0> ~{2}\r\n\xc3\xa4"


def test_an_unknown_encoding_is_refused(talk: Clients) -> None:
    answers = fill(talk(), NESTED)("FETCH 1 (UID BINARY.PEEK[4] BINARY.SIZE[4])")
    assert answers[0] == b"* 1 FETCH (UID 1 BINARY[4] NIL BINARY.SIZE[4] 0)"
    assert answers[1].startswith(b"NO [UNKNOWN-CTE] ")


def test_a_large_message_is_sent_in_pieces(talk: Clients) -> None:
    client = fill(talk(), LARGE)
    for _ in range(2):
        assert fetched(client, "FETCH 1 (UID BODY.PEEK[] RFC822.SIZE)") == b"UID 1 RFC822.SIZE %d BODY[] {%d}\r\n%b" % (
            len(LARGE),
            len(LARGE),
            LARGE,
        )
        assert fetched(client, "FETCH 1 (BODY.PEEK[1] BODY.PEEK[9])") == b"BODY[1] {10}\r\nsmall part BODY[9] NIL"
        assert fetched(client, "FETCH 1 BODY.PEEK[2]<600000.12>") == b"BODY[2]<600000> {12}\r\n0123456789\r\n"
        assert (
            fetched(client, "FETCH 1 (BINARY.SIZE[3] BINARY.PEEK[3]<179990.100>)")
            == b"BINARY.SIZE[3] 180000 BINARY[3]<179990> {10}\r\nCABCABCABC"
        )


def test_the_envelope_of_a_large_message_is_kept(talk: Clients, server: Miniature) -> None:
    client = fill(talk(), LARGE)
    assert b'"large"' in fetched(client, "FETCH 1 (ENVELOPE BODYSTRUCTURE PREVIEW)")
    kinds = server.context.db.read(lambda tx: tx.execute("SELECT count(*) FROM kept"))[0][0]
    assert kinds == 4


def test_a_preview_that_takes_time_may_come_later(talk: Clients) -> None:
    client = fill(talk(), LARGE)
    assert fetched(client, "FETCH 1 PREVIEW (LAZY)") == b"PREVIEW NIL"
    assert fetched(client, "FETCH 1 PREVIEW") == b'PREVIEW "small part"'
    assert fetched(client, "FETCH 1 PREVIEW (LAZY)") == b'PREVIEW "small part"'


@pytest.mark.parametrize("item", ["BODY[]", "RFC822", "RFC822.TEXT", "BODY[TEXT]", "BINARY[1]", "BODY[HEADER.FIELDS (SUBJECT)]"])
def test_reading_makes_seen(talk: Clients, item: str) -> None:
    client = fill(talk(), SIMPLE, SIMPLE)
    first, second = client.ok(f"FETCH 1:2 {item}")
    assert first.endswith(rb" FLAGS (\Seen \Recent))") and second.endswith(rb" FLAGS (\Seen \Recent))")
    assert b"FLAGS" not in client.ok(f"FETCH 1 {item}")[0]
    assert client.ok("NOOP") == []


@pytest.mark.parametrize("item", ["BODY.PEEK[]", "RFC822.HEADER", "BODY", "ENVELOPE", "BINARY.PEEK[1]", "BINARY.SIZE[1]"])
def test_looking_does_not_make_seen(talk: Clients, item: str) -> None:
    client = fill(talk(), SIMPLE)
    client.ok(f"FETCH 1 {item}")
    assert fetched(client, "FETCH 1 FLAGS") == rb"FLAGS (\Recent)"


def test_a_large_message_is_seen_too(talk: Clients) -> None:
    client = fill(talk(), LARGE)
    assert fetched(client, "FETCH 1 BODY[1]") == rb"FLAGS (\Seen \Recent) BODY[1] {10}" + b"\r\nsmall part"


def test_nothing_is_seen_in_a_mailbox_that_is_examined(talk: Clients) -> None:
    client = fill(talk(), SIMPLE)
    client.ok("EXAMINE INBOX")
    assert b"FLAGS" not in client.ok("FETCH 1 BODY[]")[0]
    assert rb"\Seen" not in fetched(client, "FETCH 1 FLAGS")


def test_mail_can_be_read_when_nothing_can_be_written(talk: Clients, server: Miniature, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fn: object, **how: object) -> None:
        raise StoreUnavailable("disk full")

    client = fill(talk(), SIMPLE, LARGE)
    monkeypatch.setattr(server.context.db, "write", full)
    assert fetched(client, "FETCH 1 (BODY[TEXT] ENVELOPE)").startswith(b"BODY[TEXT] {6}\r\nbody\r\n ENVELOPE (")
    assert fetched(client, "FETCH 2 BODY[1]") == b"BODY[1] {10}\r\nsmall part"


def test_others_are_told_what_was_read(talk: Clients) -> None:
    client, other = fill(talk(), SIMPLE), talk()
    other.ok("SELECT INBOX")
    client.ok("FETCH 1 BODY[]")
    assert other.ok("NOOP") == [rb"* 1 FETCH (UID 1 FLAGS (\Seen))"]


def test_a_delivered_message_has_its_trace_in_front(talk: Clients, server: Miniature) -> None:
    server.send("bob@example.test", "alice@example.test", text="Subject: s\r\nTo: t@u\r\n\r\nx\r\n")
    client = talk()
    client.ok("SELECT INBOX")
    for _ in range(2):
        found = fetched(client, "FETCH 1 (ENVELOPE BODY.PEEK[HEADER.FIELDS (RETURN-PATH TO)])")
        assert b"Return-Path: <bob@example.test>\r\nTo: t@u\r\n\r\n" in found
        assert b'ENVELOPE (NIL "s" ' in found
    whole = fetched(client, "FETCH 1 (BODY.PEEK[])")
    assert fetched(client, "FETCH 1 BODY.PEEK[1]") == b"BODY[1] {3}\r\nx\r\n"
    assert whole.endswith(b"\r\n\r\nx\r\n") and b"Received:" in whole


def test_only_what_has_changed_is_told(talk: Clients) -> None:
    client = fill(talk(), SIMPLE, SIMPLE, SIMPLE)
    modseq = int(re.findall(rb"MODSEQ \((\d+)\)", fetched(client, "FETCH 3 MODSEQ"))[0])
    client.ok(r"STORE 2 +FLAGS (\Flagged)")
    (answer,) = client.ok(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {modseq})")
    assert answer == rb"* 2 FETCH (UID 2 FLAGS (\Flagged \Recent) MODSEQ (%d))" % (modseq + 1)


def test_what_has_vanished_is_told(talk: Clients) -> None:
    client = talk()
    client.ok("ENABLE QRESYNC")
    fill(client, *[SIMPLE] * 4)
    modseq = int(re.findall(rb"MODSEQ \((\d+)\)", fetched(client, "FETCH 4 MODSEQ"))[0])
    client.ok(r"STORE 2:3 +FLAGS.SILENT (\Deleted)")
    client.ok("EXPUNGE")
    assert client.ok(f"UID FETCH 1:4 (FLAGS) (CHANGEDSINCE {modseq} VANISHED)") == [b"* VANISHED (EARLIER) 2:3"]


@pytest.mark.parametrize(("partial", "uids"), [("1:2", [1, 2]), ("3:2", [2, 3]), ("-1:-2", [3, 4]), ("-3:-9", [1, 2]), ("5:9", [])])
def test_a_page_of_the_answer_can_be_had(talk: Clients, partial: str, uids: list[int]) -> None:
    client = fill(talk(), *[SIMPLE] * 4)
    assert client.ok(f"UID FETCH 1:* UID (PARTIAL {partial})") == [b"* %d FETCH (UID %d)" % (uid, uid) for uid in uids]


def test_of_a_page_only_what_has_changed_is_told(talk: Clients) -> None:
    client = fill(talk(), *[SIMPLE] * 4)
    modseq = int(re.findall(rb"MODSEQ \((\d+)\)", fetched(client, "FETCH 4 MODSEQ"))[0])
    client.ok(r"STORE 1,3 +FLAGS.SILENT (\Flagged)")
    answers = client.ok(f"UID FETCH 1:* UID (PARTIAL -1:-2 CHANGEDSINCE {modseq})")
    assert [answer.split(b" MODSEQ")[0] for answer in answers] == [b"* 3 FETCH (UID 3"]


def test_a_page_that_is_too_long_is_refused(talk: Clients) -> None:
    client = fill(talk(), SIMPLE)
    assert client.answer("UID FETCH 1:* UID (PARTIAL 1:1000001)").startswith("NO [MESSAGELIMIT 1000000] ")


def test_what_is_gone_is_passed_over_and_told(talk: Clients) -> None:
    client, other = fill(talk(), SIMPLE, SIMPLE), talk()
    other.ok("SELECT INBOX")
    other.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
    client.ok("NOOP")
    other.ok("EXPUNGE")
    answers = client("FETCH 1:2 (UID ENVELOPE BODY.PEEK[TEXT])")
    assert [line[:20] for line in answers] == [b"* 2 FETCH (UID 2 ENV", b"OK [EXPUNGEISSUED] F"]


def test_uids_that_do_not_exist_are_passed_over(talk: Clients) -> None:
    client = fill(talk(), SIMPLE)
    assert client("UID FETCH 5:9 FLAGS") == [b"OK FETCH completed"]
    assert client.ok("UID FETCH 1:9 FLAGS") == [rb"* 1 FETCH (UID 1 FLAGS (\Recent))"]


@pytest.mark.parametrize(
    "command",
    [
        "FETCH 1",
        "FETCH 1 ()",
        "FETCH 1 NOTHING",
        "FETCH 2 FLAGS",
        "FETCH 0 FLAGS",
        "FETCH 1 BODY[",
        "FETCH 1 BODY[0]",
        "FETCH 1 BODY[1.]",
        "FETCH 1 BODY[MIME]",
        "FETCH 1 BODY[HEADER.FIELDS ()]",
        "FETCH 1 BODY[]<1>",
        "FETCH 1 BODY[]<1.0>",
        "FETCH 1 BINARY[TEXT]",
        "FETCH 1 (FLAGS ALL)",
        "FETCH 1 FLAGS (CHANGEDSINCE)",
        "FETCH 1 FLAGS (VANISHED)",
        "UID FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)",
        "FETCH 1 FLAGS (PARTIAL 1:2)",
        "UID FETCH 1 FLAGS (PARTIAL 1:-2)",
        "FETCH 1 PREVIEW (SOON)",
        "FETCH 1 BODY[" + "1." * 150 + "1]",
        "FETCH 1 (" + " ".join(f"BODY[{number}]" for number in range(1, 200)) + ")",
    ],
)
def test_what_is_no_fetch_is_refused(talk: Clients, command: str) -> None:
    assert fill(talk(), SIMPLE).answer(command).startswith("BAD ")


def test_macros_stand_for_items(talk: Clients) -> None:
    client = fill(talk(), SIMPLE)
    assert re.fullmatch(rb"FLAGS .* INTERNALDATE .* RFC822.SIZE 44 ENVELOPE .* BODY \(.*\)", fetched(client, "FETCH 1 FULL"))
    assert re.fullmatch(rb"FLAGS .* INTERNALDATE .* RFC822.SIZE 44", fetched(client, "FETCH 1 fast"))


def test_many_messages_are_answered_in_order(talk: Clients) -> None:
    messages = [b"Subject: %d\r\n\r\n%d\r\n" % (number, number) for number in range(1, 251)]
    client = fill(talk(), *messages)
    for _ in range(2):
        answers = client.ok("FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)] ENVELOPE BODY.PEEK[TEXT])")
        assert [re.findall(rb"Subject: (\d+)", answer) for answer in answers] == [[b"%d" % number] for number in range(1, 251)]


def test_a_nul_in_a_message_is_shown_as_something_else(talk: Clients) -> None:
    message = b"Subject: s\0\r\n\r\na\0b\r\n"
    client = talk()
    client.ok(b"APPEND INBOX ~{%d}" % len(message), message)
    client.ok("SELECT INBOX")
    assert fetched(client, "FETCH 1 BODY.PEEK[TEXT]") == b"BODY[TEXT] {5}\r\na\x80b\r\n"
    assert fetched(client, "FETCH 1 BODY.PEEK[HEADER.FIELDS (SUBJECT)]").endswith(b"\r\nSubject: s\x80\r\n\r\n")
    assert fetched(client, "FETCH 1 BINARY.PEEK[1]") == b"BINARY[1] ~{5}\r\na\0b\r\n"
