"""The keys that sign outgoing mail (DKIM, RFC 6376)."""

from __future__ import annotations

from typing import Any

STATEMENTS = (
    """CREATE TABLE signing_key (
        id {key} PRIMARY KEY, domain TEXT NOT NULL, selector TEXT NOT NULL, algorithm TEXT NOT NULL, secret TEXT NOT NULL,
        record TEXT NOT NULL, state TEXT NOT NULL, created_at BIGINT NOT NULL, activated_at BIGINT NOT NULL, retired_at BIGINT NOT NULL)""",
    "CREATE UNIQUE INDEX signing_key_name ON signing_key (domain, selector)",
)


def up(migrator: Any, db: Any) -> None:
    """Add the table."""
    key = "INTEGER" if type(db).__name__.startswith("Sqlite") else "BIGINT"
    for statement in STATEMENTS:
        db.execute_sql(statement.format(key=key))
