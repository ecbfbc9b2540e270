"""A database as the first release left it, with mail in it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from unittest.mock import patch

from postroom.store import migrate as schema
from postroom.store.blobs import CHUNK
from postroom.store.database import Tx, connect

LARGE = b"0123456789" * (CHUNK // 4)  # blob 98: three chunks, the last one shorter
MESSAGES = (  # uid, size, flags, keywords
    (1, 100, 0, ""),
    (2, 200, 1, ""),
    (4, 50, 8 | 1, "work"),
    (7, 5, 8, ""),
)


def make(url: str, folder: Path) -> None:
    """Make it. ``folder``: an empty one."""
    (folder / "0001_first.py").write_bytes((schema.MIGRATIONS / "0001_first.py").read_bytes())
    with patch.object(schema, "MIGRATIONS", folder):
        schema.migrate(url)
    with closing(connect(url)) as db:
        db.write(_fill)


def _fill(tx: Tx) -> None:
    tx.do("INSERT INTO account VALUES (1, 'joe', '', '', '', '', 0, 1, 1, 1, 0, '', 0, '', 0, 0, '', 5)")
    for number, path in ((10, "INBOX"), (11, "Empty")):
        tx.do("INSERT INTO mailbox VALUES (?, 1, ?, 1700000000, 8, 30, '')", (number, path))
    tx.do("INSERT INTO blob VALUES (99, ?, 3, 1, 5, ?)", (b"h" * 32, b"abc"))
    tx.do("INSERT INTO outgoing VALUES (7, 99, ?, 3, 'joe@a.test', NULL, '', '7BIT', 0, 0, '', '', 5, 0, 0)", (b"",))
    recipients = [(number, f"u{number}@b.test") for number in (1, 2)]
    tx.many("INSERT INTO outgoing_recipient VALUES (?, 7, 'out', ?, '', '', '', 0, 0, 5, '', 0, '', '', 0, 0)", recipients)
    tx.do("INSERT INTO blob VALUES (98, ?, ?, 1, 5, ?)", (b"g" * 32, len(LARGE), LARGE[:CHUNK]))
    tx.many("INSERT INTO chunk VALUES (98, ?, ?)", [(seq, LARGE[seq * CHUNK : (seq + 1) * CHUNK]) for seq in (2, 1)])
    columns = "mailbox_id, uid, blob_id, size, flags, keywords, prefix, received_at, hidden, modseq, trace"
    rows = [(10, uid, size, flags, keywords, b"Subject: own\r\n", 20 + uid) for uid, size, flags, keywords in MESSAGES]
    tx.many(f"INSERT INTO message ({columns}) VALUES (?, ?, 99, ?, ?, ?, ?, 1234, 0, ?, 0)", rows)
