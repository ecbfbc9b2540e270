"""GETQUOTAROOT (RFC 9208 section 4.1.2): also for a mailbox that is not made yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postroom.store.folders import SEPARATOR

from .. import quotas
from ..grammar import writing
from ..opening import OTHERS, open_mailbox, place
from .command import LOGGED_IN, Command
from .delete import parse

if TYPE_CHECKING:
    from ..session import Session


def run(session: Session, name: str) -> str:
    """Send the quota root of the mailbox, and its figures."""
    where = place(session, name)
    if not where.owner and where.path:
        root, account = quotas.OWN, session.user.id
    else:
        root, account = f"{OTHERS}{SEPARATOR}{where.owner}", open_mailbox(session, name, "r").account  # RFC 9208 section 6
    names = writing.mailbox(name, utf8=session.utf8), writing.text(root, utf8=session.utf8)
    session.send(b"* QUOTAROOT %s %s\r\n" % names)
    session.send(quotas.response(session, root, account))
    return "GETQUOTAROOT completed"


GETQUOTAROOT = Command(b"GETQUOTAROOT", LOGGED_IN, parse, run)
