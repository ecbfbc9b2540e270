"""UNSELECT (RFC 9051 section 6.4.2): no mailbox is selected any more, and nothing is expunged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import SELECTED, Command, nothing

if TYPE_CHECKING:
    from ..session import Session


def run(session: Session, _: None) -> str:
    """Leave."""
    session.view = None
    session.observe()
    return "UNSELECT completed"


UNSELECT = Command(b"UNSELECT", SELECTED, nothing, run)
