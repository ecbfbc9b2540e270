"""The entries of METADATA (RFC 5464): those that are kept, and those that are computed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from postroom.store import annotations as notes
from postroom.store.folders import give_special

from .grammar import writing
from .refusals import No

if TYPE_CHECKING:
    from postroom.store.database import Tx
    from postroom.store.mailboxes import Folder

    from .session import Session

SPECIAL_USE = "/private/specialuse"  # RFC 6154 section 4
ADMIN = "/shared/admin"  # of the server, computed (RFC 5464 section 3.2.1.1)
USES = {word.lower(): word for word in ("\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash", "\\Important")}  # RFC 6154, RFC 8457
EVERYTHING = -1  # DEPTH infinity

Values = Mapping[str, bytes | None]


def readable(rights: Collection[str]) -> bool:
    """Whether somebody with these rights may read and set the entries of a mailbox (RFC 5464 section 3.3)."""
    return "l" in rights and bool(set("rswip") & set(rights))


def annotated(session: Session, folders: Iterable[Folder]) -> set[int]:
    """The ids of those of the mailboxes that have entries which the user can see."""
    ids = [folder.id for folder in folders]
    return session.context.db.read(lambda tx: notes.annotated(tx, ids, session.user.id))


def read(session: Session, folder: Folder | None, names: Iterable[str], *, depth: int, known: bool = True) -> dict[str, bytes | None]:
    """The entries of a mailbox (of the server when None) and their values; None for one that was named and is not there.

    ``depth``: levels below the named ones, EVERYTHING for all. ``known``: False when nothing is kept, so that nobody need look.
    """
    mailbox_id = notes.SERVER if folder is None else folder.id
    kept = session.context.db.read_slow(lambda tx: notes.entries(tx, mailbox_id, session.user.id)) if known else {}
    kept |= _computed(session, folder)
    found: dict[str, bytes | None] = {}
    for name in names:
        if depth == 0:
            found[name] = kept.get(name)
        else:
            found |= {entry: value for entry, value in kept.items() if _within(entry, name, depth)}
    return found


def write(session: Session, folder: Folder | None, values: Values) -> None:
    """Set entries of a mailbox (of the server when None), all or none. Raises No."""
    mailbox_id = notes.SERVER if folder is None else folder.id
    _check(session, folder, values)
    shared = {name: value for name, value in values.items() if name.startswith("/shared/")}
    private = {name: value for name, value in values.items() if name not in shared and name != SPECIAL_USE}

    def work(tx: Tx) -> None:
        notes.put(tx, mailbox_id, notes.SHARED, shared)
        notes.put(tx, mailbox_id, session.user.id, private)
        if folder is not None and SPECIAL_USE in values:
            give_special(tx, folder, special_use(values[SPECIAL_USE] or b""))

    try:
        session.context.db.write(work, locks=() if folder is None else (folder.account_id,))
    except notes.TooManyAnnotations:
        raise No("there are too many annotations", "METADATA TOOMANY") from None
    for account, some in ((notes.SHARED, shared), (session.user.id, private)):
        if some:
            session.context.news.publish("metadata", mailbox=mailbox_id, account=account, entries=list(some))


def special_use(text: bytes) -> str:
    """Special uses as they are kept: separated by spaces. Raises No for those that are not supported."""
    words = text.decode("ascii", "replace").split()
    unknown = [word for word in words if word.lower() not in USES]
    if unknown:
        raise No("this special use is not supported", "USEATTR")  # RFC 6154 section 3
    return " ".join(dict.fromkeys(USES[word.lower()] for word in words))


def response(session: Session, name: str, values: Values) -> bytes:
    """A METADATA response; b"" when there is nothing to say."""
    pairs = b" ".join(writing.astring(entry.encode()) + b" " + _value(value) for entry, value in values.items())
    return b"* METADATA %s (%s)\r\n" % (writing.mailbox(name, utf8=session.utf8), pairs) if pairs else b""


def _value(value: bytes | None) -> bytes:
    return writing.literal8(value) if value and b"\0" in value else writing.nstring(value)


def _computed(session: Session, folder: Folder | None) -> dict[str, bytes]:
    if folder is None:
        return {ADMIN: f"mailto:postmaster@{session.context.config.domains.default}".encode()}
    own = folder.account_id == session.user.id
    return {SPECIAL_USE: folder.special.encode()} if own and folder.special else {}


def _within(entry: str, name: str, depth: int) -> bool:
    if entry == name:
        return True
    return entry.startswith(name + "/") and (depth == EVERYTHING or entry.count("/") - name.count("/") <= depth)


def _check(session: Session, folder: Folder | None, values: Values) -> None:
    for name, value in values.items():
        if value is not None and len(value) > notes.LARGEST:
            raise No("the value is too large", f"METADATA MAXSIZE {notes.LARGEST}")
        if folder is None and name.startswith("/shared/") and (name == ADMIN or not session.user.admin):
            raise No("only administrators may set this entry", "NOPERM")
        if name == SPECIAL_USE and (folder is None or folder.account_id != session.user.id):
            raise No("special uses belong to mailboxes of one's own", "NOPERM")
