"""What a mailbox name means to a session: whose folder it is, and what the session's user may do in it (RFC 4314)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from postroom.local_names import LocalNames
from postroom.store import acl
from postroom.store.folders import INBOX, SEPARATOR, has_below
from postroom.store.mailboxes import Folder
from postroom.store.snapshots import NO_MAILBOX

from .grammar import names
from .refusals import No

if TYPE_CHECKING:
    from .session import Session

OTHERS = "#users"  # other users' folders are #users/<user>/<folder>


@dataclass(frozen=True, slots=True)
class Opened:
    """A mailbox that exists, as of now."""

    name: str  # as the client names it
    folder: Folder
    account: int  # id of the account that owns it
    rights: frozenset[str]  # letters of RFC 4314 that the session's user has

    @property
    def path(self) -> str:
        """Its name among its owner's folders."""
        return self.folder.path


class Place(NamedTuple):
    """What a name means, whether or not such a mailbox exists."""

    owner: str  # account name; "" is the session's own user
    path: str  # among the owner's folders; "" for #users itself and #users/<user>


def place(session: Session, name: str) -> Place:
    """Whose folder a name means. ``name`` is decoded, so INBOX is in capitals already where it is the first level."""
    if name.partition(SEPARATOR)[0].lower() != OTHERS:
        return Place("", name)
    owner, _, path = name[len(OTHERS) + 1 :].partition(SEPARATOR)
    first, separator, rest = path.partition(SEPARATOR)
    if first.upper() == INBOX:
        path = f"{INBOX}{separator}{rest}"
    return Place("" if owner.lower() == session.user.name and path else owner.lower(), path)


def others_name(owner: str, path: str) -> str:
    """The name of somebody else's folder."""
    return f"{OTHERS}{SEPARATOR}{owner}{SEPARATOR}{path}"


def canonical(session: Session, name: str) -> str:
    """The one spelling of a name: #users, the user in it and INBOX are the same in any case."""
    owner, path = place(session, name)
    return SEPARATOR.join(part for part in (OTHERS, owner, path) if part) if owner or not path else path


def identifiers(session: Session) -> tuple[str, ...]:
    """Under which identifiers rights are given to the session's user: the name, ``anyone``, and ``$list`` for each list with it."""
    name = session.user.name
    lists = session.context.directory.current().memberships.get(name, ())
    known = LocalNames(session.context.config.domains.local) if lists else None
    return (name, acl.ANYONE, *(f"${each}" for each, member in lists if known is not None and known.account_name(member) == name))


def open_mailbox(session: Session, name: str, *rights: str, code_if_missing: str = "NONEXISTENT") -> Opened:
    """The mailbox of that name, in which the user has these rights. Raises No when there is none, or a right is missing.

    ``rights``: letters of RFC 4314, in one word or several. ``code_if_missing``: TRYCREATE where the client should make it.
    A mailbox that the user may neither use nor look up is as one that does not exist (RFC 4314 section 6).
    """
    found = look_up(session, name)
    needed = frozenset("".join(rights))
    if found is not None and needed <= found.rights:
        return found
    if found is not None and "l" in found.rights:
        raise No("you have not the right to do that in this mailbox", "NOPERM")
    raise No("there is no such mailbox", _missing(name, code_if_missing))


def look_up(session: Session, name: str) -> Opened | None:
    """The mailbox of that name whatever the user may do in it, or None."""
    owner, path = place(session, name)
    if not owner and path:
        folder = session.context.folders.find(session.user.id, path)
        return None if folder is None else Opened(name, folder, folder.account_id, acl.ALL)
    shared = session.context.folders.of_other(owner, path, identifiers(session)) if path else None
    if shared is not None and shared.rights:
        return Opened(name, shared.folder, shared.folder.account_id, shared.rights)
    if session.settings.fake_access and stands_above(session, name):
        return Opened(name, Folder(NO_MAILBOX, 0, path, 1, 1, 1, ""), 0, frozenset("lr"))
    return None


def visible(session: Session, name: str) -> bool:
    """Whether the user may know of this name: a mailbox, or a name with mailboxes below it."""
    opened = look_up(session, name)
    if opened is not None:
        return "l" in opened.rights
    owner, path = place(session, name)
    if not owner and path:
        return session.context.db.read(lambda tx: has_below(tx, session.user.id, path))
    return stands_above(session, name)


def stands_above(session: Session, name: str) -> bool:
    """Whether the name is #users or a name in it, and mailboxes are below it that the user may look up."""
    above = canonical(session, name) + SEPARATOR
    shared = session.context.folders.shared_with(session.user.id, identifiers(session))
    return any(others_name(one.owner, one.folder.path).startswith(above) for one in shared if "l" in one.rights)


def _missing(name: str, code: str) -> str:
    """The code for a mailbox that is missing; it is no use to tell a client to try and make one that cannot be."""
    try:
        names.check_new(name)
    except ValueError:
        return "CANNOT" if code == "TRYCREATE" else code
    return code
