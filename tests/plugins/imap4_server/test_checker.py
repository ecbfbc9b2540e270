"""Random commands of several clients on one mailbox: nobody is ever told what is not so. And the checker itself finds faults."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from postroom.testing import Miniature
from tests.faults.lengths import rounds
from tests.plugins.imap4_server.checker import Known, Model, Violation
from tests.plugins.imap4_server.player import SELECTABLE, Player, settle, truth
from tests.plugins.imap4_server.talk import Talk

STEPS = rounds(400, 6_000)
KINDS = (
    Model(),
    Model(condstore=True),
    Model(condstore=True, qresync=True, rev2=True),
)


def meddle(server: Miniature, choice: random.Random) -> None:
    """What others do who are no IMAP clients: a message comes by SMTP, or POP3 takes one away."""
    if choice.random() < 0.7:
        server.send("ann@elsewhere.example", "alice@example.test")
        return
    account = server.context.accounts.get("alice")
    assert account is not None
    folder = server.context.mailboxes.find(account.id, SELECTABLE)
    assert folder is not None
    entries = server.context.mailboxes.listing(folder.id)
    if entries:
        server.context.mailboxes.delete(folder.id, [choice.choice(entries).uid])
        server.context.news.publish("mailbox", mailbox=folder.id)


@pytest.mark.parametrize("seed", range(rounds(1, 12)))
def test_several_clients_of_one_mailbox_are_never_told_what_is_not_so(server: Miniature, talk: Callable[..., Talk], seed: int) -> None:
    choice = random.Random(seed)
    players = [Player(talk(), choice, Model(one.qresync, one.condstore, one.rev2)) for one in KINDS]
    for player in players:
        player.begin()
    for number in range(STEPS):
        if choice.random() < 0.04:
            meddle(server, choice)
        choice.choice(players).step()
        if number % 20 == 19:
            settle(players, lambda: truth(server.context.db, "alice"))


@pytest.mark.parametrize(
    ("command", "line", "words"),
    [
        ("FETCH", b"* 1 EXPUNGE", "EXPUNGE within FETCH"),
        ("NOOP", b"* 3 EXPUNGE", "EXPUNGE of 3 of 2"),
        ("NOOP", b"* 1 EXISTS", "EXISTS falls"),
        ("NOOP", b"* 3 FETCH (FLAGS ())", "FETCH of 3 of 2"),
        ("NOOP", b"* 1 FETCH (UID 9)", "was 1 and is 9"),
        ("NOOP", b"* 2 FETCH (UID 1)", "was 2 and is 1"),
        ("NOOP", b"* VANISHED 1", "without QRESYNC"),
        ("NOOP", b"* 1 FETCH (FLAGS ($Work))", "more than FLAGS has told"),
        ("NOOP", b"* 1 FETCH (MODSEQ (5))", "without CONDSTORE"),
        ("NOOP", b"* 5 RECENT", "5 of 2"),
        ("NOOP", b"* BYE", "BYE"),
    ],
)
def test_the_checker_finds_what_a_server_may_not_say(command: str, line: bytes, words: str) -> None:
    model = Model(messages=[Known(1, frozenset()), Known(2, frozenset())])
    model.begin(command)
    with pytest.raises(Violation, match=words):
        model.hear(line)


@pytest.mark.parametrize("store", [[], [(1, frozenset()), (3, frozenset())], [(1, frozenset()), (2, frozenset({"\\Seen"}))]])
def test_the_checker_finds_what_is_not_so(store: list[tuple[int, frozenset[str]]]) -> None:
    model = Model(messages=[Known(1, frozenset()), Known(2, frozenset())])
    with pytest.raises(Violation):
        model.agree(store)
