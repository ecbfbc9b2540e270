"""The composition root: builds all parts of one worker by plain constructor calls. The only file that knows them all."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gevent
import pluggy

from . import log as logs
from .alert import alerts
from .asking import Asker
from .auth import Authenticator
from .config.schema import Config
from .context import Context
from .credentials import Vault
from .deadline import Deadlines
from .dns import Resolver
from .hookspecs import new_manager
from .housekeeping import housekeeping
from .leases import Leases
from .metrics import Metrics
from .news import News
from .newsgate import NewsGate
from .node import node
from .plugins import Plugins, construct
from .provided import Job
from .queue import connections, holding
from .queue.bounce import Reports
from .queue.desk import Desk
from .queue.outbound import Outbound
from .queue.put import Queue
from .queue.runner import Runner
from .queue.runs import Runs, collectors_of
from .queue.surge import Surges
from .queue.timetable import Timetable
from .queue.untaken import Untaken
from .sending.retry import Retry
from .sending.via import Locker
from .store.accounts import Accounts
from .store.blobs import Blobs
from .store.database import connect
from .store.directory import DirectoryCache
from .store.folders import Folders
from .store.handover import elsewhere
from .store.kept import Kept
from .store.mailboxes import Mailboxes
from .store.snapshots import ColumnsCache
from .tally import Tally
from .wire.tls import ServerTls


@dataclass(frozen=True)
class App:
    """One worker's parts. Nothing runs yet: ``worker.py`` starts and stops them."""

    context: Context
    manager: pluggy.PluginManager
    runner: Runner
    runs: Runs
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
    manager = new_manager()
    name = node(config.server.data_dir)
    context = core(config, manager, tally, f"{name}/{slot}", clock, resolver or Resolver.configured(config.dns))
    construct(manager, plugins, context)
    runner = sending(context, clock)
    timetable = schedule(context, clock)
    collectors = collectors_of(config.connections, context.ask.collect("register_collectors"))
    runs = Runs(
        runner, config.connections, collectors, news=context.news, leases=context.leases, log=context.log, wish=timetable.wish,
        paused=timetable.paused,
    )  # fmt: skip
    gate = NewsGate(config.database.url, context.news, name) if context.db.dialect == "postgresql" else None
    own = (housekeeping(context), holding.job(context.db, clock), Untaken(runner.desk).job(), alerts(context))
    jobs = (*context.ask.collect("register_jobs"), *timetable.jobs(name), *own)
    return App(context, manager, runner, runs, jobs, gate)


def core(
    config: Config, manager: pluggy.PluginManager, tally: Tally, owner: str, clock: Callable[[], float], resolver: Resolver
) -> Context:
    """What plugins are handed; there are none yet. ``owner`` names this worker among all workers of all nodes."""
    log = logs.get()
    metrics = Metrics(later=gevent.spawn_later, name=owner.rpartition("/")[2])
    ask = Asker(manager.hook, time.monotonic, fault_reporter(log, metrics), Deadlines(config.server.hook_deadline))
    db = connect(config.database.url, pool=config.database.pool, base=config.base)
    news = News(config.server.run_dir, later=gevent.spawn_later)
    keep = Locker(Vault(config.server.data_dir)).keep
    blobs, accounts, directory = Blobs(db), Accounts(db, folders=config.store.new_folders, keep=keep), DirectoryCache(db)
    news.subscribe("accounts", lambda _: directory.refresh())
    reports = Reports(
        ask, blobs, hostname=config.server.hostname, domain=config.domains.default, give_up=config.queue.give_up, clock=clock,
        texts=config.reports.texts,
    )  # fmt: skip
    outbound = Outbound(ask, blobs, directory.priority)
    surges = Surges(db, config.queue.surge.rule(), ask, log, metrics) if config.queue.surge.enabled else None
    return Context(
        config=config,
        ask=ask,
        db=db,
        blobs=blobs,
        accounts=accounts,
        directory=directory,
        mailboxes=Mailboxes(db, blobs, recover=config.store.keep_deleted > 0),
        columns=ColumnsCache(db),
        folders=Folders(db),
        kept=Kept(db),
        auth=authenticator(config, accounts, ask, news),
        queue=Queue(db, ask, news, reports, clock, outbound, surges),
        news=news,
        leases=Leases(db, owner),
        tally=tally,
        metrics=metrics,
        dns=resolver,
        tls=ServerTls(config.tls, config.server, report=lambda words: log.error("tls.reload_failed", reason=words)),
        log=log,
        offload=offload,
        clock=clock,
    )


def authenticator(config: Config, accounts: Accounts, ask: Asker, news: News) -> Authenticator:
    """Who checks passwords."""
    return Authenticator(
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


def sending(context: Context, clock: Callable[[], float]) -> Runner:
    """What moves the outgoing queue: the connections of the configuration with the senders of the plugins."""
    config, owner = context.config, context.leases.owner
    lines = connections.lines(config.connections, context.ask.collect("register_senders"))
    retry = Retry(config.queue.retry, config.queue.give_up, config.queue.warn_after)
    desk = Desk(context.db, context.blobs, context.queue, context.ask, retry, lines, owner, clock, context.log, context.metrics)
    return Runner(desk, context.news, context.log)


def schedule(context: Context, clock: Callable[[], float]) -> Timetable:
    """Who knows when connections are to run."""
    config = context.config
    return Timetable(
        context.db,
        context.news,
        context.log,
        items=[item.item() for item in config.schedule],
        connections=config.connections,
        zone=config.server.zone,
        folder=config.server.data_dir,
        clock=clock,
    )


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
