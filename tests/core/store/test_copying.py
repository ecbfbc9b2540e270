"""Copies and moves between mailboxes."""

from __future__ import annotations

import pytest

from postroom.store.copying import copy
from postroom.store.database import Conflict, Database
from postroom.store.flagging import Change
from postroom.store.keywords import MOST
from postroom.store.mailboxes import DELETED, FLAGGED, SEEN
from tests.core.store.post import LATER, Post, post


@pytest.fixture
def joe(db: Database) -> Post:
    return post(db)


def test_copies_have_new_uids_in_the_order_of_the_old_ones(joe: Post) -> None:
    joe.fill(100)
    joe.fill(2, "Work")
    wanted = [90, 3, 1, *range(10, 70), 999]
    pairs = joe.copy(wanted, "INBOX", "Work")
    assert pairs == list(zip(sorted(wanted)[:-1], range(3, 66), strict=True))
    assert joe.bodies("Work")[2:5] == [joe.bodies()[0], joe.bodies()[2], joe.bodies()[9]]


def test_a_copy_keeps_dates_flags_and_keywords_and_says_when_it_was_saved(joe: Post) -> None:
    joe.fill(1, flags=SEEN | FLAGGED, keywords="$Junk")
    joe.copy([1], "INBOX", "Archive")
    shown = joe.columns("Archive")
    assert (joe.flags("Archive"), shown.received[0], shown.saved[0]) == ({1: (SEEN | FLAGGED, "$Junk")}, 7, LATER)
    assert (joe.folder("Archive").keywords, joe.folder("Archive").unseen) == ("$Junk", 0)


def test_a_copy_may_be_like_new(joe: Post) -> None:
    joe.fill(1, flags=SEEN | DELETED, keywords="$Junk")
    joe.copy([1], "INBOX", "Archive", keep=False)
    assert (joe.flags("Archive"), joe.columns("Archive").received[0]) == ({1: (0, "")}, LATER)
    assert (joe.folder("Archive").unseen, joe.folder("Archive").deleted, joe.folder("Archive").keywords) == (1, 0, "")


def test_keywords_are_spelled_as_the_target_spells_them(joe: Post) -> None:
    joe.fill(1, "Archive", keywords="WORK")
    joe.fill(1, keywords="work")
    joe.copy([1], "INBOX", "Archive")
    assert joe.flags("Archive") == {1: (0, "WORK"), 2: (0, "WORK")}
    assert joe.folder("Archive").keywords == "WORK"


def test_keywords_for_which_the_target_has_no_room_are_left_out(joe: Post) -> None:
    joe.fill(1, "Archive")
    joe.flag([1], Change("add", 0, tuple(f"k{number}" for number in range(MOST))), "Archive")
    joe.fill(1, keywords="new k1")
    joe.copy([1], "INBOX", "Archive")
    assert joe.flags("Archive")[2] == (0, "k1")


def test_a_mailbox_may_be_copied_into_itself(joe: Post) -> None:
    joe.fill(3)
    assert joe.copy([1, 2, 3, 4, 5], "INBOX", "INBOX") == [(1, 4), (2, 5), (3, 6)]
    assert joe.bodies()[:3] == joe.bodies()[3:]


def test_a_hidden_message_is_seen_again_in_its_copy(joe: Post) -> None:
    joe.fill(1)
    joe.mailboxes.hide(joe.box(), [1])
    joe.copy([1], "INBOX", "Archive")
    assert [entry.hidden for entry in joe.mailboxes.listing(joe.box("Archive"))] == [0]


def test_moved_messages_leave_the_source_and_cannot_be_had_back_there(joe: Post) -> None:
    joe.fill(3)
    assert joe.move([3, 1], "INBOX", "Archive") == [(1, 1), (3, 2)]
    assert (joe.folder().messages, joe.folder("Archive").messages) == (1, 2)
    rows = joe.db.read(lambda tx: tx.execute("SELECT uid, blob_id, length(prefix) FROM expunged ORDER BY uid"))
    assert rows == [(1, 0, 0), (3, 0, 0)]


def test_a_copy_is_the_same_email(joe: Post) -> None:
    joe.fill(2)
    joe.copy([1], "INBOX", "Archive")
    joe.move([1], "Archive", "Trash")
    rows = joe.db.read(lambda tx: tx.execute("SELECT email FROM message ORDER BY blob_id, mailbox_id"))
    assert len(rows) == 3
    assert len(set(rows)) == 2


def test_copying_nothing_changes_nothing(joe: Post) -> None:
    joe.fill(1)
    before = joe.folder("Archive")
    assert joe.copy([5], "INBOX", "Archive") == []
    assert joe.folder("Archive") == before


def test_a_target_that_is_gone_is_a_conflict_and_nothing_is_copied(joe: Post) -> None:
    joe.fill(1)
    box = joe.box()
    with pytest.raises(Conflict, match="no mailbox"):
        joe.db.write(lambda tx: copy(tx, box, [1], 5))
