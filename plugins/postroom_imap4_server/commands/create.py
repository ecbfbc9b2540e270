"""CREATE (RFC 9051 section 6.3.4), with special uses (RFC 6154 section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..changing import announce, new_target, tell_spelling, told
from ..entries import special_use
from ..grammar.listing import read_new_name
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
    name, written = read_new_name(reader)
    special: list[bytes] = []
    if not reader.at_end():
        reader.sp()
        reader.parenthesized(lambda: special.extend(_use(reader)), least=1)
    reader.end()
    return Creation(name, written, b" ".join(special).decode("ascii"))


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
    tell_spelling(session, arguments.name, arguments.written)
    return f"[MAILBOXID (F{folder.id})] CREATE completed"  # RFC 8474 section 4.1


CREATE = Command(b"CREATE", LOGGED_IN, parse, run)
