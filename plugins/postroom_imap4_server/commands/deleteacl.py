"""DELETEACL (RFC 4314 section 3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postroom.store import acl

from ..identifying import administered, announce_rights
from .command import LOGGED_IN, Command

if TYPE_CHECKING:
    from ..grammar.reader import Reader
    from ..session import Session


def parse(reader: Reader) -> tuple[str, str]:
    """``mailbox identifier``."""
    name = reader.mailbox()
    reader.sp()
    identifier = reader.text()
    reader.end()
    return name, identifier


def run(session: Session, arguments: tuple[str, str]) -> str:
    """Take the identifier off the list, also that of a user who is gone; one that is not on it does not matter."""
    opened = administered(session, arguments[0])
    identifier = arguments[1].lower()
    session.context.db.write(lambda tx: acl.remove(tx, opened.folder.id, identifier))
    announce_rights(session, opened, identifier)
    return "DELETEACL completed"


DELETEACL = Command(b"DELETEACL", LOGGED_IN, parse, run)
