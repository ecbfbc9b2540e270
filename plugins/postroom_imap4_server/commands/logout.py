"""LOGOUT (RFC 9051 section 6.1.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..refusals import Closing
from .command import ANY, Command, nothing

if TYPE_CHECKING:
    from ..session import Session


def run(session: Session, _: None) -> str:
    """Say BYE; the connection ends after the OK. Nothing is expunged."""
    session.view = None  # nobody waits for its updates any more
    session.notify = None
    session.untagged("BYE Logging out")
    session.then = _end
    return "LOGOUT completed"


def _end() -> None:
    raise Closing


LOGOUT = Command(b"LOGOUT", ANY, nothing, run)
