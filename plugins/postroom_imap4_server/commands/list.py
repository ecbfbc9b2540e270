"""LIST (RFC 9051 section 6.3.9): the mailboxes that match, and what else the client wants to know of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from postroom.mail.listing import ListResult
from postroom.store import acl

from .. import entries, figures, listing, rights
from ..grammar import writing
from ..grammar.listing import Listing, read_list
from ..opening import OTHERS
from ..patterns import Patterns
from ..refusals import No
from .command import LOGGED_IN, Command

if TYPE_CHECKING:
    from postroom.store.mailboxes import Folder

    from ..session import Session

SELECTING = frozenset({b"SUBSCRIBED", b"SPECIAL-USE"})
BREATH = 100  # names, each of which may have answers beside its own


def run(session: Session, arguments: Listing) -> str:
    """Send a LIST response for each name, each followed by what RETURN asks for."""
    if arguments.patterns == ("",) and not arguments.extended:
        root = b'"#users/"' if arguments.reference.startswith(OTHERS) else b'""'
        session.send(b'* LIST (\\Noselect) "/" %s\r\n' % root)  # RFC 9051 section 6.3.9: the separator and the root of the reference
        return "LIST completed"
    patterns, select = compiled(arguments), arguments.select & SELECTING
    upwards = not select or b"RECURSIVEMATCH" in arguments.select
    subscribed = b"SUBSCRIBED" in arguments.select | arguments.returns
    nodes = listing.gather(session, others=patterns.may_match(OTHERS), subscribed=subscribed)
    found = listing.aside(session, len(nodes), lambda: list(listing.chosen(nodes, patterns, select, upwards=upwards)))
    for start in range(0, len(found), BREATH):
        _tell(session, found[start : start + BREATH], arguments)
        session.out.breathe()
    return "LIST completed"


def _tell(session: Session, some: Sequence[listing.Chosen], arguments: Listing) -> None:
    recursive = b"RECURSIVEMATCH" in arguments.select
    annotated = (
        entries.annotated(session, [one.node.folder for one in some if one.node.folder is not None]) if arguments.metadata else set()
    )
    for node, asked, above_others in some:
        children = {"CHILDINFO": ("SUBSCRIBED",)} if recursive and above_others else {}  # RFC 5258 section 3.5
        line = listing.line(session, ListResult(node.name, tuple(listing.attributes(session, node, arguments)), children))
        session.send(line)
        if line and asked and node.folder is not None:  # RFC 9051 section 6.3.9.8, example 11
            _more(session, node, node.folder, arguments, known=node.folder.id in annotated)


def compiled(arguments: Listing) -> Patterns:
    """The patterns, each after the reference. Raises No."""
    try:
        return Patterns(_canonical(arguments.reference, pattern) for pattern in arguments.patterns)
    except ValueError as error:
        raise No(str(error), "LIMIT") from None


def _canonical(reference: str, pattern: str) -> str:
    """The pattern as from the root; one that begins with a namespace leaves the reference (RFC 3501 section 6.3.8)."""
    whole = pattern if pattern[: len(OTHERS)].lower() == OTHERS else reference + pattern
    return OTHERS + whole[len(OTHERS) :] if whole[: len(OTHERS)].lower() == OTHERS else whole


def _more(session: Session, node: listing.Node, folder: Folder, arguments: Listing, *, known: bool) -> None:
    """What RETURN asks for of a mailbox that exists. ``known``: it has annotations."""
    if arguments.status and "r" in node.rights:
        session.send(figures.status(session, node.name, folder, arguments.status))  # RFC 5819 section 2
    if arguments.metadata and entries.readable(node.rights):
        found = entries.read(session, folder, arguments.metadata, depth=0, known=known)
        session.send(entries.response(session, node.name, found))  # RFC 9590 section 3
    if b"MYRIGHTS" in arguments.returns and node.rights:
        name = writing.mailbox(node.name, utf8=session.utf8)
        letters = rights.with_obsolete(acl.ordered(node.rights))
        session.send(b"* MYRIGHTS %s %s\r\n" % (name, letters.encode()))  # RFC 8440 section 3


LIST = Command(b"LIST", LOGGED_IN, read_list, run)
