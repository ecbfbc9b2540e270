"""SCRAM, both sides: the vectors of RFC 5802 and RFC 7677, channel binding, and the attempts to do without it."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import replace
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.wire import sasl_client
from postroom.wire.sasl import Challenge, Denied, Done, Step
from postroom.wire.sasl_client import SaslFault, candidates
from postroom.wire.scram import ScramSecret, ScramServer, derive, escape_name, unescape_name

BINDING = ("tls-server-end-point", b"hash of the certificate")


class Vector(NamedTuple):
    """A dialogue printed in an RFC: user "user", password "pencil"."""

    hash: str
    first: bytes
    nonces: tuple[str, str]
    salt: str
    challenge: bytes
    final: bytes
    proof: bytes


SHA_256 = Vector(
    "sha256",
    b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
    ("rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"),
    "W22ZaJ0SNY7soEsUEjb6gQ==",
    b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
)
SHA_1 = Vector(
    "sha1",
    b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
    ("fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j"),
    "QSXCR+Q6sek8bf92",
    b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
    b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
    b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
)
VECTORS = [pytest.param(SHA_256, id="RFC 7677 section 3"), pytest.param(SHA_1, id="RFC 5802 section 5")]
SECRET = derive("pencil", b"salt of the user", 4096)


def server(bindings: dict[str, bytes] | None = None, *, plus: bool = False) -> ScramServer:
    return ScramServer(lambda name: SECRET, "server-nonce", bindings or {}, plus=plus)


def client(offered: str, **changes: object) -> sasl_client.Mechanism:
    login = replace(sasl_client.Login("user", "pencil"), **changes)  # type: ignore[arg-type]
    return next(iter(candidates(offered.split(), login, encrypted=True).values()))()


def hold(mechanism: sasl_client.Mechanism, exchange: ScramServer) -> Step:
    """Both sides wired back to back; how the server sees the end."""
    outcome = exchange.step(mechanism.initial())
    while isinstance(outcome, Challenge):
        outcome = exchange.step(mechanism.step(outcome.data))
    return outcome


@pytest.mark.parametrize("vector", VECTORS)
def test_the_server_follows_the_vector(vector: Vector) -> None:
    secret = derive("pencil", b64decode(vector.salt), 4096, vector.hash)
    exchange = ScramServer(lambda name: secret, vector.nonces[1], {}, plus=False, hash_name=vector.hash)
    assert exchange.step(vector.first) == Challenge(vector.challenge)
    assert exchange.step(vector.final) == Challenge(vector.proof)
    assert exchange.step(b"") == Done("user")


@pytest.mark.parametrize("vector", VECTORS)
def test_the_client_follows_the_vector(vector: Vector) -> None:
    login = sasl_client.Login("user", "pencil", nonce=lambda: vector.nonces[0])
    mechanism = sasl_client.Scram(login, vector.hash, plus=False)
    assert mechanism.initial() == vector.first
    assert mechanism.step(vector.challenge) == vector.final
    assert mechanism.step(vector.proof) == b""
    mechanism.finish()


def test_the_server_asks_for_the_first_message_when_it_did_not_come_with_the_command() -> None:
    exchange = server()
    assert exchange.step(None) == Challenge(b"")
    assert isinstance(exchange.step(b"n,,n=user,r=abc"), Challenge)


def test_a_wrong_password_is_denied() -> None:
    assert isinstance(hold(client("SCRAM-SHA-256", password="pen"), server()), Denied)


def test_channel_binding_succeeds_when_both_see_the_same_certificate() -> None:
    assert hold(client("SCRAM-SHA-256-PLUS", binding=BINDING), server(dict([BINDING]), plus=True)) == Done("user")


def test_channel_binding_fails_when_somebody_sits_between_with_another_certificate() -> None:
    outcome = hold(client("SCRAM-SHA-256-PLUS", binding=BINDING), server({BINDING[0]: b"another"}, plus=True))
    assert isinstance(outcome, Denied)
    assert outcome.reason == "channel binding differs"


def test_a_client_that_did_not_see_our_plus_detects_the_downgrade_with_us() -> None:
    outcome = hold(client("SCRAM-SHA-256", binding=BINDING), server(dict([BINDING])))
    assert isinstance(outcome, Denied)
    assert outcome.reason.startswith("downgrade")


def test_a_client_that_could_bind_is_welcome_where_we_cannot() -> None:
    assert hold(client("SCRAM-SHA-256", binding=BINDING), server()) == Done("user")


def test_a_client_without_channel_binding_is_welcome_where_we_offer_it() -> None:
    assert hold(client("SCRAM-SHA-256"), server(dict([BINDING]))) == Done("user")


def test_a_client_may_come_back_without_binding_after_plus_has_failed() -> None:
    tries = candidates(["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"], sasl_client.Login("user", "pencil", binding=BINDING), encrypted=True)
    assert list(tries) == ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]
    assert hold(tries["SCRAM-SHA-256"](), server({"tls-exporter": b"x"})) == Done("user")


@pytest.mark.parametrize("first", [b"n,,n=user,r=abc", b"y,,n=user,r=abc", b"p=tls-unique,,n=user,r=abc"])
def test_plus_demands_a_channel_binding_that_we_have(first: bytes) -> None:
    assert isinstance(server(dict([BINDING]), plus=True).step(first), Denied)


def test_a_binding_without_plus_is_denied() -> None:
    assert isinstance(server(dict([BINDING])).step(b"p=tls-server-end-point,,n=user,r=abc"), Denied)


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"n",
        b"n,,",
        b"x,,n=user,r=abc",
        b"p=,,n=user,r=abc",
        b"n,a=other,n=user,r=abc",  # acting for another
        b"n,,m=ext,n=user,r=abc",  # a mandatory extension
        b"n,,r=abc,n=user",
        b"n,,n=user",
        b"n,,n=,r=abc",
        b"n,,n=us=er,r=abc",  # an equals sign that is no =2C or =3D
        b"n,,n=user,r=",
        b"n,,n=user,r=a b",
        b"n,,n=user,r=" + b"x" * 300,
        b"n,,n=user,r=\xc3\xa4",
        b"n,,n=\xff,r=abc",
        b"n,,n=user,n=user,r=abc",
        b"n,,n=user,r=abc,x",
        b"n,,n=user,r=abc,x=" + b"y" * 5000,
    ],
)
def test_a_malformed_first_message_is_denied(first: bytes) -> None:
    assert isinstance(server().step(first), Denied)


@pytest.mark.parametrize(
    "final",
    [
        b"",
        b"c=biws,r=abcserver-nonce",
        b"c=biws,r=abcserver-nonce,p=",
        b"c=biws,r=abcserver-nonce,p=!!!!",
        b"c=biws,r=abcserver-nonce,p=" + b64encode(b"\0" * 31),
        b"c=biws,r=abcserver-nonce,p=" + b64encode(b"\0" * 32),
        b"c=biws,r=abcother,p=" + b64encode(b"\0" * 32),
        b"c=eSws,r=abcserver-nonce,p=" + b64encode(b"\0" * 32),
        b"r=abcserver-nonce,c=biws,p=" + b64encode(b"\0" * 32),
        b"c=biws,r=abcserver-nonce,m=x,p=" + b64encode(b"\0" * 32),
    ],
)
def test_a_bad_final_message_is_denied(final: bytes) -> None:
    exchange = server()
    exchange.step(b"n,,n=user,r=abc")
    assert isinstance(exchange.step(final), Denied)


def test_a_proof_is_good_only_once() -> None:
    exchange = server()
    mechanism = client("SCRAM-SHA-256")
    first = exchange.step(mechanism.initial())
    assert isinstance(first, Challenge)
    final = mechanism.step(first.data)
    exchange.step(final)
    assert isinstance(exchange.step(final), Denied)


def test_a_name_with_comma_and_equals_sign_arrives_as_it_was() -> None:
    assert hold(client("SCRAM-SHA-256", username="a,b=c"), server()) == Done("a,b=c")


@given(st.text(min_size=1, max_size=50).filter(lambda name: "\0" not in name))
def test_names_survive_escaping(name: str) -> None:
    assert unescape_name(escape_name(name)) == name


@pytest.mark.parametrize(
    "challenge",
    [
        b"r=other,s=c2FsdA==,i=4096",  # not our nonce in front
        b"r=mine,s=c2FsdA==,i=4096",  # nothing added by the server
        b"r=mine-and,s=c2FsdA==,i=1",
        b"r=mine-and,s=c2FsdA==,i=2000000000",
        b"r=mine-and,s=???,i=4096",
        b"r=mine-and,i=4096",
        b"m=x,r=mine-and,s=c2FsdA==,i=4096",
        b"\xff",
        b"e=other-error",
    ],
)
def test_the_client_refuses_a_server_that_does_not_follow_the_rules(challenge: bytes) -> None:
    with pytest.raises(SaslFault):
        client("SCRAM-SHA-256", nonce=lambda: "mine").step(challenge)


def test_the_client_does_not_believe_a_server_that_cannot_prove_itself() -> None:
    impostor = ScramServer(lambda name: replace(SECRET, server_key=b"\1" * 32), "server", {}, plus=False)
    with pytest.raises(SaslFault, match="could not prove"):
        hold(client("SCRAM-SHA-256"), impostor)


def test_the_client_does_not_believe_an_early_success() -> None:
    mechanism = client("SCRAM-SHA-256")
    mechanism.initial()
    with pytest.raises(SaslFault, match="without having proved"):
        mechanism.finish()


@given(st.lists(st.binary(max_size=80) | st.sampled_from([b"r=mine1,s=c2FsdA==,i=4096", b"v=YQ==", b"e=x", b""]), max_size=4))
def test_the_client_raises_nothing_but_SaslFault_and_never_believes_strangers(challenges: list[bytes]) -> None:
    mechanism = client("SCRAM-SHA-256", nonce=lambda: "mine")

    def succeed() -> None:
        for challenge in challenges:
            mechanism.step(challenge)
        mechanism.finish()

    with pytest.raises(SaslFault):
        succeed()


def test_deriving_gives_the_same_keys_for_equivalent_spellings() -> None:
    assert derive("I\u00adX", b"salt", 4096) == derive("\u2168", b"salt", 4096) == derive("IX", b"salt", 4096)


def test_a_lookup_may_deny() -> None:
    def busy(name: str) -> ScramSecret | Denied:
        return Denied(reason="busy")

    assert ScramServer(busy, "x", {}, plus=False).step(b"n,,n=user,r=abc") == Denied(reason="busy")
