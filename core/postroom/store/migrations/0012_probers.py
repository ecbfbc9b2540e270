"""Which worker probes a site: when it dies, nobody waits for what comes of it."""

from __future__ import annotations

from typing import Any


def up(migrator: Any, db: Any) -> None:
    """Add the column."""
    db.execute_sql("ALTER TABLE site ADD COLUMN prober TEXT NOT NULL DEFAULT ''")
