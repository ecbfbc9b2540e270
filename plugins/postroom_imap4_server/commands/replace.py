"""REPLACE and UID REPLACE (RFC 8508): a new message takes the place of an old one, at once or not at all."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from postroom.store.expunge import expunge, lock

from ..arriving import Arriving
from ..grammar.numbers import NumberSet, read_set
from ..refusals import No
from .command import SELECTED, Command

if TYPE_CHECKING:
    from postroom.store.database import Tx

    from ..grammar.reader import Reader
    from ..session import Session


class Replace(NamedTuple):
    """Which message, where the new one goes, and where it is read from."""

    number: NumberSet
    mailbox: str
    reader: Reader


def parse(reader: Reader) -> Replace:
    """The number and the mailbox; ``run`` reads on."""
    number = read_set(reader, saved=False)
    if len(number.ranges) != 1 or number.ranges[0][0] != number.ranges[0][1]:
        raise reader.bad("one message was expected")
    reader.sp()
    return Replace(number, reader.mailbox(), reader)


def run(session: Session, arguments: Replace, *, uid: bool) -> str:
    """Put the new message into its mailbox and expunge the old one, in one transaction."""
    source, owner = session.selected.folder.id, session.selected.folder.account_id
    with Arriving(session, arguments.reader, arguments.mailbox) as arriving:
        old, target = _old(session, arguments.number, uid=uid), arriving.target.folder
        arriving.read()
        arguments.reader.end()
        new = arriving.keep(partial(_remove, source, old, target.id), locks=(owner,))
    session.changed(*{source, target.id})
    session.untagged(f"OK {arriving.code(new)}the new message is in its place")  # RFC 8508 section 3.4
    return "REPLACE completed"


def _old(session: Session, number: NumberSet, *, uid: bool) -> int:
    """The UID of the message to be replaced. Raises No when it may not be removed, or there is none."""
    view = session.selected
    if view.read_only:
        raise No("the mailbox is open for reading only")
    if not {"t", "e"} <= view.rights:  # RFC 8508 section 4.1 (ACL)
        raise No("you have not the right to remove messages from this mailbox", "NOPERM")
    found = view.ranges(number, uid=uid)
    if not found:
        raise No("there is no such message")  # an error even for a UID: there would be nothing to replace
    return view.uids[found[0][0]]


def _remove(source: int, uid: int, target: int, tx: Tx) -> None:
    for mailbox in sorted({source, target}):  # in the order of ids, as everywhere
        lock(tx, mailbox)
    if not expunge(tx, source, [uid], at=int(time.time() * 1000)):
        raise No("that message is gone", "EXPUNGEISSUED")  # RFC 5530 section 3


REPLACE = Command(b"REPLACE", SELECTED, parse, partial(run, uid=False))
UID_REPLACE = Command(b"UID REPLACE", SELECTED, parse, partial(run, uid=True))
