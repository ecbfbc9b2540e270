"""DATA and BDAT: the message itself, up to its acceptance for good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from postroom import ids
from postroom.asking import PluginFault
from postroom.mail.claims import ClaimFilter
from postroom.mail.message import Message
from postroom.mail.reply import Reply
from postroom.queue.submission import Submission
from postroom.store.database import StoreUnavailable
from postroom.wire.answer import Answer, Then

from . import answers
from . import received as trace
from .head import Head, scan
from .intake import ChunkIntake, Intake
from .order import BDAT_BARRED, State
from .standing import judge

if TYPE_CHECKING:
    from .session import Session

START = b"354 End data with <CR><LF>.<CR><LF>\r\n"
FAR_TOO_BIG = 4  # times the limit: such a chunk is not even read to its end
SIZE_DIGITS = 20


@dataclass(frozen=True, slots=True)
class Chunk:
    """A BDAT chunk that is being read."""

    size: int
    last: bool
    refusal: Answer | None  # its bytes are thrown away, and this is the answer


def data(session: Session, argument: bytes) -> Answer:
    """DATA (RFC 5321 section 4.1.1.4)."""
    if argument.strip():
        return answers.NO_ARGUMENT
    if session.envelope.body == "BINARYMIME":
        return answers.BINARY_BY_DATA
    barred = _barred(session)
    if barred is not None:
        session.reset()
        return barred
    session.intake = Intake(session.desk.blobs.draft(), _claims(session))
    return Answer(START, Then.READ_MESSAGE, sink=session.intake, size=session.terms.max_size)


def received(session: Session, fault: str | None) -> Answer:
    """The message of DATA has ended."""
    intake = session.intake
    if intake is not None and fault is None:
        fault = intake.end()
    answer = _refused(session, intake, fault) if fault is not None or intake is None or intake.failed else _accepted(session, intake)
    session.reset()
    return answer


def bdat(session: Session, argument: bytes) -> Answer:
    """BDAT size [LAST] (RFC 3030 section 2). The chunk follows at once, so it is read even when it is refused."""
    words = argument.upper().split()
    if len(words) not in (1, 2) or not words[0].isdigit() or len(words[0]) > SIZE_DIGITS or words[1:] not in ([], [b"LAST"]):
        return answers.BDAT_SYNTAX
    size, last = int(words[0]), len(words) == 2
    if size > session.desk.service.max_message_size * FAR_TOO_BIG:
        return answers.FAR_TOO_BIG
    refusal = _chunk_refused(session, size)
    session.chunking = Chunk(size, last, refusal)
    sink = session.intake if refusal is None else None
    return Answer(b"", Then.READ_CHUNK, sink=sink, size=size) if size else chunk_received(session, 0)


def chunk_received(session: Session, size: int) -> Answer:
    """A chunk has ended."""
    chunk, session.chunking = session.chunking, None
    assert chunk is not None
    if chunk.refusal is not None:
        return chunk.refusal
    intake = session.intake
    assert isinstance(intake, ChunkIntake)
    fault = intake.end() if chunk.last else intake.fault
    if fault or intake.failed:
        return _refuse_chunks(session, _refused(session, intake, fault))
    if not chunk.last:
        return Answer(Reply(250, "2.0.0", f"{size} octets received").wire)
    answer = _accepted(session, intake)
    session.reset()
    return answer


def _chunk_refused(session: Session, size: int) -> Answer | None:
    """Why this chunk is not kept, or None; opens the intake before the first."""
    if session.refused_chunks is not None:
        return session.refused_chunks
    barred = BDAT_BARRED.get(session.state)
    if barred is not None:
        return barred
    if session.intake is None:
        barred = _barred(session)
        if barred is not None:
            return _refuse_chunks(session, barred)
        session.intake = ChunkIntake(session.desk.blobs.draft(), _claims(session), binary=session.envelope.body == "BINARYMIME")
        session.state = State.CHUNKS
    if session.intake.size + size > session.terms.max_size:
        session.misbehaved("message-too-big", "BDAT")
        return _refuse_chunks(session, answers.TOO_BIG)
    return None


def _refuse_chunks(session: Session, answer: Answer) -> Answer:
    """Give this message up: chunks that are still to come, perhaps pipelined already, must not begin another."""
    session.reset()
    session.state, session.refused_chunks = State.CHUNKS, answers.CHUNKS_OVER
    return answer


def _claims(session: Session) -> ClaimFilter | None:
    """What takes our name out of a stranger's header; users and addresses that need no login may know what we have found."""
    return None if session.client.user is not None or session.client.no_auth else ClaimFilter(session.desk.authserv_ids)


def _barred(session: Session) -> Answer | None:
    """What the checks say before the message is read."""
    envelope = session.envelope
    return judge(session, session.desk.ask.verdict("check_data", client=session.client, envelope=envelope), envelope)


def _refused(session: Session, intake: Intake | None, fault: str | None) -> Answer:
    """The answer to a message that could not be read or kept as it is."""
    if fault is None:
        session.desk.log.warning("smtp.not_taken", session=session.client.session, error=intake.failed if intake else "")
        return answers.TEMPORARY
    session.desk.count("smtp_messages_refused", service=session.desk.service.name, reason=fault)
    session.misbehaved("message-too-big" if fault == "too-big" else "bad-data", fault)
    return answers.FAULTS[fault]


def _accepted(session: Session, intake: Intake) -> Answer:
    """Ask the checks about the whole message and take it for good; the 250 comes after the commit."""
    desk, envelope, draft = session.desk, session.envelope, intake.draft
    draft.seal()
    head = scan(draft.head)
    if head.hops > desk.service.max_hops:
        return answers.TOO_MANY_HOPS
    message = Message(draft.head, draft.size, draft.chunks)
    barred = judge(session, desk.ask.verdict("check_message", client=session.client, envelope=envelope, message=message), envelope)
    if barred is not None:
        return barred
    number = desk.new_id()
    try:
        done = desk.queue.put(Submission(envelope, draft, _prefix(session, head, number), session.client, number))
    except (StoreUnavailable, PluginFault) as error:
        desk.log.warning("smtp.not_taken", session=session.client.session, error=str(error))
        return answers.TEMPORARY
    session.intake = None  # the draft is the queue's now
    session.messages += 1
    desk.count("smtp_messages_accepted", service=desk.service.name)
    desk.log.info(
        "smtp.accepted",
        trace=done,
        session=session.client.session,
        address=session.client.address,
        sender=envelope.sender,
        recipients=len(envelope.recipients),
        size=draft.size,
    )
    if intake.renamed:
        desk.log.info("smtp.claims_renamed", trace=done, session=session.client.session, fields=intake.renamed)
    return Answer(b"250 2.0.0 Ok: queued as " + done.encode("ascii") + b"\r\n", achieved=True)


def _prefix(session: Session, head: Head, number: int) -> bytes:
    """The lines that Postroom puts on top: Received, and what a user's program has left out."""
    desk, envelope = session.desk, session.envelope
    opening = session.opening.get(envelope.smtputf8)
    if opening is None:
        opening = trace.opening(session.client, desk.hostname, esmtp=session.esmtp, utf8=envelope.smtputf8)
        session.opening[envelope.smtputf8] = opening
    only = envelope.recipients[0].address if len(envelope.recipients) == 1 else ""
    now, word = desk.clock(), ids.text(number)
    if envelope.user is not None:  # RFC 6409 section 8: a submission server may complete a message
        if not head.has(b"date"):
            envelope.headers.append(b"Date: " + trace.date(int(now)))
        if not head.has(b"message-id"):
            envelope.headers.append(f"Message-ID: <{word}@{desk.hostname}>".encode("ascii"))
    if not head.starts_with_field:
        envelope.headers.append(b"")  # the empty line that keeps such a message a body
    return opening + word.encode("ascii") + trace.closing(only, now)
