"""How the database finds mail: by index, however much waits."""

from __future__ import annotations

import pytest

from postroom.queue import claim, sites
from postroom.store.database import Database, Tx


def plan(db: Database, sql: str, *values: object) -> str:
    """What the engine would do; PostgreSQL may not read the whole table, as it would while it is small."""

    def work(tx: Tx) -> str:
        if tx.dialect == "postgresql":
            tx.execute("SET LOCAL enable_seqscan = off")
            tx.execute("SET LOCAL enable_bitmapscan = off")
        explain = "EXPLAIN " if tx.dialect == "postgresql" else "EXPLAIN QUERY PLAN "
        return "\n".join(str(row) for row in tx.execute(explain + sql, values))

    return db.write(work)


@pytest.mark.parametrize("rank", claim.RANKS)
def test_due_mail_of_a_rank_is_one_range_of_the_index(db: Database, rank: int) -> None:
    found = plan(db, claim._DUE, "out", 0, rank, 1000, 10)
    assert "outgoing_recipient_due" in found
    assert "sort" not in found.lower()
    assert "temp b-tree" not in found.lower()


def test_the_next_mail_that_is_due_is_the_first_of_a_range(db: Database) -> None:
    assert "outgoing_recipient_due" in plan(db, claim.NEXT_DUE, "out", 0, 1, -1)


def test_mail_that_waits_for_a_site_is_found_by_the_site(db: Database) -> None:
    assert "outgoing_recipient_site" in plan(db, sites.WAKE, 1, "Direct far.test", 1, 10, 1)
