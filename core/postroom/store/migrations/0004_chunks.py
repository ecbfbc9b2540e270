"""Chunks lie apart from their keys on SQLite.

A table WITHOUT ROWID compares keys by reading whole rows, 256 KB each here: with the keys in an index of their own a message of 50 MB is
read in a quarter of the CPU time and written in half. The copy takes 15 s for each GB of chunks, and as much room again in the file (which
later messages use) and for the time being in the log beside it.
"""

from __future__ import annotations

from typing import Any

ON_SQLITE = (
    "ALTER TABLE chunk RENAME TO chunk_before",
    "CREATE TABLE chunk (blob_id BIGINT NOT NULL, seq INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (blob_id, seq))",
    "INSERT INTO chunk (blob_id, seq, data) SELECT blob_id, seq, data FROM chunk_before ORDER BY blob_id, seq",
    "DROP TABLE chunk_before",
)


def up(migrator: Any, db: Any) -> None:
    """Copy the chunks; PostgreSQL has them so already."""
    for statement in ON_SQLITE if type(db).__name__.startswith("Sqlite") else ():
        db.execute_sql(statement)
