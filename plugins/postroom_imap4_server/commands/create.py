"""CREATE (RFC 9051 section 6.3.4), with special uses (RFC 6154 section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from postroom.mail.listing import ListResult

from .. import listing
from ..changing import announce, new_target, told
from ..entries import special_use
from ..grammar import names
from .command import LOGGED_IN, Command

if TYPE_CHECKING:
    from ..grammar.reader import Reader
    from ..session import Session


class Creation(NamedTuple):
    """What CREATE is asked for."""

    name: str
    written: str  # as the client has written it
    special: str  # uses, separated by spaces


def parse(reader: Reader) -> Creation:
    r"""The name, and ``(USE (\Sent …))`` after it."""
    raw = reader.astring()
    try:
        name = names.decode(raw, utf8=reader.utf8)
    except ValueError as error:
        raise reader.bad(str(error)) from None
    special: list[bytes] = []
    if not reader.at_end():
        reader.sp()
        reader.parenthesized(lambda: special.extend(_use(reader)), least=1)
    reader.end()
    written = raw.decode("utf-8") if reader.utf8 else name
    return Creation(name.removesuffix(names.SEPARATOR), written.removesuffix(names.SEPARATOR), b" ".join(special).decode("ascii"))


def _use(reader: Reader) -> list[bytes]:
    reader.expect(b"USE ")
    return reader.parenthesized(lambda: _attribute(reader))


def _attribute(reader: Reader) -> bytes:
    reader.expect(b"\\")
    return b"\\" + reader.atom()


def run(session: Session, arguments: Creation) -> str:
    """Make the mailbox, and those above it that are missing."""
    special = special_use(arguments.special.encode())
    target = new_target(session, arguments.name)
    with told():
        folder = session.context.folders.create(target.account, target.path, special)
    announce(session, target.account)
    if session.rev2 and arguments.written != arguments.name:  # RFC 9051 section 6.3.9.7: the name was normalized
        session.send(listing.line(session, ListResult(arguments.name, (), {"OLDNAME": (arguments.written,)})))
    return f"[MAILBOXID (F{folder.id})] CREATE completed"  # RFC 8474 section 4.1


CREATE = Command(b"CREATE", LOGGED_IN, parse, run)
