"""Searches the header lines that each copy of a message has for itself: those are not in the full-text index."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from postroom.mail.structure.texts import header_text
from postroom.mail.wording import clean
from postroom.store.fulltext.needle import Needle, head

if TYPE_CHECKING:
    from collections.abc import Callable

    from postroom.context import Context
    from postroom.store.columns import Columns
    from postroom.store.database import Row

PIECE = 5_000  # messages at a time
PREFIXES = "SELECT uid, prefix FROM message WHERE mailbox_id = ? AND uid BETWEEN ? AND ? AND length(prefix) > 0"
TRACE = frozenset({"return-path", "received", "delivered-to", "x-original-to", "authentication-results", "received-spf"})

_FOLD = re.compile(rb"\r?\n(?=[ \t])")


def may_hold(columns: Columns, field: str) -> bool:
    """Whether a header field of this name may be in a prefix: fields of other names only where a copy is marked as ``own``."""
    return field.lower() in TRACE or field.lower().startswith("x-") or 1 in columns.own


def having(context: Context, columns: Columns, needle: Needle, field: str, check: Callable[[], None]) -> set[int]:
    """UIDs of the messages whose prefix has the string; ``field``: in the header field of this name. Raises StoreUnavailable."""
    found: set[int] = set()
    for start in range(0, len(columns), PIECE):
        check()
        bounds = (columns.mailbox_id, columns.uids[start], columns.uids[min(start + PIECE, len(columns)) - 1])
        rows = context.db.read_slow(lambda tx, bounds=bounds: tx.execute(PREFIXES, bounds))  # type: ignore[misc]
        found |= context.offload(_having, rows, needle, field)
    return found


def _having(rows: list[Row], needle: Needle, field: str) -> set[int]:
    plain, found = [], set()
    pattern = needle.field(field) if field else None
    for uid, prefix in rows:
        data = bytes(prefix)
        if data.isascii() and b"=?" not in data:
            plain.append((uid, data))
        elif _has(data, needle, pattern):
            found.add(uid)
    # The usual ones are searched as one text: it begins with a line end, and NUL ends each
    joined = b"\0".join(b"\n" + data for _, data in plain).upper().replace(b"\r\n", b"\n")
    if b"\n " in joined or b"\n\t" in joined:
        joined = _FOLD.sub(b"", joined)
    if pattern is not None or needle.data in joined:
        texts = zip(plain, joined.split(b"\0"), strict=False) if plain else ()
        found.update(uid for (uid, _), text in texts if (pattern.search(text) if pattern else needle.data in text))
    return found


def _has(data: bytes, needle: Needle, pattern: re.Pattern[bytes] | None) -> bool:
    from postroom.mail.folding import fold

    text = fold(clean(header_text(data)))
    return needle.text in text if pattern is None else pattern.search(head(text, "").encode("utf-8", "replace")) is not None
