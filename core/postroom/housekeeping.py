"""What is thrown away now and then, by one worker of all: deleted messages, what nobody refers to or asks for, old traces and leases."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .provided import Job
from .queue import surge
from .store.retention import forget
from .store.traces import Traces

if TYPE_CHECKING:
    from .context import Context

EVERY = 3600.0  # seconds
TRACES_FOR = 30 * 86400  # seconds that the life of a message can be looked up
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
        context.leases.forget(now - LEASES_FOR)

    return Job("housekeeping", EVERY, run)
