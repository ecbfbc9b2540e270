"""LSUB (RFC 3501 section 6.3.9): the subscribed names that match, whether they exist or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postroom.mail.listing import ListResult
from postroom.store import subscriptions

from .. import listing
from ..grammar.listing import Listing, read_lsub
from .command import LOGGED_IN, Command
from .list import compiled

if TYPE_CHECKING:
    from ..session import Session

SUBSCRIBED = frozenset({b"SUBSCRIBED"})


def run(session: Session, arguments: Listing) -> str:
    r"""Send an LSUB response for each name; one that stands above subscribed names that do not match is \Noselect."""
    names = session.context.db.read_slow(lambda tx: subscriptions.names(tx, session.user.id))
    nodes = {name: listing.Node(name, subscribed=True) for name in sorted(names, key=listing.place)}
    patterns = compiled(arguments)
    found = listing.aside(session, len(nodes), lambda: list(listing.chosen(nodes, patterns, SUBSCRIBED, upwards=True)))
    levels = any("%" in pattern for pattern in patterns.patterns)
    for node, asked, _ in found:
        if not asked and not levels:
            continue  # RFC 3501 section 6.3.9: only "%" asks for the names above
        attributes = () if asked else ("\\Noselect",)
        session.send(listing.line(session, ListResult(node.name, attributes), b"LSUB"))
    return "LSUB completed"


LSUB = Command(b"LSUB", LOGGED_IN, read_lsub, run)
