"""The envelope: who sends to whom, and with which of the SMTP parameters."""

from __future__ import annotations

from dataclasses import dataclass, field

from .client import Client
from .delivery import Route


@dataclass(slots=True)
class Recipient:
    """One RCPT TO with its DSN wishes (RFC 3461) and the route decided for it."""

    address: str  # as given, without the angle brackets, local@domain; the domain is in lower case
    notify: str = ""  # "", "NEVER" or a comma list of SUCCESS, FAILURE, DELAY
    orcpt: str = ""  # "rfc822;xtext…" as given
    route: Route | None = None


@dataclass(slots=True)
class Envelope:
    """One mail transaction."""

    sender: str  # "" is the null sender
    recipients: list[Recipient] = field(default_factory=list)
    size: int = 0  # declared SIZE, 0 when not declared
    body: str = "7BIT"  # "7BIT", "8BITMIME", "BINARYMIME"
    smtputf8: bool = False
    requiretls: bool = False
    ret: str = ""  # "", "FULL", "HDRS"
    envid: str = ""  # xtext as given
    user: str | None = None  # the authenticated account
    local_origin: bool = False  # the sender may send anywhere (authenticated, or a no_auth address)
    headers: list[bytes] = field(default_factory=list)  # lines that checks put on top, without CRLF
    quarantine: bool = False
    discard: bool = False
    client: Client | None = None  # who hands it in; None: this server makes it, or fetches it
    suspect: str = ""  # why the sender may be forged: nobody is told what becomes of the message (backscatter); "" when nothing is known
    checking: bool = False  # nobody sends anything: it is only asked where such mail would go (``postroom explain``)
