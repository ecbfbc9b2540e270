"""The identifiers of access control lists as clients write them (RFC 4314 section 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postroom.local_names import LocalNames
from postroom.store import acl

from .changing import announce
from .opening import open_mailbox
from .refusals import No

if TYPE_CHECKING:
    from postroom.store.database import Tx

    from .opening import Opened
    from .session import Session


def canonical(session: Session, written: str) -> str:
    """The identifier as it is kept: an account's name, ``anyone`` or ``$list``, with ``-`` before it for rights that are denied.

    Raises No when there is no such account or list: a right for a name that is made later would surprise everybody.
    """
    denied = "-" if written.startswith("-") else ""
    name = written.removeprefix("-")
    if name.lower() == acl.ANYONE:
        return denied + acl.ANYONE
    if name.startswith("$"):
        if name[1:].lower() not in session.context.directory.fresh().lists:
            raise No("there is no such list", "CANNOT")
        return denied + name.lower()
    known = LocalNames(session.context.config.domains.local).account_name(name)
    if known is None or known not in session.context.directory.fresh().users:
        raise No("there is no such user", "CANNOT")
    return denied + known


def owner(session: Session, opened: Opened) -> str:
    """The name of the account that a mailbox belongs to."""
    if opened.account == session.user.id:
        return session.user.name
    return _name(session, opened.account)


def administered(session: Session, name: str) -> Opened:
    """A mailbox whose rights the user may see and change. Raises No."""
    return open_mailbox(session, name, "a")  # RFC 4314 section 4


def announce_rights(session: Session, opened: Opened, identifier: str) -> None:
    """Tell everybody that the rights to a mailbox have changed (after the commit): its owner's sessions, and whom they concern."""
    announce(session, opened.account)
    user = session.context.directory.current().users.get(identifier.removeprefix("-"))
    if user is not None:  # who sees a folder of this owner for the first time does not watch the owner's yet
        session.context.news.publish("folders", account=user.id)


def _name(session: Session, account_id: int) -> str:
    def work(tx: Tx) -> str:
        row = tx.one("SELECT name FROM account WHERE id = ?", (account_id,))
        return "" if row is None else str(row[0])

    return session.context.db.read(work)
