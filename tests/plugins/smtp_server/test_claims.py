"""A stranger's Authentication-Results with our name in it (RFC 8601 section 5)."""

from __future__ import annotations

from typing import Any
from unittest.mock import MagicMock

import pytest

from postroom import Client, Envelope, Verdict, hookimpl
from postroom.mail.claims import ClaimFilter
from postroom.mail.message import Message
from postroom.store.blobs import CHUNK, Blobs
from postroom.store.database import Database
from postroom_smtp_server import service
from postroom_smtp_server.intake import Intake
from postroom_smtp_server.settings import SmtpService
from tests.peers import SessionPeer
from tests.plugins.smtp_server.desk import Office

FORGED = b"Authentication-Results: mail.example.test; dkim=pass\r\n"
RENAMED = b"X-Authentication-Claim: mail.example.test; dkim=pass\r\n"
MAIL = b"From: a@b.example\r\n" + FORGED + b"To: c@d.example\r\n\r\n" + FORGED
KEPT = MAIL.replace(FORGED, RENAMED, 1)
ENVELOPE = b"EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<bob@example.test>\r\n"


def by_data(office: Office, message: bytes, **facts: Any) -> bytes:
    """What is kept of it."""
    SessionPeer(office.session(**facts)).send(ENVELOPE + b"DATA\r\n" + message + b".\r\n")
    return office.queue.taken[0].draft.head


def by_chunks(office: Office, message: bytes, size: int, body: bytes = b"") -> bytes:
    """What is kept of it."""
    pieces = [message[start : start + size] for start in range(0, len(message), size)]
    chunks = b"".join(b"BDAT %d\r\n" % len(piece) + piece for piece in pieces)
    SessionPeer(office.session()).send(ENVELOPE.replace(b"b.example>", b"b.example>" + body) + chunks + b"BDAT 0 LAST\r\n")
    return office.queue.taken[0].draft.head


def test_it_is_renamed_in_the_header_and_only_there() -> None:
    assert by_data(Office(), MAIL) == KEPT


@pytest.mark.parametrize("size", [1, 30, 1000])
def test_it_is_renamed_in_chunks_of_any_size(size: int) -> None:
    assert by_chunks(Office(), MAIL, size) == KEPT


def test_it_is_renamed_in_binary_mail_with_other_line_ends() -> None:
    assert by_chunks(Office(), MAIL.replace(b"\r\n", b"\n"), 50, b" BODY=BINARYMIME") == KEPT.replace(b"\r\n", b"\n")


@pytest.mark.parametrize("facts", [{"user": "bob"}, {"user": "alice"}, {"no_auth": True}])
def test_users_and_trusted_addresses_may_hand_on_what_we_have_found(facts: dict[str, Any]) -> None:
    assert by_data(Office(), MAIL, **facts) == MAIL


def test_an_address_that_may_merely_connect_is_a_stranger() -> None:
    assert by_data(Office(), MAIL, allowed=True) == KEPT


def test_it_is_renamed_where_nobody_can_log_in() -> None:
    assert by_data(Office(auth="off"), MAIL) == KEPT


def test_a_message_that_ends_in_its_header_is_kept_whole() -> None:
    assert by_data(Office(), FORGED) == RENAMED
    assert by_chunks(Office(), FORGED[:-2], 10) == RENAMED[:-2]


def test_checks_see_the_new_name() -> None:
    class Check:
        seen: bytes = b""

        @hookimpl
        def check_message(self, client: Client, envelope: Envelope, message: Message) -> Verdict | None:
            self.seen = message.head
            return None

    check = Check()
    by_data(Office(check), MAIL)
    assert check.seen == KEPT


def test_bytes_that_are_held_count_for_the_size() -> None:
    office = Office(max_message_size=1000)
    peer = SessionPeer(office.session())
    peer.send(ENVELOPE + b"BDAT 500\r\n" + b"Authentication-Results:".ljust(500) + b"BDAT 501\r\n" + b"x" * 501)
    lines = iter(peer.line, "")
    assert any(line is not None and line.startswith("552 5.3.4") for line in lines)


def test_the_names_of_the_server_and_of_the_service_are_ours() -> None:
    context = MagicMock()
    context.config.server.hostname = "Mail.Example.test."
    made = service.make(context, SmtpService(id=1, name="SMTP", listen=["127.0.0.1:0"], hostname="mx.example.test"))
    assert made.handle.args[0].authserv_ids == {"mail.example.test", "mx.example.test"}  # type: ignore[attr-defined]


def test_a_header_is_looked_at_to_its_end_also_behind_the_first_chunk_in_the_store(db: Database) -> None:
    before = b"X: %s\r\n" % (b"y" * 900) * (CHUNK // 800)
    message, draft = before + MAIL, Blobs(db).draft()
    intake = Intake(draft, ClaimFilter(frozenset({"mail.example.test"})))
    for start in range(0, len(message), 10_000):
        intake.write(message[start : start + 10_000])
    assert (intake.end(), intake.renamed, draft.size) == (None, 1, len(message))
    assert b"".join(draft.chunks()) == before + KEPT
    draft.abandon()
