"""What is carried from one snapshot of a mailbox to the next is what a fresh snapshot would have."""

from __future__ import annotations

import random
from array import array
from dataclasses import replace
from typing import Any

import pytest

from postroom.store.columns import Columns, empty
from postroom.store.expunge import expunge
from postroom.store.mailboxes import Folder
from postroom.store.snapshots import ColumnsCache
from postroom.testing import Miniature
from postroom_imap4_server import carried, headed, masks
from postroom_imap4_server.grammar.sorting import Criterion
from postroom_imap4_server.ordering import ordered
from postroom_imap4_server.place import Place
from tests.plugins.imap4_server.talk import Talk
from tests.plugins.imap4_server.test_searching import Talks, append, digest

CRITERIA = (
    (Criterion(b"SUBJECT", reverse=False),),
    (Criterion(b"FROM", reverse=True), Criterion(b"DATE", reverse=False)),
    (Criterion(b"SIZE", reverse=True), Criterion(b"SUBJECT", reverse=True)),
)


def inbox(server: Miniature) -> Folder:
    account = server.context.accounts.get("alice")
    found = server.context.mailboxes.find(account.id, "INBOX") if account is not None else None
    assert found is not None
    return found


def letter(chance: random.Random) -> str:
    number = chance.randrange(5)
    return (
        f"From: user{chance.randrange(3)}@example.org\nSubject: {'Re: ' * (number % 2)}Word {number}\n"
        f"Date: Mon, {chance.randrange(1, 28)} Feb 2026 10:00:00 +0000\nMessage-ID: <{chance.randrange(99)}@x>\n\n{'x' * number}\n"
    )


def computed(server: Miniature, folder: Folder, columns: Columns) -> list[Any]:
    """Everything that is kept with a snapshot."""
    place = Place(server.context, folder, columns, None, 0.0, lambda: None)
    asked = (server.context, columns)
    return [
        headed.several(*asked, ("base_subject", "sent_at"), place.check),
        headed.several(*asked, ("sent_at", "message_id"), place.check),
        headed.folded(*asked, "sender", place.check),
        list(headed.threads(*asked, place.check)),
        *(list(ordered(place, criteria, masks.full(len(columns)))) for criteria in CRITERIA),
    ]


@pytest.mark.parametrize("seed", range(3))
def test_what_is_carried_is_what_would_be_computed_anew(server: Miniature, talk: Talks, seed: int) -> None:
    chance, client, db = random.Random(seed), talk(), server.context.db
    cache = ColumnsCache(db)
    client.ok("SELECT INBOX")
    folder = inbox(server)
    for _ in range(12):
        change(chance, server, client, cache.current(folder.id))
        if chance.random() < 0.8:
            now = cache.current(folder.id)
            assert computed(server, folder, now) == computed(server, folder, ColumnsCache(db).current(folder.id))


def change(chance: random.Random, server: Miniature, client: Talk, columns: Columns) -> None:
    """Messages come, go, or are digested."""
    for _ in range(chance.choice((0, 1, 4))):
        append(client, letter(chance))
    gone = [uid for uid in columns.uids if chance.random() < chance.choice((0.0, 0.1, 0.6))]
    server.context.db.write(lambda tx: expunge(tx, columns.mailbox_id, gone, at=5))
    if chance.random() < 0.3:
        digest(server)


def test_after_a_new_message_only_that_one_is_read(server: Miniature, talk: Talks, monkeypatch: pytest.MonkeyPatch) -> None:
    client, chance, read = talk(), random.Random(7), list[range]()
    piece = headed._piece

    def noted(*arguments: Any) -> Any:
        read.append(arguments[-1])
        return piece(*arguments)

    for _ in range(6):
        append(client, letter(chance))
    client.ok("SELECT INBOX")
    client.ok("SEARCH SUBJECT word")
    monkeypatch.setattr(headed, "_piece", noted)
    append(client, letter(chance))
    client.ok("STORE 2,3 +FLAGS.SILENT \\Deleted")
    client.ok("EXPUNGE")
    client.ok("SEARCH SUBJECT word")
    assert read == [range(4, 5)]


def test_columns_of_a_mailbox_that_has_become_large_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = replace(empty(1), uids=array("I", (1, 2)))
    carried.keep(columns, ("folded", "x"), ["a", "b"])
    assert carried.begun(columns, ("folded", "x"), []) == ["a", "b"]
    monkeypatch.setattr(carried, "REMEMBERED", 1)
    carried.keep(columns, ("folded", "x"), ["a", "b"])
    assert columns.held == {}


@pytest.mark.parametrize("seed", range(20))
def test_the_parts_that_remain_are_found(seed: int) -> None:
    chance = random.Random(seed)
    old = array("I", sorted(chance.sample(range(1, 60), 30)))
    new = array("I", [uid for uid in old if chance.random() < 0.7] + [70, 71][: chance.randrange(3)])
    stays = carried.remaining(old, new)
    assert stays is not None
    assert [uid for part in stays for uid in old[part]] == [uid for uid in new if uid < 60]


def test_where_older_messages_have_come_nothing_remains() -> None:
    assert carried.remaining(array("I", (1, 5)), array("I", (1, 3, 5))) is None
    assert carried.remaining(array("I", (1, 5)), array("I", (1, 2, 7))) is None
    assert carried.remaining(array("I"), array("I", (1,))) == []


def test_nothing_remains_where_too_many_have_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carried, "MOST_GONE", 2)
    assert carried.remaining(array("I", (1, 2, 3, 4)), array("I", (4,))) is None
    assert carried.remaining(array("I", (1, 2, 3, 4)), array("I", (3, 4))) == [slice(2, 4)]
