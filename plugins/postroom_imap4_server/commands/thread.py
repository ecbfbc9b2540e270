"""THREAD and UID THREAD (RFC 5256 section 3)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import headed, masks, threads
from ..finding import Found, find
from ..grammar.searching import Program, read_program
from ..grammar.sorting import read_charset
from ..refusals import Bad
from ..threads import Forest, Letters
from .command import SELECTED, Command

if TYPE_CHECKING:
    from ..grammar.reader import Reader
    from ..session import Session

COLUMNS = ("message_id", "refs", "sent_at", "base_subject", "reply")  # in the order of Letters
SMALL = 500  # messages; more of them are threaded off the hub
ALGORITHMS: dict[bytes, Callable[[Letters], Forest]] = {
    b"REFERENCES": threads.references,
    b"ORDEREDSUBJECT": threads.ordered_subject,
}


class Thread(NamedTuple):
    """How to thread which messages."""

    tag: bytes
    algorithm: bytes
    program: Program


def parse(reader: Reader) -> Thread:
    """``algorithm charset keys``."""
    algorithm = reader.word()
    if algorithm not in ALGORITHMS:
        raise Bad("there is no such threading algorithm")
    reader.sp()
    charset = read_charset(reader)
    return Thread(reader.tagged, algorithm, read_program(reader, charset))


def run(session: Session, arguments: Thread, *, uid: bool) -> str:
    """Search, thread and tell."""
    session.check_numbers(uid=uid)
    found = find(session, arguments.program, arguments.tag)
    text = _text(session, found, arguments.algorithm, uid=uid)
    session.send(b"* THREAD%s\r\n" % (b" " + text if text else b""))
    return f"{found.limit}THREAD completed"


def _text(session: Session, found: Found, algorithm: bytes, *, uid: bool) -> bytes:
    """The threads; of a whole mailbox they are kept as long as its messages are the same."""
    columns, view = found.place.columns, found.place.view
    whole = found.mask == masks.full(len(columns)) and (uid or view is None or view.uids is columns.uids)
    key = ("threads", algorithm, uid)
    if whole and key in columns.memo:
        kept: bytes = columns.memo[key]
        return kept
    known = headed.several(session.context, columns, COLUMNS, found.place.check)
    work = partial(_written, ALGORITHMS[algorithm], found, known, uid=uid)
    text: bytes = work() if masks.size(found.mask) <= SMALL else session.context.offload(work)
    if whole:
        columns.memo[key] = text
    return text


def _written(algorithm: Callable[[Letters], Forest], found: Found, known: list[list[Any]], *, uid: bool) -> bytes:
    ids, refs, dates, subjects, replies = (list(masks.chosen(found.mask, column)) for column in known)
    arrived = masks.chosen(found.mask, found.place.columns.received)
    sent = [at if date is None else date for date, at in zip(dates, arrived, strict=True)]
    names = list(masks.chosen(found.mask, found.number_of(uid=uid)))
    return threads.written(algorithm(Letters(ids, refs, sent, subjects, replies)), names)


THREAD = Command(b"THREAD", SELECTED, parse, partial(run, uid=False), expunges=False)
UID_THREAD = Command(b"UID THREAD", SELECTED, parse, partial(run, uid=True))
