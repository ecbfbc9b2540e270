"""A relay sender: hands every message of its connection to the first of its servers that is ready for mail."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from postroom.clients.smtp.connect import Dialer
from postroom.clients.smtp.courier import Courier
from postroom.clients.smtp.hop import Credentials, Encryption, NextHop, Tokens
from postroom.clients.smtp.pool import Pool, SessionLimits
from postroom.mail.delivery import Outcome, TryLater
from postroom.mail.reply import Reply
from postroom.mail.sending import SessionBounds
from postroom.provided import Outgoing, SendingRules

from .accounts import Account, choose
from .explaining import explained
from .fallback import Fallback, told, unusable
from .settings import PORTS, RelaySettings, split_server

if TYPE_CHECKING:
    from postroom.clients.smtp.ears import Ears
    from postroom.clients.smtp.shortages import Shortages

AWAY_SECONDS = 60.0  # mail goes straight to the fallback for this long after the relay could not be used
NOBODYS = "no account of sender {name} is for this message"


class RelaySender:
    """What the queue sees of one relay. Its connections stay in this worker's pool between messages."""

    def __init__(
        self,
        settings: RelaySettings,
        hostname: str,
        dialer: Dialer,
        tokens: Tokens | None = None,
        *,
        rules: SendingRules | None = None,
        fallback: Fallback | None = None,
        ears: Ears | None = None,
        shortages: Shortages | None = None,
    ) -> None:
        self.name, self.concurrency = settings.name, settings.concurrency
        self.settings, self.fallback = settings, fallback
        self.hops = next_hops(settings, hostname, tokens)
        self.accounts = accounts(settings, self.hops)
        self.rules, self.bounds = rules or SendingRules(), settings.bounds
        self.pool = Pool(limited(settings.bounds), time.monotonic)
        self.courier = Courier(dialer, self.pool, time.monotonic, ears, shortages)
        self._away: dict[Account, tuple[float, TryLater]] = {}  # until when, and why

    def site(self, address: str, via: str = "") -> str:
        """All recipients of a message go to the relay together."""
        return ""

    def send(self, outgoing: Outgoing) -> Mapping[int, Outcome]:
        """An outcome for every recipient id."""
        account = choose(self.accounts, outgoing)
        found = self._by(account, outgoing)
        if self.fallback is not None and any(map(unusable, found.values())):
            found = self.fallback.take(outgoing, found)
        if account is not None and not account.whose:
            return found
        return {number: self._own(outcome, account) for number, outcome in found.items()}

    def _by(self, account: Account | None, outgoing: Outgoing) -> dict[int, Outcome]:
        """What comes of an attempt with this login."""
        if account is None:
            nobody = TryLater(Reply(451, "4.7.8", NOBODYS.format(name=self.name)), kind="login")
            return dict.fromkeys((one.id for one in outgoing.recipients), nobody)
        until, why = self._away.get(account, (0.0, None))
        if why is not None and self.fallback is not None and time.monotonic() < until:
            return dict.fromkeys((one.id for one in outgoing.recipients), why)
        found = self.courier.deliver(outgoing, account.hops)
        lost = next((outcome for outcome in found.values() if isinstance(outcome, TryLater) and unusable(outcome)), None)
        if lost is not None:
            self._away[account] = time.monotonic() + AWAY_SECONDS, lost
        else:
            self._away.pop(account, None)
        words = str(account) if account.whose else ""
        return {number: told(outcome, words) for number, outcome in found.items()}

    def _own(self, outcome: Outcome, account: Account | None) -> Outcome:
        """The outcome as one of this message: what is wrong with one account must not hold back the mail of all others."""
        alone = account is None or account.apart
        if isinstance(outcome, TryLater) and (outcome.kind == "login" or (alone and unusable(outcome))):
            return replace(outcome, kind="answer", ours=True)
        return outcome

    def explain(self, outgoing: Outgoing) -> list[str]:
        """How mail leaves, for ``postroom explain``."""
        return explained(self.settings, self.accounts, outgoing)

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


def accounts(settings: RelaySettings, hops: Sequence[NextHop]) -> list[Account]:
    """The logins in their order; the last is everybody's, unless mail of people without an account is for the fallback."""
    found = [
        Account(one.user, one.username, _account_hops(settings, index, hops), bool(one.servers))
        for index, one in enumerate(settings.accounts)
    ]
    if settings.username is not None or not (settings.accounts and settings.fallback):
        found.append(Account("", settings.username or "", tuple(hops)))
    return found


def _account_hops(settings: RelaySettings, index: int, hops: Sequence[NextHop]) -> list[NextHop]:
    one = settings.accounts[index]
    login = Credentials(one.username, one.password.get_secret_value(), settings.auth, None, settings.allow_plaintext_auth)
    words = f"item {index + 1} of accounts of sender {settings.name}"
    own = [replace(hops[0], host=host, port=port) for host, port in (_place(server, settings) for server in one.servers)]
    return [replace(hop, credentials=login, settings=words) for hop in own or hops]


def _place(server: str, settings: RelaySettings) -> tuple[str, int]:
    host, port = split_server(server)
    return host, port or PORTS.get(settings.encryption, 25)


def next_hops(settings: RelaySettings, hostname: str, tokens: Tokens | None = None) -> list[NextHop]:
    """The servers of a relay in their order."""
    found = []
    login = credentials(settings, tokens)  # one for all servers: they share the token
    for host, port in (_place(server, settings) for server in settings.servers):
        hop = NextHop(
            host=host,
            port=port,
            encryption=Encryption("starttls" if settings.encryption == "starttls-required" else settings.encryption),
            verify=settings.verify,
            ca=settings.ca,
            helo=settings.helo or hostname,
            credentials=login,
            timeouts=settings.timeouts.timeouts(),
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
