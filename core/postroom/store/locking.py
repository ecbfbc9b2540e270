"""Locks the passwords of targets SMTP:… that stand readable in the tables, as earlier builds have kept them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .changes import Changes
from .database import Database, Tx

Keep = Callable[[str], str]  # a target as it is to be kept; raises OSError or UnreadableSecret when there is no key

TARGET, ANYWHERE = "smtp:%", "%smtp:%"
MAPPINGS = "SELECT target, id FROM mapping WHERE LOWER(target) LIKE ?"
MEMBERS = "SELECT target, list_id, position FROM dlist_member WHERE LOWER(target) LIKE ?"
FIELDS = "SELECT {field}, id FROM account WHERE LOWER({field}) LIKE ?"
SET_MAPPING = "UPDATE mapping SET target = ? WHERE id = ?"
SET_MEMBER = "UPDATE dlist_member SET target = ? WHERE list_id = ? AND position = ?"
SET_FIELD = "UPDATE account SET {field} = ? WHERE id = ?"


def lock_targets(db: Database, keep: Keep) -> int:
    """Lock what is open, in one transaction; how many rows. Raises StoreUnavailable, and what ``keep`` raises."""
    if not any(db.read_slow(lambda tx: _open(tx, keep))):
        return 0

    def work(tx: Tx) -> int:
        found = _open(tx, keep)
        for sql, row in found:
            tx.do(sql, row)
        return len(found)

    return Changes(db).change(work)


def _open(tx: Tx, keep: Keep) -> list[tuple[str, tuple[Any, ...]]]:
    """The statements that lock what is open."""
    sources = [(MAPPINGS, SET_MAPPING, TARGET), (MEMBERS, SET_MEMBER, TARGET)]
    sources += [(FIELDS.format(field=field), SET_FIELD.format(field=field), ANYWHERE) for field in ("forward", "assistants")]
    found: list[tuple[str, tuple[Any, ...]]] = []
    for select, update, pattern in sources:
        for text, *key in tx.execute(select, (pattern,)):
            locked = ";".join(map(keep, text.split(";")))
            if locked != text:
                found.append((update, (locked, *key)))
    return found
