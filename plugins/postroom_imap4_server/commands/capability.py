"""CAPABILITY (RFC 9051 section 6.1.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..capabilities import offered
from .command import ANY, Command, nothing

if TYPE_CHECKING:
    from ..session import Session


def run(session: Session, _: None) -> str:
    """All that is offered now."""
    session.untagged(f"CAPABILITY {' '.join(offered(session))}")
    return "CAPABILITY completed"


CAPABILITY = Command(b"CAPABILITY", ANY, nothing, run)
