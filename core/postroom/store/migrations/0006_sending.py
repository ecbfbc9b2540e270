"""What sending needs: priorities, holds and ends of life of queued mail, states of sites, counts of what was sent, habits of accounts."""

from __future__ import annotations

from typing import Any

SQLITE = {"key": "INTEGER", "clustered": " WITHOUT ROWID"}
POSTGRESQL = {"key": "BIGINT", "clustered": ""}

COLUMNS = {
    "outgoing": (
        "delete_at BIGINT NOT NULL DEFAULT 0",
        "local_origin SMALLINT NOT NULL DEFAULT 1",
        "quiet SMALLINT NOT NULL DEFAULT 0",
    ),
    "outgoing_recipient": (
        "rank SMALLINT NOT NULL DEFAULT 1",
        "via TEXT NOT NULL DEFAULT ''",
        "waits_for TEXT NOT NULL DEFAULT ''",
    ),
}

STATEMENTS = (
    "UPDATE outgoing SET priority = 50",
    "DROP INDEX {due}",
    "CREATE INDEX outgoing_recipient_due ON outgoing_recipient (channel, state, rank, next_try)",
    "CREATE INDEX outgoing_recipient_site ON outgoing_recipient (waits_for) WHERE waits_for <> ''",
    "CREATE INDEX outgoing_end ON outgoing (delete_at) WHERE delete_at > 0",
    """CREATE TABLE site (
        sender TEXT NOT NULL, name TEXT NOT NULL, failures INTEGER NOT NULL, since BIGINT NOT NULL, next_probe BIGINT NOT NULL,
        reason TEXT NOT NULL, server TEXT NOT NULL, kind TEXT NOT NULL, PRIMARY KEY (sender, name)){clustered}""",
    """CREATE TABLE sent (
        id {key} PRIMARY KEY, sender TEXT NOT NULL, at BIGINT NOT NULL, messages INTEGER NOT NULL, recipients INTEGER NOT NULL)""",
    "CREATE INDEX sent_window ON sent (sender, at)",
    """CREATE TABLE habit (
        account TEXT NOT NULL, hour BIGINT NOT NULL, messages INTEGER NOT NULL, recipients INTEGER NOT NULL,
        PRIMARY KEY (account, hour)){clustered}""",
    """CREATE TABLE surge (
        account TEXT NOT NULL PRIMARY KEY, at BIGINT NOT NULL, reason TEXT NOT NULL, released_at BIGINT NOT NULL,
        allowed INTEGER NOT NULL){clustered}""",
)


def up(migrator: Any, db: Any) -> None:
    """Add the columns and tables."""
    sqlite = type(db).__name__.startswith("Sqlite")
    for table, columns in COLUMNS.items():
        for column in columns:
            db.execute_sql(f"ALTER TABLE {table} ADD COLUMN {column}")
    due = next(index.name for index in db.get_indexes("outgoing_recipient") if index.columns == ["channel", "state", "next_try"])
    for statement in STATEMENTS:
        db.execute_sql(statement.format(due=due, **(SQLITE if sqlite else POSTGRESQL)))
