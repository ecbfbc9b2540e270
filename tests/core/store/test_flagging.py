"""Flags and keywords of many messages at once."""

from __future__ import annotations

import pytest

from postroom.store.database import Database
from postroom.store.flagging import GROUPS, Change, change_flags
from postroom.store.keywords import MOST, TooManyKeywords
from postroom.store.mailboxes import DELETED, FLAGGED, SEEN
from tests.core.store.post import Post, post


@pytest.fixture
def joe(db: Database) -> Post:
    return post(db)


def test_adding_removing_and_setting(joe: Post) -> None:
    joe.fill(3, flags=FLAGGED)
    assert joe.flag([1, 3], Change("add", SEEN, ("work",))).changed == [1, 3]
    assert joe.flag([1, 2], Change("remove", FLAGGED)).changed == [1, 2]
    assert joe.flag([2], Change("set", DELETED, ("a", "b"))).changed == [2]
    assert joe.flags() == {1: (SEEN, "work"), 2: (DELETED, "a b"), 3: (SEEN | FLAGGED, "work")}


def test_what_does_not_change_a_message_changes_no_modseq(joe: Post) -> None:
    joe.fill(2, flags=SEEN, keywords="work")
    before = joe.columns()
    for change in (Change("add", SEEN), Change("remove", FLAGGED, ("other",)), Change("set", SEEN, ("WORK",)), Change("add", 0, ("Work",))):
        done = joe.flag([1, 2, 99], change)
        assert (done.changed, done.modseq, done.before) == ([], before.modseq, before.modseq)
    assert joe.columns().modseqs == before.modseqs


def test_the_first_spelling_of_a_keyword_stays(joe: Post) -> None:
    joe.fill(2)
    joe.flag([1], Change("add", 0, ("$Junk", "Work")))
    joe.flag([2], Change("add", 0, ("$JUNK", "work", "WORK")))
    assert joe.flags() == {1: (0, "$Junk Work"), 2: (0, "$Junk Work")}
    joe.flag([1], Change("remove", 0, ("$junk",)))
    assert joe.flags()[1] == (0, "Work")
    assert joe.folder().keywords == "$Junk Work"


def test_a_mailbox_has_a_bounded_number_of_keywords(joe: Post) -> None:
    joe.fill(1)
    joe.flag([1], Change("add", 0, tuple(f"k{number}" for number in range(MOST))))
    joe.flag([1], Change("set", SEEN, ("K7",)))
    with pytest.raises(TooManyKeywords):
        joe.flag([1], Change("add", FLAGGED, ("one-more",)))
    assert joe.flags() == {1: (SEEN, "k7")}


def test_changed_messages_are_left_alone_when_the_client_has_not_seen_that(joe: Post) -> None:
    joe.fill(4)
    seen = joe.flag([2], Change("add", FLAGGED)).modseq
    joe.flag([3], Change("add", FLAGGED))
    done = joe.flag([1, 2, 3, 4], Change("add", SEEN), since=seen)
    assert (done.changed, done.modified) == ([1, 2, 4], [3])
    assert joe.flags() == {1: (SEEN, ""), 2: (SEEN | FLAGGED, ""), 3: (FLAGGED, ""), 4: (SEEN, "")}
    assert joe.flag([1, 2, 3, 4], Change("add", DELETED), since=1).modified == [1, 2, 3, 4]


def test_a_bound_in_the_future_refuses_nothing(joe: Post) -> None:
    joe.fill(2)
    assert joe.flag([1, 2], Change("add", SEEN), since=1 << 60).changed == [1, 2]


def test_many_different_states_are_changed_one_by_one(joe: Post) -> None:
    uids = [joe.fill(1, keywords=f"k{number}")[0] for number in range(GROUPS + 2)]
    done = joe.flag(uids, Change("add", SEEN | DELETED))
    assert done.changed == uids
    assert joe.flags() == {uid: (SEEN | DELETED, f"k{number}") for number, uid in enumerate(uids)}
    assert (joe.folder().unseen, joe.folder().deleted) == (0, len(uids))


def test_the_result_tells_what_the_messages_have_now(joe: Post) -> None:
    joe.fill(2)
    joe.fill(1, flags=FLAGGED)
    done = joe.flag([1, 2, 3], Change("add", SEEN))
    assert done.states == {(SEEN, ""): [1, 2], (SEEN | FLAGGED, ""): [3]}
    assert done.modseq == done.before + 1 == joe.folder().modseq


def test_a_mailbox_that_is_gone_is_a_key_error(db: Database) -> None:
    with pytest.raises(KeyError):
        db.write(lambda tx: change_flags(tx, 1, [1], Change("add", SEEN)))


def test_the_keywords_of_a_mailbox_together_are_not_longer_than_they_may_be(db: Database) -> None:
    joe = post(db)
    uids = joe.fill(1)
    joe.flag(uids, Change("add", 0, tuple(f"{number:<100}".replace(" ", "x") for number in range(81))))
    with pytest.raises(TooManyKeywords):
        joe.flag(uids, Change("add", 0, ("y" * 100,)))
