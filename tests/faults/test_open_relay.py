"""No trick with addresses makes the server relay for a stranger."""

from __future__ import annotations

import pytest

from tests.faults.target import Target

RELAYING = (  # RCPT TO of somebody who may not relay
    "zoe@elsewhere.example",
    "zoe%elsewhere.example@example.test",
    "zoe%elsewhere.example@mail.example.test",
    "zoe%elsewhere.example",
    "@example.test:zoe@elsewhere.example",
    "@example.test,@mail.example.test:zoe@elsewhere.example",
    "@example.test:zoe%elsewhere.example@example.test",
    '"zoe@elsewhere.example"@example.test',
    '"zoe%elsewhere.example"@example.test',
    '"zoe@elsewhere.example"',
    '"zoe\\@elsewhere.example"@example.test',
    "zoe@elsewhere.example@example.test",
    "zoe@example.test@elsewhere.example",
    "elsewhere.example!zoe",
    "elsewhere.example!zoe@example.test",
    "example.test!elsewhere.example!zoe",
    "zoe@[192.0.2.1]",
    "zoe@[127.0.0.1]",
    "zoe@localhost",
    "zoe@elsewhere.example.",
    "zoe@[elsewhere.example]",
    "zoe@example.test.elsewhere.example",
    "zoe@elsewhere-example.test",
    "zoe@.example.test",
    "zoe@example.test,zoe@elsewhere.example",
    "zoe@elsewhere.example,bob@example.test",
    "bob@example.test> ORCPT=rfc822;x <zoe@elsewhere.example",
    "zoe@elsewhere.example\0@example.test",
    "zoe@elsewhere.example\t@example.test",
    "zoe@ｅxample.test",
    "zoe@elsewhere.example;bob@example.test",
    "smtp:zoe@elsewhere.example",
    "mailto:zoe@elsewhere.example",
    " zoe@elsewhere.example",
    "bob@example.test@",
    "|/bin/sh@example.test",
    "/etc/passwd@example.test",
)
SENDERS = (
    "ann@elsewhere.example",
    "bob@example.test",
    "postmaster@example.test",
    "bob@mail.example.test",
    "bob@[127.0.0.1]",
    "bob@localhost",
    "bob",
    "",
)


def queued(target: Target) -> int:
    with target.server.database() as database:
        row = database.read(lambda tx: tx.one("SELECT count(*) FROM outgoing"))
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("sender", SENDERS)
def test_a_stranger_cannot_relay_by_any_spelling(target: Target, sender: str) -> None:
    """Whoever the stranger says it is. Each spelling is refused for good at RCPT, and nothing stands in the queue."""
    accepted = {}
    for recipient in RELAYING:
        with target.smtp() as peer:
            [answer] = peer.hello(recipient, sender=sender)
            if not answer.startswith("5"):
                accepted[recipient] = answer
    assert not accepted
    assert queued(target) == 0


def test_the_same_stranger_reaches_the_users_here(target: Target) -> None:
    """The table above would prove nothing of a server that refuses everything."""
    with target.smtp() as peer:
        answers = peer.hello("bob@example.test", "BOB@Example.Test", "@elsewhere.example:bob@example.test")  # RFC 5321 appendix C
        assert all(answer.startswith("250") for answer in answers)
        assert peer.ask(b"RCPT TO:<carol@example.test>").startswith("250")


def test_an_address_with_the_right_may_relay(target: Target) -> None:
    with target.smtp(source="127.0.0.10") as peer:
        [answer] = peer.hello("zoe@elsewhere.example")
        assert answer.startswith("250")


def test_a_login_that_was_denied_gives_no_right(target: Target) -> None:
    with target.smtp() as peer:
        peer.ask(b"EHLO client.example")
        peer.ask(b"STARTTLS")
        peer.start_tls()
        peer.ask(b"EHLO client.example")
        assert peer.ask(b"AUTH PLAIN AGJvYgB3cm9uZw==").startswith("535")
        peer.ask(b"MAIL FROM:<bob@example.test> AUTH=<>")
        assert peer.ask(b"RCPT TO:<zoe@elsewhere.example>").startswith("5")
