"""What is thrown away now and then, by one worker of all: deleted messages, what nobody refers to or asks for, old traces and leases."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .provided import Job
from .queue import budget, sites, surge
from .queue.expiry import expire
from .store.retention import forget
from .store.traces import Traces

if TYPE_CHECKING:
    from .context import Context

EVERY = 3600.0  # seconds
TRACES_FOR = 30 * 86400  # seconds that the life of a message can be looked up
SITES_FOR = 86400  # seconds after the last probe of a site that failed
SENT_FOR = 35 * 86400  # seconds that what was sent is counted; no rate looks further back
LEASES_FOR = 86400  # seconds after their end, since the clocks of nodes may differ


def housekeeping(context: Context) -> Job:
    """The job."""

    def run() -> None:
        now = time.time()
        forget(context.db, now, context.config.store.keep_deleted)
        context.blobs.collect(now)
        context.kept.forget_unused()
        Traces(context.db).forget(now - TRACES_FOR)
        surge.forget(context.db, now)
        expire(context.db, int(now * 1000))
        context.db.write(lambda tx: sites.forget(tx, int((now - SITES_FOR) * 1000)))
        context.db.write(lambda tx: budget.forget(tx, int((now - SENT_FOR) * 1000)))
        context.leases.forget(now - LEASES_FOR)

    return Job("housekeeping", EVERY, run)
