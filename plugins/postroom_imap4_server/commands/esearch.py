"""ESEARCH: one search in several mailboxes (RFC 7377)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from postroom.store.folders import SEPARATOR

from .. import listing, masks, reporting
from ..finding import Pace, find
from ..grammar import writing
from ..grammar.events import MAILBOXES, SUBTREE
from ..grammar.searching import Program, Wanted, read_program, read_wanted
from ..grammar.sources import SUBTREE_ONE, Source, read_sources
from ..matching import match
from ..opening import OTHERS
from ..place import Place
from ..refusals import Bad
from . import search
from .command import LOGGED_IN, Command

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..grammar.reader import Reader
    from ..listing import Node
    from ..session import Session


class Esearch(NamedTuple):
    """What is to be found where, and how it is told."""

    tag: bytes
    sources: tuple[Source, ...]
    wanted: Wanted
    program: Program


def parse(reader: Reader) -> Esearch:
    """``[IN (…) ][RETURN (…) ][CHARSET x ]keys``."""
    sources = read_sources(reader)
    wanted = read_wanted(reader)
    return Esearch(reader.tagged, sources, wanted if wanted.extended else search.EVERYTHING, read_program(reader))


def run(session: Session, arguments: Esearch) -> str:
    """Search one mailbox after the other; where nothing is found nothing is told (section 2.1)."""
    others = [source for source in arguments.sources if not source.selected]
    if len(others) < len(arguments.sources) and session.view is None:
        raise Bad("no mailbox is selected")
    if others and arguments.program.numbers:
        raise Bad("message numbers mean something in the selected mailbox only")  # section 2
    if others and reporting.SAVE in arguments.wanted.options:
        raise Bad("SAVE is possible for the selected mailbox only")  # section 2
    pace = Pace(session, arguments.tag)
    selected = len(others) < len(arguments.sources)
    if selected:
        _in_selected(session, arguments)
    for node in _nodes(session, others):
        if not (selected and session.view is not None and node.folder is not None and node.folder.id == session.view.folder.id):
            _in_other(session, arguments, node, pace)
    return "ESEARCH completed"


def _in_selected(session: Session, arguments: Esearch) -> None:
    view = session.selected
    found = find(session, arguments.program, arguments.tag)
    uids = found.uids()
    if reporting.SAVE in arguments.wanted.options:
        view.saved = reporting.saved(uids, arguments.wanted)
    modseq = reporting.highest(found.place.columns, uids, arguments.wanted) if arguments.program.modseq else None
    _tell(session, arguments, (view.name, view.folder.uidvalidity), uids, modseq)


def _in_other(session: Session, arguments: Esearch, node: Node, pace: Pace) -> None:
    pace()
    assert node.folder is not None
    folder = session.context.mailboxes.by_id(node.folder.id)
    if folder is None or not folder.messages:
        return
    try:
        columns = session.context.columns.current(folder.id)
    except KeyError:  # deleted meanwhile
        return
    place = Place(session.context, folder, columns, None, time.time(), pace)
    uids = list(masks.chosen(match(place, arguments.program.key, place.all), columns.uids))
    modseq = reporting.highest(columns, uids, arguments.wanted) if arguments.program.modseq else None
    _tell(session, arguments, (node.name, folder.uidvalidity), uids, modseq)


def _tell(session: Session, arguments: Esearch, mailbox: tuple[str, int], uids: list[int], modseq: int | None) -> None:
    if not uids:
        return
    name, uidvalidity = mailbox
    place = b" MAILBOX %s UIDVALIDITY %d" % (writing.mailbox(name, utf8=session.utf8), uidvalidity)
    session.send(reporting.extended(arguments.tag, uids, arguments.wanted, uid=True, modseq=modseq, place=place))


def _nodes(session: Session, sources: Iterable[Source]) -> list[Node]:
    """The mailboxes of these sources that the user may read, each once, in the order of LIST."""
    wanted = list(sources)
    if not wanted:
        return []
    nodes = listing.gather(session, others=True, subscribed=True)
    readable = [node for node in nodes.values() if node.folder is not None and "r" in node.rights]
    return [node for node in readable if any(_belongs(source, node) for source in wanted)]


def _belongs(source: Source, node: Node) -> bool:
    name = node.name
    if source.filter == MAILBOXES:
        return name in source.names
    if source.filter == SUBTREE:
        return any(name == top or name.startswith(top + SEPARATOR) for top in source.names)
    if source.filter == SUBTREE_ONE:  # RFC 7377 section 2.2: the mailbox, and those right below it
        return any(name == top or name.rpartition(SEPARATOR)[0] == top for top in source.names)
    if source.filter == b"SUBSCRIBED":
        return node.subscribed
    return name.partition(SEPARATOR)[0] != OTHERS  # INBOXES is PERSONAL: mail may be delivered anywhere (RFC 5465 section 6.3)


ESEARCH = Command(b"ESEARCH", LOGGED_IN, parse, run)
