"""Tokens: where they come from, how long they are kept, and what is said when there are none."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import ssl
import threading
import urllib.error
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from postroom.clients.oauth import MAX_RESPONSE, OAuthSettings, TokenRefused, TokenSource, TokenUnavailable


@dataclass
class Provider:
    """A token server on loopback that answers what the test says and notes what it was asked."""

    answers: list[tuple[int, bytes]] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def gives(self, status: int = 200, **answer: Any) -> None:
        self.answers.append((status, json.dumps(answer).encode()))


def serve(provider: Provider, context: ssl.SSLContext | None = None) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            provider.forms.append({key: values[0] for key, values in parse_qs(body, keep_blank_values=True).items()})
            provider.headers.append(dict(self.headers))
            status, answer = provider.answers.pop(0)
            self.send_response(status)
            if status == 302:
                self.send_header("Location", provider.url + "/elsewhere")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    provider.url = f"{'https' if context else 'http'}://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    server = serve(provider)
    yield provider
    server.shutdown()
    server.server_close()


class Clock:
    """Seconds that pass when the test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def source(provider: Provider, clock: Clock, on_refresh: Any = None, tls: ssl.SSLContext | None = None, **more: Any) -> TokenSource:
    wanted = {"client_id": "app", "client_secret": "s3cret", **more}
    return TokenSource(OAuthSettings(token_url=provider.url + "/token", **wanted), clock, on_refresh, tls)


def test_client_credentials_are_exchanged_for_a_token(provider: Provider, clock: Clock) -> None:
    provider.gives(access_token="abc", token_type="Bearer", expires_in=3600)
    assert source(provider, clock, scope="mail.send").token() == "abc"
    assert provider.forms == [{"grant_type": "client_credentials", "scope": "mail.send", "client_id": "app", "client_secret": "s3cret"}]


def test_a_refresh_token_is_exchanged_for_a_token(provider: Provider, clock: Clock) -> None:
    provider.gives(access_token="abc", token_type="Bearer", expires_in=3600)
    assert source(provider, clock, refresh_token="r1", client_secret=None).token() == "abc"
    assert provider.forms == [{"grant_type": "refresh_token", "refresh_token": "r1", "client_id": "app"}]


def test_id_and_secret_may_travel_in_the_header(provider: Provider, clock: Clock) -> None:
    provider.gives(access_token="abc")
    source(provider, clock, client_id="a:b", client_authentication="header").token()
    assert provider.headers[0]["Authorization"] == "Basic " + b64encode(b"a%3Ab:s3cret").decode()
    assert provider.forms == [{"grant_type": "client_credentials"}]


def test_a_token_is_kept_until_shortly_before_it_expires(provider: Provider, clock: Clock) -> None:
    provider.gives(access_token="one", expires_in=3600)
    provider.gives(access_token="two", expires_in="3600")  # some servers send a string
    tokens = source(provider, clock)
    assert [tokens.token(), tokens.token()] == ["one", "one"]
    clock.now += 3539
    assert tokens.token() == "one"
    clock.now += 1
    assert tokens.token() == "two"


def test_a_token_without_a_life_is_kept_for_minutes(provider: Provider, clock: Clock) -> None:
    provider.gives(access_token="one")
    provider.gives(access_token="two")
    tokens = source(provider, clock)
    tokens.token()
    clock.now += 200
    assert tokens.token() == "one"
    clock.now += 200
    assert tokens.token() == "two"


def test_many_who_ask_at_once_cost_one_request(provider: Provider, clock: Clock) -> None:
    provider.gives(access_token="one", expires_in=3600)
    tokens, got = source(provider, clock), []
    threads = [threading.Thread(target=lambda: got.append(tokens.token())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert got == ["one"] * 8
    assert len(provider.forms) == 1


def test_a_rejected_token_is_not_given_again(provider: Provider, clock: Clock) -> None:
    provider.gives(access_token="one", expires_in=3600)
    provider.gives(access_token="two", expires_in=3600)
    tokens = source(provider, clock)
    tokens.reject(tokens.token())
    assert tokens.token() == "two"
    tokens.reject("one")  # an old one: somebody else was slow
    assert tokens.token() == "two"


def test_a_renewed_refresh_token_is_used_and_told(provider: Provider, clock: Clock) -> None:
    kept: list[str] = []
    provider.gives(access_token="one", expires_in=100, refresh_token="r2")
    provider.gives(access_token="two", expires_in=100, refresh_token="r2")
    tokens = source(provider, clock, kept.append, refresh_token="r1")
    tokens.token()
    clock.now += 100
    tokens.token()
    assert [form["refresh_token"] for form in provider.forms] == ["r1", "r2"]
    assert kept == ["r2"]


class Shared:
    """A place for the newest refresh token that two sources share, as workers do."""

    token = ""

    def source(self, provider: Provider, clock: Clock) -> TokenSource:
        wanted = OAuthSettings(token_url=provider.url + "/token", client_id="app", refresh_token="r1")
        return TokenSource(wanted, clock, self.keep, kept=lambda: self.token)

    def keep(self, token: str) -> None:
        self.token = token


def test_a_refresh_token_that_another_worker_got_is_used(provider: Provider, clock: Clock) -> None:
    shared = Shared()
    provider.gives(access_token="one", refresh_token="r2")
    provider.gives(access_token="two", refresh_token="r3")
    provider.gives(access_token="three", refresh_token="r4")
    first, second = shared.source(provider, clock), shared.source(provider, clock)
    first.token()
    second.token()
    clock.now += 3600
    first.token()
    assert [form["refresh_token"] for form in provider.forms] == ["r1", "r2", "r3"]


def test_a_refusal_does_not_count_when_another_worker_got_a_newer_refresh_token_meanwhile(provider: Provider, clock: Clock) -> None:
    answers = iter(["", "r2"])
    wanted = OAuthSettings(token_url=provider.url + "/token", client_id="app", refresh_token="r1")
    provider.gives(400, error="invalid_grant")
    provider.gives(access_token="two")
    assert TokenSource(wanted, clock, kept=lambda: next(answers)).token() == "two"
    assert [form["refresh_token"] for form in provider.forms] == ["r1", "r2"]


def test_a_refresh_token_that_could_not_be_kept_is_used_all_the_same(provider: Provider, clock: Clock) -> None:
    wanted = OAuthSettings(token_url=provider.url + "/token", client_id="app", refresh_token="r1")
    provider.gives(access_token="one", refresh_token="r3")
    provider.gives(access_token="two")
    tokens = TokenSource(wanted, clock, lambda token: None, kept=lambda: "r2")
    tokens.token()
    clock.now += 3600
    tokens.token()
    assert [form["refresh_token"] for form in provider.forms] == ["r2", "r3"]


@pytest.mark.parametrize("error", ["invalid_client", "invalid_grant", "unauthorized_client", "invalid_scope"])
def test_refused_credentials_are_a_permanent_failure_in_the_servers_words(provider: Provider, clock: Clock, error: str) -> None:
    provider.gives(400, error=error, error_description="AADSTS7000215: no\r\n such secret")
    with pytest.raises(TokenRefused, match=rf"^the token server 127.0.0.1:\d+ refuses: {error} AADSTS7000215: no such secret$"):
        source(provider, clock).token()


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_trouble_at_the_server_is_temporary(provider: Provider, clock: Clock, status: int) -> None:
    provider.answers.append((status, b"<html>oops</html>"))
    with pytest.raises(TokenUnavailable, match=f"HTTP status {status}"):
        source(provider, clock).token()


def test_a_server_that_is_away_is_temporary(clock: Clock) -> None:
    with pytest.raises(TokenUnavailable, match="cannot be reached"):
        source(Provider(url="http://127.0.0.1:1"), clock).token()


def test_a_failure_is_not_asked_again_for_a_minute(provider: Provider, clock: Clock) -> None:
    provider.gives(401, error="invalid_client")
    provider.gives(access_token="abc")
    tokens = source(provider, clock)
    for _ in range(3):
        with pytest.raises(TokenRefused, match="invalid_client"):
            tokens.token()
    clock.now += 60
    assert tokens.token() == "abc"


def test_an_answer_without_a_usable_token_is_not_asked_for_again_for_a_minute(provider: Provider, clock: Clock) -> None:
    provider.gives(access_token="")
    provider.gives(access_token="abc")
    tokens = source(provider, clock)
    for _ in range(3):
        with pytest.raises(TokenUnavailable, match="no usable access token"):
            tokens.token()
    clock.now += 60
    assert tokens.token() == "abc"


def test_a_refusal_that_breaks_off_is_temporary(provider: Provider, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(self: object, size: int) -> bytes:
        raise ConnectionResetError("Connection reset by peer")

    monkeypatch.setattr(urllib.error.HTTPError, "read", lost, raising=False)
    provider.gives(400, error="invalid_client")
    with pytest.raises(TokenUnavailable, match="cannot be reached: Connection reset"):
        source(provider, clock).token()


def test_a_redirect_carries_no_secret_elsewhere(provider: Provider, clock: Clock) -> None:
    provider.answers.append((302, b""))
    with pytest.raises(TokenRefused, match="HTTP status 302"):
        source(provider, clock).token()
    assert len(provider.forms) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"access_token": ""}',
        b'{"access_token": 1}',
        b'{"access_token": "a\\u0001b"}',
        b"[" * 60000,
        b"\xff",
    ],
)
def test_an_answer_without_a_usable_token_is_temporary(provider: Provider, clock: Clock, body: bytes) -> None:
    provider.answers.append((200, body))
    with pytest.raises(TokenUnavailable):
        source(provider, clock).token()


def test_an_endless_answer_is_not_read_to_its_end(provider: Provider, clock: Clock) -> None:
    provider.answers.append((200, b" " * (MAX_RESPONSE + 1)))
    with pytest.raises(TokenUnavailable, match="too long"):
        source(provider, clock).token()


def test_other_kinds_of_token_are_refused(provider: Provider, clock: Clock) -> None:
    provider.gives(access_token="abc", token_type="mac")
    with pytest.raises(TokenRefused, match="only bearer"):
        source(provider, clock).token()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(status=st.sampled_from([200, 400, 401, 500]), body=st.binary(max_size=200))
def test_any_answer_is_a_token_or_a_clear_failure(provider: Provider, clock: Clock, status: int, body: bytes) -> None:
    provider.answers.append((status, body))
    with pytest.raises((TokenUnavailable, TokenRefused)):
        source(provider, clock).token()


def test_secrets_stay_out_of_what_is_printed(provider: Provider) -> None:
    shown = repr(OAuthSettings(token_url="https://x.test/", client_id="app", client_secret="s3cret", refresh_token="r1x"))
    assert "s3cret" not in shown
    assert "r1x" not in shown


@pytest.mark.parametrize(
    "url", ["http://login.example.test/token", "ftp://127.0.0.1/", "file:///etc/passwd", "token", "", "https://", "https://user:pw@x.test/"]
)
def test_only_https_addresses_are_taken(url: str) -> None:
    with pytest.raises(ValidationError):
        OAuthSettings(token_url=url, client_id="app")


def certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "token server")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "server.pem"
    path.write_bytes(pem + signed.public_bytes(serialization.Encoding.PEM))
    return path


def test_the_certificate_of_the_token_server_is_verified(tmp_path: Path, clock: Clock) -> None:
    pem = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    provider = Provider()
    server = serve(provider, context)
    try:
        with pytest.raises(TokenUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            source(provider, clock).token()
        assert provider.forms == []
        provider.gives(access_token="abc")
        assert source(provider, clock, tls=ssl.create_default_context(cafile=pem)).token() == "abc"
    finally:
        server.shutdown()
        server.server_close()
