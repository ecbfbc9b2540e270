"""Structures of ugly messages: Postroom and Dovecot see the same parts, sizes and addresses in all of them."""

from __future__ import annotations

import random
import re
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench import dovecot
from bench.imap_client import Client
from bench.mailbag import Letter
from postroom.mail.structure import body, bodystructure, envelope, scan

MESSAGES = 600
TYPES = [
    b"text/plain",
    b"text/html; charset=utf-8",
    b"multipart/mixed; boundary=b",
    b'multipart/mixed; boundary="bb"',
    b"multipart/digest; boundary=c",
    b"multipart/alternative; boundary=b",
    b"multipart/related; boundary=bc",
    b"multipart/mixed",
    b"message/rfc822",
    b"message/rfc822",
    b'application/x-y; name="\xe4"; size=1',
    b"text/plain; name*1=b; name*0=a",
    b"text/plain; name*0*=utf-8''%e4; charset=x",
    b"text",
]
FIELDS = [
    b"Subject: =?utf-8?q?=C3=BC?=\r\n folded \xe4\r\n",
    b'From: "a \\"b\\"" <c@d>, e@f (g), h\r\n',
    b"To: some: a@b, c <d@e>;, nobody:;\r\nCc: <@r,@s:a@b>\r\n",
    b"Content-Disposition: attachment; filename=x\r\n",
    b"Content-ID: <x@y>\r\nContent-Description: what\r\nContent-Language: de, en\r\nContent-MD5: z==\r\n",
    b"Content-Transfer-Encoding: base64 (c)\r\n",
    b"not a field\r\n",
]
BOUNDARIES = [b"b", b"bb", b"c", b"bc", b"b x", b"b--", b"bb--", b"c--"]
LITERAL = re.compile(rb"\{(\d+)\}\r\n")


def ugly(chance: random.Random) -> bytes:
    """A message with parts that are nested, unclosed, empty, torn."""
    pieces = [b"From: a@b\r\nMIME-Version: 1.0\r\nContent-Type: %s\r\n\r\n" % chance.choice(TYPES)]
    for _ in range(chance.randrange(14)):
        pieces += [chance.choice([b"", b"\r\n", b"x"]), b"--%s\r\n" % chance.choice(BOUNDARIES), b"MIME-Version: 1.0\r\n"]
        if chance.random() < 0.6:
            pieces.append(b"Content-Type: %s\r\n" % chance.choice(TYPES))
        pieces += chance.sample(FIELDS, chance.randrange(3))
        if chance.random() < 0.8:
            pieces.append(b"\r\n")
        if chance.random() < 0.3:
            pieces.append(b"Subject: inner\r\nContent-Type: %s\r\n\r\n" % chance.choice(TYPES))
        pieces.append(chance.choice([b"", b"x", b"x\r\n", b"x\r\n\r\n", b"\r\n"]))
    return b"".join(pieces)


def as_quoted(answer: bytes) -> bytes:
    """The same with literals as quoted strings: which of the two a string is, is left to the server."""
    parts, position = list[bytes](), 0
    while found := LITERAL.search(answer, position):
        end = found.end() + int(found[1])
        parts += [answer[position : found.start()], b'"%s"' % re.sub(rb'(["\\])', rb"\\\1", answer[found.end() : end])]
        position = end
    return b"".join([*parts, answer[position:]])


@pytest.fixture(scope="module")
def answers() -> list[tuple[bytes, bytes]]:
    """Messages, and what Dovecot answers about each."""
    if not dovecot.available():
        pytest.skip("dovecot is not installed, or we are not root")
    chance = random.Random(5256)
    messages = [ugly(chance) for _ in range(MESSAGES)]
    with tempfile.TemporaryDirectory(prefix="postroom-", ignore_cleanup_errors=True) as name:
        dovecot.fill(Path(name), "box", [Letter(message, datetime(2026, 9, 1, tzinfo=UTC)) for message in messages])
        with dovecot.running(Path(name), {"box": "secret"}) as (port, _), Client(port).login("box", "secret") as client:
            said = as_quoted(client.ask(b"FETCH 1:* (ENVELOPE BODYSTRUCTURE BODY)"))
    found = re.findall(rb"^\* \d+ FETCH \((.*?)\)\r\n(?=\* \d+ FETCH|t OK)", said, re.MULTILINE | re.DOTALL)
    assert len(found) == MESSAGES
    return list(zip(messages, found, strict=True))


def test_ugly_messages_have_the_structure_that_dovecot_sees(answers: list[tuple[bytes, bytes]]) -> None:
    for message, theirs in answers:
        root = scan(message)
        ours = b"ENVELOPE %b BODYSTRUCTURE %b BODY %b" % (envelope(message[: root.body_start]), bodystructure(root), body(root))
        assert as_quoted(ours) == theirs, message
