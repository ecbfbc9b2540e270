"""Fetches what a domain says about MTA-STS: the TXT record and the policy over HTTPS (RFC 8461 section 3)."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ..clients.https import Https, HttpsFailed
from ..dns import DnsFailure, Resolver
from .demand import Result
from .sts import BadPolicy, StsPolicy, announced, parse

PATH = "/.well-known/mta-sts.txt"
MOST = 64 * 1024  # bytes, RFC 8461 section 3.3
MEDIA_TYPE = "text/plain"
SILENCE = 300.0  # seconds until a zone that gave no answer is asked again (RFC 2308 section 7.2): mail must not wait for it each time
MOST_SILENT = 1000  # domains whose silence is remembered


class FetchFailed(Exception):
    """There is no policy to be had: in words, and as RFC 8460 section 4.3.2.2 names it."""

    def __init__(self, words: str, result: str) -> None:
        super().__init__(words)
        self.result = result


class StsFetch:
    """Asks the DNS and the policy hosts. ``port`` and ``ca`` differ in tests."""

    def __init__(
        self,
        resolver: Resolver,
        *,
        port: int = 443,
        ca: Path | None = None,
        timeout: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolver, self._port, self._clock = resolver, port, clock
        self._silent: dict[str, float] = {}  # until when a domain is not asked
        self._https = Https(resolver, ca=ca, timeout=timeout, limit=MOST)

    def record(self, domain: str) -> str | None:
        """The id of the policy that the DNS announces now, None when there is none or nobody can tell.

        Raises DnsFailure (local) when nobody can be asked: mail must not go without the policy because of that.
        """
        if self._silent.get(domain, 0.0) > self._clock():
            return None
        self._silent.pop(domain, None)
        try:
            return announced(self._resolver.txt(f"_mta-sts.{domain}").records)
        except DnsFailure as error:
            if error.local:
                raise
            if error.temporary:
                self._silent[domain] = self._clock() + SILENCE
            while len(self._silent) > MOST_SILENT:
                del self._silent[next(iter(self._silent))]
            return None

    def policy(self, domain: str) -> StsPolicy:
        """The policy. Raises FetchFailed, and DnsFailure (local) when nobody can be asked."""
        host = f"mta-sts.{domain}"
        try:
            answer = self._https.get(host, PATH, port=self._port)
        except HttpsFailed as error:
            if error.local:
                raise DnsFailure(str(error), temporary=True, kind="local") from error
            raise FetchFailed(str(error), Result.STS_WEBPKI if error.untrusted else Result.STS_FETCH) from error
        if answer.status != 200:  # RFC 8461 section 3.3: redirects are not followed
            raise FetchFailed(f"{host} answers with the HTTP status {answer.status}", Result.STS_FETCH)
        if answer.media_type != MEDIA_TYPE:
            raise FetchFailed(f"{host} sends {answer.media_type or 'no media type'} in place of {MEDIA_TYPE}", Result.STS_INVALID)
        try:
            return parse(answer.body)
        except BadPolicy as error:
            raise FetchFailed(f"the policy of {domain} is faulty: {error}", Result.STS_INVALID) from error
