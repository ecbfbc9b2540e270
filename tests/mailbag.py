"""The messages that tests put into mailboxes: files in tests/messages by name, and small ones by number."""

from __future__ import annotations

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "messages"
SMALL = (
    "From: Ann <ann@elsewhere.example>\r\n"
    "To: Bob <bob@example.test>\r\n"
    "Subject: Message {number}\r\n"
    "Date: Tue, {day:02} Sep 2026 10:00:00 +0000\r\n"
    "Message-ID: <{number}@elsewhere.example>\r\n"
    "\r\n"
    "This is message {number}.\r\n"
)


@cache
def message_file(name: str) -> bytes:
    """The message of that name: ``plain`` is tests/messages/plain.eml with CRLF line ends, or plain.raw as it is; ``3`` a small one."""
    if name.isdecimal():
        return SMALL.format(number=int(name), day=(int(name) - 1) % 30 + 1).encode()
    raw = FOLDER / f"{name}.raw"
    return raw.read_bytes() if raw.exists() else (FOLDER / f"{name}.eml").read_bytes().replace(b"\n", b"\r\n")
