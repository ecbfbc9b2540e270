"""A direct sender with a table for DNS, for tests with scripted servers on 127.0.0.1."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from postroom.asking import Asker
from postroom.config.core_sections import QueueSettings
from postroom.dns import Resolver
from postroom.hookspecs import new_manager
from postroom.store.database import Database
from postroom.testing import FakeResolver
from postroom_smtp_direct.plugin import Plugin, Settings
from postroom_smtp_direct.sender import DirectSender

QUICK = {"connect": "2s", "handshake": "2s", "greeting": "2s", "command": "2s", "data": "2s", "block": "2s", "end": "2s"}


def asker(*plugins: object) -> Asker:
    """Hooks with these plugins."""
    manager = new_manager()
    for number, plugin in enumerate(plugins):
        manager.register(plugin, f"test{number}")
    return Asker(manager.hook, lambda: 0.0, lambda plugin, hook, error, arguments: _raise(error))


def _raise(error: BaseException) -> None:
    raise error


def table(mx: Mapping[str, Sequence[tuple[int, str]]], temporary: Sequence[str] = (), **more: Any) -> FakeResolver:
    """A resolver in which every server of ``mx`` is at 127.0.0.1, unless ``hosts`` says otherwise."""
    hosts = {host: ["127.0.0.1"] for servers in mx.values() for _, host in servers if host}
    return FakeResolver({**hosts, **more.pop("hosts", {})}, temporary, mx=mx, **more)


def direct(
    resolver: Resolver, *plugins: object, db: Database | None = None, change: Callable[[Plugin], None] | None = None, **settings: Any
) -> DirectSender:
    """One sender of the plugin. Reports need ``db``, and MTA-STS as well; without it they are off."""
    config = SimpleNamespace(
        server=SimpleNamespace(hostname="client.test", data_dir=Path("/nonexistent")),
        dns=SimpleNamespace(servers=None, cache_size=1000, trust_ad="auto"),
        domains=SimpleNamespace(default="client.test"),
        queue=QueueSettings(),
    )
    context = SimpleNamespace(config=config, dns=resolver, ask=asker(*plugins), db=db, log=None, blobs=None, queue=None, clock=time.time)
    tls = {"mta_sts": db is not None, **settings.pop("tls", {})}
    values = {"timeouts": QUICK, "tls_reports": {"enabled": db is not None}, "tls": tls, **settings}
    plugin = Plugin(context, Settings(**values))  # type: ignore[arg-type]
    if change is not None:
        change(plugin)
    return plugin.senders[0]
