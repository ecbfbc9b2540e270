"""Who is talking to us: one Client per connection, shared by all hooks of that session."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class TlsDetails:
    """The facts of a TLS session that a Received header and a hook may tell."""

    version: str  # "TLSv1.3"
    cipher: str  # "TLS_AES_256_GCM_SHA384"
    bits: int
    sni: str = ""  # the name that the client asked for


@dataclass(slots=True)
class Client:
    """One connection as the hooks see it. Fields below ``service_name`` are filled as the session learns them."""

    session: str  # session id, also in the log
    protocol: str  # "SMTP", "POP3", "IMAP4"
    address: str  # textual IP (of the real client when PROXY protocol is trusted), or "unix"
    port: int = 0
    local_address: str = ""
    local_port: int = 0
    service: int = 0  # VPOP3's service id
    service_name: str = ""
    allowed: bool = True  # the access rules let this address in
    no_auth: bool = False  # the access rules let this address relay without authenticating
    only_users: tuple[str, ...] = ()  # the access rule lets only these accounts log in from there; empty means all
    encryption: str = ""  # how the service encrypts this connection: none, starttls, starttls-required or tls
    tls: TlsDetails | None = None
    helo: str = ""
    user: str | None = None  # account name after a successful login
    notes: dict[str, Any] = field(default_factory=dict)  # plugins' own, keyed by plugin name
