"""COPY and UID COPY (RFC 9051 section 6.4.7): all of the messages, or none."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ..choosing import choose
from ..grammar.numbers import NumberSet, read_set
from ..opening import open_mailbox
from ..refusals import No
from ..transferring import copyuid, transfer
from .command import SELECTED, Command

if TYPE_CHECKING:
    from ..grammar.reader import Reader
    from ..session import Session


class Order(NamedTuple):
    """Which messages, and where to."""

    numbers: NumberSet
    target: str


def parse(reader: Reader) -> Order:
    """``set mailbox``."""
    numbers = read_set(reader)
    reader.sp()
    order = Order(numbers, reader.mailbox())
    reader.end()
    return order


def run(session: Session, order: Order, *, uid: bool) -> str:
    """Copy them in one transaction."""
    chosen = choose(session, order.numbers, uid=uid)
    if chosen.limit:
        raise No("too many messages at once", f"MESSAGELIMIT {session.settings.message_limit}")  # RFC 9738 section 3.1: no part of them
    target = open_mailbox(session, order.target, "i", code_if_missing="TRYCREATE")
    pairs = transfer(session, chosen, target, uid=uid)
    code = copyuid(target, pairs)
    return f"{code} COPY completed" if code else "COPY completed"


COPY = Command(b"COPY", SELECTED, parse, partial(run, uid=False))
UID_COPY = Command(b"UID COPY", SELECTED, parse, partial(run, uid=True))
