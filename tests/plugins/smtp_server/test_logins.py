"""AUTH with each mechanism, against the real authenticator, with the client mechanisms of the relay."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable

import pytest

from postroom import Verdict, hookimpl
from postroom.store.database import StoreUnavailable
from postroom.wire import sasl_client
from postroom.wire.answer import Answer, Then
from postroom.wire.sasl_client import Login, Mechanism
from postroom_smtp_server.session import Session
from tests.peers import TLS_DETAILS
from tests.plugins.smtp_server.desk import Office

BINDING = ("tls-server-end-point", b"fingerprint")
MECHANISMS: dict[str, Callable[[Login], Mechanism]] = {
    "PLAIN": sasl_client.Plain,
    "LOGIN": sasl_client.AskedLogin,
    "CRAM-MD5": sasl_client.CramMd5,
    "SCRAM-SHA-256": lambda login: sasl_client.Scram(login, "sha256", plus=False),
    "SCRAM-SHA-256-PLUS": lambda login: sasl_client.Scram(login, "sha256", plus=True),
}


def encrypted(office: Office) -> Session:
    """A session after STARTTLS and EHLO."""
    session = office.session()
    session.greet()
    session.tls_started(TLS_DETAILS, BINDING)
    session.handle(b"EHLO client.example")
    return session


def log_in(session: Session, name: str, password: str = "secret", *, initial: bool = True) -> Answer:
    """The answer that ends the login."""
    mechanism = MECHANISMS[name](Login("bob", password, binding=BINDING if name.endswith("-PLUS") else None))
    first = mechanism.initial() if initial else None
    command = f"AUTH {name}" + (f" {b64encode(first).decode() or '='}" if first is not None else "")
    answer = session.handle(command.encode())
    while answer.then is Then.READ_RESPONSE:
        assert isinstance(answer.send, bytes)
        challenge = b64decode(answer.send[4:])
        begins = not initial and not challenge
        answer = session.respond(b64encode((mechanism.initial() or b"") if begins else mechanism.step(challenge)))
    return answer


@pytest.mark.parametrize("name", MECHANISMS)
def test_a_mechanism_is_offered_and_works(name: str) -> None:
    session = encrypted(Office())
    assert name.encode() in session.handle(b"EHLO x").send.split(b"AUTH ")[1].split()  # type: ignore[union-attr]
    assert log_in(session, name).send == b"235 2.7.0 Authentication successful\r\n"
    assert session.client.user == "bob"


@pytest.mark.parametrize("name", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"])
def test_the_first_response_may_wait_for_the_challenge(name: str) -> None:
    assert log_in(encrypted(Office()), name, initial=False).send == b"235 2.7.0 Authentication successful\r\n"


@pytest.mark.parametrize("name", MECHANISMS)
def test_a_wrong_password_does_not_log_in(name: str) -> None:
    office = Office()
    session = encrypted(office)
    answer = log_in(session, name, "wrong")
    assert answer.send == b"535 5.7.8 Authentication credentials invalid\r\n"
    assert answer.error
    assert session.client.user is None
    assert [event for event, _ in office.witness.events] == ["auth-failure"]


def test_logins_wait_for_the_store() -> None:
    office = Office()
    office.people.fails = StoreUnavailable("gone")
    assert log_in(encrypted(office), "PLAIN").send == b"454 4.7.0 Temporary authentication failure\r\n"


def test_a_hook_may_refuse_a_login_and_close() -> None:
    class Guard:
        @hookimpl
        def client_login(self, name: str) -> Verdict:
            return Verdict.reject("Not today", 535, "5.7.8", disconnect=True)

    answer = log_in(encrypted(Office(Guard())), "PLAIN")
    assert (answer.send, answer.then) == (b"535 5.7.8 Not today\r\n", Then.CLOSE)


def test_a_response_after_a_broken_line_is_not_taken() -> None:
    session = encrypted(Office())
    session.handle(b"AUTH PLAIN")
    session.unreadable("too-long")
    assert session.respond(b64encode(b"\0bob\0secret")).send == b"501 5.7.0 Authentication cancelled\r\n"
    assert session.client.user is None
