"""LISTRIGHTS (RFC 4314 section 3.4): the owner has all rights always, others any of them, each by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postroom.store import acl

from ..grammar import writing
from ..identifying import administered, canonical, owner
from ..rights import OBSOLETE, with_obsolete
from .command import LOGGED_IN, Command
from .deleteacl import parse

if TYPE_CHECKING:
    from ..session import Session

ALWAYS = with_obsolete(acl.EVERY)
NONE_BUT_ANY = " ".join(('""', *acl.EVERY, *OBSOLETE))


def run(session: Session, arguments: tuple[str, str]) -> str:
    """Send which rights the identifier has always, and which it may be given."""
    name, written = arguments
    opened = administered(session, name)
    identifier = canonical(session, written)
    told = ALWAYS if identifier == owner(session, opened) else NONE_BUT_ANY
    place = writing.mailbox(name, utf8=session.utf8)
    session.send(b"* LISTRIGHTS %s %s %s\r\n" % (place, writing.astring(written.encode()), told.encode()))
    return "LISTRIGHTS completed"


LISTRIGHTS = Command(b"LISTRIGHTS", LOGGED_IN, parse, run)
