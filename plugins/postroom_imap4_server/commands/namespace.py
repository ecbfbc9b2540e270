"""NAMESPACE (RFC 2342, RFC 9051 section 6.3.10): one's own mailboxes, and those of other users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..opening import OTHERS
from .command import LOGGED_IN, Command, nothing

if TYPE_CHECKING:
    from ..session import Session


def run(session: Session, _: None) -> str:
    """Send the prefixes with their separator: personal, other users', shared."""
    session.untagged(f'NAMESPACE (("" "/")) (("{OTHERS}/" "/")) NIL')
    return "NAMESPACE completed"


NAMESPACE = Command(b"NAMESPACE", LOGGED_IN, nothing, run)
