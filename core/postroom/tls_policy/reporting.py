"""Sends the TLS reports of the days before (RFC 8460): by mail and by https, once for all workers and nodes."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import gevent
from pydantic import AfterValidator, Field

from ..clients.https import Https, HttpsFailed, is_public
from ..config.section import Section
from ..dns import DnsFailure, Resolver
from ..mail.address import BadAddress, parse_address
from ..provided import Job
from ..store.database import StoreUnavailable
from ..store.tls_results import TlsResultStore
from .report import GZIP, Destination, Reporter, TlsReport, wanted_by

if TYPE_CHECKING:
    from ..provided import Outgoing
    from ..store.database import Database

DAY = 86_400
EVERY = 3600.0  # seconds between two runs; what could not be sent is tried again so often
KEEP = 2  # days that a report is tried (RFC 8460 section 5.5: a day at least)
SPREAD = 4 * 3600  # seconds after midnight over which the reports of all senders are spread (RFC 8460 section 4.1)
FIRST = 300  # seconds after midnight until the first: each worker writes down what it has counted every minute
TIMEOUT = 60.0  # seconds for an https request
AT_ONCE = 10  # domains: many of them may name servers that never answer


def _address(text: str) -> str:
    try:
        return parse_address(text, utf8=False)
    except BadAddress as error:
        raise ValueError(f"a mail address is expected ({error})") from None


MailAddress = Annotated[str, AfterValidator(_address)]


class ReportSettings(Section):
    """Daily reports to domains that ask for them about how TLS with their servers went (TLS-RPT, RFC 8460)."""

    enabled: bool = Field(True, description="Whether results are collected and reported.")
    sender: MailAddress | None = Field(None, description="The From address; null is postmaster at domains.default.")
    organization: str | None = Field(None, description="Your name in the reports; null is server.hostname.")
    contact: MailAddress | None = Field(None, description="An address for questions about them; null is the From address.")

    def reporter(self, hostname: str, domain: str) -> Reporter:
        """Who reports, by these settings. ``domain``: domains.default."""
        sender = self.sender or f"postmaster@{domain}"
        return Reporter(self.organization or hostname, self.contact or sender, sender, hostname)


@dataclass(frozen=True, slots=True)
class TlsReportMail:
    """A report that is to enter the queue."""

    sender: str  # in the envelope
    recipient: str
    content: bytes


class TlsReporting:
    """``send`` puts a mail into the queue; what it raises counts as not sent. ``clock``: epoch seconds.

    ``may``: the addresses to which reports go by https. Anybody can ask for reports, so none go into the network of this server.
    """

    def __init__(
        self,
        db: Database,
        resolver: Resolver,
        send: Callable[[TlsReportMail], object],
        reporter: Reporter,
        *,
        log: Any,
        ca: Path | None = None,
        may: Callable[[str], bool] = is_public,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._resolver, self._send, self._reporter = TlsResultStore(db), resolver, send, reporter
        self._log, self._clock = log, clock
        # RFC 8460 section 3: certificates need not be valid here, for a broken one may be just what the report is about
        self._https = Https(resolver, ca=ca, verify=False, timeout=TIMEOUT, may=may)

    def job(self) -> Job:
        """The job that reports."""
        return Job("tls_reports", EVERY, self.run)

    def run(self) -> None:
        """Report all days that are over, to domains whose turn has come; forget what could not be sent for two days."""
        today = int(self._clock() // DAY)
        self._store.forget(today - KEEP)
        due = [(day, domain) for day, domain in self._store.due(today) if self._clock() >= (day + 1) * DAY + self._delay(domain)]
        for start in range(0, len(due), AT_ONCE):
            some = [gevent.spawn(self._tried, day, domain) for day, domain in due[start : start + AT_ONCE]]
            try:
                gevent.joinall(some)
            finally:
                gevent.killall(some)

    def _delay(self, domain: str) -> int:
        """Seconds after midnight, another for each pair of reporter and domain."""
        digest = hashlib.sha256(f"{self._reporter.hostname} {domain}".encode()).digest()
        return FIRST + int.from_bytes(digest[:4], "big") % (SPREAD - FIRST)

    def _tried(self, day: int, domain: str) -> None:
        try:
            self._report(day, domain)
        except StoreUnavailable as error:  # the next run does it
            self._log.warning("tls_report.postponed", domain=domain, reason=str(error))

    def _report(self, day: int, domain: str) -> None:
        try:
            destinations = wanted_by(self._resolver.txt(f"_smtp._tls.{domain}").records)
        except DnsFailure as error:
            if error.temporary:
                self._log.info("tls_report.postponed", domain=domain, reason=str(error))
                return
            destinations = ()
        report = TlsReport(self._reporter, domain, day, tuple(self._store.of(day, domain)))
        sent = [self._delivered(report, one) for one in destinations]
        if any(sent) or not destinations:
            self._store.reported(day, domain)

    def _delivered(self, report: TlsReport, destination: Destination) -> bool:
        """Whether it reached one destination; the reason is logged when not."""
        try:
            if destination.address:
                content = report.mail(destination.address, self._clock())
                self._send(TlsReportMail(self._reporter.sender, destination.address, content))
            else:
                answer = self._https.post(destination.host, destination.path, report.compressed(), GZIP, port=destination.port)
                if not 200 <= answer.status < 300:
                    raise HttpsFailed(f"{destination.host} answers with the HTTP status {answer.status}")
        except Exception as error:  # whatever the queue or the web says: the other destinations, and the other domains, go on
            self._log.warning("tls_report.not_sent", domain=report.domain, to=str(destination), reason=str(error))
            return False
        self._log.info("tls_report.sent", domain=report.domain, to=str(destination), id=report.id)
        return True


def is_report(outgoing: Outgoing) -> bool:
    """True for a TLS report of our own: it is sent whatever becomes of TLS, and is not reported on (RFC 8460 section 3).

    Anybody can write the header field, so nothing counts that came from a client or a user, goes on from here for somebody else, or has
    the null sender: bounces and answers quote what strangers have written.
    """
    if outgoing.client_address or outgoing.user is not None or not outgoing.local_origin or not outgoing.sender:
        return False
    return outgoing.head().header("TLS-Report-Domain") is not None
