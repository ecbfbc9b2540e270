"""A next hop: which server to talk to, how to protect the connection, and who we say we are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol

from ...tls_policy.demand import Demand, Level


class Encryption(Enum):
    """How a connection is protected; the values are those of ``config.yaml``."""

    NONE = "none"
    STARTTLS = "starttls"  # required: nothing is sent without it
    IF_AVAILABLE = "starttls-if-available"
    TLS = "tls"  # from the first byte on (usually port 465)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for the server at each step; the minima of RFC 5321 section 4.5.3.2 unless it says otherwise."""

    connect: float = 30.0  # for all addresses of a host together; the RFC names none
    handshake: float = 60.0  # TLS; the RFC names none
    greeting: float = 300.0
    command: float = 300.0  # EHLO, AUTH, MAIL, RCPT
    data: float = 120.0  # the 354 after DATA
    block: float = 180.0  # for each block of the message to be taken
    end: float = 600.0  # the answer to the whole message
    quit: float = 5.0  # the mail is safe by then


class Tokens(Protocol):
    """Where OAuth access tokens come from (``clients.oauth.TokenSource``)."""

    def token(self) -> str:
        """One that is good for a while. Raises TokenUnavailable or TokenRefused."""

    def reject(self, token: str) -> None:
        """The mail server did not take this one: get another."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to log in: with ``tokens`` if there are some, else with ``password``."""

    username: str
    password: str = field(default="", repr=False)
    mechanism: str = "auto"  # "auto" or a SASL name in upper case
    tokens: Tokens | None = field(default=None, repr=False)
    allow_plaintext: bool = False  # PLAIN and LOGIN even without TLS to a server that is not on this machine


Key = tuple[object, ...]  # what connections must have in common to be exchangeable


@dataclass(frozen=True, slots=True)
class TlsNote:
    """What came of one attempt to have TLS. ``result`` is "" or one of RFC 8460 section 4.3."""

    result: str
    words: str
    ip: str
    sending_ip: str
    helo: str = ""  # what the server calls itself, "" before it has said so


@dataclass(frozen=True, slots=True)
class NextHop:
    """One server as the administrator or MX records name it. ``settings`` is how error texts name the place to change.

    A server that was found by MX records has a ``demand``: what its domain's policy wants. Then ``encryption`` says no more than whether
    TLS begins with the first byte, and ``verify`` nothing.
    """

    host: str
    port: int = 25
    encryption: Encryption = Encryption.IF_AVAILABLE
    verify: bool = True  # the certificate must be valid for ``host``
    ca: Path | None = None  # PEM file of issuers, None: the system's
    helo: str = "localhost"
    credentials: Credentials | None = None
    timeouts: Timeouts = Timeouts()
    settings: str = "the sender's section"
    demand: Demand | None = None
    fall_back: bool = False  # when TLS fails and is no must: once more without it (RFC 7435 section 3)
    addresses: tuple[str, ...] = ()  # of ``host``, when they are known already
    ourselves: frozenset[str] = frozenset()  # a server that greets by one of these names is this one: a loop
    noted: Callable[[TlsNote], None] | None = field(default=None, repr=False, compare=False)

    @property
    def key(self) -> Key:
        """Under this a connection waits in the pool."""
        login = self.credentials
        known = (login.username, login.password, login.mechanism, id(login.tokens)) if login else ()
        demand: tuple[object, ...] = ()
        if self.demand is not None:
            wanted = self.demand
            demand = (
                int(wanted.level),
                wanted.testing,
                int(wanted.floor),
                wanted.sni,
                *((wanted.tlsa, wanted.names) if wanted.level == Level.DANE else ()),
            )
        # ``ourselves``: a server that the administrator has named may be this machine, one that a stranger's MX records name may not
        return self.host, self.port, self.encryption.value, self.verify, known, demand, self.ourselves

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
