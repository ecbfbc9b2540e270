"""A relay sender: hands every message of its connection to the first of its servers that is ready for mail."""

from __future__ import annotations

import time
from collections.abc import Mapping

from postroom.clients.smtp.connect import Dialer
from postroom.clients.smtp.courier import Courier
from postroom.clients.smtp.hop import Credentials, Encryption, NextHop, Timeouts, Tokens
from postroom.clients.smtp.pool import Pool, SessionLimits
from postroom.mail.delivery import Outcome
from postroom.mail.sending import SessionBounds
from postroom.provided import Outgoing, SendingRules

from .settings import PORTS, RelaySettings, split_server


class RelaySender:
    """What the queue sees of one relay. Its connections stay in this worker's pool between messages."""

    def __init__(self, settings: RelaySettings, hostname: str, dialer: Dialer, tokens: Tokens | None = None) -> None:
        self.name, self.concurrency = settings.name, settings.concurrency
        self.hops = next_hops(settings, hostname, tokens)
        self.rules = SendingRules()
        self.bounds = settings.bounds
        self.pool = Pool(limited(settings.bounds), time.monotonic)
        self.courier = Courier(dialer, self.pool, time.monotonic)

    def site(self, address: str, via: str = "") -> str:
        """All recipients of a message go to the relay together."""
        return ""

    def send(self, outgoing: Outgoing) -> Mapping[int, Outcome]:
        """An outcome for every recipient id."""
        return self.courier.deliver(outgoing, self.hops)

    def start(self, bounds: SessionBounds | None) -> None:
        """Mail again: how much one connection may carry from now on."""
        if bounds is not None:
            self.pool.limits = limited(bounds)

    def idle(self) -> None:
        """Close connections that have been unused for long."""
        self.pool.close_idle()

    def close(self) -> None:
        """Close all connections; those in use follow after their message."""
        self.pool.close()


def next_hops(settings: RelaySettings, hostname: str, tokens: Tokens | None = None) -> list[NextHop]:
    """The servers of a relay in their order."""
    found = []
    login = credentials(settings, tokens)  # one for all servers: they share the token
    for server in settings.servers:
        host, port = split_server(server)
        hop = NextHop(
            host=host,
            port=port or PORTS.get(settings.encryption, 25),
            encryption=Encryption("starttls" if settings.encryption == "starttls-required" else settings.encryption),
            verify=settings.verify,
            ca=settings.ca,
            helo=settings.helo or hostname,
            credentials=login,
            timeouts=Timeouts(**settings.timeouts.model_dump()),
            settings=f"the section of sender {settings.name}",
        )
        found.append(hop)
    return found


def credentials(settings: RelaySettings, tokens: Tokens | None) -> Credentials | None:
    """How to log in, None when the relay wants no login."""
    if settings.username is None:
        return None
    password = settings.password.get_secret_value() if settings.password else ""
    return Credentials(settings.username, password, settings.auth, tokens, settings.allow_plaintext_auth)


def limited(bounds: SessionBounds) -> SessionLimits:
    """How much one connection may carry."""
    return SessionLimits(bounds.messages, bounds.recipients, bounds.recipients_per_message)
