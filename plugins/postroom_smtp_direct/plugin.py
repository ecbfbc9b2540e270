"""The plugin smtp_direct: senders that find the servers of each domain, and the reports about TLS with them."""

from __future__ import annotations

import time
from collections.abc import Sequence

from postroom.clients.smtp.connect import Dialer
from postroom.clients.smtp.courier import Courier
from postroom.clients.smtp.ears import Ears
from postroom.clients.smtp.pool import Pool
from postroom.clients.smtp.shortages import Shortages
from postroom.config.rules import sending_rules
from postroom.context import Context
from postroom.dns import Resolver
from postroom.hookspecs import hookimpl
from postroom.provided import Job, Sender
from postroom.tls_policy.policies import Policies
from postroom.tls_policy.sts_cache import StsPolicies
from postroom.tls_policy.sts_fetch import StsFetch

from .noting import Noting
from .routing import Router
from .sender import DirectSender, limited
from .servers import HopMaker
from .settings import DirectSettings, Settings

__all__ = ["Plugin", "Settings"]


class Plugin:
    """Registers the senders, keeps their policies fresh, and closes their connections when the worker stops."""

    def __init__(self, context: Context, settings: Settings) -> None:
        self.context, self.settings = context, settings
        chosen = settings.all_senders()
        self.noting = Noting(context, self._resolver(chosen[0]), settings.tls_reports)
        self._refreshing: list[StsPolicies] = []
        self.senders = [self._sender(one) for one in chosen]

    @hookimpl
    def register_senders(self) -> Sequence[Sender]:
        """Each is a sender."""
        return self.senders

    @hookimpl
    def register_jobs(self) -> Sequence[Job]:
        """MTA-STS policies are fetched anew before they expire (one sender's for all: they are kept in the database); reports go out."""
        return [*(one.job() for one in self._refreshing[:1]), *self.noting.jobs()]

    @hookimpl
    def worker_started(self) -> None:
        """Begin to write down how TLS went."""
        self.noting.start()

    @hookimpl
    def worker_stopping(self) -> None:
        """Say QUIT everywhere."""
        for sender in self.senders:
            sender.close()
        self.noting.stop()

    def _sender(self, one: DirectSettings) -> DirectSender:
        context, resolver = self.context, self._resolver(one)
        hostname = context.config.server.hostname
        helo = one.helo or hostname
        ourselves = frozenset(name.lower().rstrip(".") for name in (hostname, helo))
        sts = None
        if one.tls.mta_sts:
            sts = StsPolicies(context.db, StsFetch(resolver, ca=one.tls.ca), log=context.log)
            self._refreshing.append(sts)
        router = Router(
            resolver,
            one.overrides,
            Policies(resolver, sts, dane=one.tls.dane),
            Policies(resolver, None, dane=one.tls.dane),
            context.ask,
            port=one.port,
            ourselves=ourselves,
            clock=context.clock,
        )
        maker = HopMaker(one, helo, resolver, context.ask, self.noting.results, ourselves)
        pool = Pool(limited(one.bounds), time.monotonic)
        courier = Courier(Dialer(resolver.addresses), pool, time.monotonic, Ears(context.ask, one.name), Shortages(context.log, one.name))
        return DirectSender(one, router, maker, courier, context.ask, sending_rules(one, context.config.queue), clock=context.clock)

    def _resolver(self, one: DirectSettings) -> Resolver:
        """The common one, or the sender's own when it has DNS servers or a cache of its own."""
        dns = self.context.config.dns
        if one.dns_servers is None and one.dns_cache_size is None:
            return self.context.dns
        servers = dns.servers if one.dns_servers is None else one.dns_servers
        return Resolver(servers, cache_size=one.dns_cache_size or dns.cache_size, trust_ad=dns.trust_ad)
