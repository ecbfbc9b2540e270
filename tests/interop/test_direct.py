"""What smtp_direct sends arrives at a real Postfix that MX records name, with DANE and without, and at smtp-sink."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench import postfix
from postroom.dns import Resolver
from postroom.mail.delivery import Delivered, Failed, TryLater
from postroom_smtp_direct.sender import DirectSender
from tests.authority import Issued, issue, root
from tests.core.clients.smtp_peer import outgoing
from tests.house import smtp_sink
from tests.interop.programs import BODIES, message, subject, wait_until, with_lf
from tests.nameserver import NameServer
from tests.plugins.smtp_direct.direct import direct

pytestmark = pytest.mark.skipif(not postfix.available(), reason="Postfix is not installed, or we are not root")

PATIENT = dict.fromkeys(("connect", "handshake", "greeting", "command", "data", "block", "end"), "30s")
SIGNED = ("dane.test", "broken.test")


@dataclass
class Street:
    """A Postfix that takes mail for several domains, a sink, and the DNS."""

    port: int
    sink: int
    folder: Path
    names: NameServer
    certificate: Issued

    def sender(self, port: int = 0, **settings: Any) -> DirectSender:
        """A direct sender that believes the name server."""
        return direct(Resolver([self.names.address], trust_ad=True), port=port or self.port, timeouts=PATIENT, **settings)

    def found(self, mail: bytes) -> bytes:
        """The message as Postfix has put it into its mailbox."""
        box = self.folder / "postfix" / "mail" / "box" / "new"
        return wait_until(lambda: next((one for one in (file.read_bytes() for file in box.glob("*")) if subject(mail) in one), None))


def tlsa(one: Issued, usage: int) -> str:
    return f"{usage} 1 1 {hashlib.sha256(one.spki).hexdigest()}"


@pytest.fixture(scope="module")
def street() -> Iterator[Street]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="postroom-", ignore_cleanup_errors=True)))
        folder.chmod(0o755)
        authority = root()
        certificate = issue("mx.dane.test", by=authority)
        domains = ("plain.test", "other.test", *SIGNED)
        options = {
            "virtual_mailbox_domains": ", ".join(domains),
            "smtpd_recipient_restrictions": "check_recipient_access inline:{refused@plain.test=REJECT}",
            "smtpd_tls_security_level": "may",
            "smtpd_tls_cert_file": str(certificate.write(folder)),
            "smtpd_tls_key_file": str(folder / "server.pem"),
        }
        port = stack.enter_context(postfix.running(folder / "postfix", options))
        sink = postfix.free_port()
        stack.enter_context(smtp_sink(folder / "sink", sink))
        zone: dict[str, dict[str, list[str]]] = {f"mx.{domain}": {"A": ["127.0.0.1"]} for domain in domains}
        zone |= {domain: {"MX": [f"10 mx.{domain}."]} for domain in SIGNED}
        zone |= {domain: {"MX": ["10 mx.plain.test.", "20 mx.other.test."]} for domain in ("plain.test", "other.test")}
        zone[f"_{port}._tcp.mx.dane.test"] = {"TLSA": [tlsa(certificate, 3), tlsa(authority, 2)]}
        zone[f"_{port}._tcp.mx.broken.test"] = {"TLSA": [tlsa(root(), 3)]}
        signed = [name for name in zone if name.endswith(SIGNED)]
        names = stack.enter_context(NameServer(zone, secure=signed))
        yield Street(port, sink, folder, names, certificate)


def send(sender: DirectSender, mail: bytes, *addresses: str) -> dict[int, Any]:
    try:
        return dict(sender.send(outgoing(*addresses, message=mail, body="8BITMIME")))
    finally:
        sender.close()


@pytest.mark.parametrize("kind", BODIES)
def test_a_real_postfix_gets_every_byte_over_tls(street: Street, kind: str) -> None:
    mail = message(BODIES[kind], to="user@plain.test")
    outcome = send(street.sender(), mail, "user@plain.test")[1]
    assert isinstance(outcome, Delivered)
    assert outcome.how.startswith("TLSv1.3, its certificate is not looked at")
    assert street.found(mail).endswith(with_lf(mail))


def test_dane_knows_a_real_postfix(street: Street) -> None:
    mail = message(to="user@dane.test")
    outcome = send(street.sender(), mail, "user@dane.test")[1]
    assert "its certificate fits the TLSA record 3 1 1" in outcome.how
    assert street.found(mail)


def test_a_postfix_with_another_certificate_gets_nothing(street: Street) -> None:
    outcome = send(street.sender(), message(), "user@broken.test")[1]
    assert isinstance(outcome, TryLater)
    assert outcome.kind == "tls"
    assert "does not fit the TLSA record" in outcome.reply.text


def test_domains_of_one_postfix_share_a_transaction_and_have_their_own_outcomes(street: Street) -> None:
    mail = message()
    outcomes = send(street.sender(), mail, "a@plain.test", "b@other.test", "c@gone.test")
    assert [type(outcomes[number]) for number in (1, 2, 3)] == [Delivered, Delivered, Failed]
    assert outcomes[1].reply == outcomes[2].reply  # one transaction has one queue id
    assert street.found(mail)


def test_a_recipient_whom_postfix_refuses_fails_alone(street: Street) -> None:
    outcomes = send(street.sender(), message(), "a@plain.test", "refused@plain.test")
    assert isinstance(outcomes[1], Delivered)
    assert isinstance(outcomes[2], Failed)
    assert outcomes[2].how.startswith("RCPT; TLSv1.3")


def test_smtp_sink_gets_many_at_once_over_few_connections(street: Street) -> None:
    sender = street.sender(street.sink)
    mails = [message(b"x\r\n" * number) for number in range(40)]
    with ThreadPoolExecutor(5) as threads:
        outcomes = list(threads.map(lambda mail: sender.send(outgoing("someone@plain.test", message=mail))[1], mails))
    assert {type(one) for one in outcomes} == {Delivered}
    assert len(sender.pool) <= 5
    sender.close()
    deadline = time.monotonic() + 30
    while len(list((street.folder / "sink").iterdir())) < len(mails):
        assert time.monotonic() < deadline
        time.sleep(0.05)
