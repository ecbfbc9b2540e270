"""What is offered, and what a plugin makes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from postroom import Client, hookimpl
from postroom.testing import Miniature
from tests.plugins.imap4_server.talk import Talk


def answering(server: Miniature, answer: Callable[[tuple[str, ...]], Any]) -> None:
    """Have a plugin answer the hook so."""

    class Answering:
        @hookimpl
        def imap_capabilities(self, client: Client, capabilities: tuple[str, ...]) -> Sequence[str] | None:
            return answer(capabilities)  # type: ignore[no-any-return]

    server.app.manager.register(Answering(), "answering")


def offered(server: Miniature, *, login: bool = True) -> list[str]:
    """The words of CAPABILITY."""
    with Talk(server) as talk:
        if login:
            talk.log_in()
        return talk.ok("CAPABILITY")[0].decode().split()[2:]


def test_greeting_login_and_command_offer_the_same(server: Miniature) -> None:
    with Talk(server) as talk:
        assert talk.greeting.partition("]")[0].split()[3:] == talk.ok("CAPABILITY")[0].decode().split()[2:]
        answer = talk.answer("LOGIN alice secret")
        assert answer.partition("]")[0].split()[2:] == talk.ok("CAPABILITY")[0].decode().split()[2:]


def test_before_a_login_only_what_can_be_used_then_is_offered(server: Miniature) -> None:
    words = offered(server, login=False)
    assert {"LITERAL-", "STARTTLS", "SASL-IR", "AUTH=PLAIN"} <= set(words)
    assert not {"LITERAL+", "IDLE", "QUOTA", "COMPRESS=DEFLATE", "UNAUTHENTICATE"} & set(words)


def test_after_a_login_nothing_of_logins_is_offered(server: Miniature) -> None:
    assert [word for word in offered(server) if word.startswith(("AUTH=", "STARTTLS", "LOGINDISABLED", "LITERAL-"))] == []


def test_no_word_stands_there_twice(server: Miniature) -> None:
    words = offered(server)
    assert len(words) == len(set(words)) > 50


def test_a_plugin_takes_words_out(server: Miniature) -> None:
    answering(server, lambda words: [word for word in words if word != "IDLE"])
    assert "IDLE" not in offered(server)


@pytest.mark.parametrize("answer", [["IMAP4rev1", "two words", "X\r\n* BAD", "", "ä", "X-OK"], "IMAP4rev1 X-OK", ("IMAP4rev1", 5, "X-OK")])
def test_what_is_no_capability_is_left_out(server: Miniature, answer: Any) -> None:
    answering(server, lambda words: answer)
    assert [word for word in offered(server) if word != "5"] == ["IMAP4rev1", "X-OK"]


def test_a_plugin_that_fails_changes_nothing(server: Miniature) -> None:
    words = offered(server)
    answering(server, lambda words: 1 / 0)
    assert offered(server) == words
