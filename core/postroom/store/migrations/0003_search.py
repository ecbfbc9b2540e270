"""The full-text index: volumes of messages for each account, and in which a message is; the day on which a message was sent."""

from __future__ import annotations

from typing import Any

SQLITE = {"key": "INTEGER", "bytes": "BLOB", "clustered": " WITHOUT ROWID"}
POSTGRESQL = {"key": "BIGINT", "bytes": "BYTEA", "clustered": ""}

STATEMENTS = (
    "ALTER TABLE heading ADD COLUMN sent_day BIGINT",
    """CREATE TABLE volume (
        id {key} PRIMARY KEY, account_id BIGINT NOT NULL, messages INTEGER NOT NULL, gone INTEGER NOT NULL, size BIGINT NOT NULL,
        blobs {bytes} NOT NULL, cut {bytes} NOT NULL)""",
    "CREATE INDEX volume_account ON volume (account_id)",
    "CREATE TABLE volume_piece (id {key} PRIMARY KEY, data {bytes} NOT NULL)",  # id: that of the volume, and the kind added
    """CREATE TABLE volume_place (
        blob_id BIGINT NOT NULL, account_id BIGINT NOT NULL, volume_id BIGINT NOT NULL, PRIMARY KEY (blob_id, account_id)){clustered}""",
)

ON_POSTGRESQL = ("ALTER TABLE volume_piece ALTER COLUMN data SET STORAGE EXTERNAL",)  # what gains by it is compressed already


def up(migrator: Any, db: Any) -> None:
    """Create the tables."""
    sqlite = type(db).__name__.startswith("Sqlite")
    for statement in STATEMENTS:
        db.execute_sql(statement.format(**(SQLITE if sqlite else POSTGRESQL)))
    for statement in () if sqlite else ON_POSTGRESQL:
        db.execute_sql(statement)
