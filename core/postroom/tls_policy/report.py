"""A TLS report as RFC 8460 wants it: who asks for it, its JSON, and the mail that carries it. Pure."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any
from urllib.parse import unquote, urlsplit

from ..mail.address import BadAddress, parse_address
from ..store.tls_results import TlsCount

DAY = 86_400
MOST_URIS = 5  # of a record are used
VERSION = re.compile(r"v=TLSRPTv1(?=[ \t]*;)")
FIELD = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,31})=([\x20-\x3a\x3c-\x7e]+)")  # RFC 8460 section 3; URIs have "=" too
GZIP = "application/tlsrpt+gzip"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a domain wants its reports: a mail address, or host, port and path of an https URI."""

    address: str = ""
    host: str = ""
    port: int = 443
    path: str = ""

    def __str__(self) -> str:
        return f"mailto:{self.address}" if self.address else f"https://{self.host}"


@dataclass(frozen=True, slots=True)
class Reporter:
    """Who reports."""

    organization: str
    contact: str  # an address for questions
    sender: str  # the From address
    hostname: str


@dataclass(frozen=True, slots=True)
class TlsReport:
    """What there is to tell one domain about one UTC day (since 1970)."""

    reporter: Reporter
    domain: str
    day: int
    counts: tuple[TlsCount, ...]

    @property
    def id(self) -> str:
        """The same each time, so that a report that comes twice is seen to be one."""
        digest = hashlib.sha256(f"{self.reporter.hostname} {self.domain} {self.day}".encode()).hexdigest()
        return f"{self.day}.{digest[:16]}@{self.reporter.hostname}"

    @property
    def file(self) -> str:
        """RFC 8460 section 5.1: the part that tells reports apart has letters and digits alone."""
        start, unique = self.day * DAY, self.id.partition("@")[0].replace(".", "")
        return f"{self.reporter.hostname}!{self.domain}!{start}!{start + DAY - 1}!{unique}.json.gz"

    def document(self) -> dict[str, Any]:
        """The report as RFC 8460 section 4.4 has it."""
        start = dt.datetime.fromtimestamp(self.day * DAY, dt.UTC)
        return {
            "organization-name": self.reporter.organization,
            "date-range": {"start-datetime": _instant(start), "end-datetime": _instant(start + dt.timedelta(seconds=DAY - 1))},
            "contact-info": self.reporter.contact,
            "report-id": self.id,
            "policies": [_policy(counts) for counts in _by_policy(self.counts)],
        }

    def compressed(self) -> bytes:
        """The JSON by gzip, the same bytes each time."""
        return gzip.compress(json.dumps(self.document(), indent=1).encode(), mtime=0)

    def mail(self, recipient: str, now: float) -> bytes:
        """The message that carries it (RFC 8460 section 5.3)."""
        boundary = f"=_{self.id.partition('@')[0]}"
        data = base64.encodebytes(self.compressed()).replace(b"\n", b"\r\n")
        mark = b"--" + boundary.encode()
        parts = (self._words(), f"{_attachment(self.file)}\r\n".encode() + data)
        body = b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) + mark + b"--\r\n"
        return self._header(recipient, now, boundary).encode() + b"\r\n" + body

    def _header(self, recipient: str, now: float, boundary: str) -> str:
        reporter = self.reporter
        lines = (
            f"From: {reporter.sender}",
            f"To: {recipient}",
            f"Date: {formatdate(now)}",
            f"Subject: Report Domain: {self.domain}\r\n Submitter: {reporter.hostname}\r\n Report-ID: <{self.id}>",
            f"Message-ID: <{self.id}>",
            f"TLS-Report-Domain: {self.domain}",
            f"TLS-Report-Submitter: {reporter.hostname}",
            "Auto-Submitted: auto-generated",
            "MIME-Version: 1.0",
            f'Content-Type: multipart/report; report-type="tlsrpt";\r\n boundary="{boundary}"',
        )
        return "\r\n".join(lines) + "\r\n"

    def _words(self) -> bytes:
        good, bad = _sums(self.counts)
        day = dt.datetime.fromtimestamp(self.day * DAY, dt.UTC).date()
        text = (
            f"TLS connections from {self.reporter.hostname} for mail to {self.domain},\r\n{day} (UTC): {good} were well, {bad} failed.\r\n"
            f"The attached file tells more; RFC 8460 describes it.\r\nQuestions: {self.reporter.contact}\r\n"
        )
        return b"Content-Type: text/plain; charset=us-ascii\r\n\r\n" + text.encode("ascii", "replace")


def wanted_by(texts: Iterable[str]) -> tuple[Destination, ...]:
    """Where reports are wanted, by the TXT records of ``_smtp._tls``; () unless exactly one asks for them, well (RFC 8460 section 3)."""
    ours = [text for text in texts if VERSION.match(text)]
    if len(ours) != 1:
        return ()
    fields = [part.strip(" \t") for part in ours[0].split(";")[1:]]
    if fields and not fields[-1]:
        fields.pop()
    matches = [FIELD.fullmatch(field) for field in fields]
    found = [match[2] for match in matches if match is not None and match[1] == "rua"]
    if None in matches or len(found) != 1:
        return ()
    destinations = [_destination(uri.strip(" \t")) for uri in found[0].split(",")]
    return tuple(dict.fromkeys(one for one in destinations if one is not None))[:MOST_URIS]


def _destination(uri: str) -> Destination | None:
    try:
        parts = urlsplit(uri)
        port = parts.port or 443
        if parts.scheme == "mailto":
            return Destination(address=parse_address(unquote(parts.path, errors="strict"), utf8=False))
    except (ValueError, BadAddress):
        return None
    if parts.scheme != "https" or not parts.hostname or parts.username is not None or not uri.isascii() or " " in uri:
        return None
    return Destination(host=parts.hostname, port=port, path=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


def _by_policy(counts: Sequence[TlsCount]) -> list[list[TlsCount]]:
    groups: dict[tuple[object, ...], list[TlsCount]] = {}
    for count in counts:
        way = count.way
        groups.setdefault((way.policy_type, way.policy_domain, way.policy_string, way.mx_patterns), []).append(count)
    return list(groups.values())


def _policy(counts: Sequence[TlsCount]) -> dict[str, Any]:
    way = counts[0].way
    policy: dict[str, Any] = {"policy-type": way.policy_type}
    if way.policy_string:
        policy["policy-string"] = list(way.policy_string)
    policy["policy-domain"] = way.policy_domain
    if way.mx_patterns:
        policy["mx-host"] = list(way.mx_patterns)
    good, bad = _sums(counts)
    told: dict[str, Any] = {"policy": policy, "summary": {"total-successful-session-count": good, "total-failure-session-count": bad}}
    details = [_detail(count) for count in counts if count.way.result_type]
    return {**told, "failure-details": details} if details else told


def _sums(counts: Sequence[TlsCount]) -> tuple[int, int]:
    """Successes and failures."""
    good = sum(one.count for one in counts if not one.way.result_type)
    return good, sum(one.count for one in counts) - good


def _detail(count: TlsCount) -> dict[str, Any]:
    way = count.way
    fields = {
        "result-type": way.result_type,
        "sending-mta-ip": way.sending_mta_ip,
        "receiving-mx-hostname": way.receiving_mx,
        "receiving-mx-helo": way.helo,
        "receiving-ip": way.receiving_ip,
        "failed-session-count": count.count,
        "failure-reason-code": count.reason,
    }
    return {key: value for key, value in fields.items() if value != ""}


def _attachment(file: str) -> str:
    return f'Content-Type: {GZIP}\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment;\r\n filename="{file}"\r\n'


def _instant(at: dt.datetime) -> str:
    """RFC 3339 in UTC."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
