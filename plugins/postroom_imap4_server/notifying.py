"""What a client has asked for by NOTIFY (RFC 5465), and what is still to be told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .session import Session


class Notifying:
    """One NOTIFY SET."""

    immediate = False
    expunges = False

    def mailboxes(self, session: Session) -> set[int]:
        """Watched ones."""
        return set()

    def accounts(self, session: Session) -> set[int]:
        """Watched ones."""
        return set()

    def heard(self, kind: str, number: int) -> None:
        """Something has changed."""

    def tell(self, session: Session) -> None:
        """Tell it."""
