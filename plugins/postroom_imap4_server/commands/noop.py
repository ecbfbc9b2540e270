"""NOOP (RFC 9051 section 6.1.2): what has changed is told after it, as after any command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import ANY, Command, nothing

if TYPE_CHECKING:
    from ..session import Session


def run(session: Session, _: None) -> str:
    """Nothing."""
    return "NOOP completed"


NOOP = Command(b"NOOP", ANY, nothing, run)
