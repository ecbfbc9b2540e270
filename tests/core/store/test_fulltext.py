"""The full-text index: it finds what reading every message would find, whatever has become of the index meanwhile."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postroom.mail.folding import fold
from postroom.store.accounts import Account, Accounts
from postroom.store.blobs import CHUNK, Blobs
from postroom.store.database import Database
from postroom.store.digest import Digester, Pending, pending
from postroom.store.fulltext import merging, places
from postroom.store.fulltext.index import FullText, Scope
from postroom.store.fulltext.needle import Needle
from postroom.store.fulltext.texts import Texts, pack
from postroom.store.fulltext.volume import Leaf, bind, store
from postroom.store.fulltext.words import Lines, build, united
from postroom.store.kept import Kept
from postroom.store.mailboxes import append

ALPHABET = "aBé ÉßŒﬁ-.@_ΣςÅ日本\n0"
TEXTS = st.text(ALPHABET, max_size=40)
NEEDLES = st.text(ALPHABET, min_size=1, max_size=5)


def offload(function: Any, *arguments: Any) -> Any:
    return function(*arguments)


@pytest.fixture
def account(db: Database) -> Account:
    return Accounts(db).add("joe")


@pytest.fixture
def fulltext(db: Database) -> FullText:
    return FullText(db, Blobs(db), offload)


def deliver(db: Database, account: int, text: str, header: str = "", folder: str = "INBOX") -> int:
    """Deliver a message of UTF-8 text; the id of its blob."""
    fields = f"{header}Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    body = (fields + text).encode()
    draft = Blobs(db).draft()
    draft.write(body)
    draft.seal()

    def work(tx: Any) -> int:
        blob = draft.store(tx)
        append(tx, account, folder, blob_id=blob, size=len(body), prefix=b"", received_at=7)
        return blob

    return db.write(work, keys=[account])


def digest(db: Database) -> int:
    return Digester(db, Blobs(db), offload, Kept(db)).run()


def find(fulltext: FullText, account: int, blobs: Sequence[int], text: str, scope: Scope = Scope.BODY, field: str = "") -> set[int]:
    """Those of the blobs that have it; the index is believed to know them all."""
    return fulltext.search(account, blobs, (), Needle(text), scope, field) & set(blobs)


@given(st.lists(TEXTS, max_size=20), st.lists(NEEDLES, min_size=1, max_size=8))
def test_words_name_every_text_that_has_the_string_and_no_other_when_it_is_one_word(texts: list[str], needles: list[str]) -> None:
    folded = [fold(text) for text in texts]
    first, second = build(folded)
    lines, kept = Lines(first), Texts(pack(folded))
    for needle in map(Needle, needles):
        wanted = sum(1 << number for number, text in enumerate(folded) if needle.text in text)
        found = (1 << len(folded)) - 1
        for hint in needle.hints:
            found &= united(lines.having(hint), lines.count, second, len(folded))
        assert found & wanted == wanted
        assert found == wanted or not needle.exact
        assert kept.having(needle.data) == wanted


def test_many_texts_of_few_words_are_found_by_each_of_them() -> None:
    texts = [f"COMMON W{number} {'ODD' if number % 2 else 'EVEN'}" for number in range(1000)]
    first, second = build(texts)
    lines = Lines(first)
    for piece, wanted in (("COMMON", 1000), ("OD", 500), ("W99", 11), ("\nW9\n", 1), ("\nW9", 111), ("9\n", 100), ("NONE", 0)):
        assert united(lines.having(piece.encode()), lines.count, second, 1000).bit_count() == wanted


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(TEXTS, st.booleans()), min_size=1, max_size=12), st.lists(NEEDLES, min_size=1, max_size=6))
def test_a_search_finds_what_reading_would_find(
    db: Database, account: Account, fulltext: FullText, messages: list[tuple[str, bool]], needles: list[str]
) -> None:
    known: dict[int, str] = {}
    for text, now in messages:
        known[deliver(db, account.id, text)] = fold(text)
        if now:
            digest(db)
    blobs = sorted(known)
    for needle in map(Needle, needles):
        found = fulltext.search(account.id, blobs, blobs, needle, Scope.BODY)
        assert found & set(blobs) == {blob for blob, text in known.items() if needle.text in f"{text}\n"}


def test_the_body_is_not_the_header_and_the_text_is_both(db: Database, account: Account, fulltext: FullText) -> None:
    blob = deliver(db, account.id, "only inside\r\n", "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nX-Note: apple\r\n")
    digest(db)
    assert find(fulltext, account.id, [blob], "apple") == set()
    assert find(fulltext, account.id, [blob], "apple", Scope.TEXT) == {blob}
    assert find(fulltext, account.id, [blob], "GRÜSSE", Scope.TEXT) == {blob}
    assert find(fulltext, account.id, [blob], "inside", Scope.TEXT) == find(fulltext, account.id, [blob], "nly INs") == {blob}


@pytest.mark.parametrize(
    ("field", "text", "there"),
    [
        ("x-note", "apple", True), ("X-NOTE", "pp", True), ("x-note", "", True), ("x-not", "apple", False), ("x-other", "", False),
        ("x-note", "inside", False), ("subject", "apple", False), ("content-type", "plain", True), ("note", "apple", False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("digested", [False, True])
def test_a_field_is_searched_alone(
    db: Database, account: Account, fulltext: FullText, field: str, text: str, there: bool, digested: bool
) -> None:
    blob = deliver(db, account.id, "X-Other: inside\r\n", "Subject: pear\r\nX-Note: red\r\n apple\r\n")
    if digested:
        digest(db)
    assert fulltext.search(account.id, [blob], [blob], Needle(text), Scope.FIELD, field) == ({blob} if there else set())


def test_a_mailbox_is_digested_once(db: Database, account: Account) -> None:
    deliver(db, account.id, "one")
    deliver(db, account.id, "two", folder="Archive")
    assert [box.last - box.digested for box in pending(db)] == [1, 1]
    assert digest(db) == 2
    assert pending(db) == []
    assert digest(db) == 0
    deliver(db, account.id, "three")
    assert digest(db) == 1


def test_a_copy_costs_no_second_place(db: Database, account: Account, fulltext: FullText) -> None:
    blob = deliver(db, account.id, "same")
    digest(db)
    assert deliver(db, account.id, "same", folder="Archive") == blob
    assert digest(db) == 1
    assert [volume.messages for volume in places.shelf(db, account.id)] == [1]


def test_each_account_has_its_own_index(db: Database, account: Account, fulltext: FullText) -> None:
    other = Accounts(db).add("ann")
    blob = deliver(db, account.id, "shared words")
    assert deliver(db, other.id, "shared words") == blob
    digest(db)
    assert find(fulltext, other.id, [blob], "shared") == find(fulltext, account.id, [blob], "shared") == {blob}
    assert len(places.shelf(db, other.id)) == len(places.shelf(db, account.id)) == 1


def test_the_index_goes_with_its_account(db: Database, account: Account) -> None:
    other = Accounts(db).add("ann")
    for one in (account, other):
        deliver(db, one.id, "shared words")
    digest(db)
    Accounts(db).remove("joe")
    Blobs(db).collect(time.time())
    digest(db)
    assert [len(places.shelf(db, one.id)) for one in (account, other)] == [0, 1]


def test_small_volumes_are_put_together(db: Database, account: Account, fulltext: FullText) -> None:
    blobs = []
    for number in range(70):
        blobs.append(deliver(db, account.id, f"message n{number}n of many"))
        digest(db)
    shelf = places.shelf(db, account.id)
    assert sum(volume.messages for volume in shelf) == 70
    assert len(shelf) <= 14
    assert find(fulltext, account.id, blobs, "n33n") == {blobs[33]}
    assert find(fulltext, account.id, blobs, "3n of") == {blobs[number] for number in range(3, 70, 10)}


def test_a_large_mailbox_is_few_volumes(db: Database, account: Account, fulltext: FullText) -> None:
    blobs = [deliver(db, account.id, f"n{number}n") for number in range(1100)]
    assert digest(db) == 1100
    assert sorted(volume.messages for volume in places.shelf(db, account.id)) == [100, 1000]
    assert find(fulltext, account.id, blobs, "n7n") == {blobs[7]}
    assert find(fulltext, account.id, blobs, "n") == set(blobs)


def test_a_volume_goes_with_its_last_message(db: Database, account: Account) -> None:
    deliver(db, account.id, "one")
    digest(db)
    remove_all(db)
    assert places.shelf(db, account.id) == []
    for table in ("volume_piece", "volume_place", "heading"):
        assert db.read(lambda tx, table=table: tx.one(f"SELECT count(*) FROM {table}")) == (0,)  # type: ignore[misc]


def remove_all(db: Database, condition: str = "uid > 0") -> None:
    db.write(lambda tx: tx.do(f"DELETE FROM message WHERE {condition}"))
    Blobs(db).collect(time.time())


def test_a_volume_of_which_half_is_gone_is_written_anew(db: Database, account: Account, fulltext: FullText) -> None:
    blobs = [deliver(db, account.id, f"n{number}n") for number in range(10)]
    digest(db)
    remove_all(db, "uid <= 6")
    assert [(one.messages, one.gone) for one in places.shelf(db, account.id)] == [(10, 6)]
    assert merging.merge(db, offload, account.id)
    assert [(one.messages, one.gone) for one in places.shelf(db, account.id)] == [(4, 0)]
    assert find(fulltext, account.id, blobs, "n") == set(blobs[6:])
    assert not merging.merge(db, offload, account.id)


def test_text_beyond_what_is_kept_is_read_at_each_search(db: Database, account: Account, fulltext: FullText) -> None:
    long = "word " * (210 * 1024) + "\r\nthe-end\r\n"
    blobs = [deliver(db, account.id, long), deliver(db, account.id, "short")]
    digest(db)
    assert find(fulltext, account.id, blobs, "the-end") == {blobs[0]}
    assert find(fulltext, account.id, blobs, "word") == {blobs[0]}
    assert find(fulltext, account.id, blobs, "nowhere") == set()


def test_a_message_of_several_chunks_is_digested(db: Database, account: Account, fulltext: FullText) -> None:
    attachment = "\r\n--x\r\nContent-Type: application/octet-stream\r\n\r\n" + "A" * (20 * CHUNK) + "\r\n--x\r\n\r\nlast part\r\n--x--\r\n"
    draft = Blobs(db).draft()
    draft.write(b"Subject: big\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nfirst part" + attachment.encode())
    draft.seal()
    blob = db.write(draft.store)
    db.write(lambda tx: append(tx, account.id, "INBOX", blob_id=blob, size=draft.size, prefix=b"", received_at=7))
    assert fulltext.search(account.id, [blob], [blob], Needle("last part"), Scope.BODY) == {blob}
    digest(db)
    assert find(fulltext, account.id, [blob], "last part") == find(fulltext, account.id, [blob], "FIRST") == {blob}
    assert find(fulltext, account.id, [blob], "AAAA") == set()


def test_who_digests_second_leaves_it(db: Database, account: Account) -> None:
    deliver(db, account.id, "one")
    [box] = pending(db)
    digest(db)
    assert Digester(db, Blobs(db), offload, Kept(db)).mailbox(Pending(*box)) == 0
    assert [volume.messages for volume in places.shelf(db, account.id)] == [1]


def test_a_message_that_has_gone_meanwhile_takes_no_place(db: Database, account: Account) -> None:
    volume = bind(account.id, [Leaf(12345, "", "text", True)])
    db.write(lambda tx: store(tx, volume))
    assert places.of(db, account.id, [12345]) == {}


def test_hundreds_of_random_searches_agree_with_reading(db: Database, account: Account, fulltext: FullText) -> None:
    chance = random.Random(7)
    words = ["".join(chance.choices("abcde", k=chance.randint(1, 6))) for _ in range(60)]
    texts = {}
    for number in range(400):
        text = chance.choice(" -\n").join(chance.choices(words, k=12))
        texts[deliver(db, account.id, f"{text} {number}")] = fold(f"{text} {number}")
        if number in (3, 200, 350):
            digest(db)
    blobs = sorted(texts)
    for _ in range(100):
        needle = Needle(" ".join(chance.choices(words, k=chance.randint(1, 2)))[chance.randint(0, 2) :])
        found = fulltext.search(account.id, blobs, blobs[350:], needle, Scope.BODY)
        assert found & set(blobs) == {blob for blob, text in texts.items() if needle.text in text}
