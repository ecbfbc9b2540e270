"""The composition root: builds all parts of one worker by plain constructor calls. The only file that knows them all."""

from __future__ import annotations

import socket
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gevent
import pluggy

from . import log as logs
from .asking import Asker
from .auth import Authenticator
from .config.schema import Config
from .context import Context
from .credentials import Vault
from .deadline import Deadlines
from .dns import Resolver
from .leases import Leases
from .metrics import Metrics
from .news import News
from .newsgate import NewsGate
from .plugins import Plugins, construct, new_manager
from .provided import Job
from .queue import connections
from .queue.bounce import Reports
from .queue.desk import Desk
from .queue.put import Queue
from .queue.retry import Retry
from .queue.runner import Runner
from .store.accounts import Accounts
from .store.blobs import Blobs
from .store.database import connect
from .store.directory import DirectoryCache
from .store.handover import elsewhere
from .store.mailboxes import Mailboxes
from .store.traces import Traces
from .tally import Tally
from .wire.tls import ServerTls

HOUSEKEEPING = 3600.0  # seconds between two runs
TRACES_FOR = 30 * 86400  # seconds that the life of a message can be looked up


@dataclass(frozen=True)
class App:
    """One worker's parts. Nothing runs yet: ``worker.py`` starts and stops them."""

    context: Context
    manager: pluggy.PluginManager
    runner: Runner
    jobs: tuple[Job, ...]
    gate: NewsGate | None  # news to and from other nodes (PostgreSQL)


def build(
    config: Config,
    plugins: Plugins,
    tally: Tally,
    slot: int = 0,
    *,
    clock: Callable[[], float] = time.time,
    resolver: Resolver | None = None,
) -> App:
    """Put the parts of one worker together. Raises PluginError when a plugin cannot be constructed.

    Nothing is opened: the database connects with its first use, so a wrong address shows there. ``clock`` (epoch seconds, of
    the queue) and ``resolver`` are what ``postroom.testing`` replaces.
    """
    owner = f"{node(config)}/{slot}"
    log = logs.get()
    manager = new_manager()
    metrics = Metrics(later=gevent.spawn_later)
    ask = Asker(manager.hook, time.monotonic, fault_reporter(log, metrics), Deadlines(config.server.hook_deadline))
    db = connect(config.database.url, pool=config.database.pool, base=config.base)
    news = News(config.server.run_dir, later=gevent.spawn_later)
    blobs = Blobs(db)
    accounts = Accounts(db)
    directory = DirectoryCache(db)
    news.subscribe("accounts", lambda _: directory.refresh())
    leases = Leases(db, owner)
    reports = Reports(ask, blobs, hostname=config.server.hostname, domain=config.domains.default, give_up=config.queue.give_up, clock=clock)
    queue = Queue(db, ask, news, reports, clock)
    auth = Authenticator(
        accounts,
        ask,
        offload=offload,
        domains=config.domains.local,
        vault=Vault(config.server.data_dir),
        hostname=config.server.hostname,
        clock=time.monotonic,
        sleep=gevent.sleep,
        news=news,
    )
    context = Context(
        config=config,
        ask=ask,
        db=db,
        blobs=blobs,
        accounts=accounts,
        directory=directory,
        mailboxes=Mailboxes(db, blobs),
        auth=auth,
        queue=queue,
        news=news,
        leases=leases,
        tally=tally,
        metrics=metrics,
        dns=resolver or Resolver(config.dns.servers),
        tls=ServerTls(config.tls, config.server, report=lambda words: log.error("tls.reload_failed", reason=words)),
        log=log,
        offload=offload,
    )
    construct(manager, plugins, context)
    lines = connections.lines(config.connections, ask.collect("register_senders"))
    retry = Retry(config.queue.retry, config.queue.give_up, config.queue.warn_after)
    desk = Desk(db, blobs, queue, ask, retry, lines, owner, clock, log, metrics)
    runner = Runner(desk, news, leases, log)
    gate = NewsGate(config.database.url, news, node(config)) if db.dialect == "postgresql" else None
    jobs = (*ask.collect("register_jobs"), *connections.jobs(config.schedule, runner.connect), housekeeping(context))
    return App(context, manager, runner, jobs, gate)


def node(config: Config) -> str:
    """What distinguishes this server from others on the same database: the machine and the data directory."""
    return f"{socket.gethostname()}:{zlib.crc32(str(config.server.data_dir).encode()):08x}"


def offload(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run ``function`` in the hub's thread pool while other greenlets go on."""
    return elsewhere(gevent.get_hub().threadpool, function, *arguments)


def fault_reporter(log: Any, metrics: Metrics) -> Callable[[str, str, BaseException, dict[str, Any]], None]:
    """What happens when a plugin fails in a hook: one log line with the traceback, one count."""

    def report(plugin: str, hook: str, error: BaseException, arguments: dict[str, Any]) -> None:
        client = arguments.get("client")
        facts = {"session": client.session} if client is not None else {}
        if "trace" in arguments:
            facts["trace"] = arguments["trace"]
        log.error("plugin.fault", plugin=plugin, hook=hook, exc_info=error, **facts)
        metrics.count("plugin_faults", plugin=plugin, hook=hook)

    return report


def housekeeping(context: Context) -> Job:
    """Throws away what nobody refers to any more: message bytes, old traces."""
    traces = Traces(context.db)

    def run() -> None:
        context.blobs.collect(time.time())
        traces.forget(time.time() - TRACES_FOR)

    return Job("housekeeping", HOUSEKEEPING, run)
