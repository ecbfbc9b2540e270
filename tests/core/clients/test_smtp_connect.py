"""Connecting: addresses in turn, the four ways of encryption, certificates, and words that say what to do."""

import socket
import ssl
from pathlib import Path

import pytest

from postroom.clients.smtp.connect import Dialer
from postroom.clients.smtp.faults import Refused, Unreachable
from postroom.clients.smtp.hop import Credentials, Encryption, NextHop
from postroom.clients.smtp.session import Session
from postroom.dns import DnsFailure
from postroom.mail.delivery import Delivered, Failed, TryLater
from postroom.tls_policy.demand import Demand, Level, PolicyFacts
from postroom.wire.certificates import self_signed

from .smtp_peer import GREETING, IMPATIENT, MESSAGE, PIPELINING, PLAIN, QUICK, Peer, courier, deliver, hop, outgoing

STARTTLS = GREETING + "S: 250-mx.test\nS: 250 STARTTLS\nC: STARTTLS\n"
AGAIN = "C: EHLO client.test\nS: 250-mx.test\nS: 250 REQUIRETLS\n"
SENT = "C: MAIL *\nS: 250 Ok\nC: RCPT *\nS: 250 Ok\nC: DATA\nS: 354 Go\n!message\nS: 250 Ok\nC: QUIT\nS: 221 Bye"
BYE = "C: QUIT\nS: 221 Bye"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls"), "mx.test")


@pytest.fixture(scope="module")
def context(certificate: Path) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate)
    return made


def dial(peer: Peer, **more: object) -> Session:
    return Dialer(lambda name: ["127.0.0.1"]).open(hop(peer, **more))


def words(peer: Peer, **more: object) -> str:
    with pytest.raises(Refused) as caught:
        dial(peer, **more)
    return str(caught.value)


def test_starttls_encrypts_and_greets_again(context: ssl.SSLContext, certificate: Path) -> None:
    with Peer(f"{STARTTLS}S: 220 Go\n!tls\n{AGAIN}{BYE}", context=context) as peer:
        session = dial(peer, encryption=Encryption.STARTTLS, ca=certificate)
        assert session.verified
        assert session.stream.tls
        assert session.capabilities.requiretls
        assert not session.capabilities.starttls
        session.quit()


def test_implicit_tls_encrypts_from_the_first_byte(context: ssl.SSLContext, certificate: Path) -> None:
    with Peer(f"!tls\n{PLAIN}{BYE}", context=context) as peer:
        session = dial(peer, encryption=Encryption.TLS, ca=certificate)
        assert session.verified
        session.quit()


def test_requiretls_is_kept_over_verified_tls(context: ssl.SSLContext, certificate: Path) -> None:
    script = f"{STARTTLS}S: 220 Go\n!tls\n{AGAIN}" + SENT.replace("MAIL *", "MAIL FROM:<me@client.test> REQUIRETLS")
    with Peer(script, context=context) as peer:
        message = outgoing(requiretls=True)
        assert isinstance(deliver(peer, message, encryption=Encryption.STARTTLS, ca=certificate)[1], Delivered)


def test_requiretls_fails_without_verification(context: ssl.SSLContext) -> None:
    with Peer(f"{STARTTLS}S: 220 Go\n!tls\n{AGAIN}{BYE}", context=context) as peer:
        outcome = deliver(peer, outgoing(requiretls=True), encryption=Encryption.STARTTLS, verify=False)[1]
    assert isinstance(outcome, Failed)
    assert outcome.reply.enhanced == "5.7.30"


@pytest.mark.parametrize(("encryption", "script"), [(Encryption.TLS, "!tls"), (Encryption.STARTTLS, f"{STARTTLS}S: 220 Go\n!tls")])
def test_a_certificate_that_cannot_be_verified_is_explained(encryption: Encryption, script: str, context: ssl.SSLContext) -> None:
    with Peer(script, context=context) as peer:
        text = words(peer, encryption=encryption)
    assert f"The certificate of mx.test[127.0.0.1]:{peer.port} is not valid for mx.test: self-signed certificate" in text
    assert "set `ca` to a file with its issuer, or `verify: false` to do without the check, in section Relay" in text


def test_a_certificate_of_another_name_is_explained(context: ssl.SSLContext, certificate: Path) -> None:
    with Peer("!tls", context=context) as peer:
        text = words(peer, encryption=Encryption.TLS, ca=certificate, host="other.test")
    assert "not valid for other.test: Hostname mismatch" in text


def test_without_verification_any_certificate_will_do(context: ssl.SSLContext) -> None:
    with Peer(f"!tls\n{PLAIN}{BYE}", context=context) as peer:
        session = dial(peer, encryption=Encryption.TLS, verify=False)
        assert session.stream.tls
        assert not session.verified
        session.quit()


def test_a_missing_file_of_issuers_is_explained(context: ssl.SSLContext, tmp_path: Path) -> None:
    with Peer("!hang") as peer:
        text = words(peer, encryption=Encryption.TLS, ca=tmp_path / "none.pem")
    assert "none.pem (`ca` in section Relay) cannot be used: No such file" in text


def test_starttls_is_demanded_when_configured() -> None:
    with Peer(f"{PLAIN}!gone") as peer:
        assert "does not offer STARTTLS" in words(peer, encryption=Encryption.STARTTLS)


@pytest.mark.parametrize("reply", ["454 4.7.0 TLS not available", "503 No"])
def test_refused_starttls_ends_a_session_that_demands_it(reply: str) -> None:
    with Peer(f"{STARTTLS}S: {reply}\n!gone") as peer:
        assert f"refuses STARTTLS: {reply}" in words(peer, encryption=Encryption.STARTTLS)


def test_refused_starttls_is_no_matter_where_it_is_only_wished() -> None:
    with Peer(f"{STARTTLS}S: 454 Not now\n{SENT}") as peer:
        assert isinstance(deliver(peer, outgoing(), encryption=Encryption.IF_AVAILABLE)[1], Delivered)


def test_a_server_without_starttls_gets_mail_where_it_is_only_wished() -> None:
    with Peer(f"{PLAIN}{SENT}") as peer:
        assert isinstance(deliver(peer, outgoing(), encryption=Encryption.IF_AVAILABLE)[1], Delivered)


def test_a_broken_handshake_is_a_temporary_failure(context: ssl.SSLContext) -> None:
    with Peer(f"{STARTTLS}S: 220 Go\n!octets 5\n!raw this is not TLS at all\n!hang") as peer:
        outcome = deliver(peer, outgoing(), encryption=Encryption.IF_AVAILABLE)[1]
    assert isinstance(outcome, TryLater)
    assert "TLS handshake failed" in outcome.reply.text


def test_a_handshake_that_hangs_is_given_up() -> None:
    with Peer(f"{STARTTLS}S: 220 Go\n!hang") as peer:
        outcome = deliver(peer, outgoing(), encryption=Encryption.IF_AVAILABLE, timeouts=IMPATIENT)[1]
    assert isinstance(outcome, TryLater)
    assert outcome.kind == "tls"
    assert "did not finish the TLS handshake" in str(outcome.reply)


INJECTED = r"!raw 220 Go\r\n250-mx.test\r\n250-CHUNKING\r\n250 PIPELINING\r\n250 Ok\r\n" + "\n"


def test_what_is_injected_before_the_handshake_ends_the_session() -> None:
    """RFC 3207 section 4.2."""
    with Peer(f"{STARTTLS}{INJECTED}!gone") as peer:
        outcome = deliver(peer, outgoing(), encryption=Encryption.STARTTLS)[1]
    assert isinstance(outcome, TryLater)
    assert outcome.kind == "tls"
    assert "said more than the answer to STARTTLS before TLS began" in outcome.reply.text


def test_after_tls_only_what_was_offered_under_it_counts(context: ssl.SSLContext) -> None:
    before = GREETING + "S: 250-mx.test\nS: 250-STARTTLS\nS: 250-CHUNKING\nS: 250 PIPELINING\nC: STARTTLS\nS: 220 Go\n!tls\n"
    with Peer(f"{before}C: EHLO client.test\nS: 250 mx.test\n{SENT}", context=context) as peer:
        assert isinstance(deliver(peer, outgoing(), encryption=Encryption.STARTTLS, verify=False)[1], Delivered)


@pytest.mark.parametrize(
    ("host", "demand", "name"),
    [
        ("mx_1.test", None, "mx_1.test"),
        ("mx.test.", None, "mx.test"),  # RFC 6066 section 3: no final dot
        ("mx.test", Demand(Level.ENCRYPT, "a policy", PolicyFacts("tlsa", "base.test"), sni="base.test"), "base.test"),  # RFC 7672 8.1
    ],
)
def test_the_handshake_asks_for_the_name_that_counts(host: str, demand: Demand | None, name: str, certificate: Path) -> None:
    made, asked = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), list[str | None]()
    made.load_cert_chain(certificate)
    made.sni_callback = lambda sock, wanted, context: asked.append(wanted)
    with Peer(f"{STARTTLS}S: 220 Go\n!tls\n{AGAIN}{BYE}", context=made) as peer:
        dial(peer, host=host, encryption=Encryption.STARTTLS, verify=False, demand=demand).quit()
    assert asked == [name]


def test_helo_is_tried_when_ehlo_is_unknown() -> None:
    with Peer(f"S: 220 old\nC: EHLO client.test\nS: 502 What?\nC: HELO client.test\nS: 250 old\n{SENT}") as peer:
        assert isinstance(deliver(peer, outgoing())[1], Delivered)


@pytest.mark.parametrize("greeting", ["554 5.7.1 Go away", "451 4.3.0 Not now", "421 4.3.2 Too busy"])
def test_a_refusing_greeting_is_a_temporary_failure_in_the_servers_words(greeting: str) -> None:
    with Peer(f"S: {greeting}\n!hang") as peer:
        outcome = deliver(peer, outgoing())[1]
    assert isinstance(outcome, TryLater)
    assert greeting in outcome.reply.text


def test_garbage_instead_of_a_greeting_is_a_temporary_failure() -> None:
    with Peer("!raw SSH-2.0-OpenSSH\\r\\n\n!hang") as peer:
        outcome = deliver(peer, outgoing())[1]
    assert isinstance(outcome, TryLater)
    assert "SSH-2.0-OpenSSH" in outcome.reply.text


def test_a_server_that_nobody_runs_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    with pytest.raises(Unreachable, match="cannot be reached: Connection refused") as caught:
        Dialer(lambda name: ["127.0.0.1"]).open(NextHop("mx.test", port, timeouts=QUICK))
    assert caught.value.reply.enhanced == "4.4.1"


def test_a_name_without_addresses_is_unreachable() -> None:
    def resolve(name: str) -> list[str]:
        raise DnsFailure(f"the name {name} does not exist", temporary=False)

    with pytest.raises(Unreachable, match=r"^the name mx\.test does not exist$") as caught:
        Dialer(resolve).open(NextHop("mx.test"))
    assert caught.value.reply.enhanced == "4.4.3"


def test_the_addresses_of_a_name_are_tried_in_turn() -> None:
    with Peer(f"{PLAIN}{BYE}") as peer:
        session = Dialer(lambda name: ["::1", "127.0.0.2", "127.0.0.1"]).open(hop(peer))
        assert session.server == f"mx.test[127.0.0.1]:{peer.port}"
        session.quit()


def test_the_next_server_is_used_when_one_cannot_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        dead = NextHop("dead.test", sock.getsockname()[1], encryption=Encryption.NONE, timeouts=QUICK)
    carrier = courier()
    with Peer(f"{PLAIN}{SENT}") as peer:
        outcome = carrier.deliver(outgoing(), [dead, hop(peer)])[1]
        assert isinstance(outcome, Delivered)
        assert list(carrier._in_order([dead, hop(peer)])) == [hop(peer), dead]  # for a while it is tried last
        carrier.pool.close()


def test_the_next_server_is_used_when_one_never_greets() -> None:
    with Peer("!hang") as silent, Peer(f"{PLAIN}{SENT}") as peer:
        carrier = courier()
        hops = [hop(silent, timeouts=IMPATIENT), hop(peer)]
        assert isinstance(carrier.deliver(outgoing(), hops)[1], Delivered)
        carrier.pool.close()


@pytest.mark.parametrize("end", ["!close", "S: what?"])
@pytest.mark.parametrize("offers", [PLAIN, PIPELINING])
def test_the_next_server_is_used_when_one_breaks_off_before_it_has_answered_mail(end: str, offers: str) -> None:
    """RFC 5321 section 5.1."""
    with Peer(f"{offers}C: MAIL *\n{end}\n!hang") as first, Peer(f"{PLAIN}{SENT}") as second:
        carrier = courier()
        hops = [hop(first), hop(second)]
        outcome = carrier.deliver(outgoing(), hops)[1]
        assert isinstance(outcome, Delivered)
        assert "MAIL" in outcome.how  # what came of the first
        assert list(carrier._in_order(hops)) == hops[::-1]  # for a while it is tried last
        carrier.pool.close()


def test_a_message_that_a_server_may_have_is_not_offered_to_the_next_one() -> None:
    """With CHUNKING it travels with its envelope."""
    offers = GREETING + "S: 250-mx.test\nS: 250-PIPELINING\nS: 250 CHUNKING\n"
    with Peer(f"{offers}C: MAIL *\nC: RCPT *\nC: BDAT *\n!octets {len(MESSAGE)}\n!close") as peer, listening() as other:
        carrier = courier()
        outcome = carrier.deliver(outgoing(), [hop(peer), NextHop("mx.test", other.getsockname()[1], timeouts=QUICK)])[1]
        carrier.pool.close()
        assert isinstance(outcome, TryLater)
        with pytest.raises(BlockingIOError):
            other.accept()


def test_when_every_server_breaks_off_each_was_tried_once() -> None:
    with Peer(f"{PLAIN}C: MAIL *\n!close") as first, Peer(f"{PLAIN}C: MAIL *\n!close") as second:
        outcome = courier().deliver(outgoing(), [hop(first), hop(second)])[1]
    assert isinstance(outcome, TryLater)
    assert outcome.kind == "broken"
    assert str(first.port) in outcome.reply.text and str(second.port) in outcome.reply.text


REFUSALS = {
    "greets with 554": "S: 554 No\n!hang",
    "greets with 421": "S: 421 Too busy\n!hang",
    "refuses EHLO": f"{GREETING}S: 550 No\nC: HELO *\nS: 550 No\n!hang",
    "hangs up after EHLO": f"{GREETING}!close",
    "has no STARTTLS": f"{PLAIN}!hang",
    "fails at the handshake": f"{STARTTLS}S: 220 Go\n!close",
    "refuses the login": f"{GREETING}S: 250-mx.test\nS: 250 AUTH PLAIN\nC: AUTH *\nS: 535 No\n!hang",
}


@pytest.mark.parametrize("script", REFUSALS.values(), ids=REFUSALS.keys())
def test_the_next_server_is_used_when_one_is_not_ready_for_mail(script: str) -> None:
    encryption = Encryption.STARTTLS if "STARTTLS" in script or script == REFUSALS["has no STARTTLS"] else Encryption.NONE
    login = Credentials("me", "secret") if "AUTH" in script else None
    with Peer(script) as first, Peer(f"{PLAIN}{SENT}") as second:
        carrier = courier()
        hops = [hop(first, encryption=encryption, credentials=login), hop(second)]
        assert isinstance(carrier.deliver(outgoing(), hops)[1], Delivered)
        assert list(carrier._in_order(hops)) == hops[::-1]  # for a while it is tried last
        carrier.pool.close()


def listening() -> socket.socket:
    """A server that nobody is to connect to: its ``accept`` does not wait."""
    made = socket.create_server(("127.0.0.1", 0))
    made.setblocking(False)
    return made


@pytest.mark.parametrize("reply", ["421 4.3.2 Closing", "451 4.3.0 Later", "550 5.7.1 Not from you"])
def test_an_smtp_error_for_a_message_does_not_move_on_to_the_next_server(reply: str) -> None:
    with Peer(f"{PLAIN}C: MAIL *\nS: {reply}\n!hang") as peer, listening() as other:
        carrier = courier()
        outcome = carrier.deliver(outgoing(), [hop(peer), NextHop("mx.test", other.getsockname()[1], timeouts=QUICK)])[1]
        carrier.pool.close()
        assert isinstance(outcome, Failed if reply[0] == "5" else TryLater)
        with pytest.raises(BlockingIOError):
            other.accept()


def test_what_every_server_said_is_told_when_none_is_ready_for_mail() -> None:
    with Peer("S: 554 Not you\n!hang") as first, Peer("S: 421 Too busy\n!hang") as second:
        outcome = courier().deliver(outgoing(), [hop(first), hop(second)])[1]
    assert isinstance(outcome, TryLater)
    assert "554 Not you" in outcome.reply.text
    assert "421 Too busy" in outcome.reply.text


def test_an_address_instead_of_a_name_is_written_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    with pytest.raises(Unreachable, match=rf"^127\.0\.0\.1:{port} cannot be reached"):
        Dialer(lambda name: []).open(NextHop("127.0.0.1", port, timeouts=QUICK))


def test_all_unreachable_servers_are_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    hops = [NextHop(name, port, timeouts=QUICK) for name in ("one.test", "two.test")]
    outcome = courier().deliver(outgoing("a@mx.test", "b@mx.test"), hops)
    assert outcome[1] == outcome[2]
    assert "one.test[127.0.0.1]" in outcome[1].reply.text  # type: ignore[union-attr]
    assert "two.test[127.0.0.1]" in outcome[1].reply.text  # type: ignore[union-attr]


def test_a_login_that_was_refused_a_moment_ago_is_not_tried_again_at_once() -> None:
    with Peer(f"{GREETING}S: 550 No\nC: HELO *\nS: 550 No\n!gone") as peer:
        carrier = courier()
        first, second = (carrier.deliver(outgoing(), [hop(peer)])[1] for _ in range(2))
    assert first == second
    assert isinstance(second, TryLater)
