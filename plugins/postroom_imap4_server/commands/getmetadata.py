"""GETMETADATA (RFC 5464 section 4.2); the mailbox "" is the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from postroom.store.snapshots import NO_MAILBOX

from .. import entries
from ..grammar.listing import read_entry
from ..opening import open_mailbox
from ..refusals import No
from .command import LOGGED_IN, Command

if TYPE_CHECKING:
    from postroom.store.mailboxes import Folder

    from ..grammar.reader import Reader
    from ..session import Session

DEPTHS = {b"0": 0, b"1": 1, b"INFINITY": entries.EVERYTHING}


class Wanted(NamedTuple):
    """What GETMETADATA is asked for."""

    name: str
    entries: tuple[str, ...]
    largest: int | None = None  # bytes of a value
    depth: int = 0


def parse(reader: Reader) -> Wanted:
    """``[(options)] mailbox entries``; the options behind the mailbox too, as the examples of RFC 5464 have them."""
    options: dict[bytes, int] = {}
    if reader.peek(b"("):
        options = _options(reader)
        reader.sp()
    name = reader.mailbox()
    reader.sp()
    if reader.peek(b"(MAXSIZE ") or reader.peek(b"(DEPTH "):
        options |= _options(reader)
        reader.sp()
    names = reader.one_or_list(lambda: _entry(reader))
    reader.end()
    return Wanted(name, tuple(names), options.get(b"MAXSIZE"), options.get(b"DEPTH", 0))


def _options(reader: Reader) -> dict[bytes, int]:
    return dict(reader.parenthesized(lambda: _option(reader), least=1))


def _option(reader: Reader) -> tuple[bytes, int]:
    word = reader.word()
    reader.sp()
    if word == b"MAXSIZE":
        return word, reader.number()
    depth = reader.word() if word == b"DEPTH" else b""
    if depth not in DEPTHS:
        raise reader.bad("MAXSIZE with a number, or DEPTH with 0, 1 or infinity was expected")
    return word, DEPTHS[depth]


def _entry(reader: Reader) -> str:
    """An entry; with DEPTH also the roots of all."""
    for root in (b"/PRIVATE", b"/SHARED"):
        if reader.peek(root) and reader.buffer[reader.at + len(root) : reader.at + len(root) + 1] in (b"", b" ", b")"):
            reader.take(root)
            return root.decode().lower()
    return read_entry(reader)


def run(session: Session, wanted: Wanted) -> str:
    """Send the entries and their values."""
    found = entries.read(session, annotated(session, wanted.name), wanted.entries, depth=wanted.depth)
    long = [len(value) for value in found.values() if value is not None and wanted.largest is not None and len(value) > wanted.largest]
    if long and wanted.largest is not None:
        found = {entry: value for entry, value in found.items() if value is None or len(value) <= wanted.largest}
    session.send(entries.response(session, wanted.name, found))
    code = f"[METADATA LONGENTRIES {max(long)}] " if long else ""  # RFC 5464 section 4.2.1
    return f"{code}GETMETADATA completed"


def annotated(session: Session, name: str) -> Folder | None:
    """The mailbox whose entries the user may read and set, None for the server. Raises No (RFC 5464 section 3.3)."""
    if not name:
        return None
    opened = open_mailbox(session, name, "l")
    if not entries.readable(opened.rights) or opened.folder.id == NO_MAILBOX:
        raise No("you have not the right to do that in this mailbox", "NOPERM")
    return opened.folder


GETMETADATA = Command(b"GETMETADATA", LOGGED_IN, parse, run)
