"""The POP3 service with the real parts of the server around it: the maildrop's lock, kept messages, verdicts of plugins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from postroom import Verdict, hookimpl
from postroom.store.database import StoreUnavailable
from postroom.store.mailboxes import Mailboxes
from postroom.testing import Miniature, Peer
from postroom.testing.fixtures import miniature
from postroom_pop3_server.plugin import Plugin, Settings

__all__ = ["miniature"]

Make = Callable[..., Miniature]
POP3 = {"pop3_server": {"services": [{"id": 1, "name": "POP3", "listen": ["127.0.0.1:0"], "allow_plaintext_auth": True}]}}


def log_in(peer: Peer) -> str:
    peer.say("USER alice")
    return peer.say("PASS secret word")


def test_a_maildrop_that_could_not_be_listed_is_not_locked(miniature: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    server = miniature(POP3)
    server.add_user("alice", "secret word")

    def away(self: Mailboxes, mailbox_id: int) -> Any:
        raise StoreUnavailable("gone")

    with server.connect("POP3") as peer:
        with monkeypatch.context() as patch:
            patch.setattr(Mailboxes, "listing", away)
            assert log_in(peer).startswith("-ERR [SYS/TEMP]")
        assert log_in(peer).startswith("+OK 0 messages")


def test_a_client_has_the_same_time_before_its_login_as_after_it() -> None:
    settings = Settings.model_validate(POP3["pop3_server"])
    (service,) = Plugin(None, settings).register_services()  # type: ignore[arg-type]
    assert service.limits.idle_before_login == service.limits.idle == 600.0


def test_a_second_session_hears_that_the_maildrop_is_in_use(miniature: Make) -> None:
    server = miniature(POP3)
    server.add_user("alice", "secret word")
    with server.connect("POP3") as first, server.connect("POP3") as second:
        assert log_in(first).startswith("+OK")
        assert log_in(second).startswith("-ERR [IN-USE]")
        first.say("QUIT")
        first.close()
        assert log_in(second).startswith("+OK")


@pytest.mark.parametrize("hold", [True, False])
def test_messages_of_an_account_that_holds_them_are_hidden_instead_of_deleted(miniature: Make, hold: bool) -> None:
    server = miniature(POP3)
    server.add_user("alice", "secret word", hold=hold)
    server.send("bob@elsewhere.example", "alice@example.test")
    with server.connect("POP3") as peer:
        log_in(peer)
        peer.say("DELE 1")
        assert peer.say("QUIT").startswith("+OK")
    assert len(server.mailbox("alice")) == hold
    with server.connect("POP3") as peer:
        assert log_in(peer).startswith("+OK 0 messages")


def test_a_refusal_of_several_lines_is_said_in_one(tmp_path: Path, miniature: Make) -> None:
    class Refusing:
        @hookimpl
        def client_connected(self) -> Verdict:
            return Verdict.reject("not today\nperhaps tomorrow")

    server = miniature(POP3)
    server.app.manager.register(Refusing(), "refusing")
    with server.connect("POP3") as peer:
        assert peer.greeting == "-ERR not today perhaps tomorrow"
