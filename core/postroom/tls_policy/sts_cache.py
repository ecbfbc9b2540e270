"""The MTA-STS policies that are in force: kept in the database and in memory, fetched when the DNS announces another, refreshed daily.

A policy once seen holds until it expires, whatever the DNS or the web say meanwhile (RFC 8461 section 3.3): that is what makes it hard to
take away. Only a new policy, which needs a valid certificate, takes its place.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

import gevent

from ..dns import DnsFailure
from ..dns.names import wire_text
from ..provided import Job
from ..store.database import Database, StoreUnavailable
from ..store.sts import StoredPolicy, StsStore
from .sts import Mode, StsPolicy
from .sts_fetch import FetchFailed, StsFetch

SIZE = 10_000  # domains in memory
LOOK_AGAIN = 300.0  # seconds until the database is read again (another worker may have fetched), and until a failed fetch is repeated
DAY = 86_400.0
UNUSED_FOR = 30 * DAY  # a policy that nobody has used for so long is not refreshed any more
EVERY = 3600.0  # seconds between two runs of the job
SOON = 2.5 * EVERY  # what expires within this time is fetched again: one run may fail or come late
AT_ONCE = 10  # policies that the job fetches at a time


@dataclass(frozen=True, slots=True)
class Known:
    """What holds for a domain now. ``trouble``: why a policy that is announced could not be had (RFC 8460 4.3.2.2), ``words`` says it."""

    policy: StsPolicy | None = None
    trouble: str = ""
    words: str = ""


@dataclass(slots=True)
class _Entry:
    """A domain in memory; ``lock`` lets one at a time fetch."""

    stored: StoredPolicy | None = None
    read_at: float = 0.0
    failed_at: float = 0.0
    failed_id: str = ""
    trouble: str = ""
    words: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)


class StsPolicies:
    """``clock``: epoch seconds. Without the database or the web there is no policy, and that is logged."""

    def __init__(self, db: Database, fetch: StsFetch, *, log: Any, clock: Callable[[], float] = time.time) -> None:
        self._store, self._fetch, self._log, self._clock = StsStore(db), fetch, log, clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def current(self, domain: str) -> Known:
        """The policy for mail to ``domain``; may ask the DNS, and fetch for at most a minute when there is a new one.

        Raises DnsFailure (local) when nobody can be asked.
        """
        try:
            name = wire_text(domain)
        except DnsFailure:  # an address literal
            return Known()
        entry = self._entry(name)
        announced = self._fetch.record(name)
        if entry.lock.locked() and entry.stored is not None and entry.stored.expires_at > self._clock():
            return self._known(name, entry, announced)  # somebody fetches a newer one: what holds need not wait for it
        with entry.lock:
            self._read(name, entry)
            if announced is not None and self._wants(entry, announced):
                self._renew(name, entry, announced)
            return self._known(name, entry, announced)

    def job(self) -> Job:
        """The job that keeps policies fresh."""
        return Job("sts_refresh", EVERY, self.refresh)

    def refresh(self) -> None:
        """Fetch again what is in use and was not looked at for a day, or expires soon (RFC 8461 section 3.3); forget what has expired."""
        now = self._clock()
        self._store.forget(now - DAY)
        due = self._store.due(checked_before=now - DAY, expires_before=now + SOON, good_at=now, used_after=now - UNUSED_FOR)
        for start in range(0, len(due), AT_ONCE):
            gevent.joinall([gevent.spawn(self._refresh, stored) for stored in due[start : start + AT_ONCE]])

    # --- one domain ---

    def _refresh(self, stored: StoredPolicy) -> None:
        try:
            entry = self._entry(stored.domain)
            with entry.lock:
                if entry.stored is None or entry.stored.fetched_at < stored.fetched_at:
                    entry.stored, entry.read_at = stored, self._clock()
                announced = self._fetch.record(stored.domain)
                if announced is None:  # withdrawn, or the DNS is out of order: it holds until it expires
                    self._store.checked(stored.domain, self._clock())
                else:
                    self._renew(stored.domain, entry, announced)
        except StoreUnavailable as error:
            self._log.warning("sts.not_stored", domain=stored.domain, reason=str(error))
        except DnsFailure as error:  # the next run does it
            self._log.warning("sts.not_refreshed", domain=stored.domain, reason=str(error))

    def _entry(self, name: str) -> _Entry:
        entry = self._entries.get(name)
        if entry is None:
            entry = self._entries[name] = _Entry()
            while len(self._entries) > SIZE:
                self._entries.popitem(last=False)
        else:
            self._entries.move_to_end(name)
        return entry

    def _read(self, name: str, entry: _Entry) -> None:
        """What the database has, if it was not read lately."""
        now = self._clock()
        if entry.read_at and now - entry.read_at < LOOK_AGAIN:
            return
        try:
            found = self._store.find(name)
        except StoreUnavailable as error:
            self._log.warning("sts.not_read", domain=name, reason=str(error))
            return
        entry.read_at = now
        if found is not None and (entry.stored is None or found.fetched_at >= entry.stored.fetched_at):
            entry.stored = found

    def _wants(self, entry: _Entry, announced: str) -> bool:
        """True when the announced policy is to be fetched: it is a new one, and it did not fail a moment ago."""
        now, stored = self._clock(), entry.stored
        if stored is not None and stored.policy_id == announced and stored.expires_at > now:
            return False
        return (
            entry.failed_id != announced or now - entry.failed_at >= LOOK_AGAIN
        )  # RFC 8461 section 3.3: five minutes at least, for each id

    def _renew(self, name: str, entry: _Entry, announced: str) -> None:
        now = self._clock()
        try:
            policy = self._fetch.policy(name)
        except FetchFailed as error:
            entry.failed_at, entry.failed_id, entry.trouble, entry.words = now, announced, error.result, str(error)
            self._log.info("sts.fetch_failed", domain=name, reason=str(error))
            if entry.stored is not None:
                self._keep(lambda: self._store.checked(name, now), name)
            return
        entry.failed_at, entry.failed_id, entry.trouble, entry.words = 0.0, "", "", ""
        used = entry.stored.used_at if entry.stored else now
        stored = StoredPolicy(name, announced, policy.mode, policy.mx, policy.max_age, now, now + policy.max_age, now, used)
        entry.stored = stored
        self._keep(lambda: self._store.keep(stored), name)

    def _known(self, name: str, entry: _Entry, announced: str | None) -> Known:
        now, stored = self._clock(), entry.stored
        trouble = (entry.trouble, entry.words) if announced is not None and entry.failed_id == announced else ("", "")
        if stored is None or stored.expires_at <= now:
            return Known(None, *trouble)
        if now - stored.used_at >= DAY:
            entry.stored = replace(stored, used_at=now)
            self._keep(lambda: self._store.used(name, now), name)
        return Known(StsPolicy(cast("Mode", stored.mode), stored.mx, stored.max_age), *trouble)

    def _keep(self, write: Callable[[], None], name: str) -> None:
        try:
            write()
        except StoreUnavailable as error:
            self._log.warning("sts.not_stored", domain=name, reason=str(error))
