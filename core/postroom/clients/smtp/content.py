"""Looks at a message before it goes out: newlines that must not leave, and octets that need an extension."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...mail.reply import Reply

BARE = Reply(554, "5.6.3", "The message has line ends other than CRLF, which the next server cannot be given")
EIGHT_BIT = Reply(554, "5.6.3", "The message has 8-bit text, and the next server takes 7-bit messages only (no 8BITMIME)")
BINARY = Reply(554, "5.6.3", "The message is binary, and the next server does not take binary messages (no BINARYMIME)")


class Unsendable(Exception):
    """Never to be sent to this next hop, message or recipient; ``reply`` (5xx) says why."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply))
        self.reply = reply


class Unsuited(Unsendable):
    """Not to be sent as it is; it may be once it has been made 7-bit (RFC 6152 section 3, RFC 3030 section 3)."""


def only_crlf(data: bytes) -> bool:
    """True when every CR and LF of a whole message belongs to a CRLF."""
    lines = data.count(b"\n")
    return data.count(b"\r\n") == lines == data.count(b"\r")


def strict(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same chunks. Raises Unsendable at the first bare CR or LF: another server may read it as the end of the message."""
    after_cr = False  # the chunk before ended between CR and LF
    for chunk in chunks:
        if not chunk:
            continue
        ends_in_cr = chunk.endswith(b"\r")
        pairs = chunk.count(b"\r\n") + (after_cr and chunk.startswith(b"\n"))
        if not pairs == chunk.count(b"\n") == chunk.count(b"\r") + after_cr - ends_in_cr:
            raise Unsendable(BARE)
        after_cr = ends_in_cr
        yield chunk
    if after_cr:
        raise Unsendable(BARE)


def header_of(chunks: Iterable[bytes], limit: int = 1 << 20) -> bytes:
    """The header section: everything before the first empty line, at most ``limit`` octets and one chunk more."""
    head = b""
    for chunk in chunks:
        start = max(len(head) - 3, 0)
        head += chunk
        end = head.find(b"\r\n\r\n", start)
        if end >= 0:
            return head[:end]
        if len(head) >= limit:
            break
    return head


def body_type(declared: str, whole: bytes | None, chunks: Iterable[bytes], *, eightbit: bool, binary: bool) -> str:
    """The BODY parameter to send with: "", "8BITMIME" or "BINARYMIME". Raises Unsendable, and Unsuited for what a conversion helps.

    ``whole`` is the message when it is small, else ``chunks`` (from the start) is read if that is the only way to know.
    ``eightbit`` and ``binary``: what the server takes.
    """
    if declared == "BINARYMIME" and binary:
        return "BINARYMIME"
    if whole is not None:
        if not only_crlf(whole):
            raise Unsuited(BINARY) if declared == "BINARYMIME" else Unsendable(BARE)
        if whole.isascii():
            return ""  # true to RFC 6152 section 3 whatever was declared
        if not eightbit:
            raise Unsuited(EIGHT_BIT)
        return "8BITMIME"
    if eightbit and declared != "BINARYMIME":
        return "8BITMIME"  # allowed for any text; the alternative is to read a large message twice
    return _surveyed(chunks, Unsuited(BINARY) if declared == "BINARYMIME" else Unsendable(BARE), eightbit=eightbit)


def _surveyed(chunks: Iterable[bytes], bare: Unsendable, *, eightbit: bool) -> str:
    """Reads a large message through: RFC 6152 section 3 and RFC 3030 section 3 forbid to send what the server does not take."""
    plain = True
    try:
        for chunk in strict(chunks):
            plain = plain and chunk.isascii()
    except Unsendable:
        raise bare from None
    if plain:
        return ""
    if not eightbit:
        raise Unsuited(EIGHT_BIT)
    return "8BITMIME"
