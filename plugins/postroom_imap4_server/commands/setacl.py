"""SETACL (RFC 4314 section 3.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from postroom.store import acl

from .. import rights
from ..identifying import administered, announce_rights, canonical, owner
from ..refusals import No
from .command import LOGGED_IN, Command

if TYPE_CHECKING:
    from ..grammar.reader import Reader
    from ..session import Session

MODES: dict[str, Literal["set", "add", "remove"]] = {"": "set", "+": "add", "-": "remove"}


class Grant(NamedTuple):
    """Whom to give which rights."""

    name: str
    identifier: str
    mode: Literal["set", "add", "remove"]
    rights: str


def parse(reader: Reader) -> Grant:
    """``mailbox identifier [+-]rights``; unknown rights are BAD (RFC 4314 section 3.1)."""
    name = reader.mailbox()
    reader.sp()
    identifier = reader.text()
    reader.sp()
    written = reader.text()
    reader.end()
    sign = written[:1] if written[:1] in ("+", "-") else ""
    try:
        return Grant(name, identifier, MODES[sign], rights.parsed(written.removeprefix(sign)))
    except ValueError as error:
        raise reader.bad(str(error)) from None


def run(session: Session, grant: Grant) -> str:
    """Change the list of the mailbox."""
    opened = administered(session, grant.name)
    identifier = canonical(session, grant.identifier)
    if identifier.removeprefix("-") == owner(session, opened):
        raise No("the owner has all rights", "CANNOT")
    try:
        session.context.db.write(lambda tx: acl.change(tx, opened.folder.id, identifier, grant.mode, grant.rights))
    except acl.TooManyEntries:
        raise No("the list is full", "LIMIT") from None
    announce_rights(session, opened, identifier)
    return "SETACL completed"


SETACL = Command(b"SETACL", LOGGED_IN, parse, run)
