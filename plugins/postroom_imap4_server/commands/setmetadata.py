"""SETMETADATA (RFC 5464 section 4.3): all entries are set, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import entries
from ..changing import announce
from ..grammar.listing import read_entry
from .command import LOGGED_IN, Command
from .getmetadata import annotated

if TYPE_CHECKING:
    from ..grammar.reader import Reader
    from ..session import Session

Values = dict[str, bytes | None]


def parse(reader: Reader) -> tuple[str, Values]:
    """``mailbox (entry value …)``."""
    name = reader.mailbox()
    reader.sp()
    values = dict(reader.parenthesized(lambda: _pair(reader), least=1))
    reader.end()
    return name, values


def _pair(reader: Reader) -> tuple[str, bytes | None]:
    entry = read_entry(reader)
    reader.sp()
    return entry, reader.literal(binary=True) if reader.peek(b"~{") else reader.nstring()


def run(session: Session, arguments: tuple[str, Values]) -> str:
    """Set or remove the entries."""
    name, values = arguments
    folder = annotated(session, name)
    entries.write(session, folder, values)
    if folder is not None and entries.SPECIAL_USE in values:
        announce(session, folder.account_id)
    return "SETMETADATA completed"


SETMETADATA = Command(b"SETMETADATA", LOGGED_IN, parse, run)
