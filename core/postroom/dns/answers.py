"""What the DNS says, as values, and the failure to say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

FailureKind = Literal["unknown", "empty", "failed", "name", "local"]


class DnsFailure(Exception):
    """The question has no answer now (``temporary``) or for good.

    ``kind``: "unknown" the name does not exist (NXDOMAIN), "empty" it exists without such records, "failed" no server gave an answer that
    can be used (time-out, SERVFAIL, signatures that do not fit), "name" it is no DNS name at all, "local" this machine has no socket left
    to ask with.
    """

    def __init__(self, text: str, *, temporary: bool, kind: FailureKind = "failed") -> None:
        super().__init__(text)
        self.temporary = temporary
        self.kind: FailureKind = kind

    @property
    def local(self) -> bool:
        """True when nothing is said about the name, because it could not be asked for: that is no reason to do without an answer."""
        return self.kind == "local"

    def again(self) -> DnsFailure:
        """The same failure for somebody else who waited for it."""
        return DnsFailure(str(self), temporary=self.temporary, kind=self.kind)


@dataclass(frozen=True, slots=True)
class Answer(Generic[T_co]):
    """The records of one name and type, () when there are none."""

    records: tuple[T_co, ...]
    secure: bool  # a resolver that is trusted has validated all of it: each CNAME, the records, or the proof that there are none
    name: str  # the canonical name, after CNAMEs; no dot at the end
    ttl: float  # seconds that it stays good, counted from its coming
    exists: bool = True  # False: NXDOMAIN


@dataclass(frozen=True, slots=True, order=True)
class Mx:
    """One mail exchanger; the lowest preference is tried first."""

    preference: int
    host: str  # lower case, no dot at the end


@dataclass(frozen=True, slots=True)
class Tlsa:
    """One TLSA record (RFC 6698 section 2.1)."""

    usage: int
    selector: int
    matching: int
    data: bytes

    def __str__(self) -> str:
        return f"{self.usage} {self.selector} {self.matching} {self.data.hex()}"


@dataclass(frozen=True, slots=True)
class Exchangers:
    """The servers that take mail for a domain, in the order in which to try them."""

    servers: tuple[Mx, ...]
    secure: bool  # as in Answer: nobody on the way can have put in servers of his own
    name: str  # the domain after CNAMEs
    ttl: float
    null: bool = False  # the domain says that it takes no mail (RFC 7505); there are no servers
    implicit: bool = False  # no MX record: the server is the domain itself (RFC 5321 section 5.1)
