"""Policies fetched over HTTPS, from a server with a certificate."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from postroom.dns import Answer, DnsFailure
from postroom.testing import FakeResolver
from postroom.tls_policy.sts import StsPolicy
from postroom.tls_policy.sts_fetch import FetchFailed, StsFetch
from tests.authority import Issued, issue, root
from tests.core.tls_policy.web import Web, serving
from tests.shortages import without_descriptors

ROOT = root()
TEXT = b"version: STSv1\nmode: enforce\nmx: mx.site.test\nmax_age: 86400\n"
GOOD = issue("mta-sts.site.test", by=ROOT)


def resolver() -> FakeResolver:
    hosts = {f"mta-sts.{name}": ["127.0.0.1"] for name in ("site.test", "other.test")}
    return FakeResolver(hosts, temporary=["_mta-sts.slow.test"], txt={"_mta-sts.site.test": ["v=STSv1; id=7"]})


def fetch(web: Web, folder: Path, timeout: float = 20) -> StsFetch:
    return StsFetch(resolver(), port=web.port, ca=ROOT.write_ca(folder), timeout=timeout)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    with serving(GOOD.write(tmp_path)) as web:
        web.body = TEXT
        yield web


def failure(web: Web, folder: Path, domain: str = "site.test", timeout: float = 20) -> FetchFailed:
    with pytest.raises(FetchFailed) as caught:
        fetch(web, folder, timeout).policy(domain)
    return caught.value


def test_the_dns_announces_a_policy(web: Web, tmp_path: Path) -> None:
    found = fetch(web, tmp_path)
    assert [found.record(name) for name in ("site.test", "other.test", "slow.test")] == ["7", None, None]


def test_a_zone_that_gives_no_answer_is_asked_again_after_five_minutes() -> None:
    """Each message for the domain would wait for it."""
    names, now = resolver(), [0.0]
    found = StsFetch(names, clock=lambda: now[0])
    for now[0] in (1.0, 2.0, 300.0, 302.0):
        assert found.record("slow.test") is None
    assert len(names.asked) == 2


def test_a_machine_without_descriptors_says_nothing_about_the_policy_of_a_domain(web: Web, tmp_path: Path) -> None:
    """Mail must not go without the policy, now or for the next minutes, and there is nothing to report to the domain."""
    found = fetch(web, tmp_path)
    with without_descriptors(), pytest.raises(DnsFailure) as caught:
        found.policy("site.test")
    assert caught.value.local
    assert found.policy("site.test").mode == "enforce"


def test_a_record_that_cannot_be_asked_for_is_asked_for_again_at_once() -> None:
    names = NoSockets(txt={"_mta-sts.site.test": ["v=STSv1; id=7"]})
    found = StsFetch(names)
    with pytest.raises(DnsFailure):
        found.record("site.test")
    names.short = False
    assert found.record("site.test") == "7"


class NoSockets(FakeResolver):
    """A resolver that cannot ask as long as it is ``short`` of sockets."""

    short = True

    def lookup(self, name: str, kind: str, *, fresh: bool = False) -> Answer[Any]:
        if self.short:
            raise DnsFailure("the name cannot be asked for", temporary=True, kind="local")
        return super().lookup(name, kind, fresh=fresh)


def test_a_policy_is_fetched_from_its_place(web: Web, tmp_path: Path) -> None:
    assert fetch(web, tmp_path).policy("site.test") == StsPolicy("enforce", ("mx.site.test",), 86400)
    method, path, headers, _ = web.asked[0]
    assert (method, path, headers["Host"]) == ("GET", "/.well-known/mta-sts.txt", f"mta-sts.site.test:{web.port}")


def test_a_redirect_is_not_followed(web: Web, tmp_path: Path) -> None:
    """RFC 8461 section 3.3."""
    web.status, web.headers = 302, {"Location": "/elsewhere"}
    error = failure(web, tmp_path)
    assert (str(error), error.result) == ("mta-sts.site.test answers with the HTTP status 302", "sts-policy-fetch-error")
    assert len(web.asked) == 1


def test_another_media_type_is_no_policy(web: Web, tmp_path: Path) -> None:
    web.media_type = "text/html"
    error = failure(web, tmp_path)
    assert (str(error), error.result) == ("mta-sts.site.test sends text/html in place of text/plain", "sts-policy-invalid")


def test_a_faulty_policy_is_told_with_its_fault(web: Web, tmp_path: Path) -> None:
    web.body = b"hello"
    error = failure(web, tmp_path)
    assert (str(error), error.result) == (
        "the policy of site.test is faulty: line 1 is not of the form `key: value`",
        "sts-policy-invalid",
    )


def test_a_policy_of_more_than_64_kb_is_not_read(web: Web, tmp_path: Path) -> None:
    web.body = TEXT + b"x: y\n" * 20_000
    error = failure(web, tmp_path)
    assert (str(error), error.result) == ("the answer is longer than 65536 bytes", "sts-policy-fetch-error")


@pytest.mark.parametrize(
    "certificate",
    [issue("other.test", by=ROOT), issue(common_name="mta-sts.site.test", by=ROOT), issue("mta-sts.site.test")],
    ids=["of another name", "common name only", "of nobody known"],
)
def test_a_policy_needs_a_valid_certificate(certificate: Issued, tmp_path: Path) -> None:
    with serving(certificate.write(tmp_path)) as web:
        error = failure(web, tmp_path)
    assert error.result == "sts-webpki-invalid"
    assert "the certificate of mta-sts.site.test is not valid" in str(error)


def test_a_server_that_is_silent_is_given_up(web: Web, tmp_path: Path) -> None:
    web.held = threading.Event()
    error = failure(web, tmp_path, timeout=0.5)
    web.held.set()
    assert error.result == "sts-policy-fetch-error"
    assert "did not answer within" in str(error)


def test_a_host_that_does_not_exist_has_no_policy(web: Web, tmp_path: Path) -> None:
    error = failure(web, tmp_path, "nowhere.test")
    assert (str(error), error.result) == ("the name mta-sts.nowhere.test does not exist", "sts-policy-fetch-error")


def test_nobody_there_is_a_failure(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        web = Web(port=taken.getsockname()[1])
    assert failure(web, tmp_path).result == "sts-policy-fetch-error"


@pytest.mark.parametrize("noise", [b"220 mx ESMTP\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000, b""])
def test_a_server_that_does_not_speak_https_is_a_failure(noise: bytes, tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def serve() -> None:
            sock, _ = listener.accept()
            with closing(sock):
                sock.sendall(noise)

        thread = threading.Thread(target=serve)
        thread.start()
        assert failure(Web(port=listener.getsockname()[1]), tmp_path).result == "sts-policy-fetch-error"
        thread.join(20)


def test_a_server_that_sends_a_byte_now_and_then_is_given_up_all_the_same(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(GOOD.write(tmp_path))
    gone = threading.Event()

    def drip(listener: socket.socket) -> None:
        sock, _ = listener.accept()
        with suppress(OSError), closing(context.wrap_socket(sock, server_side=True)) as wrapped:
            while not gone.wait(0.05):
                wrapped.sendall(b"H")

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        error = failure(Web(port=listener.getsockname()[1]), tmp_path, timeout=1)
        gone.set()
        thread.join(20)
    assert "did not answer within 1 seconds" in str(error)
