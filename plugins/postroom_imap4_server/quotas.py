"""Quota roots: one for each account, which all its mailboxes share (RFC 9208). One's own is "", another user's ``#users/<user>``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postroom.store.folders import SEPARATOR
from postroom.store.quota import Quota, quota

from .grammar import writing
from .opening import OTHERS
from .refusals import No

if TYPE_CHECKING:
    from postroom.store.accounts import Account

    from .session import Session

OWN = ""
UNIT = 1024  # octets of STORAGE (RFC 9208 section 5.1)


def account_of(session: Session, root: str) -> Account:
    """The account that a quota root stands for: one's own, or, for administrators, anybody's. Raises No."""
    prefix, _, name = root.partition(SEPARATOR)
    if root == OWN or (prefix.lower() == OTHERS and name.lower() == session.user.name):
        return session.user
    if not session.user.admin:
        raise No("there is no such quota root", "NOPERM")
    found = session.context.accounts.get(name) if prefix.lower() == OTHERS else None
    if found is None:
        raise No("there is no such quota root", "NONEXISTENT")
    return found


def response(session: Session, root: str, account_id: int) -> bytes:
    """The QUOTA response: what is used and what may be, of what has a limit (RFC 9208 section 4.2.1)."""
    found = session.context.db.read(lambda tx: quota(tx, account_id))
    return b"* QUOTA %s (%s)\r\n" % (writing.text(root, utf8=session.utf8), " ".join(_resources(found)).encode())


def _resources(found: Quota) -> list[str]:
    words = []
    if found.storage_limit:
        words.append(f"STORAGE {-(-found.storage // UNIT)} {found.storage_limit // UNIT}")
    if found.messages_limit:
        words.append(f"MESSAGE {found.messages} {found.messages_limit}")
    return words
