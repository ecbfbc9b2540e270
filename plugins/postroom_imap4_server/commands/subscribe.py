"""SUBSCRIBE (RFC 9051 section 6.3.7): the name must be that of a mailbox now; it stays subscribed when the mailbox goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postroom.store import subscriptions

from ..opening import canonical, visible
from ..refusals import No
from .command import LOGGED_IN, Command
from .delete import parse

if TYPE_CHECKING:
    from ..session import Session


def run(session: Session, name: str) -> str:
    """Add the name to the subscriptions."""
    name = canonical(session, name.removesuffix("/"))
    if not visible(session, name):
        raise No("there is no such mailbox", "NONEXISTENT")
    try:
        session.context.db.write(lambda tx: subscriptions.subscribe(tx, session.user.id, name))
    except subscriptions.TooManySubscriptions:
        raise No("there are too many subscriptions", "LIMIT") from None
    session.context.news.publish("folders", account=session.user.id)
    return "SUBSCRIBE completed"


SUBSCRIBE = Command(b"SUBSCRIBE", LOGGED_IN, parse, run)
