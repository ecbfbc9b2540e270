"""The opening of a session: greeting, HELO, EHLO, STARTTLS."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from postroom.wire.answer import Answer, Then

from . import answers, capabilities
from .order import State
from .standing import Standing, judge

if TYPE_CHECKING:
    from .session import Session

NAME = re.compile(rb"[!-~\x80-\xff]{1,255}")  # wide on purpose: many clients send names that RFC 5321 4.1.2 does not know


def greet(session: Session) -> Answer:
    """The greeting, unless the client may not come in or cannot wait."""
    desk, client = session.desk, session.client
    if session.early and desk.service.early_talker == "refuse":
        session.misbehaved("early-talker", "spoke before the greeting")
        return answers.EARLY_TALKER
    if not client.allowed and desk.service.auth == "required":
        return answers.ACCESS_DENIED  # elsewhere a denied address may still reach local recipients
    refusal = judge(session, desk.ask.verdict("client_connected", client=client), session.connected)
    if refusal is not None:
        return refusal._replace(then=Then.CLOSE)
    return desk.greeting


def helo(session: Session, argument: bytes) -> Answer:
    """HELO (RFC 5321 section 4.1.1.1)."""
    refusal = _introduce(session, argument)
    if refusal is not None:
        return refusal
    session.esmtp = False
    return session.desk.helo


def ehlo(session: Session, argument: bytes) -> Answer:
    """EHLO: the same with the list of what this server can do."""
    refusal = _introduce(session, argument)
    if refusal is not None:
        return refusal
    session.esmtp = True
    desk, tls = session.desk, session.client.tls is not None
    mechanisms = mechanisms_now(session)
    key = (tls, *mechanisms)
    reply = desk.ehlo.get(key)
    if reply is None:
        offered = capabilities.words(desk.service, tls=tls, mechanisms=mechanisms)
        reply = desk.ehlo[key] = Answer(capabilities.reply(desk.hostname, offered))
    return reply


def starttls(session: Session, argument: bytes) -> Answer:
    """STARTTLS (RFC 3207); the dialogue drops what was sent ahead and calls ``tls_started``."""
    if argument.strip():
        return answers.NO_ARGUMENT
    if session.client.tls is not None:
        return answers.HAS_TLS
    if not capabilities.offers_starttls(session.desk.service, tls=False):
        return answers.NO_TLS
    session.reset()
    return answers.GO_AHEAD_TLS


def mechanisms_now(session: Session) -> list[str]:
    """The SASL mechanisms on offer in the present state."""
    service = session.desk.service
    if service.auth == "off" or (service.encryption == "starttls-required" and session.client.tls is None):
        return []  # nobody should be led to send a password that 530 will refuse
    return session.desk.auth.mechanisms(session.client, service, session.bindings)


def entered_state(session: Session) -> State:
    """Where a client stands that has introduced itself."""
    service, client = session.desk.service, session.client
    if service.encryption == "starttls-required" and client.tls is None:
        return State.PLAIN
    if service.auth == "required" and client.user is None and not (client.no_auth and service.no_auth_suffices):
        return State.STRANGER
    return State.READY


def _introduce(session: Session, argument: bytes) -> Answer | None:
    """What HELO and EHLO have in common; a refusal, or None."""
    name = argument.strip()
    if not NAME.fullmatch(name):
        return answers.HELO_SYNTAX
    text = name.decode("utf-8", "replace")
    if not text.isprintable():  # it stands in logs and traces, which are read on terminals
        return answers.HELO_SYNTAX
    service = session.desk.service
    if service.helo_refuse and any(part.lower() in text.lower() for part in service.helo_refuse):
        return answers.HELO_REFUSED
    session.introduced = Standing()  # a second HELO replaces the first
    refusal = judge(session, session.desk.ask.verdict("client_helo", client=session.client, name=text), session.introduced)
    if refusal is not None:
        return refusal
    session.reset()  # RFC 5321 section 4.1.4: EHLO in the middle of a session does what RSET does
    session.client.helo = text
    session.opening = {}
    session.state = entered_state(session)
    return None
