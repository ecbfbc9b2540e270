"""What has happened to the names of mailboxes between two looks at them, and how NOTIFY tells it (RFC 5465 sections 5.4 and 5.5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from postroom.mail.listing import ListResult
from postroom.store.folders import SEPARATOR

from . import listing
from .grammar.events import NAME, SUBSCRIPTION
from .grammar.listing import Listing

if TYPE_CHECKING:
    from .listing import Node
    from .session import Session

ASKED = Listing("", (), returns=frozenset({b"SUBSCRIBED"}), extended=True)  # what the attributes are computed for


class Change(NamedTuple):
    """What has happened to one name."""

    event: str
    node: listing.Node  # as it is now
    old: str = ""  # its name before, when it was renamed


def compare(before: Mapping[str, Node], now: Mapping[str, Node]) -> dict[str, Change]:
    """What has changed, by name, in the order of names."""
    renamed, found = _renamed(before, now), dict[str, Change]()
    was_there, is_there = _ids(before), _ids(now)
    for name, node in now.items():
        if name in renamed:
            found[name] = Change(NAME, node, renamed[name])
        elif node.folder is not None and node.folder.id not in was_there:
            found[name] = Change(NAME, node)
    for name, node in before.items():
        if node.folder is not None and node.folder.id not in is_there:
            found[name] = Change(NAME, now.get(name) or listing.Node(name, shown=False))
    for name in [name for name, change in found.items() if not change.old]:
        parent = name.rpartition(SEPARATOR)[0]
        if parent and parent not in found:  # affected too: it has, or has no longer, children
            found[parent] = Change(NAME, now.get(parent) or listing.Node(parent, shown=False))
    for name in sorted(before.keys() | now.keys()):
        old, new = before.get(name), now.get(name)
        if name not in found and (old is not None and old.subscribed) != (new is not None and new.subscribed):
            found[name] = Change(SUBSCRIPTION, new or listing.Node(name, shown=False))
    return dict(sorted(found.items(), key=lambda item: listing.place(item[0])))


def line(session: Session, node: Node, *, old: str = "", attributes: tuple[str, ...] = ()) -> bytes:
    """The LIST response about a name; ``old``: what it was before it was renamed."""
    words = (*listing.attributes(session, node, ASKED), *attributes)
    return listing.line(session, ListResult(node.name, words, {"OLDNAME": (old,)} if old else {}))


def _ids(nodes: Mapping[str, Node]) -> set[int]:
    return {node.folder.id for node in nodes.values() if node.folder is not None}


def _renamed(before: Mapping[str, Node], now: Mapping[str, Node]) -> dict[str, str]:
    """New name -> old name, of those that were renamed themselves and not with what is above them."""
    names = {node.folder.id: name for name, node in before.items() if node.folder is not None}
    found: dict[str, str] = {}
    for name, node in now.items():
        old = names.get(node.folder.id, name) if node.folder is not None else name
        if old != name and not any(name == new + old[len(was) :] for new, was in found.items() if old.startswith(was + SEPARATOR)):
            found[name] = old
    return found
