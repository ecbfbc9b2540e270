"""How much mail an account may keep: bytes and messages of all its folders. What was expunged does not count."""

from __future__ import annotations

from typing import NamedTuple

from .database import Tx

LIMITS = "SELECT quota_storage, quota_messages FROM account WHERE id = ?"
HOLD = "SELECT id FROM account WHERE id = ? AND quota_storage + quota_messages > 0 FOR NO KEY UPDATE"  # PostgreSQL
USED = "SELECT coalesce(sum(bytes), 0), coalesce(sum(messages), 0) FROM mailbox WHERE account_id = ?"


class Quota(NamedTuple):
    """What is used and what may be; a limit of 0 is none."""

    storage: int  # bytes
    messages: int
    storage_limit: int  # bytes
    messages_limit: int

    def has_room(self, size: int, messages: int) -> bool:
        """Whether so much more fits. Nothing more always does, even where a limit was lowered."""
        return not (
            (size and self.storage_limit and self.storage + size > self.storage_limit)
            or (messages and self.messages_limit and self.messages + messages > self.messages_limit)
        )


def hold(tx: Tx, account_id: int) -> None:
    """Let nobody else fill an account that has a limit until the transaction ends: to be called before any mailbox is locked."""
    if tx.dialect == "postgresql":
        tx.do(HOLD, (account_id,))


def quota(tx: Tx, account_id: int) -> Quota:
    """The quota of an account; that of one that is gone has no limits."""
    limits, used = tx.one(LIMITS, (account_id,)) or (0, 0), tx.one(USED, (account_id,)) or (0, 0)
    return Quota(int(used[0]), int(used[1]), limits[0], limits[1])


def room(tx: Tx, account_id: int, size: int, messages: int = 1) -> bool:
    """Whether ``messages`` more messages of ``size`` bytes together fit into an account."""
    limits = tx.one(LIMITS, (account_id,))
    if limits is None or not any(limits):
        return True  # the usual case asks for one row
    return quota(tx, account_id).has_room(size, messages)
