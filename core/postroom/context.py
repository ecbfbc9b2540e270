"""What a plugin is handed: the parts of the core that it may use."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .asking import Asker
    from .auth import Authenticator
    from .config.schema import Config
    from .dns import Resolver
    from .leases import Leases
    from .metrics import Metrics
    from .news import News
    from .queue.put import Queue
    from .store.accounts import Accounts
    from .store.blobs import Blobs
    from .store.database import Database
    from .store.directory import DirectoryCache
    from .store.folders import Folders
    from .store.kept import Kept
    from .store.mailboxes import Mailboxes
    from .store.snapshots import ColumnsCache
    from .tally import Tally
    from .wire.tls import ServerTls


@dataclass(frozen=True)
class Context:
    """The parts of the core, built once per worker by ``app.py``."""

    config: Config
    ask: Asker  # asks hooks: ask.verdict("check_sender", client=…, envelope=…)
    db: Database
    blobs: Blobs
    accounts: Accounts
    directory: DirectoryCache  # snapshots of users, mappings and lists for routing
    mailboxes: Mailboxes
    columns: ColumnsCache  # mailboxes as columns, shared by the sessions of this worker
    folders: Folders  # trees of folders
    kept: Kept  # answers about messages that are computed once
    auth: Authenticator
    queue: Queue
    news: News
    leases: Leases
    tally: Tally  # counts that hold across workers
    metrics: Metrics
    dns: Resolver
    tls: ServerTls
    log: Any  # structlog logger
    offload: Callable[..., Any]  # offload(fn, *args): run in the thread pool, wait for the result
    clock: Callable[[], float] = time.time  # the time in epoch seconds, as the queue sees it: tests move it by hand
