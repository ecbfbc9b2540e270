"""IDLE (RFC 2177, RFC 9051 section 6.3.13): what changes is told at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gevent

from postroom.store.database import StoreUnavailable

from ..refusals import Bad
from .command import LOGGED_IN, Command, nothing

if TYPE_CHECKING:
    from ..session import Session

RETRY_SECONDS = 5.0  # after the store was away when something had changed


def run(session: Session, _: None) -> str:
    """Until the client says DONE."""
    if not session.settings.idle:
        raise Bad("IDLE is switched off here")
    session.send(b"+ idling\r\n")
    session.observe(idling=True)  # before the first look, lest a change between the two be missed
    try:
        line = None
        while line is None:
            _tell(session)
            line = session.out.listen()
    finally:
        session.observe()
    if line.upper() != b"DONE":
        raise Bad("DONE was expected")
    return "IDLE terminated"


def _tell(session: Session) -> None:
    try:
        session.tell(expunges=True)
    except StoreUnavailable:
        if session.out.midway:
            raise
        gevent.spawn_later(RETRY_SECONDS, session.out.wake)


IDLE = Command(b"IDLE", LOGGED_IN, nothing, run)
