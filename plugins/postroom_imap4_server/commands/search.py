"""SEARCH and UID SEARCH (RFC 9051 section 6.4.4), with result options (RFC 4731), "$" (RFC 5182) and pages (RFC 9394)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from .. import reporting
from ..finding import find
from ..grammar.searching import Program, Wanted, read_program, read_wanted
from ..refusals import No
from .command import SELECTED, Command

if TYPE_CHECKING:
    from ..finding import Found
    from ..grammar.reader import Reader
    from ..session import Session

EVERYTHING = Wanted(True, frozenset({b"ALL"}))


class Search(NamedTuple):
    """What is to be found, and how it is told."""

    tag: bytes
    wanted: Wanted
    program: Program


def parse(reader: Reader) -> Search:
    """``[RETURN (…) ][CHARSET x ]keys``."""
    wanted = read_wanted(reader)
    return Search(reader.tagged, wanted, read_program(reader))


def run(session: Session, arguments: Search, *, uid: bool) -> str:
    """Search, tell, and keep the result where the client wants that."""
    session.check_numbers(uid=uid)
    tag, wanted, program = arguments
    if session.rev2 and not wanted.extended:
        wanted = EVERYTHING  # RFC 9051 section 6.4.4: never a SEARCH response
    try:
        found = find(session, program, tag)
    except No:
        if reporting.SAVE in wanted.options:
            session.selected.saved = []  # RFC 5182 section 2.1
        raise
    session.send(found.place.aside(lambda: answer(session, arguments._replace(wanted=wanted), found, uid=uid)))
    return f"{found.limit}SEARCH completed"


def answer(session: Session, arguments: Search, found: Found, *, uid: bool) -> bytes:
    """The response; "$" is kept."""
    tag, wanted, program = arguments
    numbers = found.numbers(uid=uid)
    uids = numbers if uid else found.uids()
    return reporting.answered(session.selected, b"SEARCH", tag, numbers, uids, found.place.columns, wanted, program, uid=uid)


SEARCH = Command(b"SEARCH", SELECTED, parse, partial(run, uid=False), expunges=False)
UID_SEARCH = Command(b"UID SEARCH", SELECTED, parse, partial(run, uid=True))
