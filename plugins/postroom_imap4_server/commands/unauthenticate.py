"""UNAUTHENTICATE (RFC 8437): the login ends, the connection goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import LOGGED_IN, Command, nothing

if TYPE_CHECKING:
    from ..session import Session


def run(session: Session, _: None) -> str:
    """Forget everything but TLS and compression (RFC 8437 section 3). Nothing is expunged."""
    session.reset()
    return "UNAUTHENTICATE completed"


UNAUTHENTICATE = Command(b"UNAUTHENTICATE", LOGGED_IN, nothing, run)
