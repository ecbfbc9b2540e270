"""Whatever a stranger sends: an answer, never an exception, and nothing kept that was not sent as one message."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from postroom_smtp_server import head
from postroom_smtp_server.intake import ChunkIntake
from postroom_smtp_server.parameters import split
from postroom_smtp_server.session import COMMANDS
from tests.peers import SessionPeer
from tests.plugins.smtp_server.desk import MemoryDraft, Office

REPLY = re.compile(rb"(?:\d{3}[ -][^\r\n]*\r\n)*")
VERBS = sorted(COMMANDS)
PIECES = [
    b"FROM:", b"TO:", b"<", b">", b"<>", b"a", b"bob", b"@", b"example.test", b"[", b"]", b'"', b"\\", b"%", b"!", b" ", b"SIZE=", b"1",
    b"BODY=", b"8BITMIME", b"BINARYMIME", b"SMTPUTF8", b"RET=", b"NOTIFY=", b"ORCPT=rfc822;", b"ENVID=", b"+", b"AUTH=", b"PLAIN",
    b"LOGIN", b"SCRAM-SHA-256", b"CRAM-MD5", b"=", b"LAST", b"99999999999999999999", b"\xff", b"\xc3\xbc", b"\0", b"\t", b",", b":",
]  # fmt: skip
arguments = st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join) | st.binary(max_size=80)
commands = st.tuples(st.sampled_from(VERBS), arguments).map(b" ".join)
lines = (commands | st.binary(max_size=100)).map(lambda line: line.replace(b"\r", b"").replace(b"\n", b""))
useful = st.sampled_from([
    b"EHLO client.example", b"HELO x", b"MAIL FROM:<a@b.example>", b"MAIL FROM:<> BODY=BINARYMIME", b"RCPT TO:<bob@example.test>", b"DATA",
    b"BDAT 3", b"BDAT 3 LAST", b"BDAT 0 LAST", b"x\r\n", b".", b"RSET", b"STARTTLS", b"AUTH PLAIN",
    b"AUTH LOGIN", b"AGJvYgBzZWNyZXQ=", b"*",
])  # fmt: skip


@given(st.lists(useful | lines, max_size=12), st.booleans())
def test_arbitrary_lines_are_answered(sent: list[bytes], trusted: bool) -> None:
    office = Office(allow_plaintext_auth=True)
    peer = SessionPeer(office.session(no_auth=trusted))
    peer.send(b"".join(line + b"\r\n" for line in sent))
    assert REPLY.fullmatch(peer._output)
    assert not office.faults


@given(st.lists(useful, max_size=20).map(b"\r\n".join) | st.binary(max_size=300), st.integers(1, 7))
def test_the_same_bytes_get_the_same_answers_in_any_pieces(sent: bytes, size: int) -> None:
    whole, parts = Office(), Office()
    one, other = SessionPeer(whole.session()), SessionPeer(parts.session())
    one.send(sent)
    for start in range(0, len(sent), size):
        other.send(sent[start : start + size])
    changing = re.compile(rb"(queued as |334 )\S*")
    assert changing.sub(b"", one._output) == changing.sub(b"", other._output)
    assert [one.draft.head for one in whole.queue.taken] == [one.draft.head for one in parts.queue.taken]


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"x", b"\0"]), max_size=12).map(b"".join), st.integers(1, 5))
def test_chunks_are_judged_the_same_in_any_pieces(data: bytes, size: int) -> None:
    intake = ChunkIntake(MemoryDraft(), None, binary=False)  # type: ignore[arg-type]
    for start in range(0, len(data), size):
        intake.write(data[start : start + size])
    clean = b"\0" not in data and re.fullmatch(rb"(?:[^\r\n]|\r\n)*", data) is not None
    assert (intake.end() is None) is clean
    if clean:
        assert intake.draft.head == data


@given(st.binary(max_size=200))
def test_binary_chunks_are_kept_as_they_are(data: bytes) -> None:
    intake = ChunkIntake(MemoryDraft(), None, binary=True)  # type: ignore[arg-type]
    intake.write(data)
    assert intake.end() is None
    assert intake.draft.head == data


@given(st.text(max_size=60))
def test_any_parameters_are_split_or_refused(text: str) -> None:
    split(text)


@given(st.binary(max_size=300))
def test_any_header_is_scanned(data: bytes) -> None:
    assert head.scan(b"Received: x\r\n" + data).hops >= 1
