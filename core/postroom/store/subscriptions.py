"""Which folders a user wants to see: names, of whatever folder and whether it exists or not (RFC 9051 section 6.3.7)."""

from __future__ import annotations

from .database import Tx

MOST = 10_000  # names of one account

NAMES = "SELECT name FROM subscription WHERE account_id = ?"
COUNT = "SELECT count(*) FROM subscription WHERE account_id = ?"
ADD = "INSERT INTO subscription (account_id, name) VALUES (?, ?) ON CONFLICT (account_id, name) DO NOTHING"
REMOVE = "DELETE FROM subscription WHERE account_id = ? AND name = ?"


class TooManySubscriptions(Exception):
    """The account has as many subscriptions as it may have."""


def names(tx: Tx, account_id: int) -> set[str]:
    """All names to which an account is subscribed."""
    return {str(row[0]) for row in tx.execute(NAMES, (account_id,))}


def subscribe(tx: Tx, account_id: int, name: str) -> None:
    """Add a name; one that is there already does not matter. Raises TooManySubscriptions."""
    count = tx.one(COUNT, (account_id,))
    if count is not None and count[0] >= MOST:
        raise TooManySubscriptions
    tx.do(ADD, (account_id, name))


def unsubscribe(tx: Tx, account_id: int, name: str) -> None:
    """Remove a name; one that is not there does not matter."""
    tx.do(REMOVE, (account_id, name))
