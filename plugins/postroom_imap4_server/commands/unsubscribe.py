"""UNSUBSCRIBE (RFC 9051 section 6.3.8): of any name, whether it exists or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postroom.store import subscriptions

from ..opening import canonical
from .command import LOGGED_IN, Command
from .delete import parse

if TYPE_CHECKING:
    from ..session import Session


def run(session: Session, name: str) -> str:
    """Remove the name from the subscriptions."""
    name = canonical(session, name.removesuffix("/"))
    session.context.db.write(lambda tx: subscriptions.unsubscribe(tx, session.user.id, name))
    session.context.news.publish("folders", account=session.user.id)
    return "UNSUBSCRIBE completed"


UNSUBSCRIBE = Command(b"UNSUBSCRIBE", LOGGED_IN, parse, run)
