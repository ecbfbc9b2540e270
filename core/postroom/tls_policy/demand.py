"""What TLS a connection to one mail server must have, and why: a value for the sender, the trace and ``explain``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Literal

from ..dns import Tlsa

PolicyType = Literal["tlsa", "sts", "no-policy-found"]


class Level(IntEnum):
    """How a connection must be protected; a higher one includes the lower ones."""

    NONE = 0  # in the clear
    OPPORTUNISTIC = 1  # TLS where it is offered, whatever the certificate
    ENCRYPT = 2  # TLS, whatever the certificate
    CERTIFICATE = 3  # TLS, and a certificate for the host by an authority that we trust
    DANE = 4  # TLS, and a certificate that fits the TLSA records
    NEVER = 5  # this server must not be used at all


class Result:
    """Result types of RFC 8460 section 4.3; success has none."""

    STARTTLS_NOT_SUPPORTED = "starttls-not-supported"
    HOST_MISMATCH = "certificate-host-mismatch"
    EXPIRED = "certificate-expired"
    NOT_TRUSTED = "certificate-not-trusted"
    VALIDATION = "validation-failure"
    TLSA_INVALID = "tlsa-invalid"
    DNSSEC_INVALID = "dnssec-invalid"
    DANE_REQUIRED = "dane-required"
    STS_FETCH = "sts-policy-fetch-error"
    STS_INVALID = "sts-policy-invalid"
    STS_WEBPKI = "sts-webpki-invalid"


@dataclass(frozen=True, slots=True)
class PolicyFacts:
    """The policy behind a demand, as a report tells it (RFC 8460 section 4.4)."""

    type: PolicyType
    domain: str  # whose policy: the recipient domain, or the TLSA base domain (RFC 8460 section 1.1)
    lines: tuple[str, ...] = ()
    mx: tuple[str, ...] = ()  # patterns of MTA-STS


@dataclass(frozen=True, slots=True)
class Demand:
    """What one server must offer. ``sni`` is the name to ask for in the handshake, ``names`` are those that the certificate may be for."""

    level: Level
    reason: str
    facts: PolicyFacts
    tlsa: tuple[Tlsa, ...] = ()
    names: tuple[str, ...] = ()
    sni: str = ""
    testing: bool = False  # a failure is only noted, then it goes on with ``relaxed``
    result: str = ""  # of NEVER: what to note
    floor: Level = Level.OPPORTUNISTIC  # what the settings want even where a policy demands nothing
    invalid: PolicyFacts | None = None  # TLSA records of which none is of use (RFC 7672 section 2.2): that is for a report

    @property
    def encrypted(self) -> bool:
        """True when nothing may be sent in the clear."""
        return self.level >= Level.ENCRYPT

    def relaxed(self, why: str) -> Demand:
        """The same server without what its policy demands, because of ``why``: TLS where it is offered, or as the settings want it."""
        return replace(self, level=self.floor, reason=why, tlsa=(), testing=False, result="")

    def at_least(self, level: Level, why: str) -> Demand:
        """It, or a higher one because of ``why``; a failure is then more than noted."""
        if level <= self.level and not self.testing:
            return self
        kept = self.level if not self.testing else Level.OPPORTUNISTIC
        return replace(self, level=max(level, kept), reason=why, testing=False, result="")
