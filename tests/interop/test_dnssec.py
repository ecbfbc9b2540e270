"""DANE on really signed answers: zones signed by BIND's tools, served by named, validated by unbound."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from postroom.dns import DnsFailure, Resolver
from postroom.mail.delivery import Delivered, TryLater
from postroom.tls_policy.dane import verify
from postroom.tls_policy.demand import Level
from postroom.tls_policy.policies import Policies
from tests.authority import issue
from tests.core.clients.smtp_peer import Peer, outgoing
from tests.plugins.smtp_direct.direct import direct
from tests.plugins.smtp_direct.test_tls import ENCRYPTED, REFUSED

PROGRAMS = {"named": "bind9", "dnssec-keygen": "bind9-utils", "dnssec-signzone": "bind9-utils", "unbound": "unbound"}
PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"
MISSING = [f"{program} (package {package})" for program, package in PROGRAMS.items() if shutil.which(program, path=PATH) is None]

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")

LEAF = issue("mx.signed.test")
TLSA = f"3 1 1 {hashlib.sha256(LEAF.spki).hexdigest()}"
HEAD = "$TTL 300\n@ IN SOA ns hostmaster 1 3600 600 86400 60\n@ IN NS ns\nns IN A 127.0.0.1\n"
ZONES = {
    "signed.test": f"""@ IN MX 10 mx
mx IN A 127.0.0.1
_25._tcp.mx IN TLSA {TLSA}
plain IN A 127.0.0.1
alias IN CNAME mx
out IN CNAME mx.unsigned.test.
_25._tcp.out IN TLSA {TLSA}
forged IN A 192.0.2.77
stripped IN A 127.0.0.1
_25._tcp.stripped IN TLSA 3 1 1 {"ab" * 32}
""",
    "unsigned.test": f"@ IN MX 10 mx\nmx IN A 127.0.0.1\n_25._tcp.mx IN TLSA {TLSA}\n",
}
FORGERIES = {"192.0.2.77": "192.0.2.78", "AB" * 8: "CD" * 8}  # in the signed zone, which nobody signs again


@dataclass(frozen=True)
class Dnssec:
    """Where the two servers are."""

    authority: str
    validator: str
    mail: int  # the port for which mx.signed.test has a TLSA record beside 25

    def resolver(self, **options: bool) -> Resolver:
        return Resolver([self.validator], **options)  # type: ignore[arg-type]


def free_port() -> int:
    """Free for UDP and TCP a moment ago."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port: int = tcp.getsockname()[1]
            with contextlib.suppress(OSError):
                udp.bind(("127.0.0.1", port))
                return port


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, env={"PATH": PATH}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def sign(folder: Path, zone: str) -> str:
    """Sign the file of the zone; the key to be trusted, as a record."""
    options = ("-a", "ECDSAP256SHA256", "-n", "ZONE")
    run(folder, "dnssec-keygen", *options, zone)
    key = run(folder, "dnssec-keygen", *options, "-f", "KSK", zone).split()[-1]
    run(folder, "dnssec-signzone", "-S", "-x", "-3", "-", "-o", zone, "-f", f"{zone}.signed", zone)
    signed = folder / f"{zone}.signed"
    text = signed.read_text()
    for true, false in FORGERIES.items():
        assert true in text
        text = text.replace(true, false)
    signed.write_text(text)
    return next(line for line in (folder / f"{key}.key").read_text().splitlines() if "DNSKEY" in line and not line.startswith(";"))


def named(folder: Path, port: int) -> list[str]:
    """The command that serves both zones."""
    files = {"signed.test": "signed.test.signed", "unsigned.test": "unsigned.test"}
    zones = "".join(f'zone "{zone}" {{ type primary; file "{file}"; }};\n' for zone, file in files.items())
    (folder / "named.conf").write_text(
        f'options {{ directory "{folder}"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; recursion no;\n'
        f'pid-file none; session-keyfile "{folder}/session.key"; dnssec-validation no; notify no; }};\ncontrols {{ }};\n{zones}'
    )
    return ["named", "-g", "-c", str(folder / "named.conf")]


def unbound(folder: Path, port: int, authority: int, key: str) -> list[str]:
    """The command that validates."""
    (folder / "anchor.key").write_text(key + "\n")
    stubs = "".join(f'stub-zone:\n name: "{zone}"\n stub-addr: 127.0.0.1@{authority}\n' for zone in ZONES)
    (folder / "unbound.conf").write_text(
        f'server:\n interface: 127.0.0.1\n port: {port}\n do-daemonize: no\n chroot: ""\n username: ""\n directory: "{folder}"\n'
        f' pidfile: ""\n use-syslog: no\n logfile: ""\n do-not-query-localhost: no\n local-zone: "test." nodefault\n num-threads: 1\n'
        f' trust-anchor-file: "{folder}/anchor.key"\nremote-control:\n control-enable: no\n{stubs}'
    )
    return ["unbound", "-d", "-c", str(folder / "unbound.conf")]


@contextlib.contextmanager
def running(command: list[str], folder: Path) -> Iterator[None]:
    with (folder / f"{command[0]}.log").open("wb") as log:
        program = subprocess.Popen(command, cwd=folder, env={"PATH": PATH}, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            yield
        finally:
            program.terminate()
            try:
                program.wait(20)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()


def wait_for(address: str, folder: Path) -> None:
    """Until it answers."""
    end = time.monotonic() + 30
    while True:
        try:
            Resolver([address], timeout=1).address_records("plain.signed.test", fresh=True)
        except DnsFailure as error:
            if time.monotonic() > end:
                raise AssertionError(f"{error}\n" + "".join(log.read_text("utf-8", "replace") for log in folder.glob("*.log"))) from error
            time.sleep(0.1)
        else:
            return


@pytest.fixture(scope="module")
def dnssec(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dnssec]:
    folder = tmp_path_factory.mktemp("dnssec")
    mail = free_port()
    for zone, records in ZONES.items():
        (folder / zone).write_text(f"{HEAD}{records}_{mail}._tcp.mx IN TLSA {TLSA}\n")
    key = sign(folder, "signed.test")
    authority, validator = free_port(), free_port()
    with running(named(folder, authority), folder), running(unbound(folder, validator, authority, key), folder):
        found = Dnssec(f"127.0.0.1:{authority}", f"127.0.0.1:{validator}", mail)
        wait_for(found.authority, folder)
        wait_for(found.validator, folder)
        yield found


def level(dnssec: Dnssec, host: str) -> Level:
    return Policies(dnssec.resolver(), None).of("signed.test", None).demand(host).level


def test_what_is_signed_is_secure_from_the_exchanger_to_the_certificate(dnssec: Dnssec) -> None:
    resolver = dnssec.resolver()
    exchangers = resolver.mx("signed.test")
    assert (exchangers.secure, exchangers.servers[0].host) == (True, "mx.signed.test")
    demand = Policies(resolver, None).of("signed.test", exchangers).demand("mx.signed.test")
    assert (demand.level, [str(one) for one in demand.tlsa]) == (Level.DANE, [TLSA])
    assert verify([LEAF.der], demand.tlsa, demand.names, time.time()) == demand.tlsa[0]


def test_a_signed_alias_leads_to_signed_records(dnssec: Dnssec) -> None:
    demand = Policies(dnssec.resolver(), None).of("signed.test", None).demand("alias.signed.test")
    assert (demand.level, demand.sni) == (Level.DANE, "mx.signed.test")


def test_that_there_are_no_records_is_proven(dnssec: Dnssec) -> None:
    answer = dnssec.resolver().tlsa("_25._tcp.plain.signed.test")
    assert (answer.records, answer.secure, answer.exists) == ((), True, False)
    assert level(dnssec, "plain.signed.test") == Level.OPPORTUNISTIC


def test_what_is_not_signed_is_not_secure(dnssec: Dnssec) -> None:
    assert not dnssec.resolver().mx("unsigned.test").secure
    assert level(dnssec, "mx.unsigned.test") == Level.OPPORTUNISTIC


def test_a_signed_alias_of_an_unsigned_host_has_records_of_its_own(dnssec: Dnssec) -> None:
    """RFC 7672 section 2.2.2."""
    demand = Policies(dnssec.resolver(), None).of("signed.test", None).demand("out.signed.test")
    assert (demand.level, demand.sni) == (Level.DANE, "out.signed.test")


def test_a_forged_address_is_no_answer(dnssec: Dnssec) -> None:
    with pytest.raises(DnsFailure, match="SERVFAIL") as caught:
        dnssec.resolver().address_records("forged.signed.test")
    assert caught.value.temporary


def test_a_server_with_forged_records_is_not_used(dnssec: Dnssec) -> None:
    assert level(dnssec, "stripped.signed.test") == Level.NEVER


def test_a_server_that_does_not_validate_makes_nothing_secure(dnssec: Dnssec) -> None:
    assert not Resolver([dnssec.authority]).mx("signed.test").secure


def test_the_word_of_a_server_that_is_not_trusted_counts_for_nothing(dnssec: Dnssec) -> None:
    assert not dnssec.resolver(trust_ad=False).mx("signed.test").secure


@pytest.mark.parametrize("fits", [True, False])
def test_a_message_goes_only_to_the_server_whose_certificate_the_signed_zone_names(dnssec: Dnssec, tmp_path: Path, fits: bool) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain((LEAF if fits else issue("mx.signed.test")).write(tmp_path))
    with Peer(ENCRYPTED if fits else REFUSED, context=context, port=dnssec.mail) as peer:
        sender = direct(dnssec.resolver(), port=dnssec.mail)
        outcome = dict(sender.send(outgoing("joe@signed.test")))[1]
        sender.close()
    if fits:
        assert isinstance(outcome, Delivered)
        assert "its certificate fits the TLSA record 3 1 1" in outcome.how
        assert len(peer.messages) == 1
    else:
        assert isinstance(outcome, TryLater)
        assert outcome.kind == "tls"
        assert peer.messages == []
