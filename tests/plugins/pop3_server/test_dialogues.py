"""Every dialogue in tests/dialogues/pop3, against the session alone: two messages in Alice's maildrop, her password is "secret word"."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from postroom import Client, Reply
from postroom.store.database import StoreUnavailable
from postroom.wire.sasl import WRONG, Denied, Done, Plain
from postroom_pop3_server.doors import Exchange
from postroom_pop3_server.maildrop import BadNumber, Maildrop
from postroom_pop3_server.session import Session
from postroom_pop3_server.settings import Pop3Service
from tests.dialogue import load, run_on_session

FOLDER = Path(__file__).parents[2] / "dialogues" / "pop3"
PASSWORD = "secret word"
MESSAGES = {
    7: b"Subject: first\r\n\r\nline 1\r\n.line 2\r\nline 3\r\n",
    9: b"Subject: second\r\nX: y\r\n\r\nbody\r\n\r\n\r\n",
}


@dataclass
class Entry:
    """One message of the maildrop."""

    uid: int
    size: int


@dataclass
class FakeDoors:
    """A server with one user and two messages."""

    kind: str = ""
    messages: dict[int, bytes] = field(default_factory=lambda: dict(MESSAGES))
    locked: bool = False

    def close(self) -> None:
        self.locked = False

    def mechanisms(self, binding: dict[str, bytes]) -> list[str]:
        return ["SCRAM-SHA-256", "CRAM-MD5", "PLAIN", "LOGIN"]

    def plain_allowed(self) -> bool:
        return True

    def challenge(self) -> str:
        return "<1.2@mail.example.test>" if self.kind == "apop" else ""

    def exchange(self, mechanism: str, binding: dict[str, bytes]) -> Exchange | Denied:
        return Plain(lambda name, password: None if (name, password) == ("alice", PASSWORD) else Denied(WRONG))

    def password(self, name: str, password: str) -> object:
        if self.kind == "busy":
            return Denied(Reply(454, "4.7.0", "Temporary authentication failure"))
        if self.kind == "no-database":
            raise StoreUnavailable("gone")
        return Done(name) if (name, password) == ("alice", PASSWORD) else Denied(WRONG)

    def apop(self, name: str, timestamp: str, digest: str) -> object:
        right = hashlib.md5(timestamp.encode() + PASSWORD.encode()).hexdigest()
        return Done(name) if digest == right else Denied(WRONG)

    def open(self, client: Client) -> Maildrop | str:
        if self.kind == "in-use":
            return "[IN-USE] the maildrop is open in another session"

        self.locked = True

        def content(uid: int) -> Iterator[bytes]:
            if self.kind == "vanished":
                raise BadNumber("the message is gone, another program has deleted it")
            return iter([self.messages[uid][:5], self.messages[uid][5:]])

        def remove(uids: list[int]) -> None:
            if self.kind == "read-only":
                raise StoreUnavailable("disk full")
            for uid in uids:
                del self.messages[uid]

        return Maildrop(0x5F000000, [Entry(uid, len(text)) for uid, text in self.messages.items()], content, remove)


def session(settings: dict[str, str], doors: FakeDoors) -> Session:
    """A session with the settings that stand at the top of a dialogue file."""
    options = yaml.safe_load(settings.get("service", "{}"))
    service = Pop3Service.model_validate({"id": 1, "name": "POP3", "listen": ["127.0.0.1:0"], "encryption": "starttls", **options})
    client = Client("s1", "POP3", "192.0.2.1", **yaml.safe_load(settings.get("client", "{}")))
    return Session(client, service, doors, "mail.example.test")


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_dialogue(path: Path) -> None:
    dialogue = load(path)
    doors = FakeDoors(dialogue.settings.get("server", ""))
    run_on_session(dialogue, session(dialogue.settings, doors), kept=lambda: len(doors.messages))


@pytest.mark.parametrize("kind", ["", "read-only"])
def test_whoever_reads_the_answer_to_QUIT_may_log_in_again(kind: str) -> None:
    doors = FakeDoors(kind)
    one = session({"client": "{tls: true}"}, doors)
    for line in (b"USER alice", b"PASS " + PASSWORD.encode(), b"DELE 1"):
        assert one.handle(line).send.startswith(b"+OK")
    assert doors.locked
    one.handle(b"QUIT")
    assert not doors.locked


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_no_line_of_a_stranger_breaks_a_session(lines: list[bytes]) -> None:
    one = session({}, FakeDoors())
    for line in lines:
        answer = one.handle(line)
        assert isinstance(answer.send, bytes) or b"".join(answer.send)


@given(st.lists(st.sampled_from([b"DELE 1", b"DELE 2", b"RSET", b"STAT", b"LIST", b"UIDL 1", b"TOP 1 1", b"RETR 2", b"NOOP"]), max_size=12))
def test_only_quit_deletes(lines: list[bytes]) -> None:
    doors = FakeDoors()
    one = session({}, doors)
    one.handle(b"USER alice")
    one.handle(b"PASS secret word")
    for line in lines:
        one.handle(line)
    one.timed_out()
    assert len(doors.messages) == 2
