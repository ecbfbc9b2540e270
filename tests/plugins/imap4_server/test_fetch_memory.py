"""A large message costs FETCH no more memory than a few chunks, whatever is asked of it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest

from postroom.store.appending import append_to
from postroom.store.database import Tx
from postroom.testing import Miniature, values
from postroom_imap4_server.commands.fetch import FETCH
from postroom_imap4_server.commands.select import SELECT
from postroom_imap4_server.grammar.reader import Reader
from postroom_imap4_server.limits import ImapLimits
from postroom_imap4_server.session import Session
from tests.plugins.imap4_server.test_fetch import Clients

HEAD = (
    b"Subject: large\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n"
    b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\n"
)
LINES = b"QUJD" * 19 + b"\r\n"
SIZE = 20 << 20
MOST = 4 << 20


class Nowhere:
    """Takes what a session says and counts it."""

    midway = False
    said = 0

    def write(self, data: bytes) -> None:
        self.said += len(data)

    def flush(self) -> None:
        """Nothing has gathered."""

    def breathe(self) -> None:
        """Nobody waits."""


class Lines:
    """The source of a command."""

    def __init__(self, text: bytes) -> None:
        self.text = text

    def line(self) -> bytes:
        return self.text

    def pieces(self, size: int) -> Iterator[bytes]:
        raise NotImplementedError

    def go_ahead(self) -> None:
        raise NotImplementedError


@pytest.fixture
def session(server: Miniature, talk: Clients) -> Session:
    """A session with a mailbox that holds a large message."""
    context = server.context
    draft = context.blobs.draft()
    draft.write(HEAD)
    while draft.size < SIZE:
        draft.write(LINES * 1000)
    account = context.accounts.get("alice")
    assert account is not None
    talk().ok("CREATE Large")
    folder = context.mailboxes.find(account.id, "Large")
    assert folder is not None
    context.db.write(lambda tx: append_to(tx, folder.id, blob_id=draft.store(tx), size=draft.size, received_at=0))
    session = Session(context, server.services["IMAP4"].settings, ImapLimits(), values.client(protocol="IMAP4"), Nowhere())  # type: ignore[arg-type]
    session.account = account
    say(session, SELECT, b"Large")
    return session


def say(session: Session, command: object, arguments: bytes) -> None:
    reader = Reader(Lines(arguments), session.limits, known=True)
    command.run(session, command.parse(reader))  # type: ignore[attr-defined]


def add(session: Session, *messages: bytes) -> None:
    """Put messages behind the large one."""
    blobs, folder_id = session.context.blobs, session.selected.folder.id

    def work(tx: Tx) -> None:
        for message in messages:
            draft = blobs.draft()
            draft.write(message)
            append_to(tx, folder_id, blob_id=draft.store(tx), size=draft.size, received_at=0)

    session.context.db.write(work)
    say(session, SELECT, b"Large")


@pytest.mark.parametrize(
    ("items", "least"),
    [
        (b"BODY.PEEK[]", SIZE),
        (b"(UID BODY.PEEK[2] FLAGS)", SIZE),
        (b"(BINARY.PEEK[2] BINARY.SIZE[2])", SIZE // 2),
        (b"(ENVELOPE BODYSTRUCTURE PREVIEW)", 100),
        (b"(%b)" % b" ".join(b"BODY.PEEK[2]<%d.200000>" % start for start in range(90)), 90 * 200_000),
    ],
)
def test_a_large_message_is_never_in_memory(session: Session, items: bytes, least: int) -> None:
    tracemalloc.start()
    try:
        say(session, FETCH, b"1 " + items)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert session.out.said >= least  # type: ignore[attr-defined]
    assert peak < MOST


def test_many_sections_of_smaller_messages_are_not_in_memory_together(session: Session) -> None:
    add(session, *[HEAD + LINES * 2_500] * 4)  # about 200 KB each
    sections = b" ".join(b"BODY.PEEK[]<%d.190000>" % start for start in range(90))
    tracemalloc.start()
    try:
        say(session, FETCH, b"2:5 (%b)" % sections)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert session.out.said >= 4 * 90 * 190_000  # type: ignore[attr-defined]
    assert peak < MOST


def test_long_lists_of_header_fields_do_not_fill_memory(session: Session) -> None:
    add(session, *[b"Subject: short\r\n\r\n"] * 200)
    names = b" ".join(b"X-%d" % number for number in range(5_000))
    tracemalloc.start()
    try:
        say(session, FETCH, b"2:* BODY.PEEK[HEADER.FIELDS (%b)]" % names)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * MOST
