"""GETQUOTA (RFC 9208 section 4.1.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import quotas
from .command import LOGGED_IN, Command

if TYPE_CHECKING:
    from ..grammar.reader import Reader
    from ..session import Session


def parse(reader: Reader) -> str:
    """The quota root."""
    root = reader.text()
    reader.end()
    return root


def run(session: Session, root: str) -> str:
    """Send what is used and what may be."""
    session.send(quotas.response(session, root, quotas.account_of(session, root).id))
    return "GETQUOTA completed"


GETQUOTA = Command(b"GETQUOTA", LOGGED_IN, parse, run)
