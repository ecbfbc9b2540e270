"""A real Postfix that does not offer 8BITMIME gets mail in 7 bits, by the relay and by LAN forwarding."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage

import pytest

from tests.interop.programs import message
from tests.interop.ways import Ways

TEXT = "Grüße aus Köln, und dahinter steht noch viel Text\r\n.\r\n"
ATTACHMENT = bytes(range(256)).replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"") + b"\r\n"


def letter() -> bytes:
    """A message with text and an attachment, both as 8-bit text."""
    head = message(sender="ann@sales.example").partition(b"\r\n\r\n")[0]
    part = b"--b\r\nContent-Type: %b\r\nContent-Transfer-Encoding: 8bit\r\n\r\n%b\r\n"
    parts = part % (b"text/plain; charset=utf-8", TEXT.encode()) + part % (b"application/octet-stream", ATTACHMENT)
    return head + b"\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + parts + b"--b--\r\n"


@pytest.mark.parametrize("recipient", ["jim@accounts.test", "jim@guarded.test"], ids=["relay", "LAN"])
def test_a_postfix_without_8bitmime_gets_every_part(ways: Ways, recipient: str) -> None:
    found, told = ways.delivered(letter(), recipient, user="ann")
    assert told["how"].endswith("; converted to 7-bit MIME")
    assert found.isascii()
    parsed = email.message_from_bytes(found, EmailMessage, policy=email.policy.default)
    text, attachment = parsed.iter_parts()
    assert (text.get_content(), attachment.get_content()) == (TEXT.replace("\r\n", "\n"), ATTACHMENT)
