"""AUTH (RFC 4954): carries a SASL exchange of ``postroom.auth`` over SMTP."""

from __future__ import annotations

import binascii
from base64 import b64encode
from typing import TYPE_CHECKING

from postroom.store.database import StoreUnavailable
from postroom.wire.answer import Answer, Then
from postroom.wire.sasl import Challenge, Denied

from . import answers
from .hello import entered_state, mechanisms_now

if TYPE_CHECKING:
    from postroom.login import Login

    from .session import Session


def auth(session: Session, argument: bytes) -> Answer:
    """AUTH mechanism [initial-response]."""
    words = argument.split()
    refusal = _refusal(session, len(words))
    if refusal is not None:
        return refusal
    initial: bytes | None = None
    if len(words) == 2:
        initial = b"" if words[1] == b"=" else _decode(words[1])  # RFC 4954 section 4: "=" is an empty response
        if initial is None:
            return answers.NOT_BASE64
    mechanism = words[0].decode("ascii", "replace").upper()
    exchange = session.desk.auth.start(mechanism, session.client, session.desk.service, session.bindings)
    if isinstance(exchange, Denied):
        return answers.refuse(exchange.reply)
    return _step(session, exchange, initial)


def respond(session: Session, line: bytes) -> Answer:
    """The client's next response."""
    exchange, session.login = session.login, None
    if exchange is None:  # the dialogue was broken off
        return answers.CANCELLED
    if line == b"*":
        return answers.CANCELLED  # RFC 4954 section 4
    response = _decode(line)
    return answers.NOT_BASE64 if response is None else _step(session, exchange, response)


def _refusal(session: Session, words: int) -> Answer | None:
    if session.desk.service.auth == "off" or not mechanisms_now(session):
        return answers.NO_AUTH
    if not session.esmtp:
        return answers.EHLO_FIRST
    if session.client.user is not None:
        return answers.HAS_LOGIN
    return None if words in (1, 2) else answers.AUTH_SYNTAX


def _decode(text: bytes) -> bytes | None:
    """The bytes behind base64 (RFC 4648 section 4), None when it is not."""
    try:
        return binascii.a2b_base64(text, strict_mode=True) if text else b""
    except (binascii.Error, ValueError):
        return None


def _step(session: Session, exchange: Login, response: bytes | None) -> Answer:
    try:
        outcome = exchange.step(response)
    except StoreUnavailable as error:
        session.desk.log.warning("smtp.login_unavailable", session=session.client.session, error=str(error))
        return answers.AUTH_LATER
    if isinstance(outcome, Challenge):
        session.login = exchange
        return Answer(b"334 " + b64encode(outcome.data) + b"\r\n", Then.READ_RESPONSE)
    if isinstance(outcome, Denied):
        return answers.refuse(outcome.reply, disconnect=outcome.disconnect)
    _logged_in(session, exchange)
    return answers.LOGGED_IN


def _logged_in(session: Session, exchange: Login) -> None:
    account = exchange.account
    assert account is not None  # Done says so
    session.client.user = account.name
    session.may_relay = bool(account.internet)
    session.user_max_size = account.max_size or 0
    session.state = entered_state(session)
    session.renew()
