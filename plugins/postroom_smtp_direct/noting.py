"""How TLS with other servers went: noted in memory, written down every minute, reported once a day (RFC 8460)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import gevent

from postroom.dns import Resolver
from postroom.provided import Job
from postroom.tls_policy.posting import poster
from postroom.tls_policy.reporting import ReportSettings, TlsReporting
from postroom.tls_policy.results import TlsResults

if TYPE_CHECKING:
    from postroom.context import Context

EVERY = 60.0  # seconds between two writes
LAST = 5.0  # seconds for the last one


class Noting:
    """The results of one worker; ``results`` is None when reports are switched off."""

    def __init__(self, context: Context, resolver: Resolver, settings: ReportSettings) -> None:
        self._context, self._resolver, self._settings = context, resolver, settings
        self.results = TlsResults(context.db, resolver, log=context.log) if settings.enabled else None
        self._greenlet: gevent.Greenlet[..., None] | None = None

    def jobs(self) -> Sequence[Job]:
        """The daily reports."""
        if self.results is None:
            return []
        context, config = self._context, self._context.config
        hostname = config.server.hostname
        send = poster(context.ask, context.blobs, context.queue, hostname)
        reporter = self._settings.reporter(hostname, config.domains.default)
        return [TlsReporting(context.db, self._resolver, send, reporter, log=context.log).job()]

    def start(self) -> None:
        """Write down every minute from now on."""
        if self.results is not None:
            self._greenlet = gevent.spawn(self._write, self.results)

    def stop(self) -> None:
        """Write down the rest."""
        if self._greenlet is not None:
            self._greenlet.kill()
            self._greenlet = None
        if self.results is not None:
            with suppress(gevent.Timeout), gevent.Timeout(LAST):
                self.results.flush(asking=False)

    def _write(self, results: TlsResults) -> None:
        while True:
            gevent.sleep(EVERY)
            try:
                results.flush()
            except Exception:  # a greenlet's top
                self._context.log.exception("tls_results.failed")
