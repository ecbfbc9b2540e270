r"""DELETE (RFC 9051 section 6.3.5): mailboxes below the deleted one stay, and its name with them, as \NonExistent."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..changing import announce, existing_target, told
from .command import LOGGED_IN, Command

if TYPE_CHECKING:
    from ..grammar.reader import Reader
    from ..session import Session


def parse(reader: Reader) -> str:
    """The name."""
    name = reader.mailbox()
    reader.end()
    return name


def run(session: Session, name: str) -> str:
    """Remove the mailbox; other sessions that have it selected are told BYE when they next look at it."""
    target = existing_target(session, name)
    with told():
        folder = session.context.folders.delete(target.account, target.path, int(time.time() * 1000))
    if session.view is not None and session.view.folder.id == folder.id:
        session.view = None
        session.observe()
        session.untagged("OK [CLOSED] The mailbox that was selected is deleted")  # RFC 7162 section 3.2.11
    announce(session, target.account, folder.id)
    return "DELETE completed"


DELETE = Command(b"DELETE", LOGGED_IN, parse, run)
