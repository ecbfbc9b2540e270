"""What searching, sorting and threading ask of headers, kept for each blob."""

from __future__ import annotations

from collections.abc import Iterable

from postroom.mail.structure.heading import Heading

from .database import Row, Tx

FIELDS = (
    "sent_at, sent_day, subject, base_subject, reply, sender, recipient, cc, bcc, from_key, to_key, cc_key, display_from, display_to,"
    " message_id, refs"
)
KEEP = (  # a blob that is removed meanwhile would leave its heading behind for ever
    f"INSERT INTO heading (blob_id, {FIELDS}) SELECT {', '.join('?' * 17)} WHERE EXISTS (SELECT 1 FROM blob WHERE id = ?)"
    " ON CONFLICT (blob_id) DO NOTHING"
)
KNOWN = "SELECT blob_id FROM heading WHERE blob_id IN"
FORGET = "DELETE FROM heading WHERE blob_id = ?"


def row(heading: Heading) -> Row:
    """The values of FIELDS."""
    return (
        heading.sent_at,
        heading.sent_day,
        heading.subject,
        heading.base_subject,
        int(heading.is_reply),
        heading.from_,
        heading.to,
        heading.cc,
        heading.bcc,
        heading.from_key,
        heading.to_key,
        heading.cc_key,
        heading.display_from,
        heading.display_to,
        heading.message_id,
        " ".join(heading.references),
    )


def keep(tx: Tx, headings: Iterable[tuple[int, Heading]]) -> None:
    """Keep headings, each with the id of its blob, those of blobs that are gone excepted."""
    tx.many(KEEP, [(blob_id, *row(heading), blob_id) for blob_id, heading in headings])
