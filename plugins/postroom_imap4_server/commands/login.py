"""LOGIN (RFC 9051 section 6.2.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..capabilities import plain_allowed
from ..entrance import enter
from ..refusals import No
from .command import NOT_AUTHENTICATED, Command

if TYPE_CHECKING:
    from ..grammar.reader import Reader
    from ..session import Session


class Given(NamedTuple):
    """A name and a password."""

    name: str
    password: str


def parse(reader: Reader) -> Given:
    """Two strings."""
    name = reader.astring()
    reader.sp()
    password = reader.astring()
    reader.end()
    return Given(name.decode("utf-8", "replace"), password.decode("utf-8", "replace"))


def run(session: Session, given: Given) -> str:
    """Check the password."""
    if session.settings.auth == "off":
        raise No("there are no logins here")
    if not plain_allowed(session):
        raise No("LOGIN is disabled here without encryption, use STARTTLS", "PRIVACYREQUIRED")  # RFC 5530 section 3
    return enter(session, session.context.auth.password(session.client, given.name, given.password))


LOGIN = Command(b"LOGIN", NOT_AUTHENTICATED, parse, run)
