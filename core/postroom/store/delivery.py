"""The commonest write, a message for one mailbox: one statement on PostgreSQL, where each costs the client as much as the server."""

from __future__ import annotations

from postroom.ids import new_id

from . import appending, traces
from .blobs import STORE, Draft
from .database import Tx

# Nothing is counted unless there is a blob to refer to
TAKE = appending.BY_PATH.replace(" RETURNING ", " AND EXISTS (SELECT 1 FROM kept) RETURNING ")

# A blob of equal content is kept against the collector; in the snapshot of one statement it is either there or just made, never both.
AT_ONCE = (
    f"WITH fresh AS ({STORE}), equal AS (SELECT id FROM blob WHERE hash = ? LIMIT 1 FOR KEY SHARE),"
    " kept AS (SELECT id FROM fresh UNION ALL SELECT id FROM equal),"
    f" box AS ({TAKE}),"
    " noted AS (INSERT INTO trace (id, trace, at, event, detail) SELECT ?, ?, ?, ?, ? FROM box, kept)"
    f" INSERT INTO message ({appending.COLUMNS})"
    " SELECT box.id, uid, modseq, kept.id, ?, ?, ?, 0, '', 0, ?, ?, ?, ?, 0 FROM box, kept"
    " RETURNING blob_id, mailbox_id"
)


def deliver(
    tx: Tx,
    draft: Draft,
    account_id: int,
    folder: str,
    *,
    size: int,
    prefix: bytes,
    received_at: int,
    trace: int,
    note: traces.Values,
    own: bool,
) -> tuple[int, int]:
    """Keep the draft, put it into a folder and note it in the trace; returns the ids of blob and mailbox.

    ``own``: ``appending.shows(prefix)``. Raises Conflict when the account is gone.
    """
    if tx.dialect == "postgresql" and draft.whole is not None:
        place = (1, 0, size, account_id, folder, *note, size, prefix, received_at, trace, received_at, new_id(), int(own))
        row = tx.one(AT_ONCE, (*draft.whole, draft.whole[1], draft.whole[1], *place))
        if row is not None:
            return row[0], row[1]
        # No such folder yet, or the collector has just removed the equal blob: step by step
    blob = draft.store(tx)
    mailbox, _ = appending.append(
        tx, account_id, folder, blob_id=blob, size=size, prefix=prefix, received_at=received_at, trace=trace, own=own
    )
    traces.record_rows(tx, [note])
    return blob, mailbox
