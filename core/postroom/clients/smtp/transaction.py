"""One mail transaction: MAIL, RCPT and the message, with an outcome for each recipient.

How this works. With PIPELINING (RFC 2920) MAIL, all RCPT and DATA leave in one write and their replies are read after it, so a
message costs two round trips; with CHUNKING (RFC 3030) a small message leaves in that same write as BDAT LAST: one round trip.
If no recipient is accepted the server has an error for BDAT, and an empty message for a DATA that it granted all the same. What
a refused transaction leaves behind is cleared by the RSET in front of the next one, not by a round trip of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...mail.delivery import Delivered, Failed, Outcome, TryLater
from ...mail.reply import Reply
from ...provided import Outgoing, QueuedRecipient
from . import commands
from .content import Unsendable, Unsuited, body_type, header_of
from .downgrade import seven_bit
from .replies import kept
from .session import RSET, Session
from .transfer import send_chunked, send_dotted

SMALL = 256 * 1024  # octets up to which a message is held in memory
PIPELINED = 64 * 1024  # octets of message that are worth sending before a recipient is known to be taken
RCPT_GROUP = 100  # commands sent before their replies are read: both sides waiting to write is a deadlock (RFC 2920 3.1)


class Transaction:
    """Sends ``outgoing`` over ``session`` to some of its recipients and notes what became of each in ``outcomes``."""

    __slots__ = (
        "accepted", "anew", "begun", "body", "converted", "offered", "outcomes", "outgoing", "postponed", "session", "utf8", "whole",
    )  # fmt: skip

    def __init__(self, session: Session, outgoing: Outgoing, outcomes: dict[int, Outcome]) -> None:
        self.session, self.outgoing, self.outcomes = session, outgoing, outcomes
        self.offered = session.capabilities
        self.accepted: list[QueuedRecipient] = []
        self.postponed: list[QueuedRecipient] = []  # "too many recipients": at once again, in a transaction of their own
        self.whole = b"".join(outgoing.chunks()) if outgoing.size <= SMALL else None
        self.body, self.utf8 = "", False
        self.converted = False  # it leaves as 7-bit MIME because the server takes nothing else
        self.begun = False  # MAIL has been answered, or the server may have the message: until then nothing is about it
        self.anew = False  # those who are accepted need a transaction of their own

    def send(self, recipients: Sequence[QueuedRecipient]) -> None:
        """Run the transaction. Raises HopFault when the connection fails; those without an outcome then are the caller's."""
        try:
            self._prepare()
            mail = commands.mail(self.outgoing, self.offered, self.body, utf8=self.utf8)
        except Unsendable as error:
            self._unsendable(recipients, error, "before MAIL")
            return
        sendable = self._sendable(recipients)
        if not sendable:
            return
        self.session.messages += 1
        self.session.recipients += len(sendable)
        if self.offered.pipelining and self.session.listener is None:  # what a plugin makes of a reply decides what is said next
            self._pipelined(mail, sendable)
        else:
            self._stepwise(mail, sendable)
        if self.postponed and not self.accepted and not self.anew:
            self.postponed = []  # it was not their number

    # --- before anything is sent -----------------------------------------------------------------------------------

    def _prepare(self) -> None:
        outgoing, offered = self.outgoing, self.offered
        commands.check(outgoing, offered, verified=self.session.verified)
        needed = commands.needs_smtputf8(outgoing)
        self.utf8 = needed and offered.smtputf8
        if outgoing.smtputf8 and not self.utf8 and not header_of(self._chunks()).isascii():  # RFC 6531 3.2
            raise Unsendable(commands.lacks_smtputf8(outgoing))
        try:
            self.body = body_type(outgoing.body, self.whole, self._chunks(), eightbit=offered.eightbit, binary=offered.binarymime)
        except Unsuited as error:
            self.outgoing, self.whole = seven_bit(outgoing, self._chunks, SMALL, error)
            self.converted = True
            commands.check(self.outgoing, offered, verified=self.session.verified)  # it has become larger
        outgoing.notes["dsn"] = offered.dsn  # whether the next server does the reports that were asked for (RFC 3461 5.2)

    def _chunks(self) -> Iterable[bytes]:
        return (self.whole,) if self.whole is not None else self.outgoing.chunks()

    def _sendable(self, recipients: Sequence[QueuedRecipient]) -> list[tuple[QueuedRecipient, bytes]]:
        found = []
        for recipient in recipients:
            try:
                found.append((recipient, commands.rcpt(recipient, self.offered, utf8=self.utf8)))
            except Unsendable as error:
                self._unsendable([recipient], error, "before RCPT")
        return found

    # --- the dialogue ------------------------------------------------------------------------------------------------

    def _pipelined(self, mail: bytes, sendable: list[tuple[QueuedRecipient, bytes]]) -> None:
        session, timeouts = self.session, self.session.hop.timeouts
        reset, session.dirty = session.dirty, True
        self.begun = session.messages == 1 and self._at_once()  # a new connection is not stale: the server may have the message
        refused = False
        for start in range(0, len(sendable), RCPT_GROUP):
            group = sendable[start : start + RCPT_GROUP]
            lines = [line for _, line in group]
            if start == 0:
                lines[:0] = (RSET, mail) if reset else (mail,)
            if start + RCPT_GROUP >= len(sendable):
                lines.append(self._opening())
            session.attend("RCPT" if start else "MAIL")
            session.write(b"".join(lines), "the envelope", timeouts.command)
            if start == 0:
                cleared = session.reply("RSET", timeouts.command) if reset else None
                refused = self._mail_answered(session.reply("MAIL", timeouts.command), cleared, sendable)
            for recipient, _ in group:
                reply = session.reply("RCPT", timeouts.command)
                if not refused:  # else it is "MAIL first"
                    self._rcpt_answered(recipient, reply)
        self._message()

    def _message(self) -> None:
        """What is left to do after a pipelined envelope."""
        session, timeouts = self.session, self.session.hop.timeouts
        if self._at_once():
            self._message_answered(session.reply("the message", timeouts.end))
        elif self.offered.chunking:
            self._transfer()
        else:
            self._data_answered(session.reply("DATA", timeouts.data))

    def _stepwise(self, mail: bytes, sendable: list[tuple[QueuedRecipient, bytes]]) -> None:
        session = self.session
        cleared = session.command(RSET, "RSET") if session.dirty else None
        session.dirty = True
        if self._mail_answered(session.command(mail, "MAIL"), cleared, sendable):
            return
        for recipient, line in sendable:
            reply = session.command(line, "RCPT")
            self.anew |= session.said_yes and reply.code // 100 != 2  # a plugin refuses whom the server would deliver to
            self._rcpt_answered(recipient, reply)
        if self.anew:
            self.postponed += self.accepted
            self.accepted = []
        if not self.accepted:
            return
        if self.offered.chunking:
            self._transfer()
        else:
            self._data_answered(session.command(b"DATA\r\n", "DATA", session.hop.timeouts.data))

    def _at_once(self) -> bool:
        """True when the whole message travels with its envelope."""
        return self.offered.chunking and self.whole is not None and len(self.whole) <= PIPELINED

    def _opening(self) -> bytes:
        """What follows the last RCPT in a pipeline."""
        if not self.offered.chunking:
            return b"DATA\r\n"
        if self._at_once():
            whole = self.whole or b""
            return b"BDAT %d LAST\r\n%b" % (len(whole), whole)
        return b""

    def _data_answered(self, reply: Reply) -> None:
        session = self.session
        if reply.code != 354:
            self._all(self.accepted, reply, "DATA")
            session.ended |= reply.code < 400  # who knows what it waits for
        elif self.accepted:
            self._transfer()
        else:
            session.write(b".\r\n", "DATA", session.hop.timeouts.command)  # RFC 2920 3.1: DATA granted although nobody is taken
            session.reply("DATA", session.hop.timeouts.end)

    def _transfer(self) -> None:
        """The message itself, to those who are accepted."""
        if not self.accepted:
            return
        send = send_chunked if self.offered.chunking else send_dotted
        try:
            self._message_answered(send(self.session, self._chunks(), checked=self.whole is not None or self.body == "BINARYMIME"))
        except Unsendable as error:
            self._unsendable(self.accepted, error, "the message")
            self.session.ended = True  # without the end mark nothing of it is delivered

    # --- the answers ---------------------------------------------------------------------------------------------------

    def _mail_answered(self, reply: Reply, cleared: Reply | None, sendable: Sequence[tuple[QueuedRecipient, bytes]]) -> bool:
        """True when MAIL is refused. ``cleared``: the reply to the RSET before it. Raises Broken when the refusal is due to that."""
        if reply.code // 100 != 2 and cleared is not None and cleared.code // 100 != 2:
            raise self.session.broken(f"does not take RSET: {kept(cleared)}", "4.5.0")
        self.begun = True
        if reply.code // 100 == 2:
            return False
        self._all([recipient for recipient, _ in sendable], reply, "MAIL")
        return True

    def _rcpt_answered(self, recipient: QueuedRecipient, reply: Reply) -> None:
        if reply.code // 100 == 2:
            self.accepted.append(recipient)
        elif (later := too_many(reply)) is not None:
            self.postponed.append(recipient)
            self._failed(recipient, later, "RCPT")  # unless it goes better then
        else:
            self._failed(recipient, reply, "RCPT")

    def _message_answered(self, reply: Reply) -> None:
        if reply.code // 100 != 2:
            self._all(self.accepted, reply, "the message")
            return
        self.session.dirty = False
        done = Delivered(str(kept(reply)), self.session.server, self._how())
        for recipient in self.accepted:
            self.outcomes[recipient.id] = done

    def _all(self, recipients: Sequence[QueuedRecipient], reply: Reply, stage: str) -> None:
        for recipient in recipients:
            self._failed(recipient, reply, stage)

    def _unsendable(self, recipients: Sequence[QueuedRecipient], error: Unsendable, stage: str) -> None:
        for recipient in recipients:
            self.outcomes[recipient.id] = Failed(error.reply, self.session.server, self._how(stage), ours=True)

    def _how(self, stage: str = "") -> str:
        how = self.session.how(stage)
        return f"{how}; converted to 7-bit MIME" if self.converted else how

    def _failed(self, recipient: QueuedRecipient, reply: Reply, stage: str) -> None:
        self.outcomes[recipient.id] = outcome(reply, self.session.server, self._how(stage))


def outcome(reply: Reply, server: str, how: str = "") -> Outcome:
    """What a reply other than success means: it is final or not, and codes that make no sense here are not."""
    reply = kept(reply)
    if reply.final:
        return Failed(reply, server, how)
    if reply.code >= 400:
        return TryLater(reply, server, how=how)
    return TryLater(Reply(451, "4.5.0", f"Unexpected answer: {reply}"), server, how=how, ours=True)


def too_many(reply: Reply) -> Reply | None:
    """The reply when the server has had enough recipients for one transaction, always as 452 (RFC 5321 section 4.5.3.1.10), else None."""
    if (reply.code == 452 and reply.enhanced in ("", "4.5.3")) or (reply.code == 552 and reply.enhanced in ("", "5.5.3")):
        return Reply(452, reply.enhanced and "4.5.3", reply.text)
    return None
