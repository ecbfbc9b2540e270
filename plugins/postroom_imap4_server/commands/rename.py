"""RENAME (RFC 9051 section 6.3.6): with all that is below; INBOX stays and gives its messages away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postroom.store.folders import INBOX
from postroom.store.renaming import rename

from ..changing import announce, existing_target, new_target, tell_spelling, told
from ..grammar.listing import read_new_name
from ..grammar.names import SEPARATOR
from ..opening import open_mailbox
from ..refusals import No
from .command import LOGGED_IN, Command

if TYPE_CHECKING:
    from ..grammar.reader import Reader
    from ..session import Session


def parse(reader: Reader) -> tuple[str, str, str]:
    """The present name, and the new one, as it is and as it was written."""
    old = reader.mailbox()
    reader.sp()
    new, written = read_new_name(reader)
    reader.end()
    return old.removesuffix(SEPARATOR), new, written


def run(session: Session, arguments: tuple[str, str, str]) -> str:
    """Rename the mailbox."""
    old, new, written = arguments
    source = existing_target(session, old)
    if source.path == INBOX and source.account != session.user.id:
        open_mailbox(session, old, "rte")  # its messages are moved (RFC 6851 section 4.1)
    target = new_target(session, new)
    if source.account != target.account:
        raise No("a mailbox cannot become another user's", "CANNOT")
    with told():
        changed = session.context.db.write(lambda tx: rename(tx, source.account, source.path, target.path), locks=(source.account,))
    announce(session, source.account, *changed)
    tell_spelling(session, new, written)
    return "RENAME completed"


RENAME = Command(b"RENAME", LOGGED_IN, parse, run)
