"""STARTTLS (RFC 9051 section 6.2.1)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ..capabilities import may_start_tls
from ..refusals import Bad
from .command import NOT_AUTHENTICATED, Command, nothing

if TYPE_CHECKING:
    from ..session import Session


def run(session: Session, _: None) -> str:
    """Say yes; the handshake follows the OK."""
    if not may_start_tls(session):
        raise Bad("STARTTLS is not possible")
    session.then = partial(_handshake, session)
    return "Begin TLS negotiation now"


def _handshake(session: Session) -> None:
    session.client.tls = session.out.start_tls()  # whatever was sent behind the command is dropped there (CVE-2011-0411)


STARTTLS = Command(b"STARTTLS", NOT_AUTHENTICATED, nothing, run)
