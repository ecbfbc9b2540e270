"""MAIL and RCPT: the envelope of a message, and who may send where."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from postroom.asking import PluginFault
from postroom.mail.address import BadAddress, parse_path, split, unquoted
from postroom.mail.delivery import Discard, Route
from postroom.mail.envelope import Envelope, Recipient
from postroom.mail.reply import Reply
from postroom.mail.verdict import Action
from postroom.wire.answer import Answer

from . import answers
from .order import State
from .parameters import apply_mail, apply_rcpt
from .standing import judge

if TYPE_CHECKING:
    from .session import Session

BARE_NAME = re.compile(r' *<([^@<>\s":,]+|"(?:[^"\\]|\\.)*")(?=>)')  # an address without a domain
ROUTING = re.compile(r"[%!@]")  # percent hack, bang path, and a quoted second address


def mail(session: Session, argument: bytes) -> Answer:
    """MAIL FROM:<sender> [parameters] (RFC 5321 section 4.1.1.2)."""
    if session.messages >= session.desk.service.max_messages:
        return answers.TOO_MANY_MESSAGES
    text = _text(argument)
    if text is None:
        return answers.NOT_TEXT
    if text[:5].upper() != "FROM:":
        return answers.MAIL_SYNTAX
    try:
        sender, rest = parse_path(_completed(session, text[5:], trusted=session.client.allowed), utf8=True, allow_null=True)
    except BadAddress as error:
        return answers.refuse(Reply(501, "5.1.7", f"Bad sender address: {error}"))
    client = session.client
    envelope = Envelope(sender, user=client.user, local_origin=session.may_relay, client=client)
    refusal = apply_mail(rest, envelope, session.terms) if rest else None
    if refusal is not None:
        return answers.refuse(refusal)
    if not envelope.smtputf8 and not sender.isascii():
        return answers.NEEDS_SMTPUTF8
    session.connected.mark(envelope)
    session.introduced.mark(envelope)
    barred = judge(session, session.desk.ask.verdict("check_sender", client=client, envelope=envelope), envelope)
    if barred is not None:
        return barred
    session.envelope, session.state = envelope, State.SENDER
    return answers.SENDER_OK


def rcpt(session: Session, argument: bytes) -> Answer:
    """RCPT TO:<recipient> [parameters] (RFC 5321 section 4.1.1.3)."""
    text = _text(argument)
    if text is None:
        return answers.NOT_TEXT
    if text[:3].upper() != "TO:":
        return answers.RCPT_SYNTAX
    try:
        address, rest = parse_path(_completed(session, text[3:]), utf8=True)
    except BadAddress as error:
        return answers.refuse(Reply(501, "5.1.3", f"Bad recipient address: {error}"))
    recipient = Recipient(address)
    refusal = apply_rcpt(rest, recipient, session.terms, utf8=session.envelope.smtputf8) if rest else None
    if refusal is not None:
        return answers.refuse(refusal)
    if not session.envelope.smtputf8 and not address.isascii():
        return answers.NEEDS_SMTPUTF8
    if len(session.envelope.recipients) >= session.desk.service.max_recipients:
        return answers.TOO_MANY_RECIPIENTS
    return _admit(session, recipient)


def _admit(session: Session, recipient: Recipient) -> Answer:
    """Route a well-formed recipient, ask the checks, and take it."""
    desk, envelope = session.desk, session.envelope
    try:
        route: Route | None = desk.ask.first("route", address=recipient.address, envelope=envelope)
    except PluginFault:
        return answers.TEMPORARY
    barred = _route_barred(session, recipient.address, route)
    if barred is not None:
        return barred
    recipient.route = route
    verdict = desk.ask.verdict("check_recipient", client=session.client, envelope=envelope, recipient=recipient)
    if verdict is not None:
        if verdict.action is Action.DISCARD:  # this recipient only
            recipient.route = Route((Discard(),), (*(route.reasons if route else ()), verdict.reason))
        elif (barred := judge(session, verdict, envelope)) is not None:
            return barred
    envelope.recipients.append(recipient)
    session.state = State.RECIPIENTS
    return answers.RECIPIENT_OK


def _route_barred(session: Session, address: str, route: Route | None) -> Answer | None:
    """Why mail for this address is not taken from this client, or None."""
    if not session.may_relay:
        if route is not None and not route.local:
            return _refused(session, "relay-denied", address, answers.NO_INTERNET if session.client.user else answers.RELAY_DENIED)
        if session.desk.service.refuse_percent_addresses and ROUTING.search(unquoted(split(address)[0])):
            return _refused(session, "relay-denied", address, answers.ROUTED_LOCAL_PART)
    if route is None:
        return _refused(session, "bad-recipient", address, answers.UNKNOWN_USER)
    refusal = route.refusal
    if refusal is None:
        return None
    return _refused(session, "bad-recipient" if refusal.permanent else "", address, answers.refuse(refusal))


def _refused(session: Session, event: str, address: str, answer: Answer) -> Answer:
    """``answer``, after the log and, where ``event`` names what the client did wrong, the plugins have heard of it."""
    client = session.client
    session.desk.count("smtp_recipients_refused", service=session.desk.service.name, reason=event or "other")
    session.desk.log.info("smtp.recipient_refused", session=client.session, address=client.address, recipient=address, reason=event)
    if event:
        session.misbehaved(event, address)
    return answer


def _text(argument: bytes) -> str | None:
    """The argument as text, None when it is not UTF-8 (RFC 6531 section 3.3)."""
    try:
        return argument.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _completed(session: Session, path: str, *, trusted: bool = True) -> str:
    """The path with the default domain after a bare name; a stranger's bare sender name stays, and is refused."""
    bare = BARE_NAME.match(path) if trusted else None
    return f"{path[: bare.end()]}@{session.desk.domain}{path[bare.end() :]}" if bare else path
