"""How TLS connections to other domains went, counted by day, until it is reported to them (RFC 8460)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from .database import Database, Row

COLUMNS = (
    "day, domain, policy_type, policy_domain, policy_string, mx_patterns, result_type, reason, sending_mta_ip, receiving_mx,"
    " receiving_ip, helo, count"
)
ADD = (
    f"INSERT INTO tls_result (id, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (id) DO UPDATE SET count = tls_result.count + excluded.count"
)
DUE = "SELECT DISTINCT day, domain FROM tls_result WHERE day < ? ORDER BY day, domain"
OF = f"SELECT {COLUMNS} FROM tls_result WHERE day = ? AND domain = ? ORDER BY policy_type, policy_domain, result_type, id LIMIT ?"
REPORTED = "DELETE FROM tls_result WHERE day = ? AND domain = ?"
FORGET = "DELETE FROM tls_result WHERE day < ?"
MOST = 2000  # different ways for one domain and day in a report


@dataclass(frozen=True, slots=True)
class TlsWay:
    """All that two connections have in common that are counted together; ``reason`` alone may differ (the first is kept)."""

    day: int  # UTC days since 1970
    domain: str  # to whom it is reported
    policy_type: str  # "tlsa", "sts" or "no-policy-found"
    policy_domain: str
    policy_string: tuple[str, ...]
    mx_patterns: tuple[str, ...]
    result_type: str  # "" is success
    sending_mta_ip: str
    receiving_mx: str
    receiving_ip: str
    helo: str


@dataclass(frozen=True, slots=True)
class TlsCount:
    """So many connections went this way."""

    way: TlsWay
    reason: str
    count: int


class TlsResultStore:
    """The table ``tls_result``. Raises StoreUnavailable."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def add(self, counts: Mapping[TlsWay, tuple[int, str]]) -> None:
        """Add counts, each with a reason in words, in one transaction."""
        rows = sorted(
            _row(way, count, reason) for way, (count, reason) in counts.items()
        )  # in one order, lest two writers wait for each other
        if rows:
            self._db.write(lambda tx: tx.many(ADD, rows))

    def due(self, before: int) -> list[tuple[int, str]]:
        """Day and domain of what is not reported yet, of days before ``before``."""
        return [(day, domain) for day, domain in self._db.read_slow(lambda tx: tx.execute(DUE, (before,)))]

    def of(self, day: int, domain: str) -> list[TlsCount]:
        """What there is to report to a domain about a day; at most 2,000 ways."""
        return [_count(row) for row in self._db.read_slow(lambda tx: tx.execute(OF, (day, domain, MOST)))]

    def reported(self, day: int, domain: str) -> None:
        """It is reported, or nobody wants it."""
        self._db.write(lambda tx: tx.do(REPORTED, (day, domain)))

    def forget(self, before: int) -> None:
        """Remove what is of a day before ``before``."""
        self._db.write(lambda tx: tx.do(FORGET, (before,)))


def _row(way: TlsWay, count: int, reason: str) -> tuple[str | int, ...]:
    values = (
        *(way.day, way.domain, way.policy_type, way.policy_domain, json.dumps(way.policy_string), json.dumps(way.mx_patterns)),
        *(way.result_type, reason, way.sending_mta_ip, way.receiving_mx, way.receiving_ip, way.helo),
    )
    same = json.dumps([*values[:7], *values[8:]])
    return hashlib.sha256(same.encode()).hexdigest(), *values, count


def _count(row: Row) -> TlsCount:
    day, domain, policy_type, policy_domain, policy_string, patterns, result_type, reason, sending, mx, receiving, helo, count = row
    lines, hosts = tuple(json.loads(policy_string)), tuple(json.loads(patterns))
    return TlsCount(TlsWay(day, domain, policy_type, policy_domain, lines, hosts, result_type, sending, mx, receiving, helo), reason, count)
