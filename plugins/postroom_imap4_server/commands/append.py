"""APPEND (RFC 9051 section 6.3.12), with several messages at once (RFC 3502), put together from parts (RFC 4469), binary (RFC 3516)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..arriving import Arriving
from .command import LOGGED_IN, Command

if TYPE_CHECKING:
    from ..grammar.reader import Reader
    from ..session import Session


class Append(NamedTuple):
    """Where to, and where the messages are read from: their bytes wait until it is known who sends them, and for which mailbox."""

    mailbox: str
    reader: Reader


def parse(reader: Reader) -> Append:
    """The mailbox; ``run`` reads on."""
    return Append(reader.mailbox(), reader)


def run(session: Session, arguments: Append) -> str:
    """Take all the messages, or none."""
    with Arriving(session, arguments.reader, arguments.mailbox) as arriving:
        arriving.read()
        while not arguments.reader.at_end():
            arriving.read()
        code = arriving.code(arriving.keep())
    session.changed(arriving.target.folder.id)
    return f"{code}APPEND completed"  # RFC 4315 section 3


APPEND = Command(b"APPEND", LOGGED_IN, parse, run)
