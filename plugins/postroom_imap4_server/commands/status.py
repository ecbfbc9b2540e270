"""STATUS (RFC 9051 section 6.3.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import figures
from ..grammar.listing import read_status_items
from ..opening import open_mailbox
from .command import LOGGED_IN, Command

if TYPE_CHECKING:
    from ..grammar.reader import Reader
    from ..session import Session


def parse(reader: Reader) -> tuple[str, tuple[bytes, ...]]:
    """The name and the items."""
    name = reader.mailbox()
    reader.sp()
    items = read_status_items(reader)
    reader.end()
    return name, items


def run(session: Session, arguments: tuple[str, tuple[bytes, ...]]) -> str:
    """Send the figures."""
    opened = open_mailbox(session, arguments[0], "r")
    session.send(figures.status(session, opened.name, opened.folder, arguments[1]))
    return "STATUS completed"


STATUS = Command(b"STATUS", LOGGED_IN, parse, run)
