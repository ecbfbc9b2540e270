"""CHECK (RFC 3501 section 6.4.1): everything is on disk already, so it is NOOP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import SELECTED, Command, nothing

if TYPE_CHECKING:
    from ..session import Session


def run(session: Session, _: None) -> str:
    """Nothing."""
    return "CHECK completed"


CHECK = Command(b"CHECK", SELECTED, nothing, run)
