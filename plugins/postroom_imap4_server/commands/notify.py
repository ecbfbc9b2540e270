"""NOTIFY (RFC 5465): the client says of what it wants to hear, also between two commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..grammar.events import Wanted, read_notify
from ..notifying import Notifying
from ..refusals import Bad
from .command import LOGGED_IN, Command

if TYPE_CHECKING:
    from ..session import Session


def run(session: Session, wanted: Wanted) -> str:
    """Replace what was asked for before; changes that have gathered in the selected mailbox are told (section 3.1)."""
    if not session.settings.notify:
        raise Bad("NOTIFY is switched off here")
    notifying = Notifying(wanted)
    notifying.begin(session)
    if session.view is not None:
        session.view.updates(session, expunge=True)
    session.notify = notifying
    session.observe()
    return "NOTIFY completed"


NOTIFY = Command(b"NOTIFY", LOGGED_IN, read_notify, run)
