"""What CREATE, DELETE and RENAME have in common: whose tree a name belongs to, and how a refusal of the store is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from postroom.mail.listing import ListResult
from postroom.store.database import Conflict
from postroom.store.folders import (
    SEPARATOR,
    FolderExists,
    FolderMissing,
    FolderRefused,
    HasInferiors,
    SpecialTaken,
    TooManyFolders,
)

from . import listing
from .grammar import names
from .opening import open_mailbox, place
from .refusals import No

if TYPE_CHECKING:
    from .session import Session

CODES: tuple[tuple[type[Exception], str, str], ...] = (  # RFC 5530, RFC 6154; the first that fits
    (FolderExists, "ALREADYEXISTS", "there is such a mailbox already"),
    (FolderMissing, "NONEXISTENT", "there is no such mailbox"),
    (HasInferiors, "HASCHILDREN", ""),
    (FolderRefused, "CANNOT", ""),
    (TooManyFolders, "LIMIT", ""),
    (SpecialTaken, "USEATTR", ""),
    (Conflict, "INUSE", "the mailboxes are being changed, try again"),
)


class Target(NamedTuple):
    """A name in somebody's tree."""

    account: int
    path: str


@contextmanager
def told() -> Iterator[None]:
    """Tells refusals of the store as No."""
    try:
        yield
    except tuple(kind for kind, _, _ in CODES) as error:
        code, words = next((code, words) for kind, code, words in CODES if isinstance(error, kind))
        raise No(words or str(error), code) from None


def new_target(session: Session, name: str) -> Target:
    """Where a mailbox of this new name belongs. Raises No for a name that cannot be, and where the right to make one is missing."""
    try:
        names.check_new(name)
    except ValueError as error:
        raise No(str(error), "CANNOT") from None
    owner, path = place(session, name)
    if not owner and path:
        return Target(session.user.id, path)
    parent = name.rpartition(SEPARATOR)[0]
    if not place(session, parent).path:
        raise No("only its owner may make a mailbox there", "NOPERM")
    return Target(open_mailbox(session, parent, "k").account, path)  # RFC 4314 section 4


def existing_target(session: Session, name: str) -> Target:
    """The mailbox of this name, or the name above mailboxes, that its owner or somebody with the right "x" may remove. Raises No."""
    owner, path = place(session, name)
    if not owner and path:
        return Target(session.user.id, path)
    opened = open_mailbox(session, name, "x")  # RFC 4314 section 4
    return Target(opened.account, opened.path)


def tell_spelling(session: Session, name: str, written: str) -> None:
    """Tell a client what came of the name that it has written, where that is not the same (RFC 9051 section 6.3.9.7)."""
    if session.rev2 and written != name:
        session.send(listing.line(session, ListResult(name, (), {"OLDNAME": (written,)})))


def announce(session: Session, account: int, *mailbox_ids: int) -> None:
    """Tell everybody that this tree has changed, and these mailboxes with it (after the commit)."""
    session.context.news.publish("folders", account=account)
    session.changed(*mailbox_ids)
