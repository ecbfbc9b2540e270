"""Priorities of accounts, and what a surge needs: whether the administrator has been told, and what was agreed to for a day."""

from __future__ import annotations

from typing import Any

STATEMENTS = (
    "ALTER TABLE account ADD COLUMN priority INTEGER NOT NULL DEFAULT 50",
    "ALTER TABLE surge ADD COLUMN allowed_day INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE surge ADD COLUMN told SMALLINT NOT NULL DEFAULT 0",
)


def up(migrator: Any, db: Any) -> None:
    """Add the columns."""
    for statement in STATEMENTS:
        db.execute_sql(statement)
