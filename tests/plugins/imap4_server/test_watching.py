"""Who is woken when: the index of watched mailboxes, and the slow look for news that were lost."""

from __future__ import annotations

from typing import Any

import pytest

from postroom.testing import Miniature
from postroom_imap4_server.watching import Watching


class Sleeper:
    """A session that remembers what woke it."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, int]] = []

    def woken_by(self, kind: str, number: int) -> None:
        self.heard.append((kind, number))


@pytest.fixture
def watching(server: Miniature) -> Watching:
    return Watching(server.context)


def inbox(server: Miniature, name: str) -> int:
    account = server.context.accounts.get(name)
    assert account is not None
    found = server.context.mailboxes.find(account.id, "INBOX")
    assert found is not None
    return found.id


def test_only_who_watches_a_mailbox_is_woken(server: Miniature, watching: Watching) -> None:
    one, other = Sleeper(), Sleeper()
    sessions: list[Any] = [one, other]
    for number, session in enumerate(sessions, 1):
        watching.watch(session, [number], [number + 10])
    server.context.news.publish("mailbox", mailbox=1)
    server.context.news.publish("folders", account=12)
    server.context.news.publish("mailbox", mailbox=3)
    assert (one.heard, other.heard) == ([("mailbox", 1)], [("account", 12)])


def test_a_new_watch_replaces_the_old_and_forgetting_leaves_nothing(server: Miniature, watching: Watching) -> None:
    session: Any = Sleeper()
    watching.watch(session, [1, 2], [5])
    watching.watch(session, [2, 3])
    for number in (1, 2, 3):
        server.context.news.publish("mailbox", mailbox=number)
    assert session.heard == [("mailbox", 2), ("mailbox", 3)]
    watching.forget(session)
    watching.forget(session)
    assert not any((watching._mailboxes, watching._accounts, watching._watched, watching._seen))


def test_the_slow_look_wakes_once_for_each_change(server: Miniature, watching: Watching) -> None:
    session: Any = Sleeper()
    alice, bob = inbox(server, "alice"), inbox(server, "bob")
    watching.watch(session, [alice, bob])
    watching.look()
    session.heard.clear()
    server.context.news._subscribers["mailbox"].clear()
    watching.look()
    assert session.heard == []
    server.send("x@elsewhere.example", "alice@example.test")
    watching.look()
    assert session.heard == [("mailbox", alice)]


def test_one_look_at_thousands_of_mailboxes_is_a_few_queries(
    server: Miniature, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries: list[object] = []
    session: Any = Sleeper()
    watching.watch(session, range(1, 2_001))
    monkeypatch.setattr(type(server.context.db), "read_slow", lambda self, work: queries.append(work) or [])
    watching.look()
    assert len(queries) == 4
