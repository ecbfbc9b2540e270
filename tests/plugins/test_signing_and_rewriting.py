"""All that signs and rewrites together, on a whole server: what leaves is rewritten first and signed then, what stays is neither."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dkim as dkimpy
import pytest

from postroom.mail.dkim import generate
from postroom.testing.miniature import Miniature
from postroom.testing.resolver import FakeResolver
from tests.core.mail.dkim.keys import PUBLISHED, SIGNATURES, UNSIGNED

PLUGINS = {
    "header_modifiers": {"rules": [{"action": "prefix", "field": "Subject", "value": "[Ann] "}, {"action": "remove", "field": "X-Inside"}]},
    "signature": {"outgoing": {"text": "-- \nOutside"}, "internal": {"text": "-- \nInside"}},
    "dkim": {},
}
TEXT = "From: ann@example.test\nTo: joe@far.example\nSubject: Hello\nX-Inside: yes\n\nHello.\n"


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Miniature]:
    with Miniature(tmp_path, getattr(request, "param", PLUGINS), resolver=FakeResolver()) as made:
        made.add_user("ann", "secret")
        made.add_user("bob")
        keys = made.plugin("dkim").keys.add("example.test", [("a", generate("rsa", 1024)), ("b", generate("ed25519"))], active=True)
        assert isinstance(made.resolver, FakeResolver)
        made.resolver.txt_records.update({key.name: [key.record] for key in keys})
        yield made


def texts(server: Miniature, name: bytes) -> bytes:
    return server.context.dns.txt(name.decode().rstrip(".")).records[0].encode()


def sent(server: Miniature, sender: str, recipients: tuple[str, ...], text: str = TEXT, **facts: object) -> bytes:
    assert server.send(sender, *recipients, text=text, **facts).startswith("250")  # type: ignore[arg-type]
    server.wait_for(1)
    return server.outbox.sent[0].data


def test_what_leaves_is_rewritten_and_then_signed(server: Miniature) -> None:
    data = sent(server, "ann@example.test", ("joe@far.example", "bob@example.test"), user="ann", no_auth=True)
    assert b"Subject: [Ann] Hello" in data
    assert b"X-Inside" not in data
    assert data.endswith(b"\r\nHello.\r\n-- \r\nOutside\r\n")
    checker = dkimpy.DKIM(data, minkey=1024)
    assert [checker.verify(number, dnsfunc=lambda name, timeout=5: texts(server, name)) for number in range(2)] == [True, True]


def test_what_stays_has_the_signature_for_inside_and_no_DKIM(server: Miniature) -> None:
    sent(server, "ann@example.test", ("joe@far.example", "bob@example.test"), user="ann", no_auth=True)
    (data,) = server.mailbox("bob")
    assert data.endswith(b"\r\nHello.\r\n-- \r\nInside\r\n")
    assert b"Subject: Hello" in data
    assert b"DKIM-Signature" not in data


def test_mail_of_a_stranger_that_is_forwarded_keeps_its_text_and_is_sealed(server: Miniature) -> None:
    server.context.accounts.add_mapping("out@example.test", ["joe@far.example"])
    server.context.directory.refresh()
    data = sent(server, "eve@else.example", ("out@example.test",))
    assert data.endswith(b"\r\n\r\nHello.\r\n")
    assert b"DKIM-Signature" not in data
    assert dkimpy.arc_verify(data, dnsfunc=lambda name, timeout=5: texts(server, name), minkey=1024)[0] == b"pass"


MARKED = PLUGINS | {"header_modifiers": {"rules": [{"action": "prefix", "field": "Subject", "value": "[List] ", "origin": "any"}]}}


@pytest.mark.parametrize("server", [MARKED], indirect=True)
def test_a_signature_that_our_own_rule_breaks_is_sealed_as_it_came(server: Miniature) -> None:
    assert isinstance(server.resolver, FakeResolver)
    server.resolver.txt_records.update({name: [record] for name, record in PUBLISHED.items()})
    server.context.accounts.add_mapping("out@example.test", ["joe@far.example"])
    server.context.directory.refresh()
    data = sent(server, "joe@football.example.com", ("out@example.test",), (SIGNATURES + UNSIGNED).decode())
    assert b"Subject: [List] Is dinner ready?" in data
    assert data.split(b"ARC-Authentication-Results:")[1].split(b"arc=")[0].count(b"dkim=pass") == 2
    assert dkimpy.arc_verify(data, dnsfunc=lambda name, timeout=5: texts(server, name), minkey=1024)[0] == b"pass"
