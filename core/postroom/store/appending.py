"""Messages come into mailboxes: UIDs are given out, counts kept, folders made that are missing."""

from __future__ import annotations

import re
import time

from postroom.ids import new_id

from .database import Conflict, Tx
from .keywords import joined, spelled

SEEN, ANSWERED, FLAGGED, DELETED, DRAFT = 1, 2, 4, 8, 16

SPECIAL = {"INBOX": "", "Drafts": "\\Drafts", "Sent": "\\Sent", "Junk": "\\Junk", "Trash": "\\Trash", "Archive": "\\Archive"}  # RFC 6154

# Header fields that no answer of IMAP but the header itself shows: a prefix of these leaves true what is known of the blob
QUIET = re.compile(
    rb"(?:(?:Return-Path|Received|Delivered-To|X-Original-To|Authentication-Results|Received-SPF|X-(?!Priority[ \t]*:)[!-9;-~]*)[ \t]*:"
    rb"[^\n]*\n(?:[ \t][^\n]*\n)*)*",
    re.IGNORECASE,
)

TAKE = (
    "UPDATE mailbox SET uidnext = uidnext + 1, modseq = modseq + 1, messages = messages + 1, unseen = unseen + ?, deleted = deleted + ?,"
    " bytes = bytes + ? WHERE {which} RETURNING id, uidnext - 1 AS uid, modseq"
)
BY_PATH = TAKE.format(which="account_id = ? AND path = ?")
BY_ID = TAKE.format(which="id = ?")
COLUMNS = "mailbox_id, uid, modseq, blob_id, size, prefix, received_at, flags, keywords, hidden, trace, saved_at, email, own, touched"
INSERT = f"INSERT INTO message ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, 0)"
AT_ONCE = {  # PostgreSQL: one round trip instead of two
    take: f"WITH box AS ({take}) INSERT INTO message ({COLUMNS})"
    " SELECT id, uid, modseq, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, 0 FROM box RETURNING mailbox_id, uid"
    for take in (BY_PATH, BY_ID)
}
WORDS = "SELECT keywords FROM mailbox WHERE id = ?"
KNOW = "UPDATE mailbox SET keywords = ? WHERE id = ?"
SPELL = "UPDATE message SET keywords = ? WHERE mailbox_id = ? AND uid = ?"

MAKE = (
    "INSERT INTO mailbox (id, account_id, path, uidvalidity, uidnext, modseq, special)"
    " SELECT ?, id, ?, ?, 1, 1, ? FROM account WHERE id = ? ON CONFLICT (account_id, path) DO NOTHING RETURNING id"
)
MAKE_SAFELY = MAKE.replace(" ON CONFLICT", " FOR KEY SHARE ON CONFLICT")  # PostgreSQL: nobody removes the account meanwhile
SUBSCRIBE = "INSERT INTO subscription (account_id, name) VALUES (?, ?) ON CONFLICT (account_id, name) DO NOTHING"
VALIDITY = (
    "INSERT INTO state (name, value) VALUES ('uidvalidity', ?) ON CONFLICT (name) DO UPDATE SET value ="
    " CASE WHEN CAST(state.value AS BIGINT) < CAST(excluded.value AS BIGINT) THEN excluded.value"
    " ELSE CAST(CAST(state.value AS BIGINT) + 1 AS TEXT) END RETURNING value"
)


def append(
    tx: Tx,
    account_id: int,
    folder: str,
    *,
    blob_id: int,
    size: int,
    prefix: bytes,
    received_at: int,
    flags: int = 0,
    keywords: str = "",
    trace: int = 0,
    saved_at: int | None = None,
    own: bool | None = None,
) -> tuple[int, int]:
    """Put a message into a folder, which is made when missing; returns its mailbox id and UID.

    ``keywords``: separated by spaces; not in a write with keys, whose statements may alternate with another append's to the same
    folder. ``saved_at``: ms, ``received_at`` when not given. ``own``: ``shows(prefix)`` when known already.
    Appends to several accounts in one transaction belong in the order of account ids (two of them in opposite orders would
    block each other on PostgreSQL). Raises Conflict when the account is gone, TooManyKeywords.
    """
    values = _values(blob_id, size, prefix, received_at, flags, trace, saved_at, own)
    place = (*_counts(flags, size), account_id, folder)
    added = _append(tx, BY_PATH, place, values)
    if added is None:
        make(tx, account_id, folder)
        added = _append(tx, BY_PATH, place, values)
    if added is None:
        raise Conflict(f"there is no account {account_id} any more")
    if keywords:
        _keep_keywords(tx, added, keywords)
    return added


def append_to(
    tx: Tx,
    mailbox_id: int,
    *,
    blob_id: int,
    size: int,
    prefix: bytes = b"",
    received_at: int,
    flags: int = 0,
    keywords: str = "",
    trace: int = 0,
    saved_at: int | None = None,
    own: bool | None = None,
) -> int:
    """The same for a mailbox by its id; returns the UID. Raises Conflict when it is gone, TooManyKeywords."""
    values = _values(blob_id, size, prefix, received_at, flags, trace, saved_at, own)
    added = _append(tx, BY_ID, (*_counts(flags, size), mailbox_id), values)
    if added is None:
        raise Conflict(f"there is no mailbox {mailbox_id} any more")
    if keywords:
        _keep_keywords(tx, added, keywords)
    return added[1]


def shows(prefix: bytes) -> bool:
    """Whether a prefix holds header fields that IMAP shows by themselves."""
    return QUIET.fullmatch(prefix) is None


def make(tx: Tx, account_id: int, folder: str, *, special: str | None = None) -> None:
    """Make a folder unless it exists, and subscribe its owner to it: clients hide other folders.

    ``special`` is what the name means when not given.
    """
    values = (new_id(), folder, new_validity(tx), SPECIAL.get(folder, "") if special is None else special, account_id)
    if tx.one(MAKE if tx.dialect == "sqlite" else MAKE_SAFELY, values) is not None:
        tx.do(SUBSCRIBE, (account_id, folder))


def new_validity(tx: Tx) -> int:
    """A UIDVALIDITY higher than all before (RFC 9051 section 2.3.1.1): the second of now, or more when folders are made fast."""
    row = tx.one(VALIDITY, (str(int(time.time())),))
    assert row is not None
    return int(row[0])


def _values(
    blob_id: int, size: int, prefix: bytes, received_at: int, flags: int, trace: int, saved_at: int | None, own: bool | None
) -> tuple[int | bytes | str, ...]:
    saved = received_at if saved_at is None else saved_at
    return blob_id, size, prefix, received_at, flags, "", trace, saved, new_id(), int(shows(prefix) if own is None else own)


def _counts(flags: int, size: int) -> tuple[int, int, int]:
    return 1 - (flags & SEEN), int(flags & DELETED > 0), size


def _append(tx: Tx, take: str, place: tuple[int | str, ...], values: tuple[int | bytes | str, ...]) -> tuple[int, int] | None:
    if tx.dialect == "postgresql":
        row = tx.one(AT_ONCE[take], (*place, *values))
        return None if row is None else (row[0], row[1])
    row = tx.one(take, place)
    if row is None:
        return None
    tx.do(INSERT, row + values)
    return row[0], row[1]


def _keep_keywords(tx: Tx, added: tuple[int, int], keywords: str) -> None:
    """The mailbox's row is ours since the UID was taken, so its keywords can be looked up and changed."""
    row = tx.one(WORDS, (added[0],))
    assert row is not None
    known, words = spelled(row[0], keywords.split())
    if known != row[0]:
        tx.do(KNOW, (known, added[0]))
    tx.do(SPELL, (joined(words), *added))
