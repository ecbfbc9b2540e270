"""ID (RFC 2971): what program the client is, for the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postroom import __version__

from ..grammar.writing import string
from .command import ANY, Command

if TYPE_CHECKING:
    from ..grammar.reader import Reader
    from ..session import Session

MOST_FIELDS, LONGEST_FIELD, LONGEST_VALUE = 30, 30, 1024  # RFC 2971 section 3.3


def parse(reader: Reader) -> dict[str, str]:
    """NIL, or names and values in turn; {} for NIL. Raises Bad for more or longer ones than the RFC allows."""
    fields: dict[str, str] = {}
    if not reader.take(b"NIL"):
        words = reader.parenthesized(reader.nstring)
        if len(words) % 2 or len(words) > 2 * MOST_FIELDS:
            raise reader.bad("names and values in pairs, at most 30 of them, were expected")
        for name, value in zip(words[::2], words[1::2], strict=True):
            if name is None or len(name) > LONGEST_FIELD or len(value or b"") > LONGEST_VALUE:
                raise reader.bad("a name has at most 30 bytes, a value 1024")
            fields[name.decode("utf-8", "replace").lower()] = (value or b"").decode("utf-8", "replace")
    reader.end()
    return fields


def run(session: Session, fields: dict[str, str]) -> str:
    """Log it, and say who we are; the version is for users only."""
    session.context.log.info("imap.client", session=session.client.session, user=session.client.user, program=fields)
    ours = {"name": "Postroom", **({"version": __version__} if session.account is not None else {})}
    session.send(b"* ID (%s)\r\n" % b" ".join(string(word.encode()) for pair in ours.items() for word in pair))
    return "ID completed"


ID = Command(b"ID", ANY, parse, run)
