"""Sends the message of a transaction: after DATA with dots stuffed, or in BDAT chunks. Streams; holds a few chunks at most."""

from __future__ import annotations

from collections.abc import Iterable

from ...mail.reply import Reply
from ...wire.dots import stuff
from .content import strict
from .faults import Broken
from .session import Session

WINDOW = 4  # BDAT chunks that may be on their way unanswered
LAST_WORDS = 5.0  # seconds to look for the reason when the server hangs up in the middle of a message


def send_dotted(session: Session, chunks: Iterable[bytes], *, checked: bool) -> Reply:
    """The message after 354, and its reply. ``checked``: its line ends are known to be right; else Unsendable may be raised."""
    block = session.hop.timeouts.block
    try:
        for data in stuff(chunks if checked else strict(chunks)):  # RFC 5321 4.5.2
            session.write(data, "the message", block, flush=False)
        session.write(b"", "the message", block)
    except Broken as error:
        return last_words(session, error)
    return session.reply("the message", session.hop.timeouts.end)


def send_chunked(session: Session, chunks: Iterable[bytes], *, checked: bool) -> Reply:
    """The message in BDAT chunks, and the reply to the last or the first refusal (RFC 3030 section 2)."""
    window = WINDOW if session.capabilities.pipelining else 1
    waiting, held = 0, None
    try:
        for data in chunks if checked else strict(chunks):
            if held is not None:
                session.write(b"BDAT %d\r\n" % len(held), "the message", session.hop.timeouts.block, flush=False)
                session.write(held, "the message", session.hop.timeouts.block)
                waiting += 1
            held = data
            while waiting >= window:
                waiting -= 1
                if (reply := session.reply("BDAT", session.hop.timeouts.end)).code // 100 != 2:
                    return refused(session, reply, waiting)
        last = held or b""
        session.write(b"BDAT %d LAST\r\n" % len(last), "the message", session.hop.timeouts.block, flush=False)
        session.write(last, "the message", session.hop.timeouts.block)
    except Broken as error:
        return last_words(session, error, waiting)
    for left in range(waiting, 0, -1):
        if (reply := session.reply("BDAT", session.hop.timeouts.end)).code // 100 != 2:
            return refused(session, reply, left)  # those on their way and the last one
    return session.reply("the message", session.hop.timeouts.end)


def refused(session: Session, reply: Reply, waiting: int) -> Reply:
    """The refusal of a chunk, after the replies to the ``waiting`` chunks behind it: they all fail as well."""
    try:
        for _ in range(waiting):
            session.reply("BDAT", session.hop.timeouts.end)
    except Broken:  # it has hung up after its refusal
        session.ended = True
    return reply


def last_words(session: Session, error: Broken, waiting: int = 0) -> Reply:
    """What the server said before it hung up ("552 too big"), if it said something and it is no success; else raises ``error``.

    ``waiting``: chunks before the one that it did not take, whose replies come first.
    """
    try:
        for _ in range(waiting + 1):
            if (reply := session.reply("the message", LAST_WORDS)).code >= 400:
                session.ended = True
                return reply
    except Broken as last:
        raise (last if last.reply.code == 421 else error) from None
    raise error
