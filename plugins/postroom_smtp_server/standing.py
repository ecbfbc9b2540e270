"""What the verdicts of hooks mean: for the client's command, for the message, and for all messages of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postroom.mail.envelope import Envelope
from postroom.mail.reply import Reply
from postroom.mail.verdict import Action, Verdict
from postroom.wire.answer import Answer

from . import answers

if TYPE_CHECKING:
    from .session import Session

DEFAULT_REPLY = {
    Action.DEFER: Reply(451, "4.7.1", "Refused for now, try again later"),
    Action.REJECT: Reply(550, "5.7.1", "Refused"),
}


class Standing:
    """What a verdict at connect or HELO holds ready for every message of the session."""

    __slots__ = ("discard", "headers", "quarantine", "suspect")

    def __init__(self) -> None:
        self.headers: list[bytes] = []
        self.quarantine = self.discard = False
        self.suspect = ""

    def mark(self, envelope: Envelope) -> None:
        """Pass it on to a message."""
        envelope.headers.extend(self.headers)
        envelope.quarantine |= self.quarantine
        envelope.discard |= self.discard
        envelope.suspect = envelope.suspect or self.suspect


def judge(session: Session, verdict: Verdict | None, marks: Standing | Envelope) -> Answer | None:
    """The answer that a verdict demands, or None to go on; what it says about the message is noted in ``marks``."""
    if verdict is None:
        return None
    if verdict.refuses:
        session.desk.log.info("smtp.refused", session=session.client.session, address=session.client.address, reason=verdict.reason)
        return answers.refuse(verdict.reply or DEFAULT_REPLY[verdict.action], disconnect=verdict.disconnect)
    marks.headers.extend(verdict.headers)
    marks.quarantine |= verdict.action is Action.QUARANTINE
    marks.discard |= verdict.action is Action.DISCARD
    marks.suspect = marks.suspect or verdict.suspect
    return answers.CLOSED_BY_CHECK if verdict.disconnect else None
