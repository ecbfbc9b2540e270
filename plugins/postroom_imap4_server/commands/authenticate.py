"""AUTHENTICATE (RFC 9051 section 6.2.2), with an initial response (RFC 4959)."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, NamedTuple

from postroom.wire.sasl import Challenge, Denied

from ..capabilities import mechanisms
from ..entrance import enter
from ..refusals import Bad, No
from .command import NOT_AUTHENTICATED, Command

if TYPE_CHECKING:
    from postroom.login import Login
    from postroom.store.accounts import Account

    from ..grammar.reader import Reader
    from ..session import Session


class Begun(NamedTuple):
    """A mechanism, and the initial response; None when there was none."""

    mechanism: str
    initial: bytes | None


def parse(reader: Reader) -> Begun:
    """An atom, and base64 or "=" for an empty response."""
    mechanism = reader.word().decode("ascii")
    initial = None
    if not reader.at_end():
        reader.sp()
        initial = _decoded(reader.buffer[reader.at :])
        reader.at = len(reader.buffer)
    return Begun(mechanism, initial)


def run(session: Session, begun: Begun) -> str:
    """The whole exchange."""
    if begun.mechanism not in mechanisms(session):
        hidden = begun.mechanism in {"PLAIN", "LOGIN"} and session.client.tls is None and session.settings.auth != "off"
        raise No("the mechanism is not offered now", "PRIVACYREQUIRED" if hidden else "")  # RFC 5530 section 3
    exchange = session.context.auth.start(begun.mechanism, session.client, session.settings, session.out.binding())
    return enter(session, exchange if isinstance(exchange, Denied) else _talk(session, exchange, begun.initial))


def _talk(session: Session, exchange: Login, response: bytes | None) -> Account | Denied:
    while isinstance(step := exchange.step(response), Challenge):
        line = session.out.ask(base64.b64encode(step.data))
        if line == b"*":
            raise Bad("AUTHENTICATE cancelled")
        response = _decoded(line)
    if isinstance(step, Denied):
        return step
    assert exchange.account is not None
    return exchange.account


def _decoded(text: bytes) -> bytes:
    if text == b"=":
        return b""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise Bad("the response is not base64") from None


AUTHENTICATE = Command(b"AUTHENTICATE", NOT_AUTHENTICATED, parse, run)
