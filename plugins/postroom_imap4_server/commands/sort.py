"""SORT and UID SORT (RFC 5256 section 3, RFC 5957), with result options (RFC 5267 section 3)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from .. import reporting
from ..finding import find
from ..grammar.searching import Program, Wanted, read_program, read_wanted
from ..grammar.sorting import Criterion, read_charset, read_criteria
from ..ordering import ordered
from ..refusals import No
from .command import SELECTED, Command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..finding import Found
    from ..grammar.reader import Reader
    from ..session import Session


class Sort(NamedTuple):
    """What is to be found, in which order, and how it is told."""

    tag: bytes
    wanted: Wanted
    criteria: tuple[Criterion, ...]
    program: Program


def parse(reader: Reader) -> Sort:
    """``[RETURN (…) ](criteria) charset keys``."""
    wanted = read_wanted(reader)
    criteria = read_criteria(reader)
    reader.sp()
    charset = read_charset(reader)
    return Sort(reader.tagged, wanted, criteria, read_program(reader, charset))


def run(session: Session, arguments: Sort, *, uid: bool) -> str:
    """Search, sort and tell."""
    session.check_numbers(uid=uid)
    tag, wanted, criteria, program = arguments
    try:
        found = find(session, program, tag)
        rows = ordered(found.place, criteria, found.mask)
    except No:
        if reporting.SAVE in wanted.options:
            session.selected.saved = []
        raise
    session.send(found.place.aside(lambda: answer(session, arguments, found, rows, uid=uid)))
    return f"{found.limit}SORT completed"


def answer(session: Session, arguments: Sort, found: Found, rows: Sequence[int], *, uid: bool) -> bytes:
    """The response; "$" is kept."""
    tag, wanted, _, program = arguments
    columns = found.place.columns
    names = found.number_of(uid=uid)
    numbers = [names[row] for row in rows]
    uids = numbers if uid else [columns.uids[row] for row in rows]
    return reporting.answered(session.selected, b"SORT", tag, numbers, uids, columns, wanted, program, uid=uid)


SORT = Command(b"SORT", SELECTED, parse, partial(run, uid=False), expunges=False)
UID_SORT = Command(b"UID SORT", SELECTED, parse, partial(run, uid=True))
