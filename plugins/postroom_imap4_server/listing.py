"""Which mailboxes a user can see, and how LIST and LSUB show them (RFC 9051 section 6.3.9, RFC 5258, RFC 3501 section 6.3.9).

How this works. ``gather`` makes a node for every name: the folders that exist, the names above them, and, where they are asked for,
the subscribed names. ``chosen`` picks those that LIST shows: a name that matches the pattern and is what was
asked for; and a name that is not, but stands above one that is and that does not match the pattern, so that the client learns of it
(RFC 5258 section 3.3).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from postroom.mail.listing import ListResult
from postroom.store import acl, subscriptions
from postroom.store.folders import INBOX, SEPARATOR, above

from .grammar import writing
from .opening import OTHERS, identifiers, others_name

if TYPE_CHECKING:
    from postroom.store.folders import Shared
    from postroom.store.mailboxes import Folder

    from .grammar.listing import Listing
    from .patterns import Patterns
    from .session import Session

T = TypeVar("T")

ATTRIBUTE = re.compile(r"\\?[A-Za-z0-9_.+-]+")  # what a plugin may add
FEW = 300  # names that are gathered on the spot; more are gathered where they hold up nobody
NOBODY: frozenset[str] = frozenset()


@dataclass(slots=True)
class Node:
    """One name."""

    name: str
    folder: Folder | None = None  # None: no mailbox, or one that the user may not look up
    rights: frozenset[str] = NOBODY
    own: bool = False
    children: bool = False  # mailboxes below it, of those that the user may look up
    subscribed: bool = False
    shown: bool = True  # as a mailbox of its own; a name above mailboxes usually is not


class Chosen(NamedTuple):
    """A name to be listed."""

    node: Node
    asked: bool  # it was asked for itself
    above_others: bool  # it stands above names that were asked for


def gather(session: Session, *, others: bool, subscribed: bool) -> dict[str, Node]:
    """All names in the order in which they are listed. ``others``: other users' mailboxes too; ``subscribed``: subscriptions too."""
    own = session.context.folders.tree(session.user.id)
    shared: list[Shared] = []
    if others:
        shared = [one for one in session.context.folders.shared_with(session.user.id, identifiers(session)) if "l" in one.rights]
    names = session.context.db.read_slow(lambda tx: subscriptions.names(tx, session.user.id)) if subscribed else set()
    fake = session.settings.fake_access
    return aside(session, len(own) + len(shared) + len(names), lambda: _nodes(own, shared, names, fake=fake))


def aside(session: Session, names: int, work: Callable[[], T]) -> T:
    """What ``work`` returns; where it is about many names, it is done where it holds up nobody."""
    found: T = work() if names <= FEW else session.context.offload(work)
    return found


def _nodes(own: Iterable[Folder], others: Iterable[Shared], subscribed: Iterable[str], *, fake: bool) -> dict[str, Node]:
    """``fake``: names above other users' mailboxes are shown as mailboxes."""
    nodes = {folder.path: Node(folder.path, folder, acl.ALL, own=True) for folder in own}
    for shared in others:
        name = others_name(shared.owner, shared.folder.path)
        nodes[name] = Node(name, shared.folder, shared.rights)
    for name in list(nodes):
        for parent in above(name):
            node = nodes.get(parent)
            if node is None:
                node = nodes[parent] = Node(parent, shown=fake and parent.partition(SEPARATOR)[0] == OTHERS)
            node.children = True
    for name in subscribed:
        nodes.setdefault(name, Node(name, shown=False)).subscribed = True
    return dict(sorted(nodes.items(), key=lambda item: place(item[0])))


def place(name: str) -> tuple[int, str]:
    """INBOX first, other users' mailboxes last."""
    first = name.partition(SEPARATOR)[0]
    return (0 if first == INBOX else 2 if first == OTHERS else 1), name


def chosen(nodes: Mapping[str, Node], patterns: Patterns, select: frozenset[bytes], *, upwards: bool) -> Iterator[Chosen]:
    """The names to be listed. ``select``: SUBSCRIBED, SPECIAL-USE; ``upwards``: names above those that do not match, too."""
    matching = {name for name in nodes if patterns.match(name)}
    wanted = {name for name, node in nodes.items() if _meets(node, select)}
    over = {parent for name in wanted for parent in above(name)} if upwards else set()
    over_hidden = {parent for name in wanted - matching for parent in above(name)} if upwards else set()
    for name, node in nodes.items():
        if name in matching and (name in wanted or name in over_hidden):
            yield Chosen(node, name in wanted, name in over)
    for name in sorted(over_hidden - nodes.keys()):  # above subscribed names that do not exist
        if patterns.match(name):
            yield Chosen(Node(name, shown=False), asked=False, above_others=True)


def _meets(node: Node, select: frozenset[bytes]) -> bool:
    if b"SUBSCRIBED" in select and not node.subscribed:
        return False
    if b"SPECIAL-USE" in select and not (node.own and node.folder is not None and node.folder.special):
        return False
    return bool(select & {b"SUBSCRIBED", b"SPECIAL-USE"}) or node.folder is not None or node.shown


def attributes(session: Session, node: Node, listing: Listing) -> list[str]:
    """The attributes of a name in LIST."""
    words: list[str] = []
    if node.folder is None and not node.shown:
        words.append("\\NonExistent" if listing.extended or session.rev2 else "\\Noselect")
    elif node.folder is not None and "r" not in node.rights:
        words.append("\\Noselect")
    if node.children or node.folder is not None or node.shown:
        words.append("\\HasChildren" if node.children else "\\HasNoChildren")
    if node.subscribed and b"SUBSCRIBED" in listing.select | listing.returns:
        words.append("\\Subscribed")
    if node.own and node.folder is not None:
        words += node.folder.special.split()
    return words


def line(session: Session, given: ListResult, command: bytes = b"LIST") -> bytes:
    """A LIST or LSUB response; b"" when a plugin hides the folder."""
    result: ListResult = session.context.ask.transform("imap_list_result", "result", given, client=session.client)
    if result.hidden:
        return b""
    words = [word for word in result.attributes if result is given or ATTRIBUTE.fullmatch(word)]
    name = writing.mailbox(result.name, utf8=session.utf8)
    extended = b" ".join(_extended(session, tag, values) for tag, values in result.extended.items())
    tail = b" (%s)" % extended if extended else b""
    return b'* %s (%s) "/" %s%s\r\n' % (command, " ".join(words).encode("ascii"), name, tail)


def _extended(session: Session, tag: str, values: Iterable[str]) -> bytes:
    inside = b" ".join(writing.mailbox(value, utf8=session.utf8) for value in values)
    return b'"%s" (%s)' % (tag.encode("ascii", "replace"), inside)
