"""RENAME (RFC 9051 section 6.3.6): with all that is below; INBOX stays and gives its messages away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postroom.store.renaming import rename

from ..changing import announce, existing_target, new_target, told
from ..grammar.names import SEPARATOR
from ..refusals import No
from .command import LOGGED_IN, Command

if TYPE_CHECKING:
    from ..grammar.reader import Reader
    from ..session import Session


def parse(reader: Reader) -> tuple[str, str]:
    """The present name and the new one."""
    old = reader.mailbox()
    reader.sp()
    new = reader.mailbox()
    reader.end()
    return old, new.removesuffix(SEPARATOR)


def run(session: Session, arguments: tuple[str, str]) -> str:
    """Rename the mailbox."""
    old, new = arguments
    source = existing_target(session, old)
    target = new_target(session, new)
    if source.account != target.account:
        raise No("a mailbox cannot become another user's", "CANNOT")
    with told():
        done = session.context.db.write(lambda tx: rename(tx, source.account, source.path, target.path))
    announce(session, source.account, *(folder.id for folder in done if folder is not None))
    return "RENAME completed"


RENAME = Command(b"RENAME", LOGGED_IN, parse, run)
