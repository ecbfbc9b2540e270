"""Whatever bytes a client sends, the server answers or hangs up: no bug of ours shows, and nothing takes long."""

from __future__ import annotations

import time
from collections.abc import Iterator

import gevent
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postroom.testing import Miniature
from postroom_imap4_server.commands import COMMANDS
from tests.plugins.imap4_server.conftest import section
from tests.plugins.imap4_server.talk import Talk

SECONDS = 5.0  # for one conversation
WORDS = [
    *COMMANDS, b"INBOX", b"Sent", b"#users/bob/INBOX", b"1", b"1:*", b"*", b"$", b"4294967295", b"0", b"99999999999999999999",
    b"()", b"(", b")", b"(FLAGS)", b"(UID BODY[])", b"BODY[1.2.MIME]", b"BODY.PEEK[HEADER.FIELDS (From)]<0.9>", b"ENVELOPE",
    b"+FLAGS", b"\\Seen", b"\\*", b"FLAGS.SILENT", b"ALL", b"OR", b"NOT", b"SUBJECT", b"SINCE", b"1-Feb-2026",
    b'"17-Jul-1996 02:44:25 -0700"', b"RETURN", b"(COUNT)", b"CHARSET", b"UTF-8", b"UNCHANGEDSINCE", b"(MODSEQ)", b"QRESYNC",
    b"(1 2 1:3)", b'""', b'"a"', b'"\\"', b"NIL", b"{1}", b"{1+}", b"{5+}", b"~{2+}", b"{0+}", b"{99999999999+}", b"\r\n",
    b"\r\na ", b"\r\nb UID ", b"SET", b"(selected (MessageNew MessageExpunge))", b"NONE", b"DONE\r\n", b"CONDSTORE",
    b"UTF8=ACCEPT", b"UIDONLY", b"IMAP4rev2", b"&AOQ-", b"&", b"\xc3\xa4", b"\0", b"\xff", b"\n", b"%", b"STATUS",
    b"(MESSAGES UNSEEN)", b"REFERENCES", b"(DATE)", b"CATENATE", b"URL", b"TEXT", b"IN", b"(mailboxes INBOX)", b"PARTIAL",
    b"-1:-5",
]  # fmt: skip

lines = st.lists(st.sampled_from(WORDS), max_size=12).map(b" ".join)
conversations = st.lists(st.one_of(lines, st.binary(max_size=200)), min_size=1, max_size=8).map(b"\r\na ".join)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Miniature]:
    """A server whose alice has a few messages, and whose errors are not slowed down."""
    with Miniature(tmp_path_factory.mktemp("garbage"), section(max_logins_per_user=1000, max_failed_logins=100)) as server:
        for name in ("alice", "bob"):
            server.add_user(name, "secret")
        for _ in range(3):
            server.send("x@elsewhere.example", "alice@example.test")
        for service in server.services.values():
            object.__setattr__(service.limits, "error_delay", 0.0)
        yield server


def say(server: Miniature, data: bytes, capfd: pytest.CaptureFixture[str], *, login: bool) -> None:
    begun = time.monotonic()
    with Talk(server) as talk:
        if login:
            talk.log_in().ok("SELECT INBOX")
        talk.peer.send(b"a " + data + b"\r\nz LOGOUT\r\n")
        talk.peer._sock.shutdown(1)
        with gevent.Timeout(SECONDS, AssertionError(f"no end after {data!r}")):
            heard = b"".join(iter(talk.peer.read, b""))
    assert b"SERVERBUG" not in heard, f"{data!r}\n{capfd.readouterr().out}"
    assert time.monotonic() - begun < SECONDS


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(conversations)
def test_a_stranger_may_say_anything(server: Miniature, capfd: pytest.CaptureFixture[str], data: bytes) -> None:
    say(server, data, capfd, login=False)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(conversations)
def test_a_user_may_say_anything(server: Miniature, capfd: pytest.CaptureFixture[str], data: bytes) -> None:
    say(server, data, capfd, login=True)
