"""MYRIGHTS (RFC 4314 section 3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import rights
from ..grammar import writing
from ..opening import look_up
from ..refusals import No
from .command import LOGGED_IN, Command
from .delete import parse

if TYPE_CHECKING:
    from ..session import Session


def run(session: Session, name: str) -> str:
    """Send what the user may do in the mailbox."""
    opened = look_up(session, name)
    if opened is None or not opened.rights & rights.ANY:  # RFC 4314 section 4
        raise No("there is no such mailbox", "NONEXISTENT")
    letters = rights.with_obsolete(opened.rights)
    session.send(b"* MYRIGHTS %s %s\r\n" % (writing.mailbox(name, utf8=session.utf8), letters.encode()))
    return "MYRIGHTS completed"


MYRIGHTS = Command(b"MYRIGHTS", LOGGED_IN, parse, run)
