"""AUTHENTICATE with each mechanism, with the client mechanisms of the relay."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from postroom import Client, Verdict, hookimpl
from postroom.credentials import Vault, make_credentials
from postroom.store.database import StoreUnavailable
from postroom.testing import Miniature
from postroom.wire import sasl_client
from postroom.wire.sasl_client import Login, Mechanism
from postroom.wire.stream import Stream
from tests.plugins.imap4_server.conftest import section
from tests.plugins.imap4_server.talk import Talk

BINDING = ("tls-server-end-point", b"fingerprint")
MECHANISMS: dict[str, Callable[[Login], Mechanism]] = {
    "PLAIN": sasl_client.Plain,
    "LOGIN": sasl_client.AskedLogin,
    "CRAM-MD5": sasl_client.CramMd5,
    "SCRAM-SHA-256": lambda login: sasl_client.Scram(login, "sha256", plus=False),
    "SCRAM-SHA-256-PLUS": lambda login: sasl_client.Scram(login, "sha256", plus=True),
}


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Talk]:
    """A client on a connection with a channel binding, as under TLS."""
    monkeypatch.setattr(Stream, "channel_binding", lambda self: BINDING)
    with Miniature(tmp_path, section()) as server:
        server.context.accounts.add("bob", **make_credentials("secret", Vault(tmp_path / "data")))
        with Talk(server) as talk:
            yield talk


def log_in(talk: Talk, name: str, password: str = "secret", *, initial: bool = True) -> str:
    """The answer that ends the login."""
    mechanism = MECHANISMS[name](Login("bob", password, binding=BINDING if name.endswith("-PLUS") else None))
    first = mechanism.initial() if initial else None
    response = b"" if first is None else b" " + (b64encode(first) or b"=")
    talk.peer.send(b"a AUTHENTICATE %s%s\r\n" % (name.encode(), response))
    while (answer := talk.response()).startswith(b"+ "):
        challenge = b64decode(answer[2:])
        begins = not initial and not challenge
        talk.peer.send(b64encode((mechanism.initial() or b"") if begins else mechanism.step(challenge)) + b"\r\n")
    return answer.decode()


@pytest.mark.parametrize("name", MECHANISMS)
def test_a_mechanism_is_offered_and_works(client: Talk, name: str) -> None:
    assert f"AUTH={name} " in client.greeting.replace("]", " ")
    assert log_in(client, name).startswith("a OK [CAPABILITY ")
    assert client.peer.client.user == "bob"


@pytest.mark.parametrize("name", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"])
def test_the_first_response_may_wait_for_the_challenge(client: Talk, name: str) -> None:
    assert log_in(client, name, initial=False).startswith("a OK ")


@pytest.mark.parametrize("name", MECHANISMS)
def test_a_wrong_password_does_not_log_in(client: Talk, name: str) -> None:
    assert log_in(client, name, "wrong") == "a NO [AUTHENTICATIONFAILED] Login failed"
    assert client.answer("NAMESPACE").startswith("BAD ")


def test_logins_wait_for_the_store(client: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise StoreUnavailable("gone")

    monkeypatch.setattr(client.server.context.accounts, "get", away)
    assert log_in(client, "PLAIN").startswith("a NO [UNAVAILABLE] ")


def test_a_hook_may_refuse_a_login_and_close(client: Talk) -> None:
    class Guard:
        @hookimpl
        def client_login(self, client: Client, name: str) -> Verdict:
            return Verdict.reject("Not today", 535, "5.7.8", disconnect=True)

    client.server.app.manager.register(Guard(), "guard")
    assert log_in(client, "PLAIN").startswith("a NO [AUTHENTICATIONFAILED] ")
    assert client.response() == b"* BYE Too many failed logins"


def test_a_response_that_is_too_long_ends_the_session(client: Talk) -> None:
    client.peer.send(b"a AUTHENTICATE PLAIN\r\n")
    assert client.response() == b"+ "
    client.peer.send(b"x" * 20_000 + b"\r\n")
    assert client.response() == b"* BYE [TOOBIG] the line is too long"
