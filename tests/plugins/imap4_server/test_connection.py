"""The loop of a connection: logins, errors, faults of the store and of ours, and every way in which it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import gevent
import pytest

from postroom import Client, Verdict, hookimpl
from postroom.store.database import StoreUnavailable
from postroom.testing import Miniature
from postroom_imap4_server.commands import ANY, COMMANDS, Command
from postroom_imap4_server.commands.command import nothing
from postroom_imap4_server.plugin import Plugin, Settings
from postroom_imap4_server.session import Session
from tests.plugins.imap4_server.talk import Talk

Clients = Callable[..., Talk]
Configured = Callable[..., Miniature]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Session], str]], None]:
    """Makes the command TEST do what a test wants."""

    def make(run: Callable[[Session], str]) -> None:
        monkeypatch.setitem(COMMANDS, b"TEST", Command(b"TEST", ANY, nothing, lambda session, _: run(session)))

    return make


def raising(error: BaseException) -> Callable[[Session], str]:
    def run(session: Session) -> str:
        raise error

    return run


# --- logging in and out


def test_a_user_logs_in_and_out(server: Miniature) -> None:
    with Talk(server) as talk:
        assert talk.greeting.startswith("* OK [CAPABILITY IMAP4rev1 IMAP4rev2 ")
        assert talk.answer('LOGIN alice "secret"').startswith("OK [CAPABILITY IMAP4rev1 ")
        assert talk.answer("NOOP") == "OK NOOP completed"
        assert talk("LOGOUT") == [b"* BYE Logging out", b"OK LOGOUT completed"]
        assert talk.response() == b""


def test_three_failed_logins_end_the_session(configured: Configured) -> None:
    with Talk(configured(max_failed_logins=3)) as talk:
        for _ in range(3):
            assert talk.answer("LOGIN alice wrong") == "NO [AUTHENTICATIONFAILED] Login failed"
        assert talk.response() == b"* BYE Too many failed logins"
        assert talk.response() == b""


def test_a_user_has_only_so_many_sessions(configured: Configured) -> None:
    server = configured(max_logins_per_user=1)
    with Talk(server) as first, Talk(server) as second:
        first.log_in()
        assert second.answer("LOGIN alice secret").startswith("NO [LIMIT] ")
        assert second.answer("CREATE x").startswith("BAD ")
        first.ok("LOGOUT")
        first.close()
        second.log_in()


def test_an_address_has_only_so_many_sessions_unless_it_is_trusted(configured: Configured) -> None:
    server = configured(max_logins_per_address=1, allow_plaintext_auth=True)
    facts = {"address": "192.0.2.7"}
    with Talk(server, **facts) as first, Talk(server, **facts) as second, Talk(server, **facts, no_auth=True) as trusted:
        first.log_in()
        assert second.answer("LOGIN alice secret").startswith("NO [LIMIT] ")
        trusted.log_in()


def test_after_unauthenticate_another_user_logs_in(server: Miniature) -> None:
    with Talk(server) as talk:
        talk.log_in("alice").ok("ENABLE UTF8=ACCEPT")
        talk.ok("SELECT INBOX")
        assert talk.answer("UNAUTHENTICATE") == "OK UNAUTHENTICATE completed"
        assert talk.answer("CLOSE").startswith("BAD ")
        assert talk.log_in("bob").ok("ENABLE UTF8=ACCEPT") == [b"* ENABLED UTF8=ACCEPT"]


def test_a_login_that_has_ended_is_not_counted_any_more(configured: Configured) -> None:
    server = configured(max_logins_per_user=1)
    with Talk(server) as first, Talk(server) as second:
        first.log_in().ok("UNAUTHENTICATE")
        second.log_in()


# --- who may not talk to us


def test_a_client_whom_the_access_rules_keep_out_hears_bye(server: Miniature) -> None:
    with Talk(server, allowed=False) as talk:
        assert talk.greeting == "* BYE IMAP4 server access not allowed"
        assert talk.response() == b""


def test_a_plugin_may_send_a_client_away(server: Miniature) -> None:
    class Doorman:
        @hookimpl
        def client_connected(self, client: Client) -> Verdict:
            return Verdict.reject("not you")

    server.app.manager.register(Doorman(), "doorman")
    with Talk(server) as talk:
        assert talk.greeting == "* BYE not you"


def test_one_connection_too_many_is_told_in_imap(configured: Configured) -> None:
    service = configured().services["IMAP4"]
    assert service.refuse("too many connections") == b"* BYE [UNAVAILABLE] too many connections\r\n"


# --- errors


def test_many_errors_are_slowed_down_and_then_end_the_session(server: Miniature, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("postroom_imap4_server.connection.serve.__defaults__", (pauses.append,))
    with Talk(server) as talk:
        answers = [talk.answer("NONSENSE") for _ in range(19)]
        assert answers == ["BAD there is no such command"] * 19
        assert pauses == [0.25, 0.5, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]
        talk.begin("NONSENSE")
        assert talk.response() == b"* BYE Too many errors"
        assert talk.response() == b""


def test_what_a_stranger_does_right_makes_up_for_no_error(server: Miniature, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postroom_imap4_server.connection.serve.__defaults__", (lambda seconds: None,))
    with Talk(server) as talk:
        for _ in range(19):
            talk("NONSENSE")
            talk.ok("NOOP")
        talk.begin("NONSENSE")
        assert talk.response() == b"* BYE Too many errors"


def test_errors_are_told_to_the_plugins(server: Miniature) -> None:
    events: list[str] = []

    class Listener:
        @hookimpl
        def client_misbehaved(self, event: str) -> None:
            events.append(event)

    server.app.manager.register(Listener(), "listener")
    with Talk(server) as talk:
        talk("NONSENSE")
    assert events == ["syntax-error"]


def test_a_line_that_is_too_long_is_refused_and_skipped(server: Miniature) -> None:
    with Talk(server) as talk:
        talk.peer.send(b"a NOOP " + b"x" * 9_000 + b"\r\n")
        assert talk.response() == b"a BAD the line is too long"
        talk.peer.send(b"x" * 9_000 + b"\r\n")
        assert talk.response() == b"* BAD the line is too long"
        assert talk.answer("NOOP") == "OK NOOP completed"


def test_a_bare_newline_ends_no_command(server: Miniature) -> None:
    with Talk(server) as talk:
        talk.peer.send(b"a NOOP\nb LOGOUT\r\n")
        assert talk.response().startswith(b"* BAD a line ends in CRLF")
        assert talk.answer("NOOP") == "OK NOOP completed"


def test_a_literal_of_a_stranger_that_does_not_wait_is_not_read(server: Miniature) -> None:
    with Talk(server) as talk:
        talk.peer.send(b"a LOGIN {1000000+}\r\n")
        assert talk.response() == b"* BYE [TOOBIG] the literal is too large"
        assert talk.response() == b""


def test_a_stranger_sends_no_message(server: Miniature) -> None:
    with Talk(server) as talk:
        assert talk.answer("APPEND INBOX {10}") == "BAD APPEND is not possible now"


def test_the_literals_of_a_refused_command_are_not_taken_for_commands(talk: Clients) -> None:
    alice = talk("alice")
    alice.peer.send(b"a NONSENSE {10+}\r\nb LOGOUT\r\n {11+}\r\nc LOGOUT \r\n\r\nd NOOP\r\n")
    assert [alice.response() for _ in range(2)] == [b"a BAD there is no such command", b"d OK NOOP completed"]


def test_a_long_literal_is_refused_before_it_is_sent(talk: Clients) -> None:
    alice = talk("alice")
    assert alice.answer("CREATE {200000}") == "NO [TOOBIG] the literal is too large"
    assert alice.answer("NOOP") == "OK NOOP completed"


# --- pipelining


def test_pipelined_commands_are_answered_in_order(talk: Clients) -> None:
    alice = talk("alice")
    alice.peer.send(b"".join(b"p%d NOOP\r\n" % number for number in range(500)))
    assert [alice.response() for _ in range(500)] == [b"p%d OK NOOP completed" % number for number in range(500)]


# --- faults


def test_a_store_that_is_away_is_a_no(server: Miniature, command: Any) -> None:
    command(raising(StoreUnavailable("gone")))
    with Talk(server) as talk:
        assert talk.answer("TEST").startswith("NO [UNAVAILABLE] ")
        assert talk.answer("NOOP") == "OK NOOP completed"


def test_work_that_takes_too_long_is_a_no(server: Miniature, command: Any) -> None:
    command(lambda session: str(gevent.sleep(30)))
    object.__setattr__(server.services["IMAP4"].limits, "work", 0.05)
    with Talk(server) as talk:
        assert talk.answer("TEST") == "NO [UNAVAILABLE] The server is busy, try again later"


def test_a_client_that_reads_slowly_has_all_the_time_of_the_stream(
    server: Miniature, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(session: Session) -> str:
        for _ in range(20):
            session.send(b"* " + b"x" * 100_000 + b"\r\n")
        return "TEST completed"

    command(run)
    object.__setattr__(server.services["IMAP4"].limits, "work", 0.1)
    with Talk(server) as talk:
        tag = talk.begin("TEST")
        gevent.sleep(0.3)
        assert len(talk.until(tag)) == 21


def test_a_bug_of_ours_is_a_bye(server: Miniature, command: Any) -> None:
    command(raising(ZeroDivisionError()))
    with Talk(server) as talk:
        talk.begin("TEST")
        assert talk.response() == b"* BYE [SERVERBUG] Internal error, try again later"
        assert talk.response() == b""


@pytest.mark.parametrize("error", [StoreUnavailable("gone"), ZeroDivisionError()], ids=["store", "bug"])
def test_in_the_middle_of_a_response_nothing_more_is_said(server: Miniature, command: Any, error: Exception) -> None:
    def run(session: Session) -> str:
        session.send(b"* 1 FETCH (BODY[] {100}\r\nhalf")
        session.out.midway = True
        session.out.flush()
        raise error

    command(run)
    with Talk(server) as talk:
        talk.begin("TEST")
        assert talk.peer.read() == b"* 1 FETCH (BODY[] {100}\r\n"
        assert talk.peer.read() == b"half"


def test_what_cannot_be_looked_up_after_a_command_is_told_later(talk: Clients, server: Miniature, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = talk("alice")
    alice.ok("SELECT INBOX")
    server.send("x@elsewhere.example", "alice@example.test")
    with monkeypatch.context() as patch:
        patch.setattr("postroom_imap4_server.view.View.updates", lambda *_, **__: raising(StoreUnavailable("gone"))(None))  # type: ignore[arg-type]
        assert alice("NOOP") == [b"OK NOOP completed"]
    assert alice("NOOP")[0] == b"* 1 EXISTS"


# --- time


def test_silence_ends_a_session(configured: Configured) -> None:
    with Talk(configured(login_timeout="100ms")) as talk:
        assert talk.response() == b"* BYE Autologout: idle for too long"
        assert talk.response() == b""


def test_a_stranger_cannot_keep_a_place_by_saying_noop(configured: Configured) -> None:
    server = configured()
    object.__setattr__(server.services["IMAP4"].limits, "before_login", 0.3)
    with Talk(server) as stranger, Talk(server) as user:
        user.log_in()
        stranger.ok("NOOP")
        gevent.sleep(0.35)
        assert stranger.response() == b"* BYE Autologout: idle for too long"
        assert user.ok("UNAUTHENTICATE") == []
        assert user.response() == b"* BYE Autologout: idle for too long"


def test_who_has_logged_in_has_half_an_hour_at_least() -> None:
    with pytest.raises(ValueError, match="greater than or equal to 1800"):
        Settings.model_validate({"services": [{"id": 1, "name": "x", "listen": ["127.0.0.1:0"], "idle_timeout": "29m"}]})
    settings = Settings.model_validate({"services": [{"id": 1, "name": "x", "listen": ["127.0.0.1:0"], "idle_timeout": "45m"}]})
    (service,) = Plugin(Mock(), settings).register_services()
    assert (service.limits.idle, service.limits.idle_in_idle, service.limits.idle_before_login) == (2700, 2700, 60)  # type: ignore[attr-defined]


def test_the_server_stops_between_two_commands(talk: Clients) -> None:
    alice = talk("alice")
    alice.peer.stream.stop()
    assert alice.response() == b"* BYE [UNAVAILABLE] The server is stopping, connect again"
