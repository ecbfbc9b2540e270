"""Headings are kept for each blob, and no longer."""

from __future__ import annotations

from postroom.mail.structure.heading import heading
from postroom.store import headings
from postroom.store.database import Database, Tx
from tests.core.store.post import post

COUNT = "SELECT blob_id, subject, sent_at FROM heading"


def test_a_heading_is_kept_once_and_not_for_a_blob_that_is_gone(db: Database) -> None:
    joe = post(db)
    joe.fill(1)
    blob = joe.columns().blobs[0]
    found = heading(b"Subject: Hello\r\n\r\n")

    def keep(tx: Tx) -> None:
        headings.keep(tx, [(blob, found), (blob + 1, found), (blob, found)])

    db.write(keep)
    assert db.read(lambda tx: tx.execute(COUNT)) == [(blob, "Hello", None)]
