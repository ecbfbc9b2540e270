"""All recipients of a queued message: those that wait, and those that are done, whose rows are gone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..store.database import Database, Tx

DONE = "SELECT detail FROM trace WHERE trace = ? AND event IN ('delivered', 'failed', 'removed') ORDER BY at, id"
LEFT = "SELECT address FROM outgoing_recipient WHERE outgoing_id = ? ORDER BY id"


def everybody(db: Database, number: int) -> tuple[str, ...]:
    """The addresses of all recipients of the message ``number`` as its trace and the queue know them. Raises StoreUnavailable."""

    def work(tx: Tx) -> tuple[list[str], list[str]]:
        return [row[0] for row in tx.execute(DONE, (number,))], [row[0] for row in tx.execute(LEFT, (number,))]

    told, left = db.read_slow(work)
    done = [one["rcpt"] for detail in told for one in json.loads(detail).get("to", ())]
    return tuple(dict.fromkeys((*done, *left)))
