"""GETACL (RFC 4314 section 3.3): the owner stands first, with every right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postroom.store import acl

from .. import rights
from ..grammar import writing
from ..identifying import administered, owner
from .command import LOGGED_IN, Command
from .delete import parse

if TYPE_CHECKING:
    from ..session import Session


def run(session: Session, name: str) -> str:
    """Send the list of the mailbox."""
    opened = administered(session, name)
    entries = {owner(session, opened): acl.EVERY} | session.context.db.read(lambda tx: acl.entries(tx, opened.folder.id))
    pairs = b" ".join(
        b"%s %s" % (writing.astring(identifier.encode()), rights.with_obsolete(letters).encode()) for identifier, letters in entries.items()
    )
    session.send(b"* ACL %s %s\r\n" % (writing.mailbox(name, utf8=session.utf8), pairs))
    return "GETACL completed"


GETACL = Command(b"GETACL", LOGGED_IN, parse, run)
